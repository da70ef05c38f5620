"""Whether a process is alive, whether it can do its work, and its metrics: the same three answers for web and bridge.

Nothing here says more than a state word: these addresses are open to anyone.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from asgiref.sync import async_to_sync, iscoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from streams import metrics as told
from streams.health.neighbours import (
    KafkaCheck,
    State,
    check_database,
    check_link,
    check_redis,
    check_registry,
    check_tasks,
)
from streams.runtime.tasks import states
from streams.this_machine import is_local

TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request gets, before it is Django's or plain ASGI's. body: text, or bytes in its own format."""

    body: bytes
    status: int = 200
    content_type: str = TEXT
    headers: Mapping[str, str] | None = None


# Answers ----------------------------------------------------------------------------------------------------------


def alive() -> Answer:
    """200: the process answers."""
    return Answer(b"ok\n")


async def ready(kafka: Callable[[], Awaitable[State]], needed: frozenset[str]) -> Answer:
    """A line for each neighbour and one for our own tasks; 503 unless those of `needed` are there."""
    names = ("database", "kafka", "redis", "registry", "tasks")
    checks = (check_database, kafka, check_redis, check_registry, check_tasks)
    states = dict(zip(names, await asyncio.gather(*(check() for check in checks)), strict=True))
    body = "".join(f"{name}: {state.words}\n" for name, state in states.items())
    return Answer(body.encode(), 200 if all(states[name].ok for name in needed) else 503)


def measured(peer: str | None, headers: list[tuple[bytes, bytes]]) -> Answer:
    """The metrics, for METRICS_TOKEN as a bearer token; without a token set, for loopback without a proxy only.

    peer: the address that the connection came from, as the server knows it.
    """
    if settings.METRICS_TOKEN:
        given = next((value for name, value in headers if name.lower() == b"authorization"), b"")
        scheme, _, token = given.partition(b" ")
        if scheme.lower() != b"bearer" or not secrets.compare_digest(token.strip(), settings.METRICS_TOKEN.encode()):
            refusal = b"Send METRICS_TOKEN: Authorization: Bearer <token>.\n"
            return Answer(refusal, 401, headers={"WWW-Authenticate": "Bearer"})
    elif not is_local(peer, (name.decode("latin-1") for name, _ in headers)):
        return Answer(b"Metrics are for loopback only; set METRICS_TOKEN to read them from elsewhere.\n", 403)
    told.TASKS.set(len(asyncio.all_tasks()))
    told.TASKS_MISSING.clear()
    for name, since in states().items():
        told.TASKS_MISSING.labels(name).set(since is not None)
    return Answer(generate_latest(), content_type=CONTENT_TYPE_LATEST)


# The web's views --------------------------------------------------------------------------------------------------

WEB_NEEDS = frozenset({"database"})
BRIDGE_NEEDS = frozenset({"database", "kafka", "tasks"})


def _response(answer: Answer) -> HttpResponse:
    response = HttpResponse(answer.body, status=answer.status, content_type=answer.content_type)
    response["Cache-Control"] = "no-store"
    for name, value in (answer.headers or {}).items():
        response[name] = value
    return response


async def healthz(request: HttpRequest) -> HttpResponse:
    """`/healthz` of a web process."""
    return _response(alive())


async def readyz(request: HttpRequest) -> HttpResponse:
    """`/readyz` of a web process, which needs nothing but its database."""
    return _response(await ready(check_link, WEB_NEEDS))


async def metrics(request: HttpRequest) -> HttpResponse:
    """`/metrics` of a web process."""
    headers = [(name.encode(), value.encode()) for name, value in request.headers.items()]
    return _response(measured(request.META.get("REMOTE_ADDR"), headers))


VIEWS: Mapping[str, Callable[[HttpRequest], Awaitable[HttpResponse]]] = {
    "/healthz": healthz,
    "/readyz": readyz,
    "/metrics": metrics,
}


@sync_and_async_middleware
def answered_first(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Answers the three addresses before any other middleware: a probe names the machine as it likes, speaks HTTP where
    people are sent to HTTPS, and needs nothing of what pages need."""

    async def first_async(request: HttpRequest) -> Any:
        view = VIEWS.get(request.path_info)
        return await (get_response(request) if view is None else view(request))

    def first(request: HttpRequest) -> Any:
        view = VIEWS.get(request.path_info)
        return get_response(request) if view is None else async_to_sync(view)(request)

    return first_async if iscoroutinefunction(get_response) else first


# The bridge's application -----------------------------------------------------------------------------------------


def bridge_app(kafka: KafkaCheck) -> Callable[..., Awaitable[None]]:
    """A bare ASGI application with the three addresses, for `bridge --listen`."""

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        if scope["path"] == "/healthz":
            answer = alive()
        elif scope["path"] == "/readyz":
            answer = await ready(kafka, BRIDGE_NEEDS)
        elif scope["path"] == "/metrics":
            answer = measured((scope.get("client") or (None,))[0], scope["headers"])
        else:
            answer = Answer(b"/healthz, /readyz and /metrics are here.\n", 404)
        headers = {
            "Content-Type": answer.content_type,
            "Content-Length": str(len(answer.body)),
            "Cache-Control": "no-store",
            **(answer.headers or {}),
        }
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": raw})
        await send({"type": "http.response.body", "body": answer.body})

    return application
