"""What the outbox knows of the way of an item's versions. Synchronous: it asks the database; call it in a thread."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NamedTuple

import orjson
from django.conf import settings

from streams.models import OutboxMessage

VERSIONS = 50  # as many as the page of an item shows of its history

State = Literal["waiting", "parked", "published"]


class Step(NamedTuple):
    """One version on its way.

    type: of its event. saved: when the transaction wrote it, its event in the outbox with it. published: when Kafka had
    acknowledged it. partition, offset: where it is there; offset is None also where Kafka had it already and did not
    say. attempts: how often Kafka was tried in vain. problem: what it said to the last of these.
    """

    version: int
    type: str
    saved: datetime
    state: State
    published: datetime | None
    partition: int | None
    offset: int | None
    attempts: int
    problem: str


def steps(item_id: int) -> list[Step]:
    """The newest VERSIONS of an item that are still in the outbox, newest first: all that wait, and those published in
    the last days (streams/outbox/messages.py, RETENTION)."""
    found = OutboxMessage.objects.filter(topic=settings.KAFKA_ITEMS_TOPIC, key=str(item_id)).order_by("-id")
    return [_step(message) for message in found[:VERSIONS]]


def _step(message: OutboxMessage) -> Step:
    is_published = message.published_at is not None
    return Step(
        version=int(orjson.loads(bytes(message.value))["version"]),
        type=str(message.headers.get("ce_type", "")),
        saved=message.created_at,
        state="published" if is_published else "waiting" if message.parked_at is None else "parked",
        published=message.published_at,
        partition=message.partition,
        offset=message.offset,
        attempts=message.attempts,
        problem="" if is_published else message.last_error,
    )
