"""What is known of topics: who may watch them, whose favourites they are, what the hub of this process has heard of
them. Nothing here waits for Kafka."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from streams.finding.favourites import favourites_of
from streams.hub import current
from streams.kafka import storage
from streams.rights.topics import exportable_topics, readable_topics

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from streams.hub.hub import Hub

WORDS = 8  # of what is looked for


class Watchable(NamedTuple):
    """What a person may watch. labels: name -> label. exportable, favourites: names of those, favourites by name."""

    labels: dict[str, str]
    exportable: set[str]
    favourites: list[str]


class Heard(NamedTuple):
    """What the hub has heard of a topic.

    ends: partition -> the next offset to come; {} when Kafka has no such topic, or is away since this process began.
    rate: records a second at present; None likewise. last: when the newest record was produced (ms since 1970), None
    when nobody has said so since this process began.
    """

    ends: dict[int, int]
    rate: float | None
    last: int | None


NOTHING_HEARD = Heard({}, None, None)


def watchable(user: User) -> Watchable:
    """What the user may watch, in few queries. Asks the database: call it in a thread."""
    labels = readable_topics(user)
    return Watchable(labels, exportable_topics(user), favourites_of(user, labels))


def found(known: Watchable, text: str) -> list[str]:
    """The names of the topics in whose name or label every word of `text` stands, favourites first, each by name."""
    words = text.casefold().split()[:WORDS]
    matching = [
        name
        for name, label in known.labels.items()
        if all(word in name.casefold() or word in label.casefold() for word in words)
    ]
    favourites = set(known.favourites)
    return sorted(matching, key=lambda name: (name not in favourites, name))


def _hub() -> Hub | None:
    """The hub of this process; None where it has no live side."""
    try:
        return current.current().hub
    except RuntimeError:
        return None


def busiest(names: list[str]) -> list[str]:
    """The same names, those with the most records a second at present first, the others as they were. For the event
    loop."""
    hub = _hub()
    rates = hub.seconds.busy() if hub else {}
    return sorted(names, key=lambda name: -rates.get(name, 0.0))


def is_there() -> bool:
    """Whether Kafka can be asked now."""
    hub = _hub()
    return hub is not None and hub.link.state != "down"


def begin_to_ask(about: dict[str, Heard]) -> None:
    """Has Kafka asked what the hub has not heard of these topics, such as the newest record of one that is quiet since
    this process began: it is known when they are looked at again. For the event loop."""
    if is_there():
        storage.begin({name: each.ends for name, each in about.items() if each.ends})


def heard(names: Iterable[str]) -> dict[str, Heard]:
    """What is known of each of the topics, for the event loop."""
    hub = _hub()
    if hub is None:
        return dict.fromkeys(names, NOTHING_HEARD)
    told = {}
    for name in names:
        log = hub.logs.get(name)
        kept = storage.remembered(name)
        last = max(log.last_at if log else 0, (kept.newest if kept else None) or 0)
        told[name] = (
            Heard(dict(log.positions), hub.seconds.rate(name), last or None) if log else Heard({}, None, last or None)
        )
    return told
