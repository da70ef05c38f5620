"""A person's favourite topics, and the only writer of them. A favourite is a topic that the person may watch; one that
may not be watched any more is none until it may be again. Synchronous: it asks the database; call it in a thread.
"""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.db import transaction

from streams.models import FavouriteTopic, Topic
from streams.rights.topics import not_readable, readable_topics

if TYPE_CHECKING:
    from django.contrib.auth.models import User

FAVOURITES_EACH = 200  # of one person: more than that is no choice any more


class FavouriteRefused(Exception):
    """Nothing was done. `status` is what HTTP calls it; the text is a sentence for the person who asked."""

    status = 403


class NotWatchable(FavouriteRefused):
    """There is no topic of that name that the person may watch."""

    status = 404

    def __init__(self, name: str) -> None:
        super().__init__(not_readable(name))


class TooManyFavourites(FavouriteRefused):
    """The person has as many as one may have."""

    status = 429

    def __init__(self) -> None:
        super().__init__(f"You have {FAVOURITES_EACH} favourites, and nobody may have more; take one away.")


def favourites_of(user: User, readable: Container[str]) -> list[str]:
    """The names of the user's favourites among the topics that the user may watch, by name."""
    names = FavouriteTopic.objects.filter(user=user).order_by("topic__name").values_list("topic__name", flat=True)
    return [name for name in names if name in readable]


def add_favourite(name: str, *, actor: User) -> None:
    """Makes a topic one of the actor's favourites; one that is so already stays. Raises NotWatchable and
    TooManyFavourites."""
    if name not in readable_topics(actor):
        raise NotWatchable(name)
    with transaction.atomic():
        topic = Topic.objects.filter(name=name).first()
        if topic is None:
            raise NotWatchable(name)
        # The person's row is the lock: two tabs that add at the same time count each other.
        get_user_model()._default_manager.select_for_update(no_key=True).get(pk=actor.pk)
        held = FavouriteTopic.objects.filter(user=actor)
        if held.filter(topic=topic).exists():
            return
        if held.count() >= FAVOURITES_EACH:
            raise TooManyFavourites
        FavouriteTopic.objects.create(user=actor, topic=topic)


def remove_favourite(name: str, *, actor: User) -> None:
    """Takes a topic from the actor's favourites, whether or not it was one, and whether or not it may be watched."""
    held = FavouriteTopic.objects.filter(user=actor).values_list("pk", "topic__name")
    FavouriteTopic.objects.filter(pk__in=[pk for pk, topic in held if topic == name]).delete()
