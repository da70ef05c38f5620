"""What is asked of whoever goes through a topic, and what is told of it bit by bit: between processes as JSON."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, fields
from typing import Any, Literal, NamedTuple

import orjson

from streams.decoding.carried import Declared
from streams.decoding.formats import OWN, Formats
from streams.search.spans import Span
from streams.wire.records import Record

HEAD = struct.Struct("!II")  # before each message between processes: bytes of its JSON, and of what follows that

Output = Literal["records", "ndjson", "csv"]
Reason = Literal["complete", "limit", "bound", "away"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """At most so many records, bytes of keys and values, and seconds."""

    records: int
    bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Job:
    """What to look for, and where. limit: matches, None for all of them. bounds: None where there are none.

    by_time: where it is not newest_first, the oldest of all partitions first; else one partition after another.
    declared: what the topic carries; None: what is known of it. read_as: by which other formats its records are read.
    columns: of an export; none: whole records.
    """

    topic: str
    spans: list[Span]
    filter: str | None = None
    newest_first: bool = True
    limit: int | None = None
    bounds: Bounds | None = None
    output: Output = "records"
    columns: list[str] = field(default_factory=list)
    declared: Declared | None = None
    read_as: Formats = OWN
    by_time: bool = False

    def written(self) -> bytes:
        """As JSON."""
        told = {each.name: getattr(self, each.name) for each in fields(self)}
        declared = None if self.declared is None else tuple(self.declared)
        made = {"spans": [tuple(span) for span in self.spans], "declared": declared, "read_as": tuple(self.read_as)}
        return orjson.dumps({**told, **made})

    @classmethod
    def read(cls, data: bytes) -> Job:
        """What `written` wrote."""
        given: dict[str, Any] = orjson.loads(data)
        given["spans"] = [Span(*span) for span in given["spans"]]
        given["declared"] = None if given["declared"] is None else Declared(*given["declared"])
        given["read_as"] = Formats(*given["read_as"])
        given["bounds"] = None if given["bounds"] is None else Bounds(**given["bounds"])
        return cls(**given)


@dataclass(slots=True)
class Counts:
    """What was done with records. scanned: all that were looked at. failed: the filter could not be evaluated.

    unchecked: larger than filters see. undecodable: offsets in batches that cannot be read. skipped: without a text
    that the filter needs, so that it was not evaluated. bytes: of keys and values.
    """

    scanned: int = 0
    matched: int = 0
    failed: int = 0
    unchecked: int = 0
    undecodable: int = 0
    skipped: int = 0
    bytes: int = 0

    def add(self, other: Counts) -> None:
        """Counts the other's, too."""
        for name in COUNTED:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def told(self) -> dict[str, int]:
        """Each by its name."""
        return {name: getattr(self, name) for name in COUNTED}


COUNTED = tuple(each.name for each in fields(Counts))


class Part(NamedTuple):
    """A span that was looked at, with all that matched in it, in the search's order. is_lost: retention took it."""

    span: Span
    found: list[Record]
    counts: Counts
    is_lost: bool = False


class Ended(NamedTuple):
    """The end of a job. message: a sentence for people; "" where the reason says all."""

    reason: Reason
    message: str = ""
