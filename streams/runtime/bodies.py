"""How a JSON body becomes a checked model: bounded before anything of its size is made of it. Call it in a thread."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import orjson
from ninja.errors import HttpError
from ninja.errors import ValidationError as InvalidRequest
from pydantic import BaseModel, GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema, core_schema

BODY_BYTES = 512 * 1024
NAMES = 64  # in one object
PARTS = 20_000  # objects, lists and values in all
WRONG = 1_000  # parts that are wrong: of more it is only said that there are too many
NOT_JSON = "The body is not JSON (RFC 8259, in UTF-8). Send it with Content-Type: application/json."

M = TypeVar("M", bound=BaseModel)


class _Unread:
    """Described as the model, and handed over as it came: it is read in a thread, after the right was asked for."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_wrap_validator_function(_as_it_came, handler(source))


def _as_it_came(value: object, _: object) -> object:
    return value


Unread = Annotated[M, _Unread()]
"""In the signature of an operation: the body's bytes, which the API's description shows as the model."""


def read(model: type[M], body: Any, largest: int = BODY_BYTES, *, names: int = NAMES, parts: int = PARTS) -> M:
    """The model that the body's bytes are, at most `largest` of them.

    names: of one object, at most. parts: objects, lists and values in all, at most.

    Raises HttpError 400 (which project/api/errors.py answers with 415 where the body says that it is something else)
    and 413, and InvalidRequest, which names the fields.
    """
    if len(body) > largest:
        raise HttpError(413, f"The body is too large: {largest // 1024} KiB are taken.")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise HttpError(400, NOT_JSON) from error
    _check_bounds(value, names, parts)
    return checked(model, value)


def checked(model: type[M], value: Any) -> M:
    """The model of a value that was read. Raises InvalidRequest."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        if error.error_count() > WRONG:  # to make a message for each takes longer than all that came before
            raise _too_much(f"More than {WRONG:,} parts of it are wrong.") from error
        raise InvalidRequest(
            [
                {"loc": ("body", *entry["loc"]), "msg": entry["msg"], "type": entry["type"]}
                for entry in error.errors(include_url=False, include_context=False, include_input=False)
            ]
        ) from error


def _check_bounds(value: Any, names: int, parts: int) -> None:
    """Raises InvalidRequest when there is too much: pydantic makes an error for each name that it does not know."""
    seen = 0
    open_ones = [value]
    while open_ones:
        one = open_ones.pop()
        seen += 1
        if isinstance(one, dict):
            if len(one) > names:
                raise _too_much(f"An object has at most {names:,} names.")
            open_ones.extend(one.values())
        elif isinstance(one, list):
            open_ones.extend(one)
        if seen + len(open_ones) > parts:
            raise _too_much(f"There are more than {parts:,} names and elements.")


def _too_much(sentence: str) -> InvalidRequest:
    return InvalidRequest([{"loc": ("body",), "msg": sentence, "type": "too_long"}])
