"""Avro values as exact JSON, and schemas and data that would make much out of little."""

from __future__ import annotations

import io
import uuid
from decimal import Decimal
from typing import Any

import fastavro
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.decoding import avro, avro_container
from streams.decoding.exact import NotDecoded


def schema(*fields: tuple[str, Any], name: str = "shop.Order") -> str:
    return orjson.dumps(
        {"type": "record", "name": name, "fields": [{"name": field, "type": kind} for field, kind in fields]}
    ).decode()


def written(text: str, value: Any, *references: str) -> bytes:
    named: dict[str, Any] = {}
    for reference in references:
        fastavro.parse_schema(orjson.loads(reference), named)
    data = io.BytesIO()
    fastavro.schemaless_writer(data, fastavro.parse_schema(orjson.loads(text), named), value)
    return data.getvalue()


def decoded(text: str, value: Any) -> Any:
    return orjson.loads(avro.parse(text).decode(written(text, value)).json)


def logical(kind: str, meaning: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "logicalType": meaning, **more}


def test_every_type_has_its_json() -> None:
    text = schema(
        ("none", "null"), ("flag", "boolean"), ("small", "int"), ("large", "long"), ("half", "double"),
        ("bytes", "bytes"), ("text", "string"), ("list", {"type": "array", "items": "long"}),
        ("map", {"type": "map", "values": "string"}),
        ("state", {"type": "enum", "name": "S", "symbols": ["NEW", "PAID"]}),
        ("fixed", {"type": "fixed", "name": "F", "size": 2}), ("either", ["null", "string"]),
    )  # fmt: skip
    value = {
        "none": None, "flag": True, "small": -5, "large": 9007199254740993, "half": 0.5, "bytes": b"\x00\xff",
        "text": "é", "list": [1, 2], "map": {"k": "v"}, "state": "PAID", "fixed": b"ab", "either": "x",
    }  # fmt: skip
    expected = value | {"bytes": "AP8=", "fixed": "YWI="}
    found = avro.parse(text).decode(written(text, value))
    assert orjson.loads(found.json) == expected
    assert b'"large":9007199254740993' in found.json
    assert found.problem == ""
    assert avro.parse(text).name == "shop.Order"


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        (logical("long", "timestamp-millis"), 1_700_000_000_123, '"2023-11-14T22:13:20.123Z"'),
        (logical("long", "timestamp-micros"), 1_700_000_000_000_001, '"2023-11-14T22:13:20.000001Z"'),
        (logical("long", "timestamp-nanos"), 1_700_000_000_000_000_001, '"2023-11-14T22:13:20.000000001Z"'),
        (logical("long", "local-timestamp-millis"), 0, '"1970-01-01T00:00:00.000"'),
        (logical("long", "timestamp-millis"), -1, '"1969-12-31T23:59:59.999Z"'),
        (logical("int", "date"), 19_675, '"2023-11-14"'),
        (logical("int", "time-millis"), 3_600_001, '"01:00:00.001"'),
        (logical("bytes", "decimal", precision=4, scale=2), b"\x04\xe2", "12.50"),
        (logical("bytes", "decimal", precision=4, scale=2), b"\xff", "-0.01"),
        (logical("bytes", "decimal", precision=30), (10**29).to_bytes(13, "big"), "1" + "0" * 29),
        (logical("bytes", "decimal", precision=2), (12_345).to_bytes(2, "big"), "12345"),  # beyond its precision
    ],
)
def test_logical_types_keep_every_digit(kind: dict[str, Any], value: Any, shown: str) -> None:
    plain = orjson.dumps({**kind, "logicalType": "none"}).decode()
    found = avro.parse(orjson.dumps(kind).decode()).decode(written(plain, value))
    assert found == (shown.encode(), "")


@pytest.mark.parametrize(
    "kind",
    [
        logical("bytes", "decimal", precision=64, scale=127),
        logical("bytes", "decimal", precision=4, scale=-1),
        logical("bytes", "decimal", precision="4"),
        logical("fixed", "decimal", precision=5, name="F", size=2),
    ],
)
def test_what_cannot_be_a_decimal_is_what_it_is_made_of(kind: dict[str, Any]) -> None:
    plain = orjson.dumps({**kind, "logicalType": "none"}).decode()
    text = schema(("odd", kind), ("right", logical("bytes", "decimal", precision=4, scale=2)))
    data = written(plain, b"\x04\xe2") + written('"bytes"', b"\x04\xe2")
    assert avro.parse(text).decode(data).json == b'{"odd":"BOI=","right":12.50}'


@pytest.mark.parametrize("kind", [logical("string", "uuid"), logical("fixed", "uuid", name="U", size=16)])
def test_a_uuid_is_its_text(kind: dict[str, Any]) -> None:
    number = uuid.UUID("12345678-1234-5678-1234-567812345678")
    plain = orjson.dumps({**kind, "logicalType": "none"}).decode()
    data = written(plain, str(number) if kind["type"] == "string" else number.bytes)
    assert avro.parse(orjson.dumps(kind).decode()).decode(data).json == f'"{number}"'.encode()


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        ("double", float("nan"), '"NaN"'),
        ("float", float("-inf"), '"-Infinity"'),
        (logical("int", "date"), 2**31 - 1, "2147483647"),
        (logical("long", "timestamp-micros"), 2**62, str(2**62)),
        (logical("int", "time-millis"), -1, "-1"),
        (logical("bytes", "decimal", precision=4000), (10**310).to_bytes(129, "big"), f'"1{"0" * 310}"'),
    ],
)
def test_what_json_does_not_have_is_shown_and_said(kind: Any, value: Any, shown: str) -> None:
    plain = orjson.dumps({**kind, "logicalType": "none"} if isinstance(kind, dict) else kind).decode()
    found = avro.parse(orjson.dumps(kind).decode()).decode(written(plain, value))
    assert found.json.decode() == shown
    assert found.problem


def test_a_null_beside_floats_stays_null() -> None:
    text = schema(("a", ["null", "double"]), ("b", "double"))
    assert avro.parse(text).decode(written(text, {"a": None, "b": 1.5})) == (b'{"a":null,"b":1.5}', "")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"string"', "x"),
        ('["null", "long"]', 7),
        (
            '{"type": "array", "items": {"type": "record", "name": "A", "fields": [{"name": "x", "type": "int"}]}}',
            [{"x": 1}],
        ),
        ('[{"type": "record", "name": "A", "fields": [{"name": "x", "type": "int"}]}, "null"]', {"x": 1}),
    ],
)
def test_a_schema_need_not_be_a_record(text: str, value: Any) -> None:
    assert decoded(text, value) == value


def test_a_schema_may_name_others() -> None:
    money, line = schema(("units", "long"), name="shop.Money"), schema(("price", "shop.Money"), name="shop.Line")
    text = schema(("lines", {"type": "array", "items": "shop.Line"}))
    data = written(text, {"lines": [{"price": {"units": 5}}]}, money, line)
    assert avro.parse(text, [money, line]).decode(data).json == b'{"lines":[{"price":{"units":5}}]}'


def test_a_record_may_have_any_number_of_fields_that_may_be_null() -> None:
    text = schema(*[(f"f{number}", ["null", "string"]) for number in range(300)])
    value = {f"f{number}": "x" if number % 2 else None for number in range(300)}
    assert decoded(text, value) == value
    lists = schema(("all", {"type": "array", "items": orjson.loads(text)}), name="All")
    assert decoded(lists, {"all": [value, value]}) == {"all": [value, value]}


def test_fields_that_may_be_null_make_no_value_too_large() -> None:
    text = schema(*[(f"f{number}", ["null", "string"]) for number in range(12)], ("long", "string"))
    value = dict.fromkeys([f"f{number}" for number in range(12)]) | {"long": "x" * 500_000}
    assert decoded(text, value) == value


@pytest.mark.parametrize("kind", ["long", {"type": "double", "unit": "kg"}, ["null", "long"]])
def test_what_a_field_is_where_a_reader_lacks_it_does_not_matter(kind: Any) -> None:
    field = {"name": "a", "type": kind, "default": "of another type" if kind == "long" else 0}
    text = orjson.dumps({"type": "record", "name": "A", "fields": [field]}).decode()
    data = written(schema(("a", kind), name="A"), {"a": 5})
    assert orjson.loads(avro.parse(text).decode(data).json) == {"a": 5}


def test_a_long_value_of_a_schema_that_recurses_is_not_read() -> None:
    text = schema(("next", ["null", "shop.Order"]), ("text", "string"))
    short = {"next": {"next": None, "text": "b"}, "text": "a"}
    assert decoded(text, short) == short
    with pytest.raises(NotDecoded, match="recurses"):
        avro.parse(text).decode(written(text, {"next": None, "text": "x" * 1000}))
    with pytest.raises(NotDecoded, match="levels deep"):
        avro.parse(text).decode(b"\x02" * 200 + b"\x00" + b"\x00" * 201)


ANOTHER = {"type": "record", "name": "S", "fields": [{"name": "r", "type": "Order"}]}
BY_WAY_OF_ANOTHER = schema(("a", ["null", ANOTHER]), ("b", "S"))  # the first of its ways ends, the second does not
NULLS = [(f"n{number}", "null") for number in range(17)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (schema(("r", "shop.Order")), "without end"),
        (BY_WAY_OF_ANOTHER, "without end"),
        ('{"type": "array", "items": "null"}', "no byte"),
        ('{"type": "array", "items": {"type": "fixed", "name": "F", "size": 0}}', "no byte"),
        (schema(*NULLS), "no byte"),
        (schema(("either", ["null", orjson.loads(schema(*NULLS, name="N"))])), "no byte"),
        (schema(("r", "Nope")), "Nope"),
        (schema(("x" * 256, "int")), "255"),
        (schema(("e", {"type": "enum", "name": "E", "symbols": ["x" * 256]})), "255"),
        ("17", "none"),
        ("{", "none"),
        ('{"type": "record"}', "none"),
        (schema((5, "int")), "none"),  # type: ignore[arg-type]  # a name is a text
        (schema(("a", ["null", "record"]), name="record"), "none"),
    ],
)  # fmt: skip
def test_a_schema_that_could_harm_or_is_none_is_refused(text: str, reason: str) -> None:
    with pytest.raises(NotDecoded, match=reason):
        avro.parse(text)


def test_records_that_double_at_each_level_out_of_no_byte_are_refused() -> None:
    levels = [schema(("a", "null"), name="L0")]
    levels += [schema(("a", f"L{n - 1}"), ("b", f"L{n - 1}"), name=f"L{n}") for n in range(1, 40)]
    with pytest.raises(NotDecoded, match="no byte"):
        avro.parse(schema(("top", "L39"), name="Top"), levels)


@pytest.mark.parametrize("levels", [70, 700])
def test_a_schema_deeper_than_json_may_be_is_refused(levels: int) -> None:
    text = '{"type": "array", "items": ' * levels + '"int"' + "}" * levels
    with pytest.raises(NotDecoded, match="levels deep"):
        avro.parse(text)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x02x\x00", "1 bytes are left over"),
        (b"\xfe\xff\xff\xff\xffx", "ends before"),
        (b"\x01", "ends before"),
        (b"", "ends before"),
        (b"\x04\xff\xfe", "not UTF-8"),
    ],
)
def test_a_value_that_was_not_written_with_the_schema_says_so(data: bytes, reason: str) -> None:
    with pytest.raises(NotDecoded, match=reason):
        avro.parse('"string"').decode(data)


WIDE = avro.parse(
    schema(
        ("a", ["null", "long", {"type": "array", "items": "double"}]),
        ("d", logical("bytes", "decimal", precision=9)),
        ("m", {"type": "map", "values": logical("int", "date")}),
        ("e", {"type": "enum", "name": "E", "symbols": ["A"]}),
    )
)


@given(st.binary(max_size=60))
def test_no_bytes_do_more_than_not_decode(data: bytes) -> None:
    try:
        found = WIDE.decode(data)
    except NotDecoded:
        return
    orjson.loads(found.json)


# Container files --------------------------------------------------------------------------------------------------


def container(
    records: list[Any],
    codec: str = "null",
    text: str = '{"type": "record", "name": "A", "fields": [{"name": "n", "type": "long"}]}',
) -> bytes:
    data = io.BytesIO()
    fastavro.writer(data, orjson.loads(text), records, codec=codec)
    return data.getvalue()


@pytest.mark.parametrize("codec", ["null", "deflate"])
def test_a_container_file_is_the_list_of_its_records(codec: str) -> None:
    records = [{"n": number} for number in range(50)]
    assert orjson.loads(avro_container.decode(container(records, codec)).json) == records


def test_a_container_file_that_unpacks_to_too_much_is_refused() -> None:
    text = '{"type": "record", "name": "A", "fields": [{"name": "t", "type": "string"}]}'
    with pytest.raises(NotDecoded, match="larger than"):
        avro_container.decode(container([{"t": "x" * 3_000_000}], "deflate", text))


@pytest.mark.parametrize("cut", [3, 60, -1])
def test_a_container_file_that_is_cut_says_so(cut: int) -> None:
    with pytest.raises(NotDecoded):
        avro_container.decode(container([{"n": 1}])[:cut])


def test_a_codec_that_is_not_read_is_named() -> None:
    data = container([{"n": 1}]).replace(b"avro.codec\x08null", b"avro.codec\x08rare")
    with pytest.raises(NotDecoded, match="codec rare"):
        avro_container.decode(data)


def test_decimals_are_those_that_were_written() -> None:
    text = orjson.dumps(logical("bytes", "decimal", precision=20, scale=3)).decode()
    assert avro.parse(text).decode(written(text, Decimal("12345678901234567.125"))).json == b"12345678901234567.125"
