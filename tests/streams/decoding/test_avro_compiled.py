"""A schema's own reader says what the general one says, of whatever bytes, or leaves it to that one."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.decoding import avro, avro_compiled
from streams.decoding.exact import Exact, NotDecoded

Draw = Callable[..., Any]


def logical(kind: str, meaning: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "logicalType": meaning, **more}


PRIMITIVES: list[Any] = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"]
LOGICAL: list[Any] = [
    *[logical("long", f"{zone}timestamp-{part}") for zone in ("", "local-") for part in ("millis", "micros", "nanos")],
    logical("int", "date"), logical("int", "time-millis"), logical("long", "time-micros"),
    logical("bytes", "decimal", precision=9, scale=2), logical("bytes", "decimal", precision=400),
    logical("string", "uuid"), logical("string", "of nobody's"), logical("long", "of nobody's"),
]  # fmt: skip
NUMBERS = [0, 1, -1, 63, 64, -64, -65, 2**31, 2**53 + 1, 1_700_000_000_123, 2**62, 2**63 - 1, -(2**63)]


SIMPLE: dict[str, Callable[[Draw], bytes]] = {
    "null": lambda _: b"",
    "boolean": lambda draw: bytes([draw(st.sampled_from([0, 1, 2]))]),
    "float": lambda draw: struct.pack("<f", draw(st.floats(width=32))),
    "double": lambda draw: struct.pack("<d", draw(st.floats())),
}


# Schemas, and bytes written by them -------------------------------------------------------------------------------


def a_type(draw: Draw, names: Iterator[int], depth: int) -> Any:
    leaves = ["primitive", "logical", "enum", "fixed"]
    match draw(st.sampled_from(leaves if depth > 2 else [*leaves, "record", "record", "array", "map", "union"])):
        case "primitive":
            return draw(st.sampled_from(PRIMITIVES))
        case "logical":
            return draw(st.sampled_from(LOGICAL))
        case "enum":
            symbols = [f"S{number}" for number in range(draw(st.sampled_from([1, 3, 80])))]
            return {"type": "enum", "name": f"N{next(names)}", "symbols": symbols}
        case "fixed":
            more = draw(st.sampled_from([{}, {"logicalType": "uuid"}, {"logicalType": "decimal", "precision": 4}]))
            return {"type": "fixed", "name": f"N{next(names)}", "size": draw(st.sampled_from([2, 16])), **more}
        case "array":
            return {"type": "array", "items": a_type(draw, names, depth + 1)}
        case "map":
            return {"type": "map", "values": a_type(draw, names, depth + 1)}
        case "union":
            return ["null", *[a_type(draw, names, depth + 1) for _ in range(draw(st.integers(0, 2)))]]
    fields = [
        {"name": draw(st.sampled_from(["a", "é", "it's", '"', "\\", "{x}", "data", "n"])) + str(number), "type": kind}
        for number, kind in enumerate([a_type(draw, names, depth + 1) for _ in range(draw(st.integers(0, 4)))])
    ]
    return {"type": "record", "name": f"N{next(names)}", "fields": fields}


def number(value: int) -> bytes:
    left, written = (value << 1) ^ (value >> 63), bytearray()
    while left > 127:
        written.append(left & 127 | 128)
        left >>= 7
    return bytes([*written, left])


def sized(data: bytes) -> bytes:
    return number(len(data)) + data


def written(draw: Draw, kind: Any) -> bytes:
    """A value of a type, now and then one that nobody writes."""
    if isinstance(kind, list):
        branch = draw(st.sampled_from(range(len(kind))))
        return number(branch) + written(draw, kind[branch])
    match kind["type"] if isinstance(kind, dict) else kind:
        case "null" | "boolean" | "float" | "double" as simple:
            return SIMPLE[simple](draw)
        case "int" | "long":
            return number(draw(st.one_of(st.sampled_from(NUMBERS), st.integers(-(2**63), 2**63 - 1))))
        case "bytes":
            return sized(draw(st.binary(max_size=5) | st.just(b"\x01" * 200)))
        case "string":
            return sized(draw(st.text(max_size=5) | st.just("é" * 100)).encode())
        case "enum":
            return number(draw(st.integers(0, len(kind["symbols"]) - 1)))
        case "fixed":
            return bytes(draw(st.binary(min_size=kind["size"], max_size=kind["size"])))
        case "array":
            return blocks(draw, [written(draw, kind["items"]) for _ in range(draw(st.sampled_from([0, 1, 3])))])
        case "map":
            names = draw(st.lists(st.sampled_from([b"a", b"b", b"", b"key" * 50]), max_size=3))
            return blocks(draw, [sized(name) + written(draw, kind["values"]) for name in names])
    return b"".join(written(draw, field["type"]) for field in kind["fields"])


def blocks(draw: Draw, items: list[bytes]) -> bytes:
    """All items, in one block or two, with their size or without."""
    first = draw(st.integers(0, len(items)))
    data = b""
    for part in (items[:first], items[first:]):
        inner = b"".join(part)
        if part and draw(st.sampled_from([False, False, False, True])):
            data += number(-len(part)) + sized(inner)
        elif part:
            data += number(len(part)) + inner
    return data + b"\0"


@st.composite
def schemas_with_data(draw: Draw) -> tuple[str, bytes]:
    kind = a_type(draw, count(), 0)
    return orjson.dumps(kind).decode(), written(draw, kind)


def outcome(schema: avro.Avro, data: bytes) -> Exact | str:
    try:
        return schema.decode(data)
    except NotDecoded as error:
        return str(error)


def agree(text: str, *values: bytes) -> None:
    try:
        general = avro.parse(text)
    except NotDecoded:
        return
    own = avro.parse(text, is_kept=True)
    assert general.own is None
    for data in values:
        assert outcome(own, data) == outcome(general, data)


@given(schemas_with_data())
@settings(max_examples=200)
def test_of_what_was_written_both_say_the_same(made: tuple[str, bytes]) -> None:
    agree(*made)


@pytest.mark.parametrize("kind", ['{"type":"array","items":"boolean"}', '{"type":"map","values":"boolean"}'])
def test_an_end_that_is_written_in_more_bytes_than_it_takes_is_the_end(kind: str) -> None:
    agree(kind, b"\x80\x00", b"\x80\x00\x00", b"\x80" * 9 + b"\x00\x00")


@given(schemas_with_data(), st.data())
@settings(max_examples=200)
def test_of_bytes_that_nobody_wrote_both_say_the_same(made: tuple[str, bytes], more: st.DataObject) -> None:
    text, data = made
    place = more.draw(st.integers(0, len(data)))
    some = more.draw(st.binary(max_size=3) | st.sampled_from([b"\xff" * 9 + b"\x01", b"\x80" * 10 + b"\0", b"\x01"]))
    agree(text, data[:place], data[:place] + some, data[:place] + some + data[place + 1 :], data + some, some)


# What has a reader of its own -------------------------------------------------------------------------------------


def record(*kinds: Any) -> str:
    fields = [{"name": f"f{place}", "type": kind} for place, kind in enumerate(kinds)]
    return orjson.dumps({"type": "record", "name": "R", "fields": fields}).decode()


@pytest.mark.parametrize(
    ("kind", "data", "shown"),
    [
        ("long", number(2**63 - 1), b"9223372036854775807"),
        ("long", number(-(2**63)), b"-9223372036854775808"),
        ("double", struct.pack("<d", -0.0), b"-0.0"),
        (logical("long", "timestamp-millis"), number(-1), b'"1969-12-31T23:59:59.999Z"'),
        (logical("bytes", "decimal", precision=30, scale=2), sized(b"\x05" * 9), b"925954212327381414.45"),
        ({"type": "array", "items": "int"}, number(100) + b"\x02" * 100 + b"\0", b"[%b1]" % (b"1," * 99)),
        ({"type": "map", "values": "int"}, b"\x04\x02a\x02\x02a\x04\0", b'{"a":2}'),
        (["null", {"type": "array", "items": ["null", "string"]}], b"\x02\x04\0\x02\x02x\0", b'[null,"x"]'),
        ("bytes", sized(b"\x00\xff"), b'"AP8="'),
    ],
)  # fmt: skip
def test_usual_values_are_read_by_a_reader_of_their_schema(kind: Any, data: bytes, shown: bytes) -> None:
    schema = avro.parse(record(kind, "string"), is_kept=True)
    assert schema.decode_usual(b"head!" + data + sized(b"end"), 5) == b'{"f0":%b,"f1":"end"}' % shown


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("string", b"\x01"),  # a length below zero
        ("string", b"\x02"),  # one that lies
        ("string", b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        ("string", b"\x02xx"),
        ("string", b"\x81\x01" + b"x" * 64),
        ("long", b"\xff" * 9 + b"\x03"),  # more than 64 bits
        ("long", b"\x80" * 9 + b"\x02"),
        ("long", b"\x80" * 11),
        ("double", struct.pack("<d", float("nan"))),
        ("float", struct.pack("<f", float("-inf"))),
        ("double", b"\0" * 7),
        ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, b"\x01"),  # counted from the end
        ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, b"\x04"),
        (["null", "int"], b"\x01"),
        ({"type": "array", "items": {"type": "fixed", "name": "F", "size": 4}}, number(2**40) + b"1234"),
        ({"type": "array", "items": "double"}, number(2**62) + b"\0" * 8),
        ({"type": "array", "items": "int"}, b"\x01\x02\x02\0"),  # a block that says its size
        (logical("long", "timestamp-millis"), number(2**62)),
        (logical("int", "date"), number(2**31)),
    ],
)
def test_what_is_not_usual_is_left_to_the_general_reader(kind: Any, data: bytes) -> None:
    assert avro.parse(orjson.dumps(kind).decode(), is_kept=True).decode_usual(data, 0) is None
    agree(orjson.dumps(kind).decode(), data)


def test_a_schema_that_would_make_much_code_has_none() -> None:
    small = {"type": "record", "name": "L0", "fields": [{"name": "a", "type": "int"}]}
    levels = [orjson.dumps(small).decode()]
    for level in range(1, 20):  # each twice the one before
        both = [{"name": name, "type": f"L{level - 1}"} for name in "ab"]
        levels.append(orjson.dumps({"type": "record", "name": f"L{level}", "fields": both}).decode())
    assert avro.parse('"L2"', levels[:3], is_kept=True).own is not None
    assert avro.parse('"L19"', levels, is_kept=True).own is None
    assert avro.parse(record(*["int"] * (avro_compiled.PARTS + 1)), is_kept=True).own is None
    assert avro.parse('{"type": "array", "items": ' * 12 + '"int"' + "}" * 12, is_kept=True).own is None
    assert avro.parse(record(["null", "R"]), is_kept=True).own is None


def test_names_are_texts_in_the_code_and_nothing_else() -> None:
    names = ['"] + exit() + ["', "'", "\\", "\n", "é\U0001f600", "{at}", "%s"]
    fields = [{"name": name, "type": "int"} for name in names]
    text = orjson.dumps({"type": "record", "name": "R", "fields": fields}).decode()
    found = avro.parse(text, is_kept=True).decode_usual(b"\x02" * len(names), 0)
    assert found is not None
    assert orjson.loads(found) == dict.fromkeys(names, 1)
