"""Single values as Kafka's own serialisers write them: big endian, of a fixed length."""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable

from streams.decoding.exact import Exact, NotDecoded, write

_LAYOUTS = {
    "int32": struct.Struct(">i"),
    "int64": struct.Struct(">q"),
    "float": struct.Struct(">f"),
    "double": struct.Struct(">d"),
}


def _number(name: str, layout: struct.Struct) -> Callable[[bytes], Exact]:
    def decode(data: bytes) -> Exact:
        _check(name, data, layout.size)
        return write(layout.unpack(data)[0])

    return decode


def _uuid(data: bytes) -> Exact:
    _check("uuid", data, 16)
    return write(str(uuid.UUID(bytes=data)))


def _check(name: str, data: bytes, size: int) -> None:
    if len(data) != size:
        raise NotDecoded(f"A value of the format {name} has {size} bytes; this one has {len(data)}.")


DECODERS: dict[str, Callable[[bytes], Exact]] = {
    **{name: _number(name, layout) for name, layout in _LAYOUTS.items()},
    "uuid": _uuid,
}
