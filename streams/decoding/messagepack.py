"""MessagePack, where a topic says so: any byte would be a number."""

from __future__ import annotations

from typing import Any

import msgpack

from streams.decoding.exact import NANOSECONDS, Exact, Key, NotDecoded, instant, plain, write


def decode(data: bytes) -> Exact:
    """The exact JSON of one MessagePack value; keys become text. Raises NotDecoded."""
    try:
        value = msgpack.unpackb(data, strict_map_key=False, object_pairs_hook=_map)
    except msgpack.ExtraData as error:
        raise NotDecoded(f"It is not one MessagePack value: {len(error.extra)} bytes are left over.") from error
    except UnicodeDecodeError as error:
        raise NotDecoded("It is not MessagePack: a text in it is not UTF-8.") from error
    except (ValueError, TypeError, RecursionError, MemoryError) as error:
        raise NotDecoded("It is not MessagePack, or ends too early.") from error
    return write(plain(value, _converted))


def _map(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    """A map with all its pairs: in a dict of Python's the second of two equal keys would be the only one."""
    found: dict[Any, Any] = {}
    for key, value in pairs:
        if isinstance(key, dict | list):
            raise NotDecoded("A key of a map in it is no single value.")
        found[key if isinstance(key, str | bytes) else Key(key)] = value
    if len(found) < len(pairs):
        raise NotDecoded("Two keys of a map in it are the same.")
    return found


def _converted(value: Any) -> Any:
    if isinstance(value, msgpack.Timestamp):
        return instant(value.seconds * NANOSECONDS + value.nanoseconds, NANOSECONDS)
    if isinstance(value, msgpack.ExtType):
        return {"ext": value.code, "data": value.data}
    raise NotDecoded(f"It holds a {type(value).__name__}, which has no form in JSON.")
