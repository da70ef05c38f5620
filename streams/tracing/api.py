"""The way of an item's versions, as the page of an item asks for it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

import orjson
from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from ninja import Router, Schema
from pydantic import Field

from streams.board.schemas import Problem, _example
from streams.hub import current
from streams.hub.arrivals import Arrival
from streams.rights.topics import readable_topics
from streams.tracing.way import Step, steps

router = Router(tags=["items"])


class Way(Schema):
    """One version on its way."""

    version: int
    type: str = Field(description="Of its event.", examples=["item.updated"])
    saved_at: datetime = Field(description="When it was written, and its event in the outbox with it.")
    state: Literal["waiting", "parked", "published"] = Field(
        description="parked: Kafka refused it for good, and somebody has to look at it."
    )
    attempts: int = Field(description="How often Kafka was tried in vain.")
    published_at: datetime | None = Field(description="When Kafka had acknowledged it.")
    partition: int | None = Field(description="Null also for who may not watch the items topic.")
    offset: int | None
    arrived_at: datetime | None = Field(
        description="When it reached the process that answers, which gives it to its boards within a few hundredths of "
        "a second; null when that process was not there, or no longer remembers."
    )
    readers: int | None = Field(description="How many streams of the items topic that process had then.")


class WayOut(Schema):
    """The way of an item's newest versions, as far as the outbox keeps them, newest first."""

    model_config = _example(
        {
            "topic": "items.v1",
            "link": "live",
            "since": 1740821400000,
            "versions": [
                {
                    "version": 1, "type": "item.created", "saved_at": "2025-03-01T10:30:00.120Z", "state": "published",
                    "attempts": 0, "published_at": "2025-03-01T10:30:00.131Z", "partition": 2, "offset": 1842,
                    "arrived_at": "2025-03-01T10:30:00.139Z", "readers": 3,
                }
            ],
        }
    )  # fmt: skip

    topic: str
    link: Literal["live", "catching_up", "down", "unknown"] = Field(
        description="Of the process that answers, to Kafka."
    )
    since: int | None = Field(description="Since when that is so, ms since 1970.")
    versions: list[Way]


@router.get(
    "/{int:item_id}/way",
    response={200: WayOut, 401: Problem, 404: Problem, 503: Problem},
    summary="The way of its versions",
)
async def read_way(request: HttpRequest, item_id: int) -> HttpResponse:
    """Where the newest versions of an item are: saved, in the outbox, in Kafka, on boards. Versions that Kafka has had
    for more than a week are not kept any more."""

    def looked_up() -> tuple[list[Step], bool]:
        user = request.auth()  # type: ignore[attr-defined]  # ninja's; signing in asks the database
        found = steps(item_id)
        return found, settings.KAFKA_ITEMS_TOPIC in readable_topics(user)

    found, may_watch = await sync_to_async(looked_up)()
    places = [(each.partition, each.offset) for each in found if each.partition is not None and each.offset is not None]
    link, since, arrivals = _heard(places)
    told = {
        "topic": settings.KAFKA_ITEMS_TOPIC,
        "link": link,
        "since": since,
        "versions": [_way(each, arrivals, may_watch=may_watch) for each in found],
    }
    return HttpResponse(orjson.dumps(told, option=orjson.OPT_UTC_Z), content_type="application/json")


def _heard(places: list[tuple[int, int]]) -> tuple[str, int | None, dict[tuple[int, int], Arrival]]:
    try:
        hub = current.current().hub
    except RuntimeError:  # a process without a live side
        return "unknown", None, {}
    return hub.link.state, hub.link.since, hub.arrivals.of(places)


def _way(step: Step, arrivals: dict[tuple[int, int], Arrival], *, may_watch: bool) -> dict[str, Any]:
    arrival = (
        arrivals.get((step.partition, step.offset)) if step.offset is not None and step.partition is not None else None
    )
    return {
        "version": step.version,
        "type": step.type,
        "saved_at": step.saved,
        "state": step.state,
        "attempts": step.attempts,
        "published_at": step.published,
        "partition": step.partition if may_watch else None,
        "offset": step.offset if may_watch else None,
        "arrived_at": _iso(arrival.at) if arrival else None,
        "readers": arrival.readers if arrival else None,
    }


def _iso(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
