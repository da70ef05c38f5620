"""The page of all topics that a person may watch: found by words, with what the hub has heard and what Kafka keeps of
each. It works without JavaScript; with it, it finds as one types and follows the rates."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

from asgiref.sync import sync_to_async
from django.contrib.auth.decorators import login_required
from django.shortcuts import render

from streams.finding import words
from streams.finding.known import Heard, Watchable, busiest, found, heard, is_there, watchable
from streams.kafka import storage
from streams.kafka.storage import Kept
from streams.runtime.digits import whole_number

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.http import HttpRequest, HttpResponse

PAGE = 50  # topics
TEXT_LENGTH = 200  # characters of what is looked for
PARTITIONS_SHOWN = 100  # of one topic
LAST_MS = 253_402_300_799_999  # the end of the year 9999; calendars here end there


@login_required
async def topic_list(request: HttpRequest) -> HttpResponse:
    """The list: `?search=`, `?page=`, and `?sort=rate` for the busiest first. With `fragment` only what it shows, for a
    page that is open already."""
    user = cast("User", await request.auser())
    text = request.GET.get("search", "").strip()[:TEXT_LENGTH]

    def looked_up() -> tuple[Watchable, list[str]]:
        known = watchable(user)
        return known, found(known, text)

    known, names = await sync_to_async(looked_up)()
    sort = "rate" if request.GET.get("sort") == "rate" else ""
    if sort:
        names = busiest(names)
    last_page = max(1, -(-len(names) // PAGE))
    page = min(whole_number(request.GET.get("page", ""), 6) or 1, last_page)
    shown = names[(page - 1) * PAGE : page * PAGE]
    about = heard(shown)
    kept = await storage.of({name: about[name].ends for name in shown if about[name].ends}) if is_there() else {}
    about = heard(shown)
    context = {
        "user": user,
        "search": text,
        "count": words.grouped(len(names)),
        "all": words.grouped(len(known.labels)),
        "first_number": (page - 1) * PAGE + 1,
        "last_number": (page - 1) * PAGE + len(shown),
        "page": page,
        "last_page": last_page,
        "sort": sort,
        "sorted_otherwise": _address(text, "" if sort else "rate", 1),
        "previous": _address(text, sort, page - 1) if page > 1 else "",
        "next": _address(text, sort, page + 1) if page < last_page else "",
        "rows": [topic_row(name, known, about[name], kept.get(name)) for name in shown],
    }
    template = "streams/_topics.html" if "fragment" in request.GET else "streams/topics.html"
    return await sync_to_async(render)(request, template, context)


def topic_row(name: str, known: Watchable, about: Heard, kept: Kept | None) -> dict[str, Any]:
    """What the list shows of a topic."""
    firsts = kept.firsts if kept else {}
    partitions = [
        {"partition": partition, "first": _told(firsts.get(partition)), "end": words.grouped(end)}
        for partition, end in sorted(about.ends.items())[:PARTITIONS_SHOWN]
    ]
    is_counted = bool(about.ends) and about.ends.keys() <= firsts.keys()
    offsets = sum(about.ends.values()) - sum(firsts[partition] for partition in about.ends) if is_counted else None
    return {
        "name": name,
        "label": known.labels[name],
        "favourite": name in known.favourites,
        "is_there": bool(about.ends),
        "rate": words.rate(about.rate),
        "last": about.last,
        "last_at": _moment(about.last),
        "partitions": partitions,
        "count": len(about.ends),
        "more": len(about.ends) - len(partitions),
        "offsets": _told(offsets),
        "size": words.size(kept.size if kept else None),
        "retention": words.retention(kept),
    }


def _moment(ms: int | None) -> datetime | None:
    """The time of a record; None for one beyond the year 9999: some write microseconds for milliseconds."""
    return datetime.fromtimestamp(ms / 1000, UTC) if ms and ms <= LAST_MS else None


def _told(number: int | None) -> str:
    return "" if number is None else words.grouped(max(0, number))


def _address(text: str, sort: str, page: int) -> str:
    return "?" + urlencode({**({"search": text} if text else {}), **({"sort": sort} if sort else {}), "page": page})
