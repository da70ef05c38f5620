"""The admin's overview: items, events on their way to Kafka, this process's link and sockets. Reads only."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.timesince import timesince
from django.views.decorators.cache import never_cache

from items.models import Item
from items.models.link_check import LinkCheck
from project.version import version
from streams.hub import current
from streams.models import OutboxMessage
from streams.outbox import messages
from streams.runtime import tasks

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet

COUNTED = 100_000  # rows; beyond, "more than" is enough to know


class Count(NamedTuple):
    """A number of rows, counted up to COUNTED."""

    number: int
    more: bool

    def __str__(self) -> str:
        return f"{'more than ' if self.more else ''}{self.number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


class Live(NamedTuple):
    """The live side of this process. state: live, catching_up, down or not_started; since: of that state."""

    state: str
    since: datetime | None
    sockets: int


@never_cache
def overview(request: HttpRequest) -> HttpResponse:
    """One page of numbers, each leading to its list."""
    backlog = messages.backlog(COUNTED + 1)
    newest = OutboxMessage.objects.filter(published_at__isnull=False).order_by("-id").only("published_at").first()
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Overview",
        "items": count(Item.objects.all()),
        "troubled": count(LinkCheck.troubled()),
        "waiting": count_of(backlog.waiting - backlog.parked),
        "parked": count_of(backlog.parked),
        "oldest": None if backlog.oldest is None else timesince(backlog.oldest, timezone.now(), depth=2),
        "published_at": None if newest is None else newest.published_at,
        "live": live(),
        "missing": [(name, since) for name, since in tasks.states().items() if since is not None],
        "mode": mode(),
        "version": version(),
    }
    return render(request, "admin/overview.html", context)


def count(rows: QuerySet[Model]) -> Count:
    """The number of the rows, counted up to COUNTED. Asks the database."""
    return count_of(rows.order_by()[: COUNTED + 1].count())


def count_of(number: int) -> Count:
    """A number that is known, cut at COUNTED."""
    return Count(min(number, COUNTED), number > COUNTED)


def live() -> Live:
    """What this process knows of its own live side; nothing is asked of Kafka."""
    try:
        link, sockets = current.link(), len(current.current().hub.connections)
    except RuntimeError:
        return Live("not_started", None, 0)
    return Live(link.state, datetime.fromtimestamp(link.since / 1000, UTC), sockets)


def mode() -> str:
    """Where the bridge runs, in a sentence."""
    if settings.REDIS_URL:
        return "The bridge runs in processes of its own (manage.py bridge)."
    if settings.KAFKA_BOOTSTRAP_SERVERS:
        return "The bridge runs in each web process; one relay leads, the others stand by."
    return "The bridge and the embedded broker run in this process."
