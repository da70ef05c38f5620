"""The dashboard's page, and that of one record. What is shown there comes over the socket and the records API, never
with the page."""

from __future__ import annotations

from typing import cast

import orjson
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AbstractUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from streams.board.api import _log_of, one
from streams.kafka.clients import bootstrap_servers
from streams.rights.topics import readable_topics
from streams.runtime.away import Unavailable

DEMO_TOPIC = "realtime-events"


@login_required
def dashboard(request: HttpRequest) -> HttpResponse:
    """The board. In a thread as a whole: it signs in, and its header asks for the rights of the user."""
    user = cast("AbstractUser", request.user)
    context = {
        "user": user,
        "items_topic": settings.KAFKA_ITEMS_TOPIC,
        "first_topic": DEMO_TOPIC if settings.DEMO else "",
        "kafka": kafka_address(user),
    }
    return render(request, "streams/dashboard.html", context)


@login_required
async def record(request: HttpRequest, topic: str, partition: int, offset: int) -> HttpResponse:
    """The page of one record, which opens for everybody who may watch its topic; else 404, 410 or 503 with the sentence
    of the records API."""
    user = cast("AbstractUser", await request.auser())
    topics = await sync_to_async(readable_topics)(user)
    found = await one(user.pk, topic, partition, offset, is_readable=topic in topics)
    context: dict[str, object] = {"user": user, "topic": topic, "partition": partition, "offset": offset}
    opened, not_open = _log_of(topic, is_readable=topic in topics)  # once more: it may have gone meanwhile
    if opened is None or isinstance(found, HttpResponse):
        refusal = found if isinstance(found, HttpResponse) else not_open
        context |= {"status": refusal.status_code, "sentence": orjson.loads(refusal.content)["detail"]}
        context |= {"is_readable": topic in topics}
        answer = await sync_to_async(render)(request, "streams/no_record.html", context, status=refusal.status_code)
        if "Retry-After" in refusal:
            answer["Retry-After"] = refusal["Retry-After"]
        return answer
    context |= {"label": topics[topic], "epoch": opened.epoch}
    context |= {"items_topic": settings.KAFKA_ITEMS_TOPIC}
    return await sync_to_async(render)(request, "streams/record.html", context)


def kafka_address(user: AbstractUser) -> str:
    """The address of Kafka for the commands that an empty board shows.

    Staff, and everybody in the demo, get `host:port,…`; others, or when it is not known just now, the name of the
    setting that holds it.
    """
    if user.is_staff or settings.DEMO:
        try:
            return ",".join(bootstrap_servers())
        except Unavailable:
            pass
    return "$KAFKA_BOOTSTRAP_SERVERS"
