"""The filters API: whether a filter can be used, and what it does with the newest records of a topic."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson
from django.http import HttpRequest, HttpResponse
from ninja import Router, Schema
from pydantic import Field, JsonValue

from streams.board.api import _again, _not_now, _open_log, _readable, checked_formats
from streams.board.schemas import RECORD, FormatsIn, Invalid, Problem, _example
from streams.board.turns import NoTurn, turn
from streams.decoding.formats import Formats
from streams.filters.bad_filter import BadFilter
from streams.filters.filters import Filter
from streams.filters.seen import seen
from streams.filters.work import Failed, TooMuch
from streams.hub import current, newest
from streams.hub.newest import Newest
from streams.hub.topic_log import TopicLog
from streams.kafka.history import History
from streams.runtime import bodies
from streams.runtime.away import Unavailable
from streams.runtime.bodies import Unread
from streams.runtime.threads import in_database
from streams.wire.ranges import Range
from streams.wire.records import Record

router = Router(tags=["filters"])

RECORDS = 500  # the newest, that a filter is tried on
EXAMPLES = 3  # of each outcome
CHECKS = 4  # under way in this process, with a topic
CHECK_S = 1.0  # of CPU that one takes; what it did not look at then is not counted
SLICE_S = 0.003  # of it at a time: the thread lets others run then
REST_S = 0.001
BODY_BYTES = 64 * 1024  # a filter of 2,000 characters, each escaped, and room
EXAMPLE: dict[str, JsonValue] = {"partition": 0, "record": RECORD}

_under_way = 0


class CheckIn(FormatsIn):
    """A filter, and perhaps a topic to try it on."""

    model_config = _example({"filter": 'value.price > 12 && key == "7"', "topic": "items.v1"})

    filter: str = Field(description="The filter as it was typed.")
    topic: str | None = Field(default=None, description="A topic that you may watch.")


class ExampleOut(Schema):
    """A record, and, where the filter failed with it, why."""

    model_config = _example(EXAMPLE)

    partition: int
    record: dict[str, Any] = Field(description="As the records API shows it.")
    message: str | None = None
    at: int | None = Field(default=None, description="The character of the filter, as it was typed, where it failed.")


class ExamplesOut(Schema):
    """The newest three of each outcome."""

    model_config = _example({"matched": [EXAMPLE], "failed": [], "unchecked": []})

    matched: list[ExampleOut]
    failed: list[ExampleOut]
    unchecked: list[ExampleOut]


class CheckOut(Schema):
    """A filter that can be used. All but `normalised` only with a topic."""

    model_config = _example(
        {
            "normalised": 'value.price > 12 && key == "7"',
            "records": 500,
            "matched": 1,
            "failed": 0,
            "unchecked": 0,
            "examples": {"matched": [EXAMPLE], "failed": [], "unchecked": []},
        }
    )

    normalised: str = Field(description="The one way to write it.")
    records: int | None = Field(default=None, description="How many of the newest records were looked at; at most 500.")
    matched: int | None = None
    failed: int | None = Field(default=None, description="With these it could not be evaluated: no match.")
    unchecked: int | None = Field(default=None, description="These are too large to be looked into: no match.")
    examples: ExamplesOut | None = None


class BadFilterOut(Invalid):
    """Why a filter cannot be used, and at which character; `detail` alone when the body is not as described."""

    model_config = _example(
        {
            "code": "bad_filter",
            "message": "= means nothing here: == compares.",
            "at": 8,
            "detail": [{"loc": ["body", "filter"], "msg": "= means nothing here: == compares.", "type": "bad_filter"}],
        }
    )

    code: Literal["bad_filter"] | None = None
    message: str | None = Field(default=None, description="A sentence for people.")
    at: int | None = Field(default=None, description="A character of the filter, counted from 0 in code points.")


@router.post(
    "/check",
    response={200: CheckOut, 400: Problem, 401: Problem, 403: Problem, 404: Problem, 413: Problem, 415: Problem,
              422: BadFilterOut, 503: Problem},
    summary="Check a filter",
)  # fmt: skip
async def check_filter(request: HttpRequest, asked: Unread[CheckIn]) -> HttpResponse:
    """Whether a filter can be used, and the one way to write it.

    With a topic also what it does with the newest 500 records of that: how many match, how many it fails with, how many
    are too large to be looked into, and three examples of each; the filter sees them by the formats that are named.
    Rights as for its records.
    """
    try:
        wanted, chosen = await in_database(_read, request, asked)
    except BadFilter as error:
        return _bad_filter(error)
    if wanted.topic is None:
        return _answer({"normalised": chosen.normalised})
    topic_log, refusal = await _open_log(request, wanted.topic)
    if topic_log is None:
        return refusal
    formats = checked_formats(wanted.topic, wanted, "body")
    try:
        async with turn(request.user.pk):
            return await _tried(chosen, topic_log, formats)
    except NoTurn as error:
        return _not_now(error)


def _read(request: HttpRequest, asked: object) -> tuple[CheckIn, Filter]:
    """In a thread: who calls, before the body is looked at; what they ask, and the filter. Raises BadFilter."""
    _readable(request)
    wanted = bodies.read(CheckIn, asked, BODY_BYTES)
    return wanted, Filter(wanted.filter)


def _bad_filter(error: BadFilter) -> HttpResponse:
    message = str(error)
    detail = [{"loc": ["body", "filter"], "msg": message, "type": "bad_filter"}]
    return _answer({"code": "bad_filter", "message": message, "at": error.at, "detail": detail}, status=422)


def _answer(content: dict[str, Any], status: int = 200) -> HttpResponse:
    return HttpResponse(orjson.dumps(content), status=status, content_type="application/json")


async def _tried(chosen: Filter, topic_log: TopicLog, formats: Formats) -> HttpResponse:
    global _under_way
    if _under_way >= CHECKS:
        return _again("Other filters are being checked just now; try again.")
    _under_way += 1
    try:
        newest_ones = await _newest(current.current().history, topic_log, formats)
        tried = await asyncio.to_thread(_try, chosen, topic_log.topic, newest_ones)
    except Unavailable:
        return _not_now()
    finally:
        _under_way -= 1
    return _answer({"normalised": chosen.normalised, **tried.told()})


Placed = tuple[int, Record, bytes | None]  # partition, record, its value where it travels with a part of it


async def _newest(history: History, topic_log: TopicLog, formats: Formats) -> list[Placed]:
    """The newest records of a topic, the newest first. Raises Unavailable."""
    whole: dict[tuple[int, int], bytes] = {}

    async def read(partition: int, start: int, end: int) -> list[Range]:
        ranges = await history.page(topic_log.topic, partition, start, end, formats, whole=True)
        for part in ranges:
            for offset, value in (part.whole or {}).items():
                whole[partition, offset] = value
        return ranges

    bounds = await history.bounds(topic_log.topic, topic_log.positions)
    found: Newest = await newest.find_before(read, bounds.firsts, bounds.ends, RECORDS)
    placed = [
        (partition, record, whole.get((partition, record.offset)))
        for partition, records in found.records.items()
        for record in records
    ]
    return sorted(placed, key=lambda each: (-each[1].timestamp, -each[1].offset))


@dataclass(slots=True)
class _Tried:
    """What a filter did with records. outcomes: the name of each -> how many; examples: the newest of them."""

    outcomes: dict[str, int] = field(default_factory=lambda: {"matched": 0, "failed": 0, "unchecked": 0})
    examples: dict[str, list[dict[str, Any]]] = field(
        default_factory=lambda: {"matched": [], "failed": [], "unchecked": []}
    )
    records: int = 0

    def note(self, outcome: str, partition: int, record: Record, **more: Any) -> None:
        self.outcomes[outcome] += 1
        if len(self.examples[outcome]) < EXAMPLES:
            self.examples[outcome].append({"partition": partition, "record": orjson.Fragment(record.data), **more})

    def told(self) -> dict[str, Any]:
        return {"records": self.records, **self.outcomes, "examples": self.examples}


def _try(chosen: Filter, topic: str, placed: list[Placed]) -> _Tried:
    """Has a filter look at records, in a thread that leaves time to others."""
    tried = _Tried()
    since, until = time.thread_time(), time.perf_counter() + SLICE_S
    for partition, record, whole in placed:
        if time.thread_time() - since > CHECK_S:
            break
        tried.records += 1
        looked_at = seen(topic, partition, record, whole)
        if looked_at is None:
            tried.note("unchecked", partition, record)
            continue
        try:
            if chosen.matches(looked_at):
                tried.note("matched", partition, record)
        except (Failed, TooMuch) as error:
            tried.note("failed", partition, record, message=str(error), at=getattr(error, "at", None))
        if time.perf_counter() > until:
            time.sleep(REST_S)
            until = time.perf_counter() + SLICE_S
    return tried
