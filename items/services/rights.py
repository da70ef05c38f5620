"""Who may do what with items: the permissions of Django's models, and owners with what is theirs. The one place where
it is decided; the services ask it, and pages that offer something. Asks the database: call it in a thread.

`is_staff` opens the admin and decides nothing here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.db import DEFAULT_DB_ALIAS, connections

from items.models import Item

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
    connection = connections[DEFAULT_DB_ALIAS]
    is_postgresql = connection.vendor == "postgresql"
    ids = list(by_id) if is_postgresql else json.dumps(list(by_id))
    found: dict[int, set[str]] = {user_id: set() for user_id in by_id}
    with connection.cursor() as cursor:
        cursor.execute(_statement("= ANY(%s)" if is_postgresql else "IN (SELECT value FROM json_each(%s))"), [ids, ids])
        for user_id, app, name in cursor.fetchall():
            found[user_id].add(f"{app}.{name}")
    for user_id, names in found.items():
        for user in by_id[user_id]:
            user._perm_cache = names  # type: ignore[attr-defined]


@cache
def _statement(is_among: str) -> str:
    """user, app and name of each permission that one of some people has, by themselves or by a group. As a text: for
    the ORM it takes longer to put this together than for the database to answer it."""
    permission, kind = Permission._meta.db_table, ContentType._meta.db_table
    own, member = User.user_permissions.through._meta.db_table, User.groups.through._meta.db_table
    of_group = Group.permissions.through._meta.db_table
    named = (
        f"JOIN {permission} AS permission ON permission.id = given.permission_id"
        f" JOIN {kind} AS kind ON kind.id = permission.content_type_id"
    )
    return (
        f"SELECT given.user_id, kind.app_label, permission.codename FROM {own} AS given {named}"  # noqa: S608
        f" WHERE given.user_id {is_among}"
        f" UNION SELECT member.user_id, kind.app_label, permission.codename FROM {member} AS member"
        f" JOIN {of_group} AS given ON given.group_id = member.group_id {named}"
        f" WHERE member.user_id {is_among}"
    )


def may_add(actor: User | None) -> bool:
    """Whether this person may add items: who has the permission, by the group Contributors or otherwise."""
    return actor is None or _has(actor, "items.add_item")


def may_change(actor: User | None, item: Item) -> bool:
    """Whether this person may change the item, and bring it back when it is deleted. None stands for the system (a
    shell, a command)."""
    return _owns(actor, item) or may_change_all(actor)


def may_delete(actor: User | None, item: Item) -> bool:
    """Whether this person may delete the item."""
    return _owns(actor, item) or actor is None or _has(actor, "items.delete_item")


def may_change_all(actor: User | None) -> bool:
    """Whether this person may change everybody's items, restore them, and give them to somebody else."""
    return actor is None or _has(actor, "items.change_item")


def _owns(actor: User | None, item: Item) -> bool:
    return actor is not None and item.owner_id is not None and item.owner_id == actor.pk


def _has(actor: User, permission: str) -> bool:
    """As `has_perm`. Django asks all its backends anew each time, and looks the permissions up once for a user object:
    what they said of it holds as long as those do."""
    of = getattr(actor, "_perm_cache", None), actor.is_active, actor.is_superuser
    known: tuple[Any, dict[str, bool]] | None = getattr(actor, "_known_rights", None)
    if known is None or known[0][0] is not of[0] or known[0][1:] != of[1:]:
        known = of, {}
        actor._known_rights = known  # type: ignore[attr-defined]
    if permission not in known[1]:
        known[1][permission] = actor.has_perm(permission)
    return known[1][permission]
