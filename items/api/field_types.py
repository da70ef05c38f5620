"""The types that the fields of the items API are made of: how each is checked, and how the description shows it.

What the description says of a text or an amount is exactly what is taken: tests/product/test_schema_run.py compares.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from django.core.exceptions import ValidationError
from pydantic import (
    AfterValidator,
    BeforeValidator,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    JsonValue,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from items.listing import filters
from items.values import moments, money, texts

Json = dict[str, JsonValue]


def _checked(validate: Callable[[str], None], value: str) -> str:
    """Runs one of Django's validators, and turns its refusal into pydantic's. The text without blanks around it."""
    try:
        validate(value)
    except ValidationError as error:
        raise PydanticCustomError(error.code or "text", "{reason}", {"reason": error.messages[0]}) from error
    return value.strip()


def _storable(value: str) -> str:
    return value.strip() if texts.is_description(value) else _checked(texts.validate_storable, value)


def _one_line(value: str) -> str:
    return _checked(texts.validate_one_line, value)


def _search(value: str) -> str:
    words = _storable(value)
    if len(words.split()) > filters.SEARCH_WORDS:
        raise PydanticCustomError("too_many_words", filters.TOO_MANY_WORDS)
    return words


def _name(value: str) -> str:
    if texts.is_name(value):  # nearly all are; the validators below say what is wrong with the others
        return value.strip()
    if not _one_line(value):
        raise PydanticCustomError("name", "Give the item a name.")
    return _checked(texts.validate_name, value)


def _sku(value: str) -> str:
    return texts.sku(value if texts.is_sku(value) else _one_line(value))


def _link(value: str) -> str:
    return value.strip() if texts.is_link(value) else _checked(texts.validate_link, value)


def _empty_for_null(value: object) -> object:
    return "" if value is None else value


def _text(most: int, pattern: str) -> Json:
    return {"type": "string", "maxLength": most, "pattern": pattern}


def _text_or_null(most: int, pattern: str) -> Json:
    return {"anyOf": [_text(most, pattern), {"type": "null"}]}


def _amount(value: object) -> Decimal:
    try:
        return money.amount(value)
    except ValueError as error:
        raise PydanticCustomError("money", "{reason}", {"reason": str(error)}) from error


def _moment(value: object) -> datetime:
    try:
        return moments.moment(value if isinstance(value, str) else "")
    except ValueError as error:
        raise PydanticCustomError("time", "{reason}", {"reason": str(error)}) from error


class OrEmpty:
    """In `Annotated[T, OrEmpty(default)]`: a T, or an empty text, which stands for the default."""

    def __init__(self, default: object) -> None:
        self._default = default

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def filled(value: object) -> object:
            return self._default if value == "" else value

        return core_schema.no_info_before_validator_function(filled, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        described = handler(schema)
        return {"anyOf": [*described.pop("anyOf", [described]), {"type": "string", "maxLength": 0}]}


Money = Annotated[
    Decimal,
    BeforeValidator(_amount),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": float(money.LARGEST), "multipleOf": 0.01},
                {"type": "string", "pattern": money.TEXT, "examples": ["12.50"]},
            ],
            "description": "A number, or a text of one number with at most one currency sign or code, which is not"
            " kept; at most two decimal places, zeros at the end not counted.",
        }
    ),
]
MoneyWritten = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,10}\.[0-9]{2}$")]
Name = Annotated[
    str,
    StringConstraints(max_length=texts.NAME_LENGTH),
    AfterValidator(_name),
    WithJsonSchema(_text(texts.NAME_LENGTH, texts.NAME)),
]
Description = Annotated[
    str,
    StringConstraints(max_length=texts.DESCRIPTION_LENGTH),
    AfterValidator(_storable),
    BeforeValidator(_empty_for_null),
    WithJsonSchema(_text_or_null(texts.DESCRIPTION_LENGTH, texts.STORABLE)),
]
Link = Annotated[
    str,
    StringConstraints(max_length=texts.LINK_LENGTH),
    AfterValidator(_link),
    BeforeValidator(_empty_for_null),
    WithJsonSchema(_text_or_null(texts.LINK_LENGTH, f"^$|{texts.LINK}")),
]
Sku = Annotated[
    str,
    StringConstraints(max_length=texts.SKU_LENGTH),
    AfterValidator(_sku),
    BeforeValidator(_empty_for_null),
    WithJsonSchema(_text_or_null(texts.SKU_LENGTH, texts.ONE_LINE)),
]
Search = Annotated[
    str,
    StringConstraints(max_length=filters.SEARCH_LENGTH),
    AfterValidator(_search),
    WithJsonSchema(_text(filters.SEARCH_LENGTH, texts.STORABLE)),
]
Username = Annotated[
    str,
    StringConstraints(max_length=filters.OWNER_LENGTH),
    AfterValidator(_storable),
    WithJsonSchema(_text(filters.OWNER_LENGTH, texts.STORABLE)),
]
Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    WithJsonSchema({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]}),
]
