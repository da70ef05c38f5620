"""Avro: schemas that are safe to read with, and values read by them.

fastavro reads fast and trusts schema and data. So a schema is looked at once, when it is parsed: what could make much
out of few bytes is refused, and what recurses is read only where it is short. Its readers of logical types lose records
and digits; ours stand in their place, for the whole process.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import orjson
from fastavro import parse_schema, schemaless_reader
from fastavro.read import LOGICAL_READERS
from fastavro.schema import SchemaParseException, UnknownType

from streams.decoding import avro_compiled, exact
from streams.decoding.exact import JSON_DEPTH, Exact, NotDecoded, write

RECURSIVE_BYTES = 1000  # of a value whose schema recurses: each level costs a byte, and fastavro a piece of C's stack
NAME = 255  # characters of a field or symbol: one byte of data becomes the whole name
NOTHINGS = 16  # parts that take no byte (null, empty records) and come with the same one
WORK = 4_000_000  # bytes times the parts that one byte can become
WRAPPED = "__value"
TOO_DEEP = f"Its Avro schema is more than {JSON_DEPTH} levels deep."
_PRIMITIVES = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})


# Logical types ----------------------------------------------------------------------------------------------------

Reader = Callable[[Any, Any, Any], Any]


def _instants(a_second: int, *, local: bool) -> Reader:
    def read(data: Any, _writer: Any = None, _reader: Any = None) -> Any:
        return exact.instant(data, a_second, local=local)

    return read


def _times(a_second: int) -> Reader:
    def read(data: Any, _writer: Any = None, _reader: Any = None) -> Any:
        return exact.time_of_day(data, a_second)

    return read


def _day(data: Any, _writer: Any = None, _reader: Any = None) -> Any:
    return exact.day(data)


def _decimal(data: Any, writer: Any = None, _reader: Any = None) -> Any:
    if len(data) > exact.DIGITS:
        return exact.Odd(None, f"A decimal of more than {exact.DIGITS} digits is left out.")
    return exact.digits(int.from_bytes(data, "big", signed=True), writer.get("scale") or 0)


def _uuid(data: Any, _writer: Any = None, _reader: Any = None) -> Any:
    return str(uuid.UUID(bytes=data)) if isinstance(data, bytes) and len(data) == 16 else data


_SECONDS = {"millis": 1_000, "micros": 1_000_000, "nanos": exact.NANOSECONDS}
LOGICAL_READERS.clear()
LOGICAL_READERS.update(
    {
        **{f"long-timestamp-{part}": _instants(count, local=False) for part, count in _SECONDS.items()},
        **{f"long-local-timestamp-{part}": _instants(count, local=True) for part, count in _SECONDS.items()},
        "int-date": _day,
        "int-time-millis": _times(1_000),
        "long-time-micros": _times(1_000_000),
        "bytes-decimal": _decimal,
        "fixed-decimal": _decimal,
        "string-uuid": _uuid,
        "fixed-uuid": _uuid,
    }
)


# Schemas ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Avro:
    """A schema that may be read with. name: of its record, or of its type. weight: parts that a byte can become.

    depth: levels of its JSON, None when it recurses. has_floats: whether a value can be NaN. is_wrapped: whether
    `parsed` is a record around it. own: a reader of this schema alone, None where it has none.
    """

    parsed: Any
    name: str
    weight: int
    depth: int | None
    has_floats: bool
    is_wrapped: bool
    own: avro_compiled.Read | None = None

    def read(self, data: BytesIO) -> Any:
        """The value that begins where `data` stands, in Python's types, `Digits` and `Odd`. Raises NotDecoded."""
        try:
            value: Any = schemaless_reader(data, self.parsed, None)
        except EOFError as error:
            raise NotDecoded("It ends before the value does: it was not written with this schema.") from error
        except UnicodeDecodeError as error:
            raise NotDecoded("A text in it is not UTF-8: it was not written with this schema.") from error
        except (ValueError, IndexError, KeyError, TypeError, OverflowError, MemoryError, RecursionError) as error:
            raise NotDecoded("It was not written with this schema.") from error
        return value[WRAPPED] if self.is_wrapped else value

    def check_size(self, size: int) -> None:
        """Raises NotDecoded for a value that is larger than this schema can be trusted with."""
        if self.depth is None and size > RECURSIVE_BYTES:
            raise NotDecoded(f"Its schema recurses; such values are decoded up to {RECURSIVE_BYTES:,} bytes.")
        if size * self.weight > WORK:
            raise NotDecoded("It is too large for a schema of so many levels.")

    def decode(self, data: bytes) -> Exact:
        """The exact JSON of one value. Raises NotDecoded."""
        size = len(data)
        if self.depth is None or size * self.weight > WORK:
            self.check_size(size)
        if (json := self.decode_usual(data, 0)) is not None:
            return Exact(json)
        source = BytesIO(data)
        value = self.read(source)
        if source.tell() != size:
            raise NotDecoded(f"{size - source.tell()} bytes are left over: it was not written with this schema.")
        return write(value, may_hold_nan=self.has_floats) if self.depth is not None else self.write(value)

    def decode_usual(self, data: bytes, at: int) -> bytes | None:
        """The exact JSON of the value that begins at `at` and ends with the data, as most are. None where only `decode`
        can say what it is, or that it is none."""
        if self.own is None or len(data) * self.weight > WORK:
            return None
        try:
            return orjson.dumps(self.own(data, at))
        except avro_compiled.UNUSUAL:
            return None

    def write(self, value: Any) -> Exact:
        """The exact JSON of what was read. Raises NotDecoded."""
        if self.depth is None and not _is_shallow(value):
            raise NotDecoded(f"It is more than {JSON_DEPTH} levels deep.")
        return write(value, may_hold_nan=self.has_floats)


def parse(text: str, references: Iterable[str] = (), *, is_kept: bool = False) -> Avro:
    """The schema in `text`. references: the schemas that it names, each after those that it names itself. is_kept:
    whether many values will be read by it, so that it gets a reader of its own; to make one may take milliseconds.

    Raises NotDecoded for one that cannot be used, with the reason.
    """
    named: dict[str, Any] = {}
    try:
        for reference in references:
            parse_schema(_json(reference), named, _write_hint=False, _ignore_default_error=True)
        parsed = parse_schema(_json(text), named, _ignore_default_error=True)
    except UnknownType as error:
        raise NotDecoded(f"Its Avro schema names a type that is not there: {str(error.name)[:NAME]}.") from error
    except (SchemaParseException, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise NotDecoded("Its Avro schema is none.") from error
    _refuse_endless(named)
    survey = _Survey(named)
    try:
        shape = survey.of(parsed, ())
    except RecursionError as error:  # arrays of arrays of arrays: fastavro's own recursion goes deeper than Python's
        raise NotDecoded(TOO_DEEP) from error
    except (KeyError, TypeError) as error:  # a name that is no text, a type that is called as a kind of type is
        raise NotDecoded("Its Avro schema is none.") from error
    if shape.depth > JSON_DEPTH:
        raise NotDecoded(TOO_DEEP)
    weight = shape.depth + max(shape.nothings, survey.nothings) + 1
    depth = None if survey.recurses else shape.depth
    own = avro_compiled.compiled(parsed, named, LOGICAL_READERS) if is_kept and depth is not None else None
    return Avro(
        _ready(parsed, named), _name(parsed), weight, depth, survey.has_floats, not isinstance(parsed, dict), own
    )


def _name(parsed: Any) -> str:
    if isinstance(parsed, list):
        return "union"
    return str((parsed.get("name") or parsed["type"]) if isinstance(parsed, dict) else parsed)


def _ready(parsed: Any, named: dict[str, Any]) -> dict[str, Any]:
    """As fastavro takes it without parsing it again for every value: marked, and inside of a record where it is no
    object of its own (a record adds no byte)."""
    if not isinstance(parsed, dict):
        parsed = {"type": "record", "name": WRAPPED, "fields": [{"name": WRAPPED, "type": parsed}]}
    return {**parsed, "__fastavro_parsed": True, "__named_schemas": named}


def _json(text: str) -> Any:
    """A schema is JSON, or the bare name of a type."""
    try:
        schema = orjson.loads(text)
    except orjson.JSONDecodeError:
        if text.strip() in _PRIMITIVES:
            return text.strip()
        raise
    _leave_out_odd_decimals(schema)
    return schema


def _leave_out_odd_decimals(schema: Any) -> None:
    """What says that it is a decimal and cannot be one (Oracle's NUMBER comes with a scale of 127) is what it is made
    of, as Avro's specification has it; fastavro would refuse the whole schema."""
    waiting = [schema]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            if each.get("logicalType") == "decimal" and not _is_decimal(each):
                del each["logicalType"]
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)


def _is_decimal(kind: dict[str, Any]) -> bool:
    precision, scale, size = kind.get("precision"), kind.get("scale") or 0, kind.get("size")
    if type(scale) is not int or scale < 0:
        return False
    if precision is None:
        return True
    if type(precision) is not int or not max(1, scale) <= precision:
        return False
    return kind.get("type") != "fixed" or (type(size) is int and precision <= math.log10(2) * (8 * size - 1))


def _is_shallow(value: Any) -> bool:
    level = [value]
    for _ in range(JSON_DEPTH):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return True
    return False


@dataclass(frozen=True, slots=True)
class _Shape:
    """depth: levels of JSON. nothings: parts that it brings beside those that bytes of its own bring. is_empty: whether
    all of it may take no byte."""

    depth: int
    nothings: int
    is_empty: bool


class _Survey:
    """Looks at every type once. recurses: whether one holds itself. has_floats: whether there are any. nothings: the
    most that the byte of a branch or an item brings."""

    def __init__(self, named: Mapping[str, Any]) -> None:
        self._named = named
        self._known: dict[str, _Shape] = {}
        self.recurses = self.has_floats = False
        self.nothings = 0

    def of(self, schema: Any, within: tuple[str, ...]) -> _Shape:
        """The shape of a type. within: the names of the types that hold it. Raises NotDecoded for what is refused."""
        if isinstance(schema, list):
            branches = [self._paid(self.of(branch, within)) for branch in schema]  # with a byte that says which
            return _Shape(max((each.depth for each in branches), default=0), 0, is_empty=False)
        kind = schema["type"] if isinstance(schema, dict) else schema
        if not isinstance(kind, str):
            return self.of(kind, within)
        match kind:
            case "record" | "error":
                return self._record(schema, within)
            case "array" | "map":
                return self._collection(kind, schema, within)
            case "enum":
                _check_names(schema["symbols"])
                return _Shape(1, 0, is_empty=False)
            case "fixed":
                return _Shape(1, 0 if schema["size"] else 1, is_empty=not schema["size"])
        if kind in _PRIMITIVES:
            self.has_floats |= kind in {"float", "double"}
            return _Shape(1, int(kind == "null"), is_empty=kind == "null")
        return self._reference(kind, within)

    def _reference(self, name: str, within: tuple[str, ...]) -> _Shape:
        if name in within:
            self.recurses = True
            return _Shape(0, 0, is_empty=False)
        return self._known.get(name) or self.of(self._named[name], within)

    def _record(self, schema: Any, within: tuple[str, ...]) -> _Shape:
        name = schema["name"]
        if name in self._known:
            return self._known[name]
        if len(within) > JSON_DEPTH:
            raise NotDecoded(TOO_DEEP)
        _check_names(field["name"] for field in schema["fields"])
        fields = [self.of(field["type"], (*within, name)) for field in schema["fields"]]
        is_empty = all(field.is_empty for field in fields)
        nothings = sum(field.nothings for field in fields) + is_empty
        if nothings > NOTHINGS:
            raise NotDecoded(f"Its Avro schema has over {NOTHINGS} parts that take no byte.")
        found = _Shape(1 + max((field.depth for field in fields), default=0), nothings, is_empty)
        self._known[name] = found
        return found

    def _collection(self, kind: str, schema: Any, within: tuple[str, ...]) -> _Shape:
        inner = self.of(schema["items" if kind == "array" else "values"], within)
        if kind == "array" and inner.is_empty:
            raise NotDecoded("Its Avro schema has an array of what takes no byte.")
        self._paid(inner)  # each item takes a byte at least
        return _Shape(1 + inner.depth, 0, is_empty=False)

    def _paid(self, shape: _Shape) -> _Shape:
        """Notes what comes with one byte, which bounds what many bring."""
        self.nothings = max(self.nothings, shape.nothings)
        return shape


def _refuse_endless(named: Mapping[str, Any]) -> None:
    """Raises NotDecoded where a record holds itself with nothing in between that could end it: to read it would take no
    byte, and all of the stack."""
    ended = set[str]()

    def visit(name: str, within: tuple[str, ...]) -> None:
        if name in within or len(within) > JSON_DEPTH:
            raise NotDecoded("Its Avro schema has a record that holds itself without end.")
        if name not in ended:
            for held in _held(named.get(name)):
                visit(held, (*within, name))
            ended.add(name)

    for name in named:
        visit(name, ())


def _held(schema: Any) -> list[str]:
    """The names of the records that are fields of a record as they are: in no union, array or map."""
    if not isinstance(schema, dict) or schema.get("type") not in {"record", "error"}:
        return []
    kinds = [field["type"] for field in schema["fields"]]
    while any(isinstance(kind, dict) and isinstance(kind["type"], dict) for kind in kinds):
        kinds = [kind["type"] if isinstance(kind, dict) and isinstance(kind["type"], dict) else kind for kind in kinds]
    names = [kind.get("name", kind["type"]) if isinstance(kind, dict) else kind for kind in kinds]
    return [name for name in names if isinstance(name, str) and name not in _PRIMITIVES]


def _check_names(names: Iterable[str]) -> None:
    if any(len(name) > NAME for name in names):
        raise NotDecoded(f"Its Avro schema has a name of more than {NAME} characters.")
