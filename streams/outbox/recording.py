"""Writes item events to the outbox in the transaction of the change, and wakes the relay."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import orjson
from django.conf import settings
from django.db import connection, transaction

from items.events import ItemEvent
from streams.models import OutboxMessage

CHANNEL = "streamboard_outbox"  # PostgreSQL's NOTIFY channel that wakes the relay of another process
SOURCE = "/streamboard/items"


def record(sender: Any, *, events: Sequence[ItemEvent], **_: Any) -> None:
    """Writes events to the outbox, in the transaction that is open. Raises RuntimeError outside of one."""
    if not connection.in_atomic_block:
        raise RuntimeError("An item event must be sent inside the transaction of its change.")
    # The lock on an item's row orders the ids of its messages with those of earlier and later changes.
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            rows = [_message(event) | {"created_at": event.time} for event in events]
            cursor.execute(_RECORD, [orjson.dumps(rows).decode(), CHANNEL])
        else:
            cursor.executemany(_RECORD_ONE, [_values(event) for event in events])
    transaction.on_commit(wake, robust=True)  # a relay that cannot be woken looks by itself soon


_TABLE = OutboxMessage._meta.db_table
_COLUMNS = "topic, key, value, headers, created_at, attempts, last_error"

# All messages as one JSON text, and the word to the relay: one round trip.
_RECORD = f"""
WITH told AS (
    INSERT INTO {_TABLE} ({_COLUMNS})
    SELECT topic, key, convert_to(value, 'UTF8'), headers, created_at, 0, ''
    FROM json_to_recordset(%s) AS rows(topic text, key text, value text, headers jsonb, created_at timestamptz)
)
SELECT pg_notify(%s, '')
"""  # noqa: S608  (names of the table and its columns)
_RECORD_ONE = f"INSERT INTO {_TABLE} ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, 0, '')"  # noqa: S608


def _message(event: ItemEvent) -> dict[str, Any]:
    return {
        "topic": settings.KAFKA_ITEMS_TOPIC,
        "key": str(event.item_id),
        "value": orjson.dumps(event.payload).decode(),
        "headers": {
            "ce_specversion": "1.0",
            "ce_id": str(event.id),
            "ce_type": event.type,
            "ce_source": SOURCE,
            "ce_time": event.time.isoformat().replace("+00:00", "Z"),
            "content-type": "application/json",
        },
    }


def _values(event: ItemEvent) -> tuple[Any, ...]:
    """As Django writes them into SQLite."""
    message = _message(event)
    return (
        message["topic"],
        message["key"],
        message["value"].encode(),
        orjson.dumps(message["headers"]).decode(),
        connection.ops.adapt_datetimefield_value(event.time),
    )


_listeners: set[Callable[[], None]] = set()
_listeners_lock = threading.Lock()


def wake() -> None:
    """Calls every listener that subscribed. From any thread."""
    with _listeners_lock:
        listeners = list(_listeners)
    for listener in listeners:
        listener()


def subscribe(listener: Callable[[], None]) -> Callable[[], None]:
    """Has `listener` called after each commit of an event in this process, from any thread. Returns how to end that."""
    with _listeners_lock:
        _listeners.add(listener)

    def unsubscribe() -> None:
        with _listeners_lock:
            _listeners.discard(listener)

    return unsubscribe
