"""Which topics somebody may read. Synchronous: it asks the database; call it in a thread."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group

from streams.models import Topic


def readable_topics(user: Any) -> dict[str, str]:
    """name -> label of what a signed-in user may watch: topics without reader groups, and those of their groups."""
    return topics_of({user.pk: user})[user.pk]


def shown(topics: dict[str, str]) -> list[dict[str, str]]:
    """Topics (name -> label) as the protocol and the API list them."""
    return [{"name": name, "label": label} for name, label in topics.items()]


def topics_of(users: dict[Any, Any]) -> dict[Any, dict[str, str]]:
    """What each of the users (by primary key) may read, in three queries whatever their number."""
    topics = list(Topic.objects.prefetch_related("readers"))
    readers = {topic.pk: {group.pk for group in topic.readers.all()} for topic in topics}
    groups: dict[Any, set[Any]] = {pk: set() for pk in users}
    if any(readers.values()):
        for group_pk, user_pk in Group.objects.filter(user__in=list(users)).values_list("pk", "user"):
            groups[user_pk].add(group_pk)
    return {
        pk: {
            topic.name: str(topic)
            for topic in topics
            if user.is_superuser or not readers[topic.pk] or readers[topic.pk] & groups[pk]
        }
        for pk, user in users.items()
    }
