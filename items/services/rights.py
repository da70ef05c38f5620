"""Who may do what with items: the permissions of Django's models, and owners with what is theirs. The one place where
it is decided; the services ask it, and pages that offer something. Asks the database: call it in a thread.

`is_staff` opens the admin and decides nothing here.
"""

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
    """Whether this person may change the item, and bring it back when it is deleted. None stands for the system (a
    shell, a command)."""
    return _owns(actor, item) or may_change_all(actor)


def may_delete(actor: User | None, item: Item) -> bool:
    """Whether this person may delete the item."""
    return _owns(actor, item) or actor is None or actor.has_perm("items.delete_item")


def may_change_all(actor: User | None) -> bool:
    """Whether this person may change everybody's items, restore them, and give them to somebody else."""
    return actor is None or actor.has_perm("items.change_item")


def _owns(actor: User | None, item: Item) -> bool:
    return actor is not None and item.owner_id is not None and item.owner_id == actor.pk
