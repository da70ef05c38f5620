"""Which topics somebody may read. Synchronous: it asks the database; call it in a thread."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group

from streams.models import Topic

NAME_SAID = 249  # characters of a name that we repeat; Kafka's topics have no longer ones
USERS_A_QUERY = 500  # SQLite takes no more than 999 values in a query


def readable_topics(user: Any) -> dict[str, str]:
    """name -> label of what a signed-in user may watch: topics without reader groups, and those of their groups."""
    return topics_of({user.pk: user})[user.pk]


def may_export(user: Any, topic: str) -> bool:
    """Whether a user who may watch a topic may have the whole of it: superusers, and its exporters' groups, may."""
    if user.is_superuser:
        return True
    return bool(Topic.objects.filter(name=topic, exporters__user=user).exists())


def exportable_topics(user: Any) -> set[str]:
    """The names of the topics of which that is true, whether or not the user may watch them."""
    every = Topic.objects.all()
    return set((every if user.is_superuser else every.filter(exporters__user=user)).values_list("name", flat=True))


def shown(topics: dict[str, str]) -> list[dict[str, str]]:
    """Topics (name -> label) as the protocol and the API list them."""
    return [{"name": name, "label": label} for name, label in topics.items()]


def not_readable(topic: str) -> str:
    """What people are told of a topic that they may not watch: the same whether or not there is one of that name."""
    return f"There is no topic {topic[:NAME_SAID]} that you may watch; an administrator can add it, or your group."


def topics_of(users: dict[Any, Any]) -> dict[Any, dict[str, str]]:
    """What each of the users (by primary key) may read, in few queries whatever their number."""
    labels: dict[str, str] = {}
    readers: dict[str, set[Any]] = {}  # groups
    for name, label, group in Topic.objects.values_list("name", "label", "readers"):
        labels[name] = label or name
        if group is not None:
            readers.setdefault(name, set()).add(group)
    if not readers:
        return {pk: dict(labels) for pk in users}
    groups: dict[Any, set[Any]] = {pk: set() for pk in users}
    every = list(users)
    for start in range(0, len(every), USERS_A_QUERY):
        some = Group.objects.filter(user__in=every[start : start + USERS_A_QUERY])
        for group_pk, user_pk in some.values_list("pk", "user"):
            groups[user_pk].add(group_pk)
    return {
        pk: {
            name: label
            for name, label in labels.items()
            if user.is_superuser or name not in readers or readers[name] & groups[pk]
        }
        for pk, user in users.items()
    }
