"""Item events on their way to Kafka: written in the transaction of the change, never outside one.

`record` is the one receiver of `items.events.item_changed`: a rollback takes the event with it, and a process that dies
after the commit leaves it here. Everything in this file is synchronous; the relay calls it from its own thread.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import NamedTuple

import orjson
from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from streams.models import OutboxMessage
from streams.outbox.recording import wake

log = logging.getLogger(__name__)
RETENTION = timedelta(days=7)  # of published messages
BATCH_BYTES = 8 * 1024 * 1024  # of values that are read for one batch, and one message more
PRUNE_ROWS = 2_000  # one delete: on SQLite nobody else writes meanwhile
ERROR_LENGTH = 1_000  # characters kept of what Kafka said


class Row(NamedTuple):
    """A message as the relay takes it."""

    id: int
    topic: str
    key: str
    value: bytes
    headers: dict[str, str]


class Placed(NamedTuple):
    """Where Kafka put a message. offset: None when Kafka had it already and does not say where."""

    id: int
    partition: int
    offset: int | None


class Backlog(NamedTuple):
    """What waits. oldest: when the oldest waiting message was written, None when none waits."""

    waiting: int
    oldest: datetime | None
    parked: int


# Reading ----------------------------------------------------------------------------------------------------------


def _unpublished() -> QuerySet[OutboxMessage]:
    return OutboxMessage.objects.filter(published_at__isnull=True)


PLANNING = ("enable_sort", "enable_bitmapscan", "enable_seqscan")


def walk_in_id_order() -> None:
    """Has PostgreSQL walk the partial index of unpublished messages instead of sorting them, on this connection.

    Its statistics are of an outbox in which nearly all is published, so of a backlog it expects next to nothing, and
    would read and sort the whole of it for each batch: with 40,000 waiting that took 60 to 170 ms, the walk takes 1.
    """
    _plan("off", only_here=False)


def walk_freely() -> None:
    """Undoes `walk_in_id_order`, before the connection is somebody else's."""
    _plan("on", only_here=False)


def _plan(value: str, *, only_here: bool) -> None:
    """only_here: up to the end of this transaction."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config(name, %s, %s) FROM unnest(%s::text[]) AS name", [value, only_here, list(PLANNING)]
            )


# One statement, and so one way to the database and back: after each a thread waits for a busy interpreter.
NEXT_BATCH = """
SELECT id, topic, key, value, headers FROM (
    SELECT oldest.*, sum(length(value)) OVER (ORDER BY id) - length(value) AS size_before FROM (
        SELECT id, topic, key, value, headers FROM streams_outboxmessage AS message
        WHERE published_at IS NULL AND parked_at IS NULL AND NOT EXISTS (
            SELECT 1 FROM streams_outboxmessage AS earlier
            WHERE earlier.published_at IS NULL AND earlier.parked_at IS NOT NULL
                AND earlier.topic = message.topic AND earlier.key = message.key AND earlier.id < message.id
        )
        ORDER BY id LIMIT %s
    ) AS oldest
) AS sized WHERE size_before < %s ORDER BY id
"""


def next_batch(limit: int) -> list[Row]:
    """The oldest messages that may go to Kafka now, in id order: none whose key has an earlier message parked.

    At most `limit`, and no more once their values have BATCH_BYTES together. Quick with a backlog only after
    `walk_in_id_order`.
    """
    with connection.cursor() as cursor:
        cursor.execute(NEXT_BATCH, [limit, BATCH_BYTES])
        return [
            Row(id_, topic, key, bytes(value), orjson.loads(headers))
            for id_, topic, key, value, headers in cursor.fetchall()
        ]


def newest_published(limit: int) -> list[Row]:
    """The newest messages that were published before, in id order: for a broker that has forgotten them."""
    newest = OutboxMessage.objects.filter(published_at__isnull=False).order_by("-id")[:limit]
    found = newest.values_list("id", "topic", "key", "value", "headers")
    return [Row(id_, topic, key, bytes(value), headers) for id_, topic, key, value, headers in found][::-1]


def waiting(limit: int = 10_000) -> int:
    """How many messages wait to be published, parked ones included, counted up to `limit`."""
    return _unpublished()[:limit].count()


def backlog(limit: int = 10_000) -> Backlog:
    """The state of the outbox, counted up to `limit`."""
    with transaction.atomic() if connection.vendor == "postgresql" else nullcontext():
        _plan("off", only_here=True)
        oldest = (
            _unpublished().filter(parked_at__isnull=True).order_by("id").values_list("created_at", flat=True).first()
        )
    return Backlog(waiting(limit), oldest, _unpublished().filter(parked_at__isnull=False)[:limit].count())


# What became of a message -----------------------------------------------------------------------------------------


def mark_published(placed: Sequence[Placed]) -> None:
    """Notes what Kafka acknowledged, in one statement on PostgreSQL."""
    if not placed:
        return
    now = timezone.now()
    if connection.vendor == "postgresql":
        ids, partitions, offsets = (list(column) for column in zip(*placed, strict=True))
        with connection.cursor() as cursor:
            cursor.execute(
                'UPDATE streams_outboxmessage AS message SET published_at = %s, "partition" = placed.place,'
                ' "offset" = placed.position'
                " FROM unnest(%s::bigint[], %s::integer[], %s::bigint[]) AS placed (id, place, position)"
                " WHERE message.id = placed.id",
                [now, ids, partitions, offsets],
            )
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(
            'UPDATE streams_outboxmessage SET published_at = %s, "partition" = %s, "offset" = %s WHERE id = %s',
            [(now, partition, offset, id_) for id_, partition, offset in placed],
        )


def note_failure(ids: Iterable[int], error: str) -> None:
    """Notes that Kafka did not take these messages this time; they stay waiting."""
    OutboxMessage.objects.filter(id__in=list(ids)).update(attempts=F("attempts") + 1, last_error=error[:ERROR_LENGTH])


def park(id_: int, error: str) -> None:
    """Takes a message that Kafka refuses for good out of the way; its key waits behind it until it is sent again."""
    OutboxMessage.objects.filter(id=id_).update(
        attempts=F("attempts") + 1, last_error=error[:ERROR_LENGTH], parked_at=timezone.now()
    )
    log.error("Outbox message %s is parked, its key waits: %s", id_, error)


def send_again(messages: QuerySet[OutboxMessage]) -> int:
    """Lets parked messages go to Kafka once more; returns how many."""
    with transaction.atomic():
        count = messages.filter(published_at__isnull=True, parked_at__isnull=False).update(parked_at=None)
        transaction.on_commit(wake, robust=True)
    return count


def prune(retention: timedelta = RETENTION) -> int:
    """Deletes published messages older than their retention, in bounded steps; returns how many."""
    total = 0
    while True:
        dropped = _prune_step(retention)
        total += dropped
        if dropped < PRUNE_ROWS:
            return total


def prune_some() -> bool:
    """One such step, between others' work. Returns whether there may be more to delete."""
    return _prune_step(RETENTION) == PRUNE_ROWS


def _prune_step(retention: timedelta) -> int:
    oldest_kept = timezone.now() - retention
    past = OutboxMessage.objects.filter(created_at__lt=oldest_kept, published_at__lt=oldest_kept)
    ids = list(past.order_by("created_at").values_list("id", flat=True)[:PRUNE_ROWS])
    OutboxMessage.objects.filter(id__in=ids).delete()
    return len(ids)
