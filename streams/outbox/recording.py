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
    # Each item is there once, and the lock on its row orders its ids with those of earlier and later changes.
    OutboxMessage.objects.bulk_create([_message(event) for event in events])
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL])
    transaction.on_commit(wake, robust=True)  # a relay that cannot be woken looks by itself soon


def _message(event: ItemEvent) -> OutboxMessage:
    return OutboxMessage(
        topic=settings.KAFKA_ITEMS_TOPIC,
        key=str(event.item_id),
        value=orjson.dumps(event.payload),
        headers={
            "ce_specversion": "1.0",
            "ce_id": str(event.id),
            "ce_type": event.type,
            "ce_source": SOURCE,
            "ce_time": event.time.isoformat().replace("+00:00", "Z"),
            "content-type": "application/json",
        },
        created_at=event.time,
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
