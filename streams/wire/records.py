"""A Kafka record as the protocol shows it (docs/protocol.md, "A record"): encoded once, in the fan-out, for everyone.

Never raises for any content: what is not strict JSON becomes text, what is not text becomes base64.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, Protocol

import orjson

VALUE_BYTES = 8 * 1024  # a longer value travels as its beginning
KEY_BYTES = 1024  # a longer key is cut
HEADERS_BYTES = 8 * 1024  # longer headers, names and values together, are left out
JSON_DEPTH = 64  # deeper JSON is shown as text: readers' parsers recurse
ARRAY = ord("[")
USUAL = b'{"offset":%d,"timestamp":%d,"key":%b,"headers":{},"size":%d,"encoding":"json","value":%b}'
USUAL_SHOWN = b'{"offset":%d,"timestamp":%d,"key":%b,"headers":{},"size":%d,"encoding":"json","value":%b%b}'


class Shown(NamedTuple):
    """How a value or a key is shown, when not as its bytes are: what a format made of it (streams/decoding/).

    data: JSON, UTF-8 text or bytes, whole. encoding: which of them, None to show it as without a format. more: further
    fields of the record, each with a comma before it. problem: why it could not be decoded, or what of it is not exact,
    in a sentence; "" when all is well.
    """

    data: bytes
    encoding: Literal["json", "text", "base64"] | None
    more: bytes = b""
    problem: str = ""


class Record(NamedTuple):
    """One Kafka entry, encoded. timestamp: ms since 1970 or -1. size: bytes of the value. data: its JSON object."""

    offset: int
    timestamp: int
    size: int
    data: bytes


def _cut_text(data: bytes) -> str | None:
    """The text of `data` up to its last whole character, or None when it is not UTF-8."""
    for missing in range(min(4, len(data) + 1)):
        try:
            return data[: len(data) - missing].decode()
        except UnicodeDecodeError as error:
            if error.end < len(data) - missing or error.reason != "unexpected end of data":
                return None
    return None


def _is_shallow(value: Any) -> bool:
    """Whether parsed JSON nests at most JSON_DEPTH arrays and objects."""
    level = [value]
    for _ in range(JSON_DEPTH):
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not any(isinstance(inner, (dict, list)) for inner in level):
            return True
    return False


def is_strict_json(value: bytes) -> bool:
    """Whether `value` can stand inside a frame as it is: RFC 8259, UTF-8, at most JSON_DEPTH deep."""
    try:
        parsed = orjson.loads(value)
    except (orjson.JSONDecodeError, RecursionError):
        return False
    return value.count(b"[") + value.count(b"{") <= JSON_DEPTH or _is_shallow(parsed)


def _encode_value(value: bytes | None, limit: int | None) -> tuple[bytes, bytes, bool]:
    """The encoding's name, the value as JSON, and whether it was cut to `limit` bytes."""
    if value is None:
        return b"none", b"null", False
    cut = limit is not None and len(value) > limit
    if not cut and is_strict_json(value):
        return b"json", value, False
    if cut:
        value = value[:limit]
        text = _cut_text(value)
    else:
        try:
            text = value.decode()
        except UnicodeDecodeError:
            text = None
    if text is None:
        return b"base64", b'"%b"' % base64.b64encode(value), cut
    return b"text", orjson.dumps(text), cut


def _encode_shown(shown: Shown, limit: int | None) -> tuple[bytes, bytes, bool]:
    """As `_encode_value`, of what a format made of the value. JSON that is cut is text, as always."""
    if shown.encoding is None:
        return _encode_value(shown.data, limit)
    cut = limit is not None and len(shown.data) > limit
    if shown.encoding == "json" and not cut:
        return b"json", shown.data, False
    data = shown.data[:limit] if cut else shown.data
    text = None if shown.encoding == "base64" else _cut_text(data)
    if text is None:
        return b"base64", b'"%b"' % base64.b64encode(data), cut
    return b"text", orjson.dumps(text), cut


def _encode_shown_key(shown: Shown, limit: int | None) -> tuple[bytes, bool]:
    """As `_encode_key`, of what a format made of the key: always a text, be it JSON's."""
    if shown.encoding is None:
        return _encode_key(shown.data, limit)
    if shown.encoding == "json":
        is_text = shown.data.startswith(b'"')
        return _encode_key(orjson.loads(shown.data).encode() if is_text else shown.data, limit)
    encoding, json, cut = _encode_shown(shown, limit)
    return b'"key":%b%b' % (json, b',"key_encoding":"base64"' if encoding == b"base64" else b""), cut


def _told(value: Shown | None, key: Shown | None) -> bytes:
    """The further fields of a record: what formats tell of value and key, and the one sentence of what is wrong."""
    problems = [value.problem] if value is not None and value.problem else []
    if key is not None and key.problem:
        problems.append(f"The key: {key.problem}")
    return b"%b%b%b" % (
        b"" if value is None else value.more,
        b"" if key is None else key.more,
        b',"problem":%b' % orjson.dumps(" ".join(problems)) if problems else b"",
    )


def _encode_key(key: bytes | None, limit: int | None) -> tuple[bytes, bool]:
    """The fields `key` and, where needed, `key_encoding`, and whether the key was cut."""
    if key is None:
        return b'"key":null', False
    cut = limit is not None and len(key) > limit
    text = _cut_text(key[:limit]) if cut else None
    try:
        text = text if cut else key.decode()
    except UnicodeDecodeError:
        text = None
    if text is None:
        return b'"key":"%b","key_encoding":"base64"' % base64.b64encode(key[:limit]), cut
    return b'"key":%b' % orjson.dumps(text), cut


def _encode_headers(headers: Sequence[tuple[str, bytes | None]], limit: int | None) -> tuple[bytes, bool]:
    """The field `headers` and, where that object cannot say them all, `header_list`; and whether they were left out."""
    if not headers:
        return b'"headers":{}', False
    if limit is not None and sum(len(name.encode()) + len(value or b"") for name, value in headers) > limit:
        return b'"headers":{}', True
    shown = [(name, _header_value(value)) for name, value in headers]
    # In the object the last of a name counts, and a null looks like an empty text.
    field = b'"headers":%b' % orjson.dumps({name: "" if value is None else value for name, value in shown})
    if len({name for name, _ in shown}) < len(shown) or any(value is None for _, value in shown):
        field += b',"header_list":%b' % orjson.dumps(shown)
    return field, False


def _raw(data: bytes | None) -> bytes:
    return b"null" if data is None else b'"%b"' % base64.b64encode(data)


def _header_value(value: bytes | None) -> Any:
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}


class Raw(Protocol):
    """aiokafka's ConsumerRecord, as far as it is used."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


def encode_raw(raw: Raw) -> Record:
    """Encodes a record as aiokafka gives it.

    Most have small JSON under a key of text, and no headers. Those take a short way to the same result: how many
    records a second a process can read depends on it.
    """
    key, value, timestamp = raw.key, raw.value, raw.timestamp
    if (
        key is not None and value is not None and len(key) <= KEY_BYTES and len(value) <= VALUE_BYTES
        and not raw.headers and timestamp >= 0
    ):  # fmt: skip
        try:
            orjson.loads(value)
            text = key.decode()
        except (ValueError, RecursionError):
            pass  # the long way says what it is
        else:
            has_arrays = ARRAY in value
            is_flat = not has_arrays and value.find(b"{", 1) < 0  # looking for one is quicker than counting them
            if is_flat or value.count(b"{") + (value.count(b"[") if has_arrays else 0) <= JSON_DEPTH:
                offset, size = raw.offset, len(value)
                data = USUAL % (offset, timestamp, orjson.dumps(text), size, value)
                return tuple.__new__(Record, (offset, timestamp, size, data))  # half of what Record() takes
    return encode(raw.offset, timestamp, key, raw.headers, value)


def encode_shown(raw: Raw, shown: Shown | None, key_shown: Shown | None) -> Record:
    """Encodes a record as aiokafka gives it, with what formats made of it. Here, too, most take a short way."""
    key, timestamp = raw.key, raw.timestamp
    if (
        key_shown is None and shown is not None and shown.encoding == "json" and not shown.problem
        and len(shown.data) <= VALUE_BYTES and key is not None and len(key) <= KEY_BYTES
        and not raw.headers and timestamp >= 0
    ):  # fmt: skip
        try:
            text = key.decode()
        except UnicodeDecodeError:
            pass  # the long way says what it is
        else:
            offset, size = raw.offset, len(raw.value or b"")
            data = USUAL_SHOWN % (offset, timestamp, orjson.dumps(text), size, shown.data, shown.more)
            return tuple.__new__(Record, (offset, timestamp, size, data))
    return encode(raw.offset, timestamp, key, raw.headers, raw.value, shown=shown, key_shown=key_shown)


def encode(
    offset: int,
    timestamp: int,
    key: bytes | None,
    headers: Sequence[tuple[str, bytes | None]],
    value: bytes | None,
    *,
    whole: bool = False,
    bytes_too: bool = True,
    shown: Shown | None = None,
    key_shown: Shown | None = None,
) -> Record:
    """Encodes one Kafka record as the protocol's JSON object.

    timestamp: milliseconds since 1970, -1 when Kafka has none. whole: nothing is cut, and, if bytes_too, the bytes are
    told (the records API's single record). shown, key_shown: what the topic's formats made of value and key; None:
    nothing.
    """
    limit, key_limit = (None, None) if whole else (VALUE_BYTES, KEY_BYTES)
    encoding, value_json, value_cut = _encode_value(value, limit) if shown is None else _encode_shown(shown, limit)
    key_json, key_cut = _encode_key(key, key_limit) if key_shown is None else _encode_shown_key(key_shown, key_limit)
    headers_json, headers_cut = _encode_headers(headers, None if whole else HEADERS_BYTES)
    size = 0 if value is None else len(value)
    cut = [name for name, is_cut in (("value", value_cut), ("key", key_cut), ("headers", headers_cut)) if is_cut]
    data = b'{"offset":%d,"timestamp":%b,%b,%b,"size":%d,"encoding":"%b","value":%b%b%b%b}' % (
        offset,
        b"null" if timestamp < 0 else b"%d" % timestamp,
        key_json,
        headers_json,
        size,
        encoding,
        value_json,
        b',"truncated":true,"cut":%b' % orjson.dumps(cut) if cut else b"",
        b"" if shown is None and key_shown is None else _told(shown, key_shown),
        b',"raw":%b,"key_raw":%b' % (_raw(value), _raw(key)) if whole and bytes_too else b"",
    )
    return Record(offset, timestamp, size, data)
