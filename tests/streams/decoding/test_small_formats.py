"""MessagePack, CBOR and single values as exact JSON."""

from __future__ import annotations

import datetime as dt
import struct
import uuid
from typing import Any

import cbor2
import msgpack
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.decoding import cbor, messagepack, primitives
from streams.decoding.exact import NotDecoded

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(JSON)
def test_what_json_has_is_the_same_in_both(value: Any) -> None:
    assert orjson.loads(messagepack.decode(msgpack.packb(value)).json) == value
    assert orjson.loads(cbor.decode(cbor2.dumps(value)).json) == value


@given(st.binary(max_size=40))
def test_no_bytes_do_more_than_not_decode(data: bytes) -> None:
    for decode in (messagepack.decode, cbor.decode):
        try:
            found = decode(data)
        except NotDecoded:
            continue
        orjson.loads(found.json)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({1: "a", b"\x00": "b"}, b'{"1":"a","AA==":"b"}'),
        (b"\x00\xff", b'"AP8="'),
        (msgpack.Timestamp(1_700_000_000, 5), b'"2023-11-14T22:13:20.000000005Z"'),
        (msgpack.ExtType(7, b"x"), b'{"ext":7,"data":"eA=="}'),
    ],
)
def test_messagepack_of_its_own_types(value: Any, shown: bytes) -> None:
    assert messagepack.decode(msgpack.packb(value)) == (shown, "")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({1: "a", None: "b", -5: "c"}, b'{"1":"a","null":"b","-5":"c"}'),
        (b"\x00\xff", b'"AP8="'),
        (2**100, str(2**100).encode()),
        (-(2**100), str(-(2**100)).encode()),
        (cbor2.CBORTag(4, [-2, 1250]), b"12.50"),
        (cbor2.CBORTag(1, 1_700_000_000), b'"2023-11-14T22:13:20Z"'),
        (dt.datetime(2023, 11, 14, tzinfo=dt.UTC), b'"2023-11-14T00:00:00Z"'),
        (uuid.UUID(int=1), b'"00000000-0000-0000-0000-000000000001"'),
        (cbor2.CBORTag(35, "(a+)+$"), b'"(a+)+$"'),
        (cbor2.undefined, b"null"),
    ],
)
def test_cbor_of_its_own_types(value: Any, shown: bytes) -> None:
    assert cbor.decode(cbor2.dumps(value)) == (shown, "")


def test_cbor_of_an_unknown_length_and_with_keys_that_python_takes_for_equal() -> None:
    assert cbor.decode(b"\x9f\x01\x5f\x41a\x41b\xff\xff").json == b'[1,"YWI="]'
    assert cbor.decode(b"\xa2\x01\x61a\xf5\x61b").json == b'{"1":"a","true":"b"}'
    assert cbor.decode(b"\xbf\x61a\x01\xff").json == b'{"a":1}'


def test_messagepack_with_keys_that_python_takes_for_equal() -> None:
    assert messagepack.decode(b"\x82\x01\xa1a\xc3\xa1b").json == b'{"1":"a","true":"b"}'


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x01\x01", "1 bytes are left over"),
        (b"\x9b" + b"\xff" * 8, "ends too early"),
        (b"\x5b" + b"\xff" * 8, "ends too early"),
        (b"\x81" * 100 + b"\x01", "levels deep"),
        (b"\xc4\x82\x1b" + b"\x7f" * 8 + b"\x01", "left out"),  # a decimal with an exponent of 10^18
        (b"\xc2\x59\x0f\xa0" + b"\xff" * 4000, "300 bytes"),
        (b"\xa1\x81\x01\x01", "no single value"),
        (b"\xa2\x01\x01\x01\x01", "same"),
        (b"\xff", "end without"),
        (b"\x61\xff", "UTF-8"),
        (b"\x1c", "head"),
        (b"", "ends too early"),
    ],
)
def test_cbor_that_lies_or_harms_says_why(data: bytes, reason: str) -> None:
    try:
        problem = cbor.decode(data).problem
    except NotDecoded as error:
        problem = str(error)
    assert reason in problem


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x01\x01", "1 bytes are left over"),
        (b"\xdd" + b"\xff" * 4, "ends too early"),
        (b"\x91" * 100 + b"\x01", "levels deep"),
        (b"\xa1\xff", "UTF-8"),
        (b"\x82\x01\x01\xa11\x01", "same text"),
        (b"\x82\x01\x01\x01\x02", "same text"),
        (b"\x82\xa1a\x01\xa1a\x02", "are the same"),
        (b"\x81\x91\x01\x01", "no single value"),
        (b"", "ends too early"),
    ],
)
def test_messagepack_that_lies_or_harms_says_why(data: bytes, reason: str) -> None:
    with pytest.raises(NotDecoded, match=reason):
        messagepack.decode(data)


def test_nan_is_text_and_said() -> None:
    for found in (messagepack.decode(msgpack.packb([float("nan")])), cbor.decode(cbor2.dumps([float("nan")]))):
        assert found.json == b'["NaN"]'
        assert found.problem


@pytest.mark.parametrize(
    ("name", "data", "shown"),
    [
        ("int32", struct.pack(">i", -5), b"-5"),
        ("int64", struct.pack(">q", 2**62 + 1), str(2**62 + 1).encode()),
        ("float", struct.pack(">f", 0.5), b"0.5"),
        ("double", struct.pack(">d", 0.1), b"0.1"),
        ("uuid", uuid.UUID(int=1).bytes, b'"00000000-0000-0000-0000-000000000001"'),
    ],
)
def test_single_values(name: str, data: bytes, shown: bytes) -> None:
    assert primitives.DECODERS[name](data) == (shown, "")
    with pytest.raises(NotDecoded, match=f"this one has {len(data) + 1}"):
        primitives.DECODERS[name](data + b"x")
