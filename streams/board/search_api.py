"""The search API: a filter over the past of a topic, answered line by line as matches are found."""

from __future__ import annotations

from typing import Annotated

import orjson
from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from ninja import Router
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from streams.board.api import RETRY_AFTER_S, _log_of, _not_now, _problem, checked_formats
from streams.board.asker import still_reads, who_asks
from streams.board.filters_api import BadFilterOut, _answer, _bad_filter
from streams.board.schemas import MAX_OFFSET, RECORD, FormatIn, Problem, _example
from streams.filters.bad_filter import BadFilter
from streams.filters.filters import filter_of
from streams.hub import current
from streams.hub.topic_log import TopicLog
from streams.runtime import bodies
from streams.runtime.away import Unavailable
from streams.runtime.bodies import Unread
from streams.runtime.threads import in_database
from streams.search import running, searching
from streams.search.jobs import Job
from streams.search.places import LATEST, Place, spans_between
from streams.search.spans import Span, joined

router = Router(tags=["topics"])

PARTITIONS = 10_000  # that a body can name, and ranges of a cursor
BODY_BYTES = 1024 * 1024  # a cursor of so many, and a filter
NDJSON = "application/x-ndjson"
HEADERS = {"X-Accel-Buffering": "no"}  # nginx would keep the lines until there are many

EXAMPLE: list[dict[str, JsonValue]] = [
    {"type": "begin", "epoch": "k3f9", "ranges": [{"partition": 0, "from": 0, "to": 1843}], "offsets": 1843,
     "filter": "value.price > 12"},
    {"type": "records", "partition": 0, "records": [RECORD]},
    {"type": "end", "reason": "complete", "scanned_ranges": [{"partition": 0, "from": 0, "to": 1843}], "cursor": None,
     "scanned": 1843, "matched": 1, "failed": 0, "unchecked": 0, "undecodable": 0, "skipped": 0, "bytes": 29488},
]  # fmt: skip


class Exact(BaseModel):
    """A part of a body in which nothing is made of something else: no number of a text, no object of a list."""

    model_config = ConfigDict(strict=True)


class PlaceIn(Exact):
    """A place in a topic: a time, or positions. Without either it is the beginning, or the end."""

    timestamp: int | None = Field(default=None, ge=0, le=LATEST, description="Milliseconds since 1970.")
    positions: dict[Annotated[str, Field(pattern=r"^\d{1,10}$")], Annotated[int, Field(ge=0, le=MAX_OFFSET)]] | None = (
        Field(default=None, description="Partition to offset; a partition left out counts as not limited.")
    )


class RangeIn(Exact):
    """A part of one partition."""

    partition: int = Field(ge=0, le=2**31 - 1)
    from_: int = Field(alias="from", ge=0, le=MAX_OFFSET)
    to: int = Field(ge=0, le=MAX_OFFSET)


class CursorIn(Exact):
    """What a search has left, as its last line told it."""

    epoch: str
    ranges: list[RangeIn] = Field(max_length=PARTITIONS)


class SearchIn(Exact):
    """What to look for, and where. Everything may be left out."""

    model_config = _example(
        {"filter": 'value.price > 12 && key == "7"', "from": {"timestamp": 1740821400000}, "limit": 200}
    )

    filter: str | None = Field(default=None, description="The filter as it was typed; none: every record.")
    from_: PlaceIn | None = Field(default=None, alias="from", description="From here on; not with a cursor.")
    to: PlaceIn | None = Field(default=None, description="Before here; not with a cursor.")
    partitions: list[Annotated[int, Field(ge=0, le=2**31 - 1)]] | None = Field(
        default=None, description="Only these; not with a cursor."
    )
    newest_first: bool = Field(default=True, description="Backwards from the newest, or else from the oldest on.")
    by_time: bool = Field(
        default=False,
        description="From the oldest on: the oldest of all partitions first, else one partition after another.",
    )
    limit: int = Field(default=200, ge=1, le=searching.RECORDS, description="How many matches are enough.")
    cursor: CursorIn | None = Field(default=None, description="Go on where a search with the same filter ended.")
    value_format: FormatIn = Field(default=None, description="By which values are read; none: the topic's.")
    key_format: FormatIn = Field(default=None, description="By which keys are read; none: the topic's.")


class OtherLifeOut(Problem):
    """The cursor is of another life of the topic."""

    model_config = _example({"code": "epoch", "detail": "The topic was made anew since; begin without a cursor."})

    code: str = "epoch"


@router.post(
    "/{topic}/search",
    response={400: Problem, 401: Problem, 403: Problem, 404: Problem, 409: OtherLifeOut, 413: Problem, 415: Problem,
              422: BadFilterOut, 429: Problem, 503: Problem},
    by_alias=True,
    summary="Search a topic",
    openapi_extra={
        "responses": {
            200: {
                "description": "Lines of JSON, each as soon as it is known.",
                "content": {NDJSON: {
                    "schema": {"type": "string"},
                    "examples": {"lines": {"value": "".join(orjson.dumps(line).decode() + "\n" for line in EXAMPLE)}},
                }},
            }
        }
    },
)  # fmt: skip
async def search_topic(request: HttpRequest, topic: str, asked: Unread[SearchIn]) -> HttpResponseBase:
    """The records that match a filter, the newest first, in lines of JSON: `waiting`, `begin`, `records`, `progress`,
    `restarted`, `end`, described in docs/interface.md, "Searching".

    A search looks at a million records, 256 MB or for ten seconds at most; the cursor of its last line goes on. Rights
    as for the records, asked again while it runs. One search of a person is under way, four in a process; others wait.
    """
    asker = await in_database(who_asks, request, topic)
    topic_log, refusal = _log_of(topic, is_readable=asker.may_read)
    if topic_log is None:
        return refusal
    wanted = await sync_to_async(_read)(asked)
    try:
        chosen = None if wanted.filter is None else filter_of(wanted.filter)
    except BadFilter as error:
        return _bad_filter(error)
    formats = checked_formats(topic, wanted, "body")
    epoch = topic_log.epoch
    if wanted.cursor is not None and wanted.cursor.epoch != epoch:
        return _other_life()
    number = next((each for each in wanted.partitions or () if each not in topic_log.positions), None)
    if number is not None and wanted.cursor is None:
        return _problem(404, f"{topic} has no partition {number}.")
    searches = running.current().searches
    if searches.is_full(asker.credentials.user_id):
        return too_many(searching.TOO_MANY)
    try:
        spans = await _spans(wanted, topic_log)
    except Unavailable as error:
        return _not_now(error)
    job = Job(
        topic, spans, None if chosen is None else chosen.normalised, wanted.newest_first, wanted.limit,
        declared=asker.declared, read_as=formats, by_time=wanted.by_time,
    )  # fmt: skip
    still = still_reads(asker, topic, epoch)
    found = searching.lines(running.current(), asker.credentials.user_id, job, epoch, still)
    return StreamingHttpResponse(found, content_type=NDJSON, headers=HEADERS)


def _read(asked: object) -> SearchIn:
    """In a thread: a body of so many partitions takes a while."""
    return bodies.read(SearchIn, asked, BODY_BYTES, names=PARTITIONS, parts=8 * PARTITIONS)


def too_many(sentence: str) -> HttpResponse:
    """429: as many as may wait do so already."""
    answer = _problem(429, sentence)
    answer["Retry-After"] = str(RETRY_AFTER_S)
    return answer


def _other_life() -> HttpResponse:
    sentence = "The topic was made anew since; begin without a cursor."
    return _answer({"code": "epoch", "detail": sentence}, status=409)


async def _spans(wanted: SearchIn, topic_log: TopicLog) -> list[Span]:
    """Where to look. Raises Unavailable."""
    history = current.current().history
    bounds = await history.bounds(topic_log.topic, topic_log.positions)
    if wanted.cursor is not None:
        ends = bounds.ends
        return joined(
            Span(each.partition, each.from_, min(each.to, ends[each.partition]))
            for each in wanted.cursor.ranges
            if each.partition in ends
        )
    return await spans_between(
        history, topic_log.topic, bounds, _place(wanted.from_), _place(wanted.to), partitions=wanted.partitions
    )


def _place(given: PlaceIn | None) -> Place:
    if given is None or (given.timestamp is None and given.positions is None):
        return None
    if given.positions is not None:
        return {int(number): offset for number, offset in given.positions.items()}
    return given.timestamp
