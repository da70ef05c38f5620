"""What a service may answer instead of doing something: each with a sentence for the person who asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError

if TYPE_CHECKING:
    from items.models import Item


class Refused(Exception):
    """A service did nothing; the text is a sentence for the person who asked."""


class ItemNotFound(Refused):
    """No item has this number, or it was deleted."""

    def __init__(self) -> None:
        super().__init__("There is no such item.")


class NotAllowed(Refused):
    """The person may not do this."""

    def __init__(
        self, sentence: str = "This is for the owner of the item, and for who has the permission for all."
    ) -> None:
        super().__init__(sentence)


class VersionConflict(Refused):
    """Somebody saved meanwhile; `current` is the item as it is now."""

    def __init__(self, current: Item) -> None:
        self.current = current
        super().__init__(f"The item was changed meanwhile; it has version {current.version} now.")


class SkuTaken(Refused):
    """Another item has this SKU. sku: the one that was asked for."""

    def __init__(self, sku: str) -> None:
        self.sku = sku
        super().__init__(f"The SKU {sku} belongs to another item already (a deleted item keeps its own).")


class AlreadySubmitted(Refused):
    """The same form was sent before; `item` is what it made."""

    def __init__(self, item: Item) -> None:
        self.item = item
        super().__init__("This form was submitted already.")


class RowRefused(Refused):
    """One row of many was refused, so none was written. row: its place in the list, from 0."""

    def __init__(self, row: int, reason: Refused | ValidationError) -> None:
        self.row = row
        self.reason = reason
        sentence = " ".join(reason.messages) if isinstance(reason, ValidationError) else str(reason)
        super().__init__(f"Nothing was added, because of items[{row}]: {sentence}")


class KeyReused(Refused):
    """An Idempotency-Key came before with another request."""

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was sent with another request before; take a new key for a new request.")


class TooManyKeys(Refused):
    """Too many Idempotency-Keys of this person are remembered."""

    def __init__(self) -> None:
        super().__init__("Too many Idempotency-Keys of yours are remembered; the oldest are forgotten after 24 hours.")
