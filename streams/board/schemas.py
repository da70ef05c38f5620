"""The shapes of the records API's requests and answers."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Protocol

from ninja import Schema
from pydantic import ConfigDict, Field, JsonValue

from streams.decoding.formats import Formats
from streams.models import FormatName

MAX_OFFSET = 2**63 - 1


RECORD: dict[str, JsonValue] = {
    "offset": 1842,
    "timestamp": 1740821400000,
    "key": "7",
    "headers": {"ce_type": "item.created"},
    "size": 16,
    "encoding": "json",
    "value": {"name": "a lamp"},
}


def _example(example: dict[str, JsonValue]) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [example]})


class Problem(Schema):
    """Why there is no answer, in a sentence."""

    model_config = _example({"detail": "There is no topic weather here; an administrator can add it."})

    detail: str


class InvalidField(Schema):
    """What is wrong with one part of the address."""

    loc: list[str | int] = Field(description='Where: for example ["query", "to"].')
    msg: str
    type: str


class Invalid(Schema):
    """What is wrong with which part of the address."""

    model_config = _example({"detail": [{"loc": ["query", "to"], "msg": "Field required", "type": "missing"}]})

    detail: list[InvalidField]


class SchemaOut(Schema):
    """The schema that a value or key was decoded by."""

    id: int | str | None = Field(description="The registry's; null for a topic's own.")
    subject: str | None = None
    version: int | None = None
    name: str = Field(description="The name of its type.")


class RecordOut(Schema):
    """One record as the protocol describes it; `value` is any JSON where `encoding` is `json`."""

    model_config = _example(RECORD)

    offset: int
    timestamp: int | None
    key: str | None
    key_encoding: str | None = None
    headers: dict[str, Any]
    header_list: list[list[Any]] | None = None
    size: int
    encoding: str
    value: Any = None
    truncated: bool | None = None
    cut: list[Literal["value", "key", "headers"]] | None = None
    format: str | None = Field(None, description="How the value was decoded.")
    schema_: SchemaOut | None = Field(None, alias="schema")
    key_format: str | None = None
    key_schema: SchemaOut | None = None
    problem: str | None = Field(None, description="Why something was not decoded, or is not exact.")


class WholeRecordOut(RecordOut):
    """One record, uncut, with its bytes."""

    model_config = _example({**RECORD, "raw": "eyJuYW1lIjogImEgbGFtcCJ9", "key_raw": "Nw=="})

    raw: str | None = Field(description="The value's bytes in base64.")
    key_raw: str | None = Field(description="The key's bytes in base64.")


class HasFormats(Protocol):
    """A request that may name formats."""

    @property
    def value_format(self) -> str | None:
        """By which values are read; "" counts as left out."""

    @property
    def key_format(self) -> str | None:
        """By which keys are read."""


# `strict` where a body is read: a name is made one of these.
FormatIn = Annotated[FormatName, Field(strict=False)] | None


class FormatsIn(Schema):
    """By which formats records are read, for who asks alone, instead of the topic's."""

    value_format: FormatIn = Field(default=None, description="By which values are read; none: the topic's.")
    key_format: FormatIn = Field(default=None, description="By which keys are read; none: the topic's.")


class PartIn(FormatsIn):
    """Which part of a record."""

    part: Literal["value", "key"] = "value"


def formats_in(asked: HasFormats) -> Formats:
    """The formats that a request names."""
    return Formats(*(str(each) if each else None for each in (asked.value_format, asked.key_format)))


class SchemaTextOut(Schema):
    """The schema of a record, as it was written."""

    model_config = _example(
        {"format": "avro", "schema": {"id": 17, "name": "shop.Order"}, "text": '{"type": "record"}'}
    )

    format: str
    schema_: SchemaOut = Field(alias="schema")
    text: str


class RecordsOut(Schema):
    """A part of a partition. `next` is the offset to go on from, null at the end."""

    model_config = _example(
        {"epoch": "k3f9", "partition": 0, "from": 1842, "to": 1843, "records": [RECORD], "next": None}
    )

    epoch: str
    partition: int
    from_: int = Field(alias="from")
    to: int
    records: list[RecordOut]
    next: int | None


class RatesOut(Schema):
    """How many records a topic had lately. `from`: the second, since 1970, that the first number is of."""

    model_config = _example({"epoch": "k3f9", "from": 1740821400, "records": [12, 0, 7]})

    epoch: str
    from_: int = Field(alias="from")
    records: list[int]


class Part(Schema):
    """Which part of which partition is asked for."""

    partition: int = Field(ge=0, le=2**31 - 1, description="The partition to read.")
    from_: int = Field(alias="from", ge=0, le=MAX_OFFSET, description="The first offset wanted.")
    to: int = Field(ge=0, le=MAX_OFFSET, description="The offset to stop before.")
