"""Protobuf messages as exact JSON, and how their schemas are compiled."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from streams.decoding import protobuf, protoc
from streams.decoding.exact import NotDecoded

MONEY = 'syntax = "proto3"; package other; message Money { int64 units = 1; }'
ORDERS = """
syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/wrappers.proto";
import "other/money.proto";
message Zeta { string text = 1; }
message Order {
  enum State { NEW = 0; PAID = 1; }
  string id = 1;
  int64 total = 2;
  google.protobuf.Timestamp at = 3;
  repeated Line lines = 4;
  map<int32, int64> counts = 5;
  State state = 6;
  double weight = 7;
  other.Money money = 8;
  optional bool gift = 9;
  bytes raw = 10;
  google.protobuf.Duration took = 11;
  google.protobuf.Struct more = 12;
  google.protobuf.Int64Value maybe = 13;
  repeated State states = 14;
  uint64 huge = 15;
  Order parent = 16;
  oneof who { string name = 17; int32 number = 18; }
  message Line { string sku = 1; int32 count = 2; }
}
"""


@pytest.fixture(scope="module")
def orders() -> protobuf.Protobuf:
    return protobuf.parse(ORDERS, [("other/money.proto", MONEY)])


def message(orders: protobuf.Protobuf, name: str = "Order") -> Any:
    return type(orders.type_named(name).parse(b""))()


def shown(orders: protobuf.Protobuf, value: Message) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(orders.type_named("Order").decode(value.SerializeToString()).json)
    return found


def test_every_kind_of_field_has_its_json(orders: protobuf.Protobuf) -> None:
    order = message(orders)
    order.id, order.total, order.state, order.weight, order.raw, order.huge = "a", 2**62, 1, 0.5, b"\x00\xff", 2**64 - 1
    order.at.seconds, order.at.nanos = 1_700_000_000, 5
    order.took.seconds, order.took.nanos = 1, 500_000_000
    order.lines.add(sku="s", count=3)
    order.counts[-1] = 2**53 + 1
    order.money.units, order.maybe.value, order.number = 7, 9, 0
    order.states.extend([1, 5])
    order.more.update({"x": [1, None, {"y": "z"}]})
    found = orders.type_named("shop.Order").decode(order.SerializeToString())
    assert found.problem == ""
    assert orjson.loads(found.json) == {
        "id": "a", "total": 2**62, "at": "2023-11-14T22:13:20.000000005Z", "lines": [{"sku": "s", "count": 3}],
        "counts": {"-1": 2**53 + 1}, "state": "PAID", "weight": 0.5, "money": {"units": 7}, "raw": "AP8=",
        "took": "1.5s", "more": {"x": [1, None, {"y": "z"}]}, "maybe": 9, "states": ["PAID", 5], "huge": 2**64 - 1,
        "number": 0,
    }  # fmt: skip


def test_fields_without_presence_are_there_at_their_default_and_others_are_not(orders: protobuf.Protobuf) -> None:
    found = shown(orders, message(orders))
    assert found["total"] == 0
    assert found["lines"] == []
    assert not found.keys() & {"gift", "parent", "maybe", "name", "at"}


def test_infinities_are_text_and_said(orders: protobuf.Protobuf) -> None:
    found = orders.type_named("Order").decode(message(orders).__class__(weight=float("-inf")).SerializeToString())
    assert b'"weight":"-Infinity"' in found.json
    assert "infinity" in found.problem


def test_nan_in_a_struct_is_text_too_and_said() -> None:
    text = 'import "google/protobuf/struct.proto"; message A { google.protobuf.Struct more = 1; }'
    alone = protobuf.parse(f'syntax = "proto3"; {text}').type_named("A")
    value: Any = alone.parse(b"")
    value.more.fields["n"].number_value = float("nan")
    found = alone.write(value)
    assert found.json == b'{"more":{"n":"NaN"}}'
    assert "NaN" in found.problem


def test_a_message_deeper_than_json_may_be_says_so(orders: protobuf.Protobuf) -> None:
    order = message(orders)
    inner = order
    for _ in range(70):
        inner = inner.parent
    inner.id = "x"
    with pytest.raises(NotDecoded, match="levels deep"):
        orders.type_named("Order").decode(order.SerializeToString())


def test_many_empty_messages_are_no_way_to_make_much_of_little(orders: protobuf.Protobuf) -> None:
    with pytest.raises(NotDecoded, match="parts"):
        orders.type_named("Order").decode(b"\x22\x00" * 40_000)


def test_fields_that_the_schema_does_not_know_are_told(orders: protobuf.Protobuf) -> None:
    found = orders.type_named("Zeta").decode(b"\x0a\x01x\x10\x05")
    assert found == (b'{"text":"x"}', "1 field in it is not in the schema.")


@pytest.mark.parametrize(
    ("begin", "name"),
    [
        (b"\x00", "shop.Zeta"),
        (b"\x02\x00", "shop.Zeta"),
        (b"\x02\x02", "shop.Order"),
        (b"\x04\x02\x00", "shop.Order.Line"),  # as one counts that does not take the entries of maps for messages
        (b"\x04\x02\x02", "shop.Order.Line"),  # as one that does, when Line stands behind them
        (b"\x01\x01", "shop.Order"),  # no zigzag
    ],
)
def test_the_indexes_say_which_message_it_is(orders: protobuf.Protobuf, begin: bytes, name: str) -> None:
    _, found = orders.decode_indexed(begin)
    assert found == name


@pytest.mark.parametrize("data", [b"", b"\xff\xff\xff\xff\xff", b"\x02\x50", b"\x02\x02\xff"])
def test_indexes_that_lead_nowhere_say_so(orders: protobuf.Protobuf, data: bytes) -> None:
    with pytest.raises(NotDecoded):
        orders.decode_indexed(data)


@given(data=st.binary(max_size=40))
def test_no_bytes_do_more_than_not_decode(orders: protobuf.Protobuf, data: bytes) -> None:
    for decode in (orders.decode_indexed, orders.type_named("Order").decode):
        try:
            found: Any = decode(data)
        except NotDecoded:
            continue
        orjson.loads(found[0][0] if isinstance(found[0], tuple) else found[0])


def test_a_message_is_found_by_its_name_and_the_others_are_named(orders: protobuf.Protobuf) -> None:
    assert orders.type_named("").name == "shop.Zeta"
    assert orders.type_named("Order.Line").name == "shop.Order.Line"
    with pytest.raises(NotDecoded, match=r"shop\.Zeta, shop\.Order, shop\.Order\.Line"):
        orders.type_named("Nope")


# Schemas ----------------------------------------------------------------------------------------------------------


def described(text: str, *references: protoc.Reference) -> FileDescriptorProto:
    return FileDescriptorProto.FromString(protoc.compile_schema(text, references).serialized_pb)


def as_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_a_schema_may_be_base64_of_descriptors() -> None:
    money = described(MONEY)
    money.name = "other/money.proto"
    orders = described(ORDERS, ("other/money.proto", MONEY))
    alone = protobuf.parse(
        as_base64(orders.SerializeToString()), [("other/money.proto", as_base64(money.SerializeToString()))]
    )
    assert alone.type_named("Order").name == "shop.Order"
    mixed = protobuf.parse(as_base64(orders.SerializeToString()), [("other/money.proto", MONEY)])
    assert mixed.type_named("Order").name == "shop.Order"
    text = protobuf.parse(ORDERS, [("other/money.proto", as_base64(money.SerializeToString()))])
    assert text.type_named("Order").name == "shop.Order"
    together = protobuf.parse(as_base64(FileDescriptorSet(file=[money, orders]).SerializeToString()))
    assert together.type_named("Order").name == "shop.Order"
    assert together.type_named("other.Money").name == "other.Money"


def test_a_message_may_stand_in_any_file_of_a_set_whatever_the_others_are() -> None:
    money, broken = described(MONEY), FileDescriptorProto(name="broken.proto", dependency=["nowhere.proto"])
    money.name = "money.proto"
    main = described('syntax = "proto3"; package shop; message Order {}')
    together = protobuf.parse(as_base64(FileDescriptorSet(file=[broken, money, main]).SerializeToString()))
    assert together.type_named("other.Money").decode(b"\x08\x07").json == b'{"units":7}'
    assert together.type_named("").name == "shop.Order"
    with pytest.raises(NotDecoded, match=r"no message Money; it has shop\.Order"):
        together.type_named("Money")


def test_what_serialisers_register_nowhere_is_there() -> None:
    text = """syntax = "proto3"; package shop;
    import "confluent/meta.proto"; import "confluent/type/decimal.proto";
    import "google/type/date.proto"; import "google/type/timeofday.proto";
    message Order {
      confluent.type.Decimal price = 1 [(confluent.field_meta) = {params: [{key: "precision", value: "9"}]}];
      google.type.Date day = 2;
      google.type.TimeOfDay at = 3;
    }"""
    data = b"\x0a\x06\x0a\x02\x04\xe2\x18\x02\x12\x03\x08\xea\x0f"
    for schema in (text, as_base64(described(text).SerializeToString())):
        found = protobuf.parse(schema).type_named("Order").decode(data)
        assert found == (b'{"price":12.50,"day":{"year":2026,"month":0,"day":0}}', "")


@pytest.mark.parametrize(
    ("text", "references", "reason"),
    [
        ("message", [], "cannot be compiled: 1:"),
        (ORDERS, [], "other/money.proto"),
        (ORDERS, [("../../etc/passwd", MONEY)], "leads elsewhere"),
        (ORDERS, [("/tmp/money.proto", MONEY)], "leads elsewhere"),
        ('syntax = "proto3"; import "schema.proto"; message A {}', [], "cannot be compiled"),
        ('syntax = "proto3";', [], "no message"),
        ("", [], "no message"),
    ],
)
def test_a_schema_that_cannot_be_compiled_says_why(text: str, references: list[protoc.Reference], reason: str) -> None:
    with pytest.raises(NotDecoded, match=reason):
        protobuf.parse(text, references).type_named("")


def test_descriptors_that_import_each_other_are_refused() -> None:
    first, second = FileDescriptorProto(name="a", dependency=["b"]), FileDescriptorProto(name="b", dependency=["a"])
    with pytest.raises(NotDecoded, match="imports itself"):
        protobuf.parse(as_base64(FileDescriptorSet(file=[first, second]).SerializeToString()))
