"""Row `decode`: records of Avro and Protobuf from Kafka into one hub, beside the same way with JSON.

As a program, `python -m tests.bench.decoding avro|protobuf|json TOPIC COUNT`, it prints records a second.
"""

from __future__ import annotations

import io
import json
import sys
import time

import django
import fastavro

from tests.bench.measure import Series
from tests.bench.run import Line, Run

READ = 200_000  # records of one turn
AVRO = {
    "type": "record",
    "name": "shop.Order",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "customer", "type": ["null", "string"]},
        {"name": "total", "type": "long"},
        {"name": "weight", "type": "double"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "state", "type": {"type": "enum", "name": "State", "symbols": ["NEW", "PAID"]}},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {"name": "note", "type": "string"},
    ],
}
PROTO = """syntax = "proto3"; package shop;
message Order {
  enum State { NEW = 0; PAID = 1; }
  string id = 1; string customer = 2; int64 total = 3; double weight = 4; int64 at = 5; State state = 6;
  repeated string tags = 7; string note = 8;
}"""
NOTE = "x" * 80
SCHEMAS = {"avro": json.dumps(AVRO), "protobuf": PROTO, "json": ""}
AIMS = {"avro": 60.0, "protobuf": 20.0}  # thousand records a second


def order(number: int) -> dict[str, object]:
    return {
        "id": f"order-{number}", "customer": "Ada", "total": 2**40 + number, "weight": 1.25,
        "at": time.time_ns() // 1_000_000, "state": "PAID", "tags": ["a", "b"], "note": NOTE,
    }  # fmt: skip


def written(form: str, count: int) -> list[bytes]:
    """Values of one format, all of the same order but for its number."""
    if form == "json":
        return [json.dumps(order(number)).encode() for number in range(count)]
    if form == "avro":
        schema, values = fastavro.parse_schema(AVRO), []
        for number in range(count):
            data = io.BytesIO()
            fastavro.schemaless_writer(data, schema, order(number))
            values.append(data.getvalue())
        return values
    from streams.decoding import protobuf

    empty = protobuf.parse(PROTO).type_named("").parse(b"")
    return [type(empty)(**{**order(number), "state": 1}).SerializeToString() for number in range(count)]


def decode(run: Run) -> list[Line]:
    """Records a second from Kafka into one hub, decoded on the way."""
    from tests.bench.kafka import _speed, pinned_services
    from tests.support import processes, services

    with pinned_services("kafka") as found:
        kafka: services.Kafka = found["kafka"]  # type: ignore[assignment]
        topics = {form: kafka.create_topic(partitions=4) for form in SCHEMAS}
        for form, topic in topics.items():
            values = written(form, READ // 4)
            for partition in range(4):
                kafka.produce(topic, values, key=b"1", partition=partition)
        env = processes.environment(
            DATABASE_URL=f"sqlite:///{run.database}",
            KAFKA_BOOTSTRAP_SERVERS=kafka.address,
            TEST_RUN_DIR=str(run.folder),
        )
        speeds = {form: Series() for form in topics}
        for _ in range(run.rounds):
            for form, topic in topics.items():
                speeds[form].values.append(_speed("decoding", form, topic, str(READ), env=env, cwd=run.tree) / 1000)
    return [
        Line(f"decode: {form}, Kafka → one hub", speeds[form], "k records/s", "as JSON", speeds["json"], form="{:.0f}",
             note=f"aim: at least {aim:.0f} k/s")
        for form, aim in AIMS.items()
    ]  # fmt: skip


def main() -> None:
    """Prints how many records a second of a topic come into a hub, decoded by its format."""
    form, topic, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    django.setup()
    import uvloop

    from streams.decoding import carried, parts
    from streams.runtime import interpreter
    from tests.bench import paths

    interpreter.settle()

    async def measured() -> float:
        if form != "json":
            carried.put(carried.Carried(topic, parts.form(form, SCHEMAS[form], "")))
        return await paths.fan_out(topic, count)

    print(json.dumps(uvloop.run(measured())))


if __name__ == "__main__":
    main()
