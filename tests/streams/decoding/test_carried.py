"""What a topic carries decides what is shown of its records; and nothing of that loses or holds up a record."""

from __future__ import annotations

import asyncio
import io
import json
import struct
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import fastavro
import msgpack
import orjson
import pytest
from asgiref.sync import sync_to_async
from django.test import TransactionTestCase

from streams.decoding import carried, parts, stored
from streams.decoding import registry as asked
from streams.decoding.carried import DECODED_BYTES, Carried
from streams.decoding.exact import Exact
from streams.decoding.parts import Format, Missing
from streams.decoding.schemas import Id, Schema, make
from streams.models import Topic
from streams.wire.ranges import Wholes
from streams.wire.records import encode_raw

AVRO = '{"type": "record", "name": "shop.Order", "fields": [{"name": "n", "type": "long"}]}'
TEXTS = '{"type": "record", "name": "shop.Text", "fields": [{"name": "t", "type": "string"}]}'
PROTO = 'syntax = "proto3"; package shop; message Order { int64 n = 1; }'
GUID = uuid.UUID("12345678-1234-5678-1234-567812345678")


@dataclass
class Polled:
    value: bytes | None
    key: bytes | None = b"k"
    headers: Sequence[tuple[str, bytes | None]] = ()
    offset: int = 7
    timestamp: int = 1000


class Known(asked.Registry):
    """A registry that has answered these, and no other."""

    def __init__(self, **schemas: Schema | str) -> None:
        super().__init__(asked.Access("http://127.0.0.1:1"))
        self.schemas: dict[Id, Schema | str] = {int(name[1:]): schema for name, schema in schemas.items()}
        self.wanted: list[Id] = []

    def known(self, schema_id: Id) -> Schema | str | None:
        return self.schemas.get(schema_id)

    async def learn(self, ids: Any) -> None:
        self.wanted += sorted(ids, key=str)


def shown(topic: Carried, raw: Any, *, whole: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(topic.encode(raw, whole=whole, is_last=True).data)
    return found


def framed(number: int, data: bytes) -> bytes:
    return b"\x00" + number.to_bytes(4, "big") + data


def of_format(name: str, text: str = "", message: str = "") -> Carried:
    return Carried("t", parts.form(name, text, message))


def with_registry(**schemas: Schema | str) -> Carried:
    return Carried("t", asked=Known(**schemas))


# Formats ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw", [Polled(b'{"n": 1.50}'), Polled(b"text"), Polled(b"\xff"), Polled(None), Polled(b"", None)]
)
def test_auto_without_a_registry_is_what_it_always_was(raw: Any) -> None:
    assert Carried("t").is_plain
    assert Carried("t").encode(raw) == encode_raw(raw)
    assert with_registry().encode(raw) == encode_raw(raw)


@pytest.mark.parametrize(
    ("name", "data", "value"),
    [
        ("int64", struct.pack(">q", 5), 5),
        ("uuid", GUID.bytes, str(GUID)),
        ("msgpack", msgpack.packb({"a": [1]}), {"a": [1]}),
        ("cbor", b"\xa1\x61a\x81\x01", {"a": [1]}),
    ],
)
def test_formats_that_need_no_schema(name: str, data: bytes, value: Any) -> None:
    record = shown(of_format(name), Polled(data))
    assert (record["encoding"], record["value"], record["format"]) == ("json", value, name)
    assert "schema" not in record
    assert "problem" not in record


@pytest.mark.parametrize(
    ("name", "data", "encoding", "value"),
    [
        ("text", b'{"n":1}', "text", '{"n":1}'),
        ("hex", b"\x00\xff", "text", "00ff"),
        ("base64", b"text", "base64", "dGV4dA=="),
        ("json", b'{"n":1}', "json", {"n": 1}),
    ],
)
def test_formats_that_show_the_bytes(name: str, data: bytes, encoding: str, value: Any) -> None:
    record = shown(of_format(name), Polled(data))
    assert (record["encoding"], record["value"]) == (encoding, value)
    assert "problem" not in record


@pytest.mark.parametrize(
    ("name", "data", "problem"),
    [
        ("json", b"{", "It is not JSON."),
        ("text", b"\xff", "UTF-8"),
        ("int32", b"12345", "this one has 5"),
        ("cbor", b"\x01\x01", "left over"),
        ("avro", b"\x02", "no schema registry"),
        ("protobuf", b"\x02", "no schema registry"),
    ],
)
def test_what_is_not_as_its_format_says_is_shown_as_ever_with_the_problem(name: str, data: bytes, problem: str) -> None:
    record = shown(of_format(name), Polled(data))
    assert problem in record.pop("problem")
    assert record == json.loads(encode_raw(Polled(data)).data)


def test_a_topic_may_have_a_schema_of_its_own() -> None:
    record = shown(of_format("avro", AVRO), Polled(b"\x0e"))
    assert (record["value"], record["format"]) == ({"n": 7}, "avro")
    assert record["schema"] == {"id": None, "name": "shop.Order"}
    record = shown(of_format("protobuf", PROTO, "Order"), Polled(b"\x08\x07"))
    assert (record["value"], record["schema"]["name"]) == ({"n": 7}, "shop.Order")


def test_what_nobody_thought_of_stops_no_topic_and_is_logged_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(data: bytes) -> Exact:
        raise RuntimeError("a mistake in a decoder")

    monkeypatch.setitem(parts._ALONE, "cbor", broken)
    topic = of_format("cbor")
    for _ in range(2):
        record = shown(topic, Polled(b"\xff"))
        assert record["encoding"] == "base64"
        assert record["problem"] == "It could not be decoded; the server's log says why."
    assert len(caplog.records) == 1


def test_a_schema_of_its_own_that_is_no_use_is_each_records_problem() -> None:
    assert "cannot be used" in shown(of_format("avro", "{"), Polled(b"\x0e"))["problem"]
    assert "no message Nope" in shown(of_format("protobuf", PROTO, "Nope"), Polled(b"\x08\x07"))["problem"]


def test_keys_have_a_format_of_their_own() -> None:
    topic = Carried("t", key=parts.form("int64", "", ""))
    record = shown(topic, Polled(b'{"n":1}', struct.pack(">q", 5)))
    assert (record["key"], record["key_format"]) == ("5", "int64")
    assert (record["value"], "format" in record) == ({"n": 1}, False)
    record = shown(topic, Polled(b'{"n":1}', b"x"))
    assert record["key"] == "x"
    assert record["problem"].startswith("The key: A value of the format int64 has 8 bytes")
    assert shown(topic, Polled(b"{}", None))["key"] is None


# The registry's header --------------------------------------------------------------------------------------------


def test_auto_takes_the_registrys_header_for_values_and_keys() -> None:
    topic = with_registry(_17=make("avro", AVRO, id=17, subjects=[("x-value", 2), ("t-value", 3)]))
    record = shown(topic, Polled(framed(17, b"\x0e"), framed(17, b"\x02")))
    assert (record["value"], record["format"], record["size"]) == ({"n": 7}, "avro", 6)
    assert record["schema"] == {"id": 17, "subject": "t-value", "version": 3, "name": "shop.Order"}
    assert (record["key"], record["key_format"], record["key_schema"]["id"]) == ('{"n":1}', "avro", 17)


def test_json_under_a_json_schema_is_shown_as_it_was_written() -> None:
    topic = with_registry(_5=make("json-schema", '{"title": "Order"}', id=5))
    data = topic.encode(Polled(framed(5, b'{"n": 1.50}'))).data
    assert b'"value":{"n": 1.50}' in data
    assert b'"format":"json-schema","schema":{"id":5,"name":"Order"}' in data
    assert "not JSON" in shown(topic, Polled(framed(5, b"{")))["problem"]


def test_protobuf_by_the_registry_begins_with_its_indexes() -> None:
    topic = with_registry(_3=make("protobuf", PROTO, id=3))
    assert shown(topic, Polled(framed(3, b"\x00\x08\x07")))["value"] == {"n": 7}


def test_a_guid_in_the_headers_names_the_schema() -> None:
    known = Known()
    known.schemas = {GUID: make("avro", AVRO, id=GUID)}
    topic = Carried("t", asked=known)
    header = b"\x01" + GUID.bytes
    record = shown(topic, Polled(b"0", b"\x02", [("__value_schema_id", header), ("__key_schema_id", header)]))
    assert (record["value"], record["key"]) == ({"n": 24}, '{"n":1}')
    assert record["schema"]["id"] == str(GUID)


@pytest.mark.parametrize("data", [framed(0, b"\x0e"), b"\x00\x00\x00", b"\x01\x00\x00\x00\x11\x0e"])
def test_what_names_no_schema_is_text_or_bytes(data: bytes) -> None:
    assert with_registry().encode(Polled(data)) == encode_raw(Polled(data))


def test_what_the_registry_says_instead_of_a_schema_is_the_problem() -> None:
    topic = with_registry(_17="Schema 17 is unknown to the registry.")
    record = shown(topic, Polled(framed(17, b"\xff\x0e")))
    assert record["problem"] == "Schema 17 is unknown to the registry."
    assert record["encoding"] == "base64"


def test_a_value_that_does_not_fit_its_schema_says_so_and_keeps_its_bytes() -> None:
    record = shown(with_registry(_17=make("avro", AVRO, id=17)), Polled(framed(17, b"\x0e\x01\x02")), whole=True)
    assert "2 bytes are left over" in record["problem"]
    assert record["raw"] == "AAAAABEOAQI="


async def test_a_batch_waits_once_for_all_schemas_that_it_needs_and_is_whole_without_them() -> None:
    known = Known()
    topic = Carried("t", asked=known)
    polled = [Polled(framed(2, b"\x0e"), offset=1), Polled(b"{}", offset=2), Polled(framed(1, b"\x0e"), offset=3)]
    records = await topic.encode_all(polled)
    assert known.wanted == [1, 2]
    assert [record.offset for record in records] == [1, 2, 3]
    assert "not known yet" in json.loads(records[0].data)["problem"]
    assert "problem" not in json.loads(records[1].data)
    known.schemas = {1: make("avro", AVRO, id=1), 2: make("avro", AVRO, id=2)}
    assert [json.loads(record.data)["value"] for record in await topic.encode_all(polled)] == [{"n": 7}, {}, {"n": 7}]


def test_one_who_decodes_at_once_is_told_which_schema_is_missing() -> None:
    with pytest.raises(Missing) as missing:
        with_registry().decode(Polled(framed(9, b"\x0e")))
    assert missing.value.id == 9


def test_others_get_the_exact_json_of_a_value() -> None:
    topic = with_registry(_17=make("avro", AVRO, id=17))
    for data, expected in ((framed(17, b"\x0e"), b'{"n":7}'), (b'{"n": 1}', b'{"n": 1}'), (b"text", None)):
        raw = Polled(data)
        assert topic.decode(raw).json(raw) == expected


SCHEMA = """{"type": "record", "name": "shop.Order", "fields": [
    {"name": "n", "type": "long"}, {"name": "x", "type": "double"}, {"name": "t", "type": "string"}]}"""


def avro_order(text: str = "x", x: float = 0.5) -> bytes:
    data = io.BytesIO()
    fastavro.schemaless_writer(data, fastavro.parse_schema(orjson.loads(SCHEMA)), {"n": 7, "x": x, "t": text})
    return data.getvalue()


@pytest.mark.parametrize("head", [b"", framed(17, b"")])
def test_by_a_schema_that_was_met_before_a_record_is_what_it_was_at_first(
    head: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fresh() -> Carried:
        return with_registry(_17=make("avro", SCHEMA, id=17)) if head else of_format("avro", SCHEMA)

    usual = Polled(head + avro_order())
    others = [
        Polled(head + avro_order(x=float("nan"))), Polled(head + avro_order() + b"1"), Polled(head + avro_order()[:-1]),
        Polled(head + avro_order("x" * 8_180)), Polled(head + avro_order("x" * 9_000)), Polled(head), Polled(b""),
        Polled(None), Polled(framed(18, avro_order())), Polled(b'{"n": 1}'), Polled(usual.value, None),
        Polled(usual.value, b"\xff"), Polled(usual.value, b"\0key"), Polled(usual.value, framed(17, avro_order(x=0.0))),
        Polled(usual.value, b"k" * 2_000), Polled(usual.value, headers=[("a", b"1")]),
        Polled(usual.value, timestamp=-1), Polled(avro_order(), headers=[("__value_schema_id", b"\0\0\0\0\x11")]),
    ]  # fmt: skip
    topic, first = fresh(), fresh().encode(usual)
    assert topic.encode(usual) == first
    for raw in others:
        wholes, at_first = Wholes(), Wholes()
        assert topic.encode(raw, is_last=True, wholes=wholes) == fresh().encode(raw, is_last=True, wholes=at_first)
        assert wholes.values == at_first.values

    monkeypatch.setattr(parts.Part, "show", None)
    assert topic.encode(usual) == first  # without a second look at what its schema is


def test_a_schema_that_headers_named_says_nothing_of_values_without_them() -> None:
    value = avro_order("aaaa\x14" + "b" * 10)  # behind its first five bytes it is another order
    topic = with_registry(_17=make("avro", SCHEMA, id=17))
    record = shown(topic, Polled(value, headers=[("__value_schema_id", b"\0\0\0\0\x11")]))
    assert record["value"]["t"] == "aaaa\x14" + "b" * 10
    assert topic.encode(Polled(value)) == encode_raw(Polled(value))


# Bounds -----------------------------------------------------------------------------------------------------------


def avro_text(size: int) -> bytes:
    data = io.BytesIO()
    fastavro.schemaless_writer(data, fastavro.parse_schema(orjson.loads(TEXTS)), {"t": "x" * size})
    return data.getvalue()


async def test_large_values_are_cut_larger_ones_are_left_and_both_are_there_when_opened() -> None:
    topic = of_format("avro", TEXTS)
    cut, left = await topic.encode_all([Polled(avro_text(20_000)), Polled(avro_text(DECODED_BYTES))])
    record = json.loads(cut.data)
    assert (record["encoding"], record["cut"], record["format"]) == ("text", ["value"], "avro")
    assert record["value"].startswith('{"t":"xxx')
    assert "decoded when it is opened" in json.loads(left.data)["problem"]
    whole = json.loads((await topic.encode_whole(Polled(avro_text(DECODED_BYTES)))).data)
    assert whole["value"] == {"t": "x" * DECODED_BYTES}


async def test_what_travels_cut_is_kept_whole_as_it_is_shown() -> None:
    large, small, left = avro_text(20_000), avro_text(10), avro_text(DECODED_BYTES)
    polled = [Polled(data, offset=number) for number, data in enumerate((large, small, left, large[:9_000]))]
    wholes = Wholes()
    await of_format("avro", TEXTS).encode_all(polled, wholes)
    assert wholes.values == {0: b'{"t":"%b"}' % (b"x" * 20_000), 3: large[:9_000]}
    for as_they_are in (Carried("t"), with_registry()):
        wholes = Wholes()
        await as_they_are.encode_all(polled, wholes)
        assert wholes.values == {0: large, 3: large[:9_000]}


async def test_decoding_lets_the_loop_have_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carried, "SLICE_S", 0.0)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    await of_format("avro", AVRO).encode_all([Polled(b"\x0e")] * 320)
    counting.cancel()
    assert turns >= 15


# In the database --------------------------------------------------------------------------------------------------


class LookTests(TransactionTestCase):
    async def test_a_change_is_seen_at_the_next_look(self) -> None:
        row = await sync_to_async(Topic.objects.create)(name="orders.v1")
        try:
            await stored.look()
            assert carried.of("orders.v1").is_plain
            row.value_format, row.value_schema = "avro", AVRO
            await sync_to_async(row.save)(update_fields=["value_format", "value_schema"])
            await stored.look()
            assert shown(carried.of("orders.v1"), Polled(b"\x0e"))["value"] == {"n": 7}
            same = carried.of("orders.v1")
            await stored.look()
            assert carried.of("orders.v1") is same
            await sync_to_async(row.delete)()
            await stored.look()
            assert carried.of("orders.v1").is_plain
        finally:
            carried.forget()

    async def test_what_is_shown_of_a_record_names_its_schema(self) -> None:
        topic = with_registry(_17=make("avro", AVRO, id=17))
        found = await topic.schema_of(Polled(framed(17, b"\x0e")), "value")
        assert found is not None
        assert found[0].text == AVRO
        assert orjson.loads(found[1]) == {"id": 17, "name": "shop.Order"}
        assert await topic.schema_of(Polled(b"{}"), "value") is None


def test_a_format_without_a_use_for_it_takes_no_schema() -> None:
    assert parts.form("text", AVRO, "") == Format("text")
