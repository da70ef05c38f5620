"""The contract between items and whoever wants to know of their changes: the event and its signal.

A service sends `item_changed` with `send()` inside its transaction, so a receiver that raises undoes the write.
Nothing outside `items` may need more of an item than what travels here.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from django.dispatch import Signal
from django.utils import timezone

ItemEventType = Literal["item.created", "item.updated", "item.deleted", "item.restored"]


@dataclass(frozen=True, slots=True)
class ItemEvent:
    """One fact about one item.

    item_id: the item's primary key; the Kafka key is its text.
    version: the item's version after the change, 1 for the first, without holes.
    payload: what becomes the record's JSON value: the item as the API shows it plus "actor" (username or None).
    """

    type: ItemEventType
    item_id: int
    version: int
    payload: dict[str, object]
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    time: datetime = field(default_factory=timezone.now)


item_changed = Signal()
"""Sent with `events: Sequence[ItemEvent]`, in the order of the changes; the sender is the item's model class."""
