"""CBOR (RFC 8949), where a topic says so.

A decoder of our own: those there are follow every tag, build cycles, compile regular expressions and numbers with a
billion zeros. This one knows a few tags, and shows the content of the others.
"""

from __future__ import annotations

import math
import struct
import uuid
from typing import Any

from streams.decoding.exact import (
    DIGITS,
    JSON_DEPTH,
    NODES,
    Exact,
    Key,
    NotDecoded,
    digits,
    instant,
    integer,
    plain,
    write,
)

UNSIGNED, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE = range(8)  # major types
BREAK = object()
INDEFINITE = 31
_FLOATS = {25: struct.Struct(">e"), 26: struct.Struct(">f"), 27: struct.Struct(">d")}
_SIMPLE = {20: False, 21: True, 22: None, 23: None}  # 23 is undefined


def decode(data: bytes) -> Exact:
    """The exact JSON of one CBOR item; keys become text. Raises NotDecoded."""
    reader = _Reader(data)
    try:
        value = reader.item(0)
    except UnicodeDecodeError as error:
        raise NotDecoded("It is not CBOR: a text in it is not UTF-8.") from error
    if value is BREAK:
        raise NotDecoded("It is not CBOR: an end without a beginning.")
    if reader.at < len(data):
        raise NotDecoded(f"It is not one CBOR item: {len(data) - reader.at} bytes are left over.")
    return write(plain(value, _unknown))


def _unknown(value: Any) -> Any:
    return value  # Digits and Odd: orjson and its hook know them


class _Reader:
    """Reads items from the bytes. at: how far it has come."""

    def __init__(self, data: bytes) -> None:
        self._data, self.at, self._left = data, 0, NODES

    def item(self, depth: int) -> Any:
        """The next item, or BREAK."""
        self._left -= 1
        if depth > JSON_DEPTH:
            raise NotDecoded(f"It is more than {JSON_DEPTH} levels deep.")
        if self._left < 0:
            raise NotDecoded(f"It has over {NODES:,} parts.")
        head = self._take(1)[0]
        major, low = head >> 5, head & 31
        if major == SIMPLE:
            return self._simple(low)
        count = self._count(low)
        if major in {UNSIGNED, NEGATIVE, TAG} and count is None:
            raise NotDecoded("It is not CBOR: a number without an end.")
        match major:
            case 0:
                return count
            case 1:
                return -1 - (count or 0)
            case 2 | 3:
                found = self._take(count) if count is not None else self._chunks(major)
                return found if major == BYTES else found.decode()
            case 4:
                return self._array(count, depth)
            case 5:
                return self._map(count, depth)
        return self._tagged(count or 0, depth)

    def _take(self, count: int) -> bytes:
        if count > len(self._data) - self.at:
            raise NotDecoded("It is not CBOR, or ends too early.")
        self.at += count
        return self._data[self.at - count : self.at]

    def _count(self, low: int) -> int | None:
        """The argument of a head; None for an indefinite length."""
        if low < 24:
            return low
        if low < 28:
            return int.from_bytes(self._take(1 << (low - 24)), "big")
        if low == INDEFINITE:
            return None
        raise NotDecoded("It is not CBOR: a head that the standard does not know.")

    def _chunks(self, major: int) -> bytes:
        parts = []
        while (head := self._take(1)[0]) != 0xFF:
            count = self._count(head & 31)
            if head >> 5 != major or count is None:
                raise NotDecoded("It is not CBOR: a part of a text or of bytes is of another type.")
            parts.append(self._take(count))
        return b"".join(parts)

    def _simple(self, low: int) -> Any:
        if low in _SIMPLE:
            return _SIMPLE[low]
        if low in _FLOATS:
            layout = _FLOATS[low]
            return layout.unpack(self._take(layout.size))[0]
        if low == INDEFINITE:
            return BREAK
        code = self._take(1)[0] if low == 24 else low
        if low > 24:
            raise NotDecoded("It is not CBOR: a simple value that the standard does not know.")
        return {"simple": code}

    def _inner(self, depth: int) -> Any:
        value = self.item(depth + 1)
        if value is BREAK:
            raise NotDecoded("It is not CBOR: an end in the wrong place.")
        return value

    def _array(self, count: int | None, depth: int) -> list[Any]:
        if count is not None:
            if count > len(self._data) - self.at:  # each takes a byte at least
                raise NotDecoded("It is not CBOR, or ends too early.")
            return [self._inner(depth) for _ in range(count)]
        found = []
        while (value := self.item(depth + 1)) is not BREAK:
            found.append(value)
        return found

    def _map(self, count: int | None, depth: int) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        pairs = 0
        while count is None or pairs < count:
            key = self.item(depth + 1)
            if key is BREAK and count is None:
                break
            if key is BREAK or isinstance(key, dict | list):
                raise NotDecoded("A key of a map in it is no single value.")
            found[key if isinstance(key, str | bytes) else Key(key)] = self._inner(depth)
            pairs += 1
        if len(found) < pairs:
            raise NotDecoded("Two keys of a map in it are the same.")
        return found

    def _tagged(self, tag: int, depth: int) -> Any:
        value = self._inner(depth)
        if tag == 1 and isinstance(value, int) and not isinstance(value, bool):
            return instant(value, 1)
        if tag == 1 and isinstance(value, float) and math.isfinite(value) and abs(value) < 1e15:
            return instant(round(value * 1_000_000), 1_000_000)
        if tag in {2, 3} and isinstance(value, bytes):
            if len(value) > DIGITS:
                raise NotDecoded(f"A number in it has more than {DIGITS} bytes.")
            number = int.from_bytes(value, "big")
            return integer(number if tag == 2 else -1 - number)
        if tag == 4 and isinstance(value, list) and [type(part) for part in value] == [int, int]:
            return digits(value[1], -value[0])
        if tag == 37 and isinstance(value, bytes) and len(value) == 16:
            return str(uuid.UUID(bytes=value))
        return value
