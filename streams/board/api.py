"""The records API: the topics a user may watch, and parts of their history. Rights as on the socket."""

from __future__ import annotations

from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema
from pydantic import ConfigDict, Field, JsonValue

from streams.hub.topic_log import TopicLog
from streams.kafka.clients import Unavailable
from streams.kafka.history import Expired, NoSuchOffset
from streams.processes import web
from streams.rights import credentials
from streams.runtime.threads import in_database
from streams.wire.ranges import Range

router = Router(tags=["topics"])

RECORDS = 500  # of one answer
RETRY_AFTER_S = 2
MAX_OFFSET = 2**63 - 1


RECORD: dict[str, JsonValue] = {
    "offset": 1842,
    "timestamp": 1740821400000,
    "key": "7",
    "headers": {"ce_type": "item.created"},
    "size": 16,
    "encoding": "json",
    "value": {"name": "a lamp"},
}


def _example(example: dict[str, JsonValue]) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [example]})


class Problem(Schema):
    model_config = _example({"detail": "There is no topic weather here; an administrator can add it."})

    detail: str


class InvalidField(Schema):
    loc: list[str | int] = Field(description='Where: for example ["query", "to"].')
    msg: str
    type: str


class Invalid(Schema):
    """What is wrong with which part of the address."""

    model_config = _example({"detail": [{"loc": ["query", "to"], "msg": "Field required", "type": "missing"}]})

    detail: list[InvalidField]


class TopicOut(Schema):
    name: str = Field(examples=["items.v1"], description="The topic's name in Kafka.")
    label: str = Field(examples=["Items"], description="What people see.")


class TopicsOut(Schema):
    model_config = _example({"topics": [{"name": "items.v1", "label": "Items"}]})

    topics: list[TopicOut]


class RecordOut(Schema):
    """One record as the protocol describes it; `value` is any JSON where `encoding` is `json`."""

    model_config = _example(RECORD)

    offset: int
    timestamp: int | None
    key: str | None
    key_encoding: str | None = None
    headers: dict[str, Any]
    size: int
    encoding: str
    value: Any = None
    truncated: bool | None = None


class RecordsOut(Schema):
    model_config = _example(
        {"epoch": "k3f9", "partition": 0, "from": 1842, "to": 1843, "records": [RECORD], "next": None}
    )

    epoch: str
    partition: int
    from_: int = Field(alias="from")
    to: int
    records: list[RecordOut]
    next: int | None


class Part(Schema):
    partition: int = Field(ge=0, le=2**31 - 1, description="The partition to read.")
    from_: int = Field(alias="from", ge=0, le=MAX_OFFSET, description="The first offset wanted.")
    to: int = Field(ge=0, le=MAX_OFFSET, description="The offset to stop before.")


@router.get("/", response={200: TopicsOut, 401: Problem, 503: Problem}, summary="The topics you may watch")
async def list_topics(request: HttpRequest) -> dict[str, Any]:
    """Every topic that the signed-in user may watch, by name."""
    topics = await in_database(credentials.readable_topics, await _user(request))
    return {"topics": credentials.shown(topics)}


@router.get(
    "/{topic}/records",
    response={200: RecordsOut, 401: Problem, 403: Problem, 404: Problem, 410: Problem, 422: Invalid, 503: Problem},
    by_alias=True,
    summary="A part of a partition",
)
async def read_records(request: HttpRequest, topic: str, part: Query[Part]) -> HttpResponse:
    """The records with `from` <= offset < `to`, at most 500 and 1 MiB; `next` is where to go on, or null.

    410 when retention took the beginning of that part; 503 with `Retry-After` when Kafka is away.
    """
    topic_log, refusal = await _open_log(request, topic)
    if topic_log is None:
        return refusal
    if part.partition not in topic_log.positions:
        return _problem(404, f"{topic} has no partition {part.partition}.")
    history = web.current().history
    try:
        end = (await history.bounds(topic, topic_log.positions)).ends[part.partition]
        stop = min(part.to, end)
        ranges = await history.page(topic, part.partition, part.from_, stop) if part.from_ < stop else []
    except Unavailable:
        return _away()
    if ranges and ranges[0].lost == "retention":
        return _problem(410, f"Retention took the offsets before {ranges[0].end}.", next=ranges[0].end)
    return _records_answer(topic_log, part, ranges, stop)


@router.get(
    "/{topic}/records/{partition}/{offset}",
    response={
        200: RecordOut,
        401: Problem,
        403: Problem,
        404: Problem,
        410: Problem,
        422: Invalid,
        503: Problem,
    },
    summary="One record, uncut",
)
async def read_record(request: HttpRequest, topic: str, partition: int, offset: int) -> HttpResponse:
    """One record with its whole value, key and headers."""
    topic_log, refusal = await _open_log(request, topic)
    if topic_log is None:
        return refusal
    if partition not in topic_log.positions or not 0 <= offset <= MAX_OFFSET:
        return _problem(404, f"{topic} has no such record.")
    try:
        record = await web.current().history.record(topic, partition, offset)
    except NoSuchOffset:
        return _problem(404, f"{topic} {partition} has no record at offset {offset}.")
    except Expired:
        return _problem(410, f"Retention took offset {offset} of {topic} {partition}.")
    except Unavailable:
        return _away()
    return HttpResponse(record.data, content_type="application/json")


async def _user(request: HttpRequest) -> Any:
    user = getattr(request, "auth", None)
    return user if getattr(user, "is_authenticated", False) else await request.auser()


async def _open_log(request: HttpRequest, topic: str) -> tuple[TopicLog | None, HttpResponse]:
    """The topic's log when the user may read it; else None and the answer that says why not."""
    user = await _user(request)
    if topic not in await in_database(credentials.readable_topics, user):
        if await in_database(credentials.topic_exists, topic):
            return None, _problem(403, f"You may not watch {topic}; an administrator can add your group.")
        return None, _problem(404, f"There is no topic {topic} here; an administrator can add it.")
    topic_log = web.current().hub.logs.get(topic)
    if topic_log is None:
        if web.link().state == "down":
            return None, _away()
        return None, _problem(404, f"Kafka has no topic {topic} yet.")
    return topic_log, HttpResponse()


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


def _away() -> HttpResponse:
    answer = _problem(503, "Kafka is away; try again.")
    answer["Retry-After"] = str(RETRY_AFTER_S)
    return answer
