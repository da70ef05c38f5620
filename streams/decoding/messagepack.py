"""MessagePack, where a topic says so: any byte would be a number."""

from __future__ import annotations

from typing import Any

import msgpack

from streams.decoding.exact import NANOSECONDS, Exact, NotDecoded, instant, plain, write


def decode(data: bytes) -> Exact:
    """The exact JSON of one MessagePack value; keys become text. Raises NotDecoded."""
    try:
        value = msgpack.unpackb(data, strict_map_key=False)
    except msgpack.ExtraData as error:
        raise NotDecoded(f"It is not one MessagePack value: {len(error.extra)} bytes are left over.") from error
    except UnicodeDecodeError as error:
        raise NotDecoded("It is not MessagePack: a text in it is not UTF-8.") from error
    except (ValueError, TypeError, RecursionError, MemoryError) as error:  # TypeError: a list as a key
        raise NotDecoded("It is not MessagePack, or ends too early.") from error
    return write(plain(value, _converted))


def _converted(value: Any) -> Any:
    if isinstance(value, msgpack.Timestamp):
        return instant(value.seconds * NANOSECONDS + value.nanoseconds, NANOSECONDS)
    if isinstance(value, msgpack.ExtType):
        return {"ext": value.code, "data": value.data}
    raise NotDecoded(f"It holds a {type(value).__name__}, which has no form in JSON.")
