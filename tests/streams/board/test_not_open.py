"""What the records API, and the page of a record, say of a topic that is not open: whether asking again is of use."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import RequestFactory

from streams.board import views
from streams.board.api import _log_of
from streams.hub import current
from streams.hub.current import Live
from streams.hub.hub import Hub
from tests.support.readers import opened


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    """With the topic `t` open; of `u` nothing is known."""
    made, _ = await opened({0: 10})
    current.put(cast("Live", SimpleNamespace(hub=made)))
    yield made
    current.put(None)
    await made.close()


async def test_only_what_kafka_does_not_have_is_not_there(hub: Hub) -> None:
    assert _log_of("t", is_readable=True)[0] is hub.logs["t"]

    found, soon = _log_of("u", is_readable=True)
    assert (found, soon.status_code, soon.headers["Retry-After"]) == (None, 503, "2")
    assert b"about to be opened" in soon.content

    hub.missing = frozenset({"u"})
    found, absent = _log_of("u", is_readable=True)
    assert (found, absent.status_code, "Retry-After" in absent) == (None, 404, False)

    hub.set_link("down")
    found, away = _log_of("u", is_readable=True)
    assert (found, away.status_code, away.headers["Retry-After"]) == (None, 503, "2")
    assert b"Kafka is away" in away.content


async def test_what_may_not_be_read_is_never_about_to_be_opened(hub: Hub) -> None:
    found, answer = _log_of("u", is_readable=False)
    assert (found, answer.status_code) == (None, 404)


async def test_a_topic_that_goes_while_its_record_is_read_is_said_on_the_page(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def read_meanwhile(*_: object, **__: object) -> object:
        del hub.logs["t"]
        return object()

    def rendered(_: object, template: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
        return HttpResponse(f"{template}: {context.get('sentence')}", status=status)

    async def reader() -> User:
        return cast("User", SimpleNamespace(pk=1, is_authenticated=True))

    monkeypatch.setattr(views, "readable_topics", lambda _: {"t": "T"})
    monkeypatch.setattr(views, "one", read_meanwhile)
    monkeypatch.setattr(views, "render", rendered)
    request = RequestFactory().get("/records/t/0/3")
    request.auser = reader
    answer = await views.record(request, "t", 0, 3)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert answer.content.startswith(b"streams/no_record.html: The topic t is about to be opened")
