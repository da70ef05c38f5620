"""Protobuf messages as exact JSON: walked field by field, so that 64-bit numbers stay numbers and enums have names.

Fields have the names of the `.proto` text; those without presence are there also at their default.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor, FileDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.unknown_fields import UnknownFieldSet

from streams.decoding.exact import JSON_DEPTH, NANOSECONDS, NODES, Exact, NotDecoded, digits, instant, write
from streams.decoding.protoc import Reference, compile_schema

INDEXES = 32  # of a message within messages, as deep as anybody nests them
_FLOATS = {FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT}
_WRAPPERS = {
    f"google.protobuf.{name}Value"
    for name in ("Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes")
}

Walk = Callable[[Any, int, "Left"], Any]  # a value, how deep it lies, and how many parts there may still be


class Left:
    """How many parts one message may still have: each has its own, as messages are walked in several threads."""

    __slots__ = ("parts",)

    def __init__(self) -> None:
        self.parts = NODES

    def take(self, parts: int, depth: int) -> None:
        """Raises NotDecoded when there are not so many, or when it lies too deep."""
        self.parts -= parts
        if depth > JSON_DEPTH:
            raise NotDecoded(f"It is more than {JSON_DEPTH} levels deep.")
        if self.parts < 0:
            raise NotDecoded(f"It has over {NODES:,} parts.")


class _Field(NamedTuple):
    """How one field is read. has_presence: whether it may be not there. walk: None where the value is JSON as it is."""

    name: str
    has_presence: bool
    walk: Walk | None


class Type:
    """One message type. name: its full name. decode: the exact JSON of its bytes, which raises NotDecoded."""

    def __init__(self, descriptor: Descriptor) -> None:
        self.name: str = descriptor.full_name
        self._class = GetMessageClass(descriptor)
        self._walker = _Walker()
        self._walk = self._walker.message(descriptor)

    def parse(self, data: bytes) -> Message:
        """The message in `data`. Raises NotDecoded."""
        try:
            return self._class.FromString(data)
        except DecodeError as error:
            raise NotDecoded(f"It is no message of the type {self.name}.") from error

    def write(self, message: Message) -> Exact:
        """The exact JSON of a message. Raises NotDecoded."""
        try:
            value = self._walk(message, 0, Left())
        except UnicodeDecodeError as error:
            raise NotDecoded("A text in it is not UTF-8.") from error
        found = write(value, may_hold_nan=self._walker.has_floats)
        if not found.problem and (unknown := len(UnknownFieldSet(message))):
            fields = f"{unknown} fields in it are" if unknown > 1 else "1 field in it is"
            return Exact(found.json, f"{fields} not in the schema.")
        return found

    def decode(self, data: bytes) -> Exact:
        """The exact JSON of the message in `data`. Raises NotDecoded."""
        return self.write(self.parse(data))


class Protobuf:
    """A schema with its message types."""

    def __init__(self, file: FileDescriptor) -> None:
        self._file = file
        self._types: dict[str, Type] = {}

    def type_named(self, name: str) -> Type:
        """The message type of that name, full or within the schema's package, also of a file that came with it; "": its
        first. Raises NotDecoded."""
        if (known := self._types.get(name)) is not None:
            return known
        names = [found.full_name for found in _all_messages(self._file.message_types_by_name.values())]
        package = f"{self._file.package}." if self._file.package else ""
        for wanted in (name, package + name) if name else names[:1]:
            with contextlib.suppress(KeyError):
                return self._type(self._file.pool.FindMessageTypeByName(wanted))
        if not names:
            raise NotDecoded("Its Protobuf schema has no message.")
        raise NotDecoded(f"The schema has no message {name[:100]}; it has {', '.join(names)[:300]}.")

    def decode_indexed(self, data: bytes) -> tuple[Exact, str]:
        """The exact JSON of a message behind the indexes that say which it is, and its type's name. Raises NotDecoded.

        Writers disagree on how indexes are written, and on whether the entries of maps count: what fits is taken, and
        of several what leaves no field unknown.
        """
        best: tuple[Exact, str] | None = None
        tried = set[tuple[str, int]]()
        for descriptor, begin in self._candidates(data):
            if (descriptor.full_name, begin) in tried:
                continue
            tried.add((descriptor.full_name, begin))
            found = self._type(descriptor)
            try:
                decoded = found.decode(data[begin:])
            except NotDecoded:
                continue
            if not decoded.problem:
                return decoded, found.name
            best = best or (decoded, found.name)
        if best is None:
            raise NotDecoded("It is none of the messages of its Protobuf schema that it could be.")
        return best

    def _candidates(self, data: bytes) -> Iterator[tuple[Descriptor, int]]:
        for is_zigzag in (True, False):
            indexes, begin = _read_indexes(data, is_zigzag=is_zigzag)
            for counts_entries in (True, False) if indexes is not None else ():
                found = self._at(indexes or [0], counts_entries=counts_entries)
                if found is not None:
                    yield found, begin

    def _at(self, indexes: Sequence[int], *, counts_entries: bool) -> Descriptor | None:
        found: Descriptor | None = None
        for index in indexes:
            inner = [each for each in self._ordered(found) if counts_entries or not each.GetOptions().map_entry]
            if not 0 <= index < len(inner):
                return None
            found = inner[index]
        return None if found is None or found.GetOptions().map_entry else found

    def _ordered(self, within: Descriptor | None) -> list[Descriptor]:
        """Messages in the order of the text: of the file, or within another one."""
        if within is not None:
            return list(within.nested_types)
        return list(self._file.message_types_by_name.values())

    def _type(self, descriptor: Descriptor) -> Type:
        found = self._types.get(descriptor.full_name)
        if found is None:
            found = self._types[descriptor.full_name] = Type(descriptor)
        return found


def parse(text: str, references: Sequence[Reference] = ()) -> Protobuf:
    """The schema in `text`, a `.proto` or base64 of descriptors. Blocks; for threads. Raises NotDecoded."""
    return Protobuf(compile_schema(text, references))


def _all_messages(messages: Any) -> Iterator[Descriptor]:
    for message in messages:
        if not message.GetOptions().map_entry:
            yield message
            yield from _all_messages(message.nested_types)


def _read_indexes(data: bytes, *, is_zigzag: bool) -> tuple[list[int] | None, int]:
    """The indexes at the beginning of `data`, and where the message begins; None where there are none."""
    count, at = _varint(data, 0, is_zigzag=is_zigzag)
    if count == 0:
        return [0], at
    if count is None or not 0 < count <= INDEXES:
        return None, 0
    indexes = []
    for _ in range(count):
        index, at = _varint(data, at, is_zigzag=is_zigzag)
        if index is None:
            return None, 0
        indexes.append(index)
    return indexes, at


def _varint(data: bytes, at: int, *, is_zigzag: bool) -> tuple[int | None, int]:
    value = shift = 0
    while at < len(data) and shift < 35:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return (value >> 1) ^ -(value & 1) if is_zigzag else value, at
        shift += 7
    return None, at


# Walking ----------------------------------------------------------------------------------------------------------


class _Walker:
    """Makes for each type how its messages are walked. has_floats: whether any of them can hold NaN."""

    def __init__(self) -> None:
        self.has_floats = False
        self._known: dict[str, list[_Field]] = {}

    def message(self, descriptor: Descriptor) -> Walk:
        name = descriptor.full_name
        if name in _WRAPPERS:
            self.has_floats |= name.endswith(("DoubleValue", "FloatValue"))
            return lambda message, _depth, _left: message.value
        if name in _WELL_KNOWN:
            self.has_floats |= name.endswith(("Value", "Struct"))
            return _WELL_KNOWN[name]
        fields = self._known.get(name)
        if fields is None:
            fields = self._known[name] = []  # first: it may hold itself
            fields += [self._field(field) for field in descriptor.fields]

        def walk(message: Any, depth: int, left: Left) -> dict[str, Any]:
            left.take(len(fields) + 1, depth)
            found = {}
            for name, has_presence, inner in fields:
                if has_presence and not message.HasField(name):
                    continue
                value = getattr(message, name)
                found[name] = value if inner is None else inner(value, depth + 1, left)
            return found

        return walk

    def _field(self, field: FieldDescriptor) -> _Field:
        entry = field.message_type
        if entry is not None and entry.GetOptions().map_entry:
            return _Field(field.name, False, self._map(entry.fields_by_name["key"], entry.fields_by_name["value"]))
        inner = self._value(field)
        if not field.is_repeated:
            return _Field(field.name, field.has_presence, inner)
        if inner is None:
            return _Field(field.name, False, self._scalars)
        return _Field(field.name, False, lambda values, depth, left: [inner(value, depth, left) for value in values])

    def _value(self, field: FieldDescriptor) -> Walk | None:
        if field.message_type is not None:
            return self.message(field.message_type)
        if field.enum_type is not None:
            return _enum(field.enum_type)
        self.has_floats |= field.type in _FLOATS
        return None

    def _scalars(self, values: Any, _depth: int, _left: Left) -> list[Any]:
        return list(values)

    def _map(self, key: FieldDescriptor, value: FieldDescriptor) -> Walk:
        inner = self._value(value)
        is_text = key.type == FieldDescriptor.TYPE_STRING

        def walk(values: Any, depth: int, left: Left) -> dict[str, Any]:
            return {
                name if is_text else str(name).lower(): found if inner is None else inner(found, depth + 1, left)
                for name, found in values.items()
            }

        return walk


def _enum(descriptor: EnumDescriptor) -> Walk:
    names = {number: found.name for number, found in descriptor.values_by_number.items()}
    return lambda number, _depth, _left: names.get(number, number)


def _timestamp(message: Any, _depth: int, _left: Left) -> Any:
    return instant(message.seconds * NANOSECONDS + message.nanos, NANOSECONDS)


def _duration(message: Any, _depth: int, _left: Left) -> Any:
    total = message.seconds * NANOSECONDS + message.nanos
    seconds, rest = divmod(abs(total), NANOSECONDS)
    return f"{'-' if total < 0 else ''}{seconds}{f'.{rest:09d}'.rstrip('0') if rest else ''}s"


def _decimal(message: Any, _depth: int, _left: Left) -> Any:
    return digits(int.from_bytes(message.value, "big", signed=True), message.scale)


def _value(message: Any, depth: int, left: Left) -> Any:
    left.take(1, depth)
    match message.WhichOneof("kind"):
        case "number_value":
            number = message.number_value
            return int(number) if number.is_integer() and abs(number) < 2**53 else number
        case "string_value":
            return message.string_value
        case "bool_value":
            return message.bool_value
        case "struct_value":
            return _struct(message.struct_value, depth, left)
        case "list_value":
            return _list(message.list_value, depth, left)
    return None


def _struct(message: Any, depth: int, left: Left) -> Any:
    return {name: _value(inner, depth + 1, left) for name, inner in message.fields.items()}


def _list(message: Any, depth: int, left: Left) -> Any:
    return [_value(inner, depth + 1, left) for inner in message.values]


def _field_mask(message: Any, _depth: int, _left: Left) -> Any:
    return ",".join(message.paths)


_WELL_KNOWN: dict[str, Walk] = {
    "confluent.type.Decimal": _decimal,
    "google.protobuf.Timestamp": _timestamp,
    "google.protobuf.Duration": _duration,
    "google.protobuf.Struct": _struct,
    "google.protobuf.ListValue": _list,
    "google.protobuf.Value": _value,
    "google.protobuf.FieldMask": _field_mask,
}
