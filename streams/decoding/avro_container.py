"""Avro's object container files as values: each brings its schema along, and holds any number of records.

Blocks are read by ourselves, so that what is packed stays within bounds; their records by streams/decoding/avro.py.
"""

from __future__ import annotations

import zlib
from io import BytesIO
from typing import Any

from streams.decoding.avro import parse
from streams.decoding.exact import NODES, Exact, NotDecoded

MAGIC = b"Obj\x01"
SYNC = 16  # bytes behind each block
UNPACKED = 1024 * 1024  # bytes of a block; a record of Kafka is seldom larger
HEAD = parse('{"type": "map", "values": "bytes"}')
LONG = parse('"long"')
CODECS = ("null", "deflate")


def decode(data: bytes) -> Exact:
    """The exact JSON of all records of one container file, as a list. Raises NotDecoded."""
    source = BytesIO(data)
    if source.read(len(MAGIC)) != MAGIC:
        raise NotDecoded("It is no Avro container file: its first bytes are others.")
    head: dict[str, Any] = HEAD.read(source)
    codec = head.get("avro.codec", b"null").decode("utf-8", "replace")
    if codec not in CODECS:
        raise NotDecoded(f"Its codec {codec[:20]} is not among those that are read here: {', '.join(CODECS)}.")
    try:
        schema = parse(head.get("avro.schema", b"").decode())
    except UnicodeDecodeError as error:
        raise NotDecoded("Its Avro schema is none.") from error
    sync, records, unpacked = source.read(SYNC), list[Any](), 0
    while source.tell() < len(data):
        count, size = LONG.read(source), LONG.read(source)
        block = source.read(max(0, size))
        if len(block) != size or source.read(SYNC) != sync or count < 0:
            raise NotDecoded("It ends within a block, or a block has another mark at its end.")
        block = block if codec == "null" else _inflated(block)
        unpacked += len(block)
        schema.check_size(unpacked)
        records += _records(schema, block, count)
        if len(records) > NODES:
            raise NotDecoded(f"It has over {NODES:,} records.")
    return schema.write(records)


def _records(schema: Any, block: bytes, count: int) -> list[Any]:
    if count > len(block):
        raise NotDecoded("A block has more records than bytes.")
    source = BytesIO(block)
    records = [schema.read(source) for _ in range(count)]
    if source.tell() < len(block):
        raise NotDecoded(f"{len(block) - source.tell()} bytes of a block are left over.")
    return records


def _inflated(block: bytes) -> bytes:
    unpacking = zlib.decompressobj(-15)
    try:
        data = unpacking.decompress(block, UNPACKED)
    except zlib.error as error:
        raise NotDecoded("A block in it is not packed as it says.") from error
    if not unpacking.eof:
        raise NotDecoded(f"A block in it is cut off, or becomes larger than {UNPACKED:,} bytes.")
    return data
