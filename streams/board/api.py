"""The records API: parts of the history of topics. Rights as on the socket."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import orjson
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema
from ninja.errors import ValidationError as InvalidRequest
from pydantic import Field

from streams.board.schemas import (
    MAX_OFFSET,
    RECORD,
    FormatsIn,
    HasFormats,
    Invalid,
    Part,
    PartIn,
    Problem,
    RatesOut,
    RecordOut,
    RecordsOut,
    SchemaTextOut,
    WholeRecordOut,
    _example,
    formats_in,
)
from streams.board.turns import NoTurn, turn
from streams.decoding import carried
from streams.decoding.formats import BadFormat, Formats
from streams.hub import current, newest
from streams.hub.topic_log import TopicLog
from streams.kafka.history import Expired, NoSuchOffset
from streams.rights.topics import not_readable, readable_topics
from streams.runtime.away import Unavailable
from streams.runtime.threads import in_database
from streams.wire.ranges import Range
from streams.wire.records import Raw

router = Router(tags=["topics"])

RECORDS = 500  # of one answer
RETRY_AFTER_S = 2
MAX_POSITIONS_TEXT = 32_000  # characters: a thousand partitions


class RangeOut(Schema):
    """A part of one partition, with its records."""

    partition: int
    from_: int = Field(alias="from")
    to: int
    records: list[RecordOut]


class NewestOut(Schema):
    """The newest records before some positions, and why there are not more."""

    model_config = _example(
        {
            "epoch": "k3f9",
            "stopped": "enough",
            "ranges": [{"partition": 0, "from": 1842, "to": 1843, "records": [RECORD]}],
        }
    )

    epoch: str
    stopped: Literal["enough", "beginning", "bound"]
    ranges: list[RangeOut]


class Before(Schema):
    """Before which positions, and how many."""

    before: str = Field(
        default="",
        max_length=MAX_POSITIONS_TEXT,
        pattern=r"^(\d{1,10}:\d{1,19}(,\d{1,10}:\d{1,19})*)?$",
        description="Positions as `partition:offset`, with commas between; a partition left out begins at its end.",
        examples=["0:1842,1:991"],
    )
    limit: int = Field(default=200, ge=1, le=RECORDS, description="How many records at most.")

    def positions(self) -> dict[int, int]:
        """Partition -> offset, as given."""
        pairs = (pair.split(":") for pair in self.before.split(",") if pair)
        return {int(partition): int(offset) for partition, offset in pairs}


@router.get(
    "/{topic}/records",
    response={200: RecordsOut, 401: Problem, 404: Problem, 410: Problem, 422: Invalid, 503: Problem},
    by_alias=True,
    summary="A part of a partition",
)
async def read_records(request: HttpRequest, topic: str, part: Query[Part], other: Query[FormatsIn]) -> HttpResponse:
    """The records with `from` <= offset < `to`, at most 500 and 1 MiB; `next` is where to go on, or null.

    By other formats than the topic's where they are named; 422 for one that needs a schema which is not there.
    410 when retention took the beginning of that part; 503 with `Retry-After` when Kafka is away.
    """
    topic_log, refusal = await _open_log(request, topic)
    if topic_log is None:
        return refusal
    if part.partition not in topic_log.positions:
        return _problem(404, f"{topic} has no partition {part.partition}.")
    formats = checked_formats(topic, other, "query")
    history = current.current().history
    try:
        async with turn(request.user.pk):
            end = (await history.bounds(topic, topic_log.positions)).ends[part.partition]
            stop = min(part.to, end)
            wanted = part.partition, part.from_, stop
            ranges = await history.page(topic, *wanted, formats) if part.from_ < stop else []
    except (NoTurn, Unavailable) as error:
        return _not_now(error)
    if ranges and ranges[0].lost == "retention":
        return _problem(410, f"Retention took the offsets before {ranges[0].end}.", next=ranges[0].end)
    return _records_answer(topic_log, part, ranges, stop)


@router.get(
    "/{topic}/newest",
    response={200: NewestOut, 401: Problem, 404: Problem, 422: Invalid, 503: Problem},
    by_alias=True,
    summary="The newest records before some positions",
)
async def read_newest(request: HttpRequest, topic: str, asked: Query[Before], other: Query[FormatsIn]) -> HttpResponse:
    """The newest records of all partitions by their time, at most 500 and 8 MiB, below the positions in `before`.

    Offsets without a record do not count, however many lie between; the server looks back through at most 200,000 of
    them, for at most 4 s. `stopped` says why there are no more: `enough`, `beginning` or `bound`. Each range ends at
    the position that was given: to go on, name where the ranges begin. Formats as for a part of a partition.
    """
    topic_log, refusal = await _open_log(request, topic)
    if topic_log is None:
        return refusal
    formats = checked_formats(topic, other, "query")
    history = current.current().history
    given = asked.positions()
    try:
        async with turn(request.user.pk):
            bounds = await history.bounds(topic, topic_log.positions)
            before = {number: min(given.get(number, end), end) for number, end in bounds.ends.items()}
            read = partial(history.page, topic, formats=formats)
            found = await newest.find_before(read, bounds.firsts, before, asked.limit)
    except (NoTurn, Unavailable) as error:
        return _not_now(error)
    ranges = b",".join(
        b'{"partition":%d,"from":%d,"to":%d,"records":[%b]}'
        % (number, start, before[number], b",".join(record.data for record in found.records.get(number, ())))
        for number, start in found.positions.items()
    )
    head = orjson.dumps({"epoch": topic_log.epoch, "stopped": found.stopped})
    return HttpResponse(b'%b,"ranges":[%b]}' % (head[:-1], ranges), content_type="application/json")


@router.get(
    "/{topic}/rates",
    response={200: RatesOut, 401: Problem, 404: Problem, 422: Invalid, 503: Problem},
    by_alias=True,
    summary="How many records came lately",
)
async def read_rates(request: HttpRequest, topic: str) -> HttpResponse:
    """What the server that answers took in of the topic in each of the last 300 seconds of its clock, each offset once.

    The last number is of the last second that is over. There are fewer where it has not read the topic for so long.
    """
    topic_log, refusal = await _open_log(request, topic)
    if topic_log is None:
        return refusal
    first, records = current.current().hub.seconds.lately(topic)
    body = orjson.dumps({"epoch": topic_log.epoch, "from": first, "records": records})
    return HttpResponse(body, content_type="application/json")


@router.get(
    "/{topic}/records/{partition}/{offset}",
    response={
        200: WholeRecordOut,
        401: Problem,
        404: Problem,
        410: Problem,
        422: Invalid,
        503: Problem,
    },
    by_alias=True,
    summary="One record, uncut",
)
async def read_record(
    request: HttpRequest, topic: str, partition: int, offset: int, other: Query[FormatsIn]
) -> HttpResponse:
    """One record with its whole value, key and headers, and the bytes of value and key in base64.

    By other formats than the topic's where they are named: nobody else sees it so.
    """
    raw = await _one(request, topic, partition, offset)
    if isinstance(raw, HttpResponse):
        return raw
    try:
        async with turn(request.user.pk):
            record = await carried.of(topic).read_as(formats_in(other)).encode_whole(raw)
    except NoTurn as error:
        return _not_now(error)
    return HttpResponse(record.data, content_type="application/json")


@router.get(
    "/{topic}/records/{partition}/{offset}/schema",
    response={200: SchemaTextOut, 401: Problem, 404: Problem, 410: Problem, 422: Invalid, 503: Problem},
    by_alias=True,
    summary="The schema of one record",
)
async def read_schema(
    request: HttpRequest, topic: str, partition: int, offset: int, asked: Query[PartIn]
) -> HttpResponse:
    """The text of the schema by which the record's value, or its key, was decoded; 404 when it was by none."""
    raw = await _one(request, topic, partition, offset)
    if isinstance(raw, HttpResponse):
        return raw
    try:
        async with turn(request.user.pk):
            found = await carried.of(topic).read_as(formats_in(asked)).schema_of(raw, asked.part)
    except NoTurn as error:
        return _not_now(error)
    if found is None:
        return _problem(404, f"The {asked.part} of this record was not decoded by a schema.")
    schema, told = found
    head = orjson.dumps({"format": schema.kind, "text": schema.text})
    return HttpResponse(b'%b,"schema":%b}' % (head[:-1], told), content_type="application/json")


def checked_formats(topic: str, asked: HasFormats, where: str) -> Formats:
    """The formats that a request names, of a topic that who asks may read; they stand in its `where`, query or body.
    Raises InvalidRequest where they need a schema that is not there."""
    formats = formats_in(asked)
    try:
        carried.of(topic).check(formats)
    except BadFormat as error:
        raise InvalidRequest([{"loc": (where, error.field), "msg": str(error), "type": "bad_format"}]) from error
    return formats


async def _one(request: HttpRequest, topic: str, partition: int, offset: int) -> Raw | HttpResponse:
    """A record as Kafka has it, when the user may read it; else the answer that says why not."""
    topics = await in_database(_readable, request)
    return await one(request.user.pk, topic, partition, offset, is_readable=topic in topics)


async def one(person: object, topic: str, partition: int, offset: int, *, is_readable: bool) -> Raw | HttpResponse:
    """A record as Kafka has it; else the answer of the API that says why not.

    person: the primary key of who asks, who waits for a turn. is_readable: whether they may watch the topic.
    """
    topic_log, refusal = _log_of(topic, is_readable=is_readable)
    if topic_log is None:
        return refusal
    if partition not in topic_log.positions or not 0 <= offset <= MAX_OFFSET:
        return _problem(404, f"{topic} has no such record.")
    try:
        async with turn(person):
            return await current.current().history.raw(topic, partition, offset)
    except NoSuchOffset:
        return _problem(404, f"{topic} {partition} has no record at offset {offset}.")
    except Expired:
        return _problem(410, f"Retention took offset {offset} of {topic} {partition}.")
    except (NoTurn, Unavailable) as error:
        return _not_now(error)


def _readable(request: HttpRequest) -> dict[str, str]:
    """What who calls may watch: signing in and rights in one go, on one connection (project/api/auth.py)."""
    return readable_topics(request.auth())  # type: ignore[attr-defined]


async def _open_log(request: HttpRequest, topic: str) -> tuple[TopicLog | None, HttpResponse]:
    """The topic's log when the user may read it; else None and the answer that says why not."""
    return _log_of(topic, is_readable=topic in await in_database(_readable, request))


def _log_of(topic: str, *, is_readable: bool) -> tuple[TopicLog | None, HttpResponse]:
    if not is_readable:
        return None, _problem(404, not_readable(topic))
    hub = current.current().hub
    if (topic_log := hub.logs.get(topic)) is not None:
        return topic_log, HttpResponse()
    if hub.link.state == "down":
        return None, _not_now()
    if topic in hub.missing:
        return None, _problem(404, f"Kafka has no topic {topic} yet.")
    return None, _again(f"The topic {topic} is about to be opened; try again.")


def _records_answer(topic_log: TopicLog, part: Part, ranges: list[Range], stop: int) -> HttpResponse:
    records = [record for each in ranges for record in each.records]
    end = ranges[-1].end if ranges else part.from_
    if len(records) > RECORDS:
        end = records[RECORDS].offset
        records = records[:RECORDS]
    head = {"epoch": topic_log.epoch, "partition": part.partition, "from": part.from_, "to": end}
    head["next"] = end if end < stop else None
    body = b'%b,"records":[%b]}' % (orjson.dumps(head)[:-1], b",".join(record.data for record in records))
    return HttpResponse(body, content_type="application/json")


def _problem(status: int, detail: str, **more: Any) -> HttpResponse:
    return HttpResponse(orjson.dumps({"detail": detail, **more}), status=status, content_type="application/json")


def _not_now(error: Exception | None = None) -> HttpResponse:
    waits = isinstance(error, NoTurn)
    return _again("You are reading several parts already; try again." if waits else "Kafka is away; try again.")


def _again(sentence: str) -> HttpResponse:
    answer = _problem(503, sentence)
    answer["Retry-After"] = str(RETRY_AFTER_S)
    return answer
