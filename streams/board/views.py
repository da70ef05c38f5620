"""The dashboard's page. What may be watched and what arrives there comes over the socket, never with the page."""

from __future__ import annotations

from typing import cast

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AbstractUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from streams.kafka.clients import bootstrap_servers
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
