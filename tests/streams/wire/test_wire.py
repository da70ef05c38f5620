"""The record as the protocol shows it, for everything that a Kafka record may hold."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streams.wire import frames, layer_message, ranges, records


def shown(value: bytes | None, key: bytes | None = b"k", headers: Any = ()) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(records.encode(7, 1000, key, list(headers), value).data)
    return parsed


def test_json_is_passed_on_digit_for_digit() -> None:
    data = records.encode(7, 1000, b"k", [], b'{"n": 1.50, "big": 12345678901234567890123}').data
    assert b'"value":{"n": 1.50, "big": 12345678901234567890123}' in data


@pytest.mark.parametrize(
    ("value", "encoding"),
    [
        (b"{}", "json"),
        (b"", "text"),
        (b"plain", "text"),
        (b"NaN", "text"),
        (b'{"a": NaN}', "text"),
        (b"[" * 64 + b"]" * 64, "json"),
        (b"[" * 65 + b"]" * 65, "text"),
        (b"[" * 4000 + b"]" * 4000, "text"),
        (b'"' + b"[" * 100 + b'"', "json"),
        (b"\xff\xfe", "base64"),
        (b"\xef\xbb\xbf{}", "text"),
        (None, "none"),
    ],
)
def test_the_encoding_says_what_a_value_is(value: bytes | None, encoding: str) -> None:
    assert shown(value)["encoding"] == encoding


def test_a_long_value_arrives_as_its_beginning_cut_at_a_character() -> None:
    record = shown(("a" + "é" * 10_000).encode())
    assert record["truncated"] is True
    assert record["encoding"] == "text"
    assert record["size"] == 20_001
    assert len(record["value"].encode()) == records.VALUE_BYTES - 1


def test_a_long_value_that_is_not_text_arrives_as_base64() -> None:
    record = shown(b"\xff" * 1_000_000)
    assert (record["encoding"], record["truncated"], record["size"]) == ("base64", True, 1_000_000)


def test_the_whole_record_is_uncut() -> None:
    data = records.encode(7, 1, b"k", [], b"x" * 1_000_000, whole=True).data
    assert len(json.loads(data)["value"]) == 1_000_000


def test_a_key_that_is_not_text_is_base64_and_a_missing_one_is_null() -> None:
    assert shown(b"1", key=b"\xff")["key_encoding"] == "base64"
    assert shown(b"1", key=None)["key"] is None


def test_a_long_key_is_cut() -> None:
    record = shown(b"1", key=b"k" * 5000)
    assert len(record["key"]) == records.KEY_BYTES
    assert record["truncated"] is True


def test_of_a_repeated_header_the_last_counts_and_bytes_are_marked() -> None:
    record = shown(b"1", headers=[("a", b"1"), ("a", b"2"), ("b", b"\xff")])
    assert record["headers"] == {"a": "2", "b": {"base64": "/w=="}}
    assert record["header_list"] == [["a", "1"], ["a", "2"], ["b", {"base64": "/w=="}]]


def test_a_header_that_is_null_is_told_from_an_empty_one() -> None:
    record = shown(b"1", headers=[("n", None), ("e", b"")])
    assert record["headers"] == {"n": "", "e": ""}
    assert record["header_list"] == [["n", None], ["e", ""]]
    assert "header_list" not in shown(b"1", headers=[("e", b""), ("f", b"1")]), "the object says it all"


def test_what_a_format_made_of_a_value_stands_in_its_place() -> None:
    more = b',"format":"avro","schema":{"id":17,"name":"A"}'
    value = records.Shown(b'{"n":1}', "json", more, "A sentence.")
    key = records.Shown(b'{"id":7}', "json", b',"key_format":"avro"', "Another.")
    data = json.loads(records.encode(7, 1, b"\x02", [], b"\x01", shown=value, key_shown=key, whole=True).data)
    assert data["value"] == {"n": 1}
    assert (data["encoding"], data["format"], data["schema"]["id"], data["size"]) == ("json", "avro", 17, 1)
    assert (data["key"], data["key_format"]) == ('{"id":7}', "avro")
    assert "key_encoding" not in data  # a client that knows base64 only would take it for that
    assert data["problem"] == "A sentence. The key: Another."
    assert (data["raw"], data["key_raw"]) == ("AQ==", "Ag==")


def test_a_decoded_key_that_is_a_text_is_that_text() -> None:
    data = json.loads(records.encode(7, 1, b"\x02a", [], b"{}", key_shown=records.Shown(b'"a"', "json")).data)
    assert data["key"] == "a"
    assert "key_encoding" not in data


def test_decoded_json_that_is_too_long_travels_as_its_beginning() -> None:
    shown = records.Shown(b'{"t":"%b"}' % ("é" * 9000).encode(), "json")
    data = json.loads(records.encode(7, 1, None, [], b"\x01", shown=shown).data)
    assert (data["encoding"], data["cut"]) == ("text", ["value"])
    assert data["value"].startswith('{"t":"éé')


def test_what_is_not_whole_is_named() -> None:
    long = b"x" * 20_000
    assert shown(long)["cut"] == ["value"]
    assert shown(b"1", key=long)["cut"] == ["key"]
    assert shown(long, key=long, headers=[("h", long)])["cut"] == ["value", "key", "headers"]
    assert "cut" not in shown(b"1")


def test_five_thousand_headers_are_left_out_and_said_so() -> None:
    record = shown(b"1", headers=[(f"h{number}", b"value") for number in range(5000)])
    assert record["headers"] == {}
    assert record["truncated"] is True
    assert record["cut"] == ["headers"]


def test_a_record_without_timestamp_has_null() -> None:
    assert json.loads(records.encode(7, -1, b"k", [], b"1").data)["timestamp"] is None


@given(
    st.binary(max_size=20_000) | st.text(max_size=9000).map(str.encode) | st.none(),
    st.none() | st.binary(max_size=3000),
    st.lists(st.tuples(st.text(max_size=20).filter(lambda t: t.isprintable()), st.binary(max_size=300)), max_size=60),
)
def test_any_record_stands_in_a_frame_that_is_strict_json(value: Any, key: Any, headers: Any) -> None:
    record = records.encode(1, 2, key, headers, value)
    frame = frames.records_frame("s", [ranges.Range(0, 1, 2, (record,))])

    def refuse(name: str) -> None:
        raise AssertionError(name)

    parsed = json.loads(frame, parse_constant=refuse)
    assert parsed["ranges"][0]["records"][0]["offset"] == 1
    assert len(frame) <= frames.FRAME_BYTES


@dataclass
class Polled:
    """As much of aiokafka's ConsumerRecord as is used."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


VALUES = st.recursive(
    st.none() | st.text(max_size=9), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)
EDGES = [
    b"[" * 32 + b"]" * 32,
    b"[" * 65 + b"]" * 65,
    b"x" * 9000,
    b'"' + b"x" * 8190 + b'"',
    b'"\xff"',
    b"",
    b"{",
    None,
]


@example(1000, b"key", b"[" * 65 + b"]" * 65, ())
@example(1000, b"key", b"x" * 9000, ())
@given(
    st.sampled_from([0, 1000, -1]),
    st.sampled_from(["", "key", 'a "quoted" one', "ä", "k" * 1024, "k" * 1025]).map(str.encode)
    | st.none()
    | st.binary(),
    VALUES.map(orjson.dumps) | st.binary() | st.sampled_from(EDGES),
    st.sampled_from([(), (("name", b"value"),)]),
)
def test_the_short_way_gives_what_the_long_one_gives(
    timestamp: int, key: bytes | None, value: bytes | None, headers: Any
) -> None:
    polled = Polled(7, timestamp, key, value, headers)
    short = records.encode_raw(polled)
    assert short == records.encode(7, timestamp, key, headers, value)
    assert type(short) is records.Record


def test_a_message_between_processes_comes_back_as_it_was() -> None:
    batch = ranges.Batch("t", "e", (ranges.Range(0, 1, 3, (records.encode(1, 2, b"k", [], b"1"),)),))
    status = ranges.Status("t", "e", {0: 3}, {0: 5})
    assert layer_message.unpack(layer_message.pack([batch], [status])) == ([batch], [status])
    assert layer_message.unpack({**layer_message.pack([batch]), "version": 99}) is None


def test_values_that_come_whole_are_bounded_one_by_one_and_together() -> None:
    wholes = ranges.Wholes()
    for offset, size in enumerate((records.VALUE_BYTES, records.VALUE_BYTES + 1, ranges.WHOLE_BYTES + 1)):
        wholes.take(offset, b"x" * size)
    wholes.take(3, None)
    assert wholes.values.keys() == {1}
    value = b"x" * ranges.WHOLE_BYTES
    most = ranges.WHOLES_BYTES // ranges.WHOLE_BYTES
    for offset in [*range(1, 2 * most), *range(1, most)]:
        wholes.take(offset, value)
    assert list(wholes.values) == [most, *range(1, most)]


def test_large_batches_travel_in_several_messages_of_bounded_size() -> None:
    encoded = [records.encode(offset, 2, b"k", [], b"x" * 8000) for offset in range(100)]
    batch = ranges.Batch("t", "e", tuple(ranges.split(0, 0, 100, encoded)))
    messages = list(layer_message.messages([batch, batch]))
    assert len(messages) > 4
    for message in messages:
        assert sum(len(record[3]) for part in message["batches"] for each in part[2] for record in each[3]) < 256 * 1024


LONG = b'"%b"' % (b"x" * 9000)


@given(
    st.sampled_from([0, 1000, -1]),
    st.sampled_from([b"key", b"\xff", b"k" * 1025, None]),
    st.sampled_from([(), (("name", b"value"),)]),
    st.builds(
        records.Shown,
        st.sampled_from([b"1", LONG]),
        st.just("json"),
        st.just(b',"format":"a"'),
        st.sampled_from(["", "Odd."]),
    )
    | st.none(),
    st.sampled_from([None, records.Shown(b"7", "json", b',"key_format":"int64"')]),
)
def test_the_short_way_of_decoded_records_gives_what_the_long_one_gives(
    timestamp: int, key: bytes | None, headers: Any, value: records.Shown | None, key_shown: records.Shown | None
) -> None:
    polled = Polled(7, timestamp, key, b"\x02", headers)
    expected = records.encode(7, timestamp, key, headers, b"\x02", shown=value, key_shown=key_shown)
    assert records.encode_shown(polled, value, key_shown) == expected
