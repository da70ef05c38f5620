"""Values as confluent-kafka's serialisers write them: `python serialise.py REGISTRY_URL`, in an environment of its own.

Prints a line of JSON for each: what it shows (`case`), the bytes in base64, the headers that the serialiser added, and
the JSON that has to come of it.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import sys
import uuid
from decimal import Decimal
from typing import Any

from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
from confluent_kafka.schema_registry import header_schema_id_serializer as in_headers
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import timestamp_pb2  # noqa: F401 - its file has to be in the pool
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import Default
from google.protobuf.json_format import ParseDict
from google.protobuf.message_factory import GetMessageClass

INT64, STRING, MESSAGE, ENUM = 3, 9, 11, 14  # types of fields
OPTIONAL, REPEATED = 1, 3
# The registry tells a schema's GUID with its versions, not when it is registered.
IN_HEADERS = {"schema.id.serializer": in_headers, "auto.register.schemas": False, "use.latest.version": True}


def tell(case: str, serialise: Any, value: Any, expected: Any) -> None:
    topic = f"peer-{case}"
    headers: Any = []
    data = serialise(value, SerializationContext(topic, MessageField.VALUE, headers))
    told = [[name, base64.b64encode(header).decode()] for name, header in headers]
    print(json.dumps({"case": case, "data": base64.b64encode(data).decode(), "headers": told, "expected": expected}))


def avro(registry: SchemaRegistryClient) -> None:
    schema = {
        "type": "record",
        "name": "shop.Order",
        "fields": [
            {"name": "n", "type": "long"},
            {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}},
            {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
            {"name": "on", "type": {"type": "int", "logicalType": "date"}},
            {"name": "who", "type": ["null", {"type": "string", "logicalType": "uuid"}]},
            {"name": "more", "type": {"type": "map", "values": ["null", "double"]}},
        ],
    }
    value = {
        "n": 2**53 + 1,
        "price": Decimal("12.50"),
        "at": dt.datetime(2023, 11, 14, 22, 13, 20, 123000, tzinfo=dt.UTC),
        "on": dt.date(2023, 11, 14),
        "who": uuid.UUID(int=1),
        "more": {"a": None, "b": 0.5},
    }
    expected = {
        "n": 2**53 + 1,
        "price": 12.50,
        "at": "2023-11-14T22:13:20.123Z",
        "on": "2023-11-14",
        "who": str(uuid.UUID(int=1)),
        "more": {"a": None, "b": 0.5},
    }
    tell("avro", AvroSerializer(registry, json.dumps(schema)), value, expected)
    registry.register_schema("peer-avro-in-headers-value", Schema(json.dumps(schema), "AVRO"))
    by_guid = AvroSerializer(registry, json.dumps(schema), conf=IN_HEADERS)
    tell("avro-in-headers", by_guid, value, expected)
    money = '{"type": "record", "name": "shop.Money", "fields": [{"name": "units", "type": "long"}]}'
    registry.register_schema("peer-money", Schema(money, "AVRO"))
    line = '{"type": "record", "name": "shop.Line", "fields": [{"name": "price", "type": "shop.Money"}]}'
    references = [SchemaReference("shop.Money", "peer-money", 1)]
    serialise = AvroSerializer(registry, Schema(line, "AVRO", references))
    tell("avro-references", serialise, {"price": {"units": 5}}, {"price": {"units": 5}})


def field(message: Any, name: str, number: int, kind: int, label: int = OPTIONAL, *, of: str = "") -> None:
    message.field.add(name=name, number=number, type=kind, label=label, **({"type_name": of} if of else {}))


def protobuf(registry: SchemaRegistryClient) -> None:
    money = FileDescriptorProto(name="peer/money.proto", package="peer", syntax="proto3")
    field(money.message_type.add(name="Money"), "units", 1, INT64)
    shop = FileDescriptorProto(name="peer/shop.proto", package="peer", syntax="proto3")
    shop.dependency.extend(["peer/money.proto", "google/protobuf/timestamp.proto"])
    field(shop.message_type.add(name="First"), "text", 1, STRING)
    order = shop.message_type.add(name="Order")
    entry = order.nested_type.add(name="CountsEntry")
    entry.options.map_entry = True
    field(entry, "key", 1, STRING)
    field(entry, "value", 2, INT64)
    field(order.nested_type.add(name="Line"), "sku", 1, STRING)
    state = order.enum_type.add(name="State")
    state.value.add(name="NEW", number=0)
    state.value.add(name="PAID", number=1)
    field(order, "total", 1, INT64)
    field(order, "price", 2, MESSAGE, of=".peer.Money")
    field(order, "at", 3, MESSAGE, of=".google.protobuf.Timestamp")
    field(order, "lines", 4, MESSAGE, REPEATED, of=".peer.Order.Line")
    field(order, "counts", 5, MESSAGE, REPEATED, of=".peer.Order.CountsEntry")
    field(order, "state", 6, ENUM, of=".peer.Order.State")
    pool = Default()
    for file in (money, shop):
        pool.AddSerializedFile(file.SerializeToString())

    def tell_message(case: str, name: str, given: Any, expected: Any, **conf: Any) -> None:
        kind = GetMessageClass(pool.FindMessageTypeByName(f"peer.{name}"))
        serialise = ProtobufSerializer(kind, registry, {"use.deprecated.format": False, **conf})
        tell(case, serialise, ParseDict(given, kind()), expected)

    given = {
        "total": 2**62, "price": {"units": 5}, "at": "2023-11-14T22:13:20.5Z", "lines": [{"sku": "a"}],
        "counts": {"x": 1}, "state": "PAID",
    }  # fmt: skip
    expected = {**given, "at": "2023-11-14T22:13:20.500000000Z"}
    tell_message("protobuf", "Order", given, expected)
    tell_message("protobuf-first", "First", {"text": "x"}, {"text": "x"})
    tell_message("protobuf-nested", "Order.Line", {"sku": "a"}, {"sku": "a"})
    registry.register_schema(
        "peer-protobuf-in-headers-value", registry.get_latest_version("peer-protobuf-first-value").schema
    )
    tell_message("protobuf-in-headers", "First", {"text": "x"}, {"text": "x"}, **IN_HEADERS)


def json_schema(registry: SchemaRegistryClient) -> None:
    schema = {"title": "Order", "type": "object", "properties": {"n": {"type": "integer"}}}
    tell("json-schema", JSONSerializer(json.dumps(schema), registry), {"n": 7}, {"n": 7})


if __name__ == "__main__":
    asked = SchemaRegistryClient({"url": sys.argv[1]})
    for part in (avro, protobuf, json_schema):
        part(asked)
