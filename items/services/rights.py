"""Who may add and who may change items: asked by the services, which decide, and by pages that offer it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from items.models import Item

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MAY_NOT_ADD = "Your account may not add items. A member of staff can put it into the group Contributors."


def may_add(actor: User | None) -> bool:
    """Whether this person may add items: who has the permission, by the group Contributors or otherwise."""
    return actor is None or actor.has_perm("items.add_item")


def may_change(actor: User | None, item: Item) -> bool:
    """Whether this person may change and delete the item. None stands for the system (a shell, a command)."""
    return actor is None or actor.is_staff or (item.owner_id is not None and item.owner_id == actor.pk)
