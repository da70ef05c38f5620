"""Which topics somebody may read. Synchronous: it asks the database; call it in a thread."""

from __future__ import annotations

from collections import deque
from functools import lru_cache
from typing import Any

import orjson
from django.contrib.auth.models import Group

from streams.models import Topic

NAME_SAID = 249  # characters of a name that we repeat; Kafka's topics have no longer ones
USERS_A_QUERY = 500  # SQLite takes no more than 999 values in a query
KINDS = 32  # of people, by what they may read, whose topics are kept for all of them; with 5,000 topics 1.5 MB each


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
    """What each of the users (by primary key) may read, in few queries whatever their number.

    Who may the same gets the very same object, now and as long as it stays so: with thousands of topics, and of people,
    it is neither kept, compared nor encoded for each. Nobody changes it.
    """
    labels: dict[str, str] = {}
    readers: dict[str, set[Any]] = {}  # groups
    for name, label, group in Topic.objects.values_list("name", "label", "readers"):
        labels[name] = label or name
        if group is not None:
            readers.setdefault(name, set()).add(group)
    groups = _groups_of(list(users)) if readers else {}
    reading = set[Any]().union(*readers.values())
    made: dict[frozenset[Any] | None, dict[str, str]] = {}
    found = {}
    for pk, user in users.items():
        mine = None if user.is_superuser else frozenset(groups.get(pk, ())) & reading
        if mine not in made:
            made[mine] = _shared(tuple(one for one in labels.items() if _may(mine, readers.get(one[0]))))
        found[pk] = made[mine]
    return found


def _may(groups: frozenset[Any] | None, readers: set[Any] | None) -> bool:
    return groups is None or readers is None or not groups.isdisjoint(readers)


def _groups_of(every: list[Any]) -> dict[Any, set[Any]]:
    """user -> groups."""
    groups: dict[Any, set[Any]] = {}
    for start in range(0, len(every), USERS_A_QUERY):
        some = Group.objects.filter(user__in=every[start : start + USERS_A_QUERY])
        for group_pk, user_pk in some.values_list("pk", "user"):
            groups.setdefault(user_pk, set()).add(group_pk)
    return groups


@lru_cache(maxsize=KINDS)
def _shared(topics: tuple[tuple[str, str], ...]) -> dict[str, str]:
    return dict(topics)


_encoded: deque[tuple[dict[str, str], orjson.Fragment]] = deque(maxlen=KINDS)


def shown_as_json(topics: dict[str, str]) -> orjson.Fragment:
    """`shown`, as orjson puts it into what it encodes; made once for those who share an object of `topics_of`. For the
    event loop."""
    for known, fragment in _encoded:
        if known is topics:
            return fragment
    fragment = orjson.Fragment(orjson.dumps(shown(topics)))
    _encoded.append((topics, fragment))
    return fragment
