"""The newest records of a topic as they would be shown with other formats: for who is about to choose them."""

from __future__ import annotations

from typing import NamedTuple

import orjson

from streams.decoding import carried
from streams.decoding.stored import declared
from streams.hub import current
from streams.kafka.history import Expired, NoSuchOffset
from streams.models import Topic
from streams.runtime.away import Unavailable

RECORDS = 8  # that are looked at
SHOWN = 600  # characters of a key or value


class Line(NamedTuple):
    """One record. place: `partition:offset`. problem: what the record says of itself, or why it cannot be had."""

    place: str
    key: str
    value: str
    form: str
    problem: str


async def preview(row: Topic) -> list[Line]:
    """The newest RECORDS of a topic, by the formats of a row that need not be saved. Raises Unavailable with a sentence
    for people."""
    try:
        live = current.current()
    except RuntimeError as error:
        raise Unavailable("This process has no live side.") from error
    topic_log = live.hub.logs.get(row.name)
    if topic_log is None:
        raise Unavailable(f"Kafka has no topic {row.name} yet, or is away.")
    bounds = await live.history.bounds(row.name, topic_log.positions)
    places = [
        (partition, end - back)
        for back in range(1, RECORDS + 1)
        for partition, end in bounds.ends.items()
        if end - back >= bounds.firsts[partition]
    ]
    shown = await carried.made(row.name, declared(row))
    lines = []
    for partition, offset in places[:RECORDS]:
        try:
            record = await shown.encode_whole(await live.history.raw(row.name, partition, offset))
        except (NoSuchOffset, Expired):
            continue
        lines.append(_line(f"{partition}:{offset}", orjson.loads(record.data)))
    return lines


def _line(place: str, record: dict[str, object]) -> Line:
    value = record["value"]
    text = (
        orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() if record["encoding"] == "json" else str(value or "")
    )
    forms = [str(record[name]) for name in ("format", "key_format") if name in record]
    return Line(
        place, str(record["key"] or "")[:SHOWN], text[:SHOWN], " / ".join(forms) or str(record["encoding"]),
        str(record.get("problem", "")),
    )  # fmt: skip
