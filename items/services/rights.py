"""Who may do what with items: the permissions of Django's models, and owners with what is theirs. The one place where
it is decided; the services ask it, and pages that offer something. Asks the database: call it in a thread.

`is_staff` opens the admin and decides nothing here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model

from items.models import Item

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MAY_NOT_ADD = "Your account may not add items. A member of staff can put it into the group Contributors."


def look_up(users: Iterable[User]) -> None:
    """Asks once what all of these people may do, instead of twice for each as soon as it is needed.

    It is what Django keeps on a user for as long as the object lives; do it for people who were read just now.
    """
    by_id: dict[int, list[User]] = {}
    for user in users:
        if user.is_active and not user.is_superuser:
            by_id.setdefault(user.pk, []).append(user)
    if not by_id:
        return
    own = get_user_model().user_permissions.through.objects.filter(user_id__in=by_id)
    of_groups = get_user_model().groups.through.objects.filter(user_id__in=by_id)
    found: dict[int, set[str]] = {user_id: set() for user_id in by_id}
    rows = own.values_list("user_id", *_names("permission")).union(
        of_groups.values_list("user_id", *_names("group__permissions"))
    )
    for user_id, app, name in rows:
        found[user_id].add(f"{app}.{name}")
    for user_id, names in found.items():
        for user in by_id[user_id]:
            user._perm_cache = names  # type: ignore[attr-defined]


def _names(permission: str) -> tuple[str, str]:
    return f"{permission}__content_type__app_label", f"{permission}__codename"


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
