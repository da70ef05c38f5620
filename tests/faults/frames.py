"""Frames, ranges and records held against docs/protocol.md: what breaks that page is `Broken`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tests.faults.truth import fingerprint, total

FRAME_BYTES = 256 * 1024  # outbound, from docs/protocol.md
SHOWN = 400  # characters of a range that is told

Message = dict[str, Any]


class Broken(Exception):
    """A frame breaks the page; the message says how."""


@dataclass(frozen=True, slots=True)
class Part:
    """One range. records: offset and fingerprint of each. forms: by which formats they are read."""

    partition: int
    start: int
    end: int
    records: tuple[tuple[int, int], ...]
    total: int
    forms: frozenset[str]


def need(message: Message, /, **kinds: type | tuple[type, ...]) -> None:
    """Raises Broken unless the fields are there and of these types (a bool is no integer)."""
    for name, kind in kinds.items():
        value = message.get(name)
        is_bool = isinstance(value, bool)
        if name not in message or not isinstance(value, kind) or (is_bool and kind is not bool):
            raise Broken(f"{name} is {value!r}")


def is_offset(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


@lru_cache(maxsize=64)
def decoded(payload: bytes) -> tuple[Message, tuple[Part, ...]]:
    """A frame, and the ranges of one with records. Raises Broken."""
    if len(payload) > FRAME_BYTES:
        raise Broken(f"a frame of {len(payload)} bytes")
    try:
        message = json.loads(payload.decode("utf-8", "strict"), parse_constant=refuse)
    except ValueError as error:
        raise Broken(f"no JSON: {error}") from error
    if not isinstance(message, dict):
        raise Broken("no JSON object")
    need(message, type=str)
    if message["type"] != "records":
        return message, ()
    need(message, stream=str, ranges=list)
    return message, tuple(part_of(each) for each in message["ranges"])


def refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def part_of(given: Any) -> Part:
    """A range of numbered records. Raises Broken."""
    if not isinstance(given, dict) or not all(is_offset(given.get(name)) for name in ("partition", "from", "to")):
        raise Broken(f"a range without its numbers: {str(given)[:SHOWN]}")
    need(given, records=list)
    partition, start, end = given["partition"], given["from"], given["to"]
    if start > end:
        raise Broken(f"a range from {start} to {end}")
    found, last = [], start - 1
    for record in given["records"]:
        number, offset = number_of(record, form_of(record)), record["offset"]
        if not last < offset < end:
            raise Broken(f"offset {offset} behind {last} in a range from {start} to {end}")
        last = offset
        found.append((offset, fingerprint(partition, offset, number)))
    forms = frozenset(form_of(record) for record in given["records"])
    return Part(partition, start, end, tuple(found), total(mark for _, mark in found), forms)


def form_of(record: Any) -> str:
    """By which format a record is read; "" for none."""
    return str(record.get("format", "")) if isinstance(record, dict) else ""


def number_of(record: Any, form: str) -> int:
    """The number in a record of the numbered topic, read by a format; "" for the topic's own. Raises Broken."""
    if not isinstance(record, dict):
        raise Broken(f"a record is {record!r}")
    need(record, offset=int, timestamp=(int, type(None)), key=(str, type(None)), headers=dict, size=int)
    encoding, value = record.get("encoding"), record.get("value")
    if form != form_of(record) or encoding != ("text" if form else "json"):
        raise Broken(f"a number arrives as {record}")
    try:
        written = bytes.fromhex(str(value)).decode() if form == "hex" else str(value)
        number = int(written)
    except ValueError as error:
        raise Broken(f"a number arrives as {record}") from error
    if record["size"] != len(written):
        raise Broken(f"a number arrives as {record}")
    return number
