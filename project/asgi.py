"""The ASGI application: pages and API by Django, sockets by Channels, and the live side started with the server.

The live side starts with the lifespan; on a server without one (Daphne) with the first request.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Awaitable
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

CANNOT_START = 3  # the exit code by which uvicorn knows that another worker would not start either

import django
from django.core.exceptions import ImproperlyConfigured

try:
    django.setup(set_prefix=False)
    from project.checks import refuse_impossible

    refuse_impossible()
    from project.handler import Handler

    handler = Handler()
except ImproperlyConfigured as error:
    sys.stderr.write(f"Streamboard cannot start. {error}\n")
    sys.exit(CANNOT_START)

from project import mailing
from project.body_limits import BodyLimits
from project.cookies import PlainCookies
from project.demo import greeting
from project.hops import by_hops, take_over
from project.proxies import BehindProxies
from streams import open_files
from streams.kafka.embedded import AlreadyRunning
from streams.processes import web
from streams.socket import routing

log = logging.getLogger(__name__)

http_application = BodyLimits(by_hops(handler))
take_over()
open_files.raise_limit()


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Takes every ASGI scope: lifespan, http and websocket."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
        return
    if not web.had_lifespan:
        _start_or_die()
    await asked(scope, receive, send)


# Neither here nor in what stands around it is a coroutine around another one: each socket would keep it as long as it
# lives.
def _answer(scope: dict[str, Any], receive: Any, send: Any) -> Awaitable[None]:
    if scope["type"] != "websocket":
        return http_application(scope, receive, send)
    if scope["path"].removeprefix(scope.get("root_path", "")) != "/ws/live/":
        return _refuse(receive, send)
    return routing.application(scope, receive, send)  # type: ignore[no-any-return]  # Channels is untyped


asked = PlainCookies(BehindProxies(_answer))


async def _refuse(receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.close"})  # not accepted: HTTP 403


async def _lifespan(receive: Any, send: Any) -> None:
    web.had_lifespan = True
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            try:
                web.start()
            except ImproperlyConfigured as error:
                await send({"type": "lifespan.startup.failed", "message": f"Streamboard cannot start. {error}"})
                return
            except Exception:
                log.exception("The live side could not be started.")  # else the server would go on without it
                await send({"type": "lifespan.startup.failed", "message": "Streamboard cannot start."})
                return
            sys.stdout.write(greeting.text())
            sys.stdout.flush()
            await send({"type": "lifespan.startup.complete"})
        else:
            await web.stop()
            await asyncio.to_thread(mailing.stop)
            await send({"type": "lifespan.shutdown.complete"})
            return


def _start_or_die() -> None:
    """For servers without a lifespan: a start that is impossible ends the process, as it would with one."""
    try:
        web.start()
    except AlreadyRunning as error:
        sys.stderr.write(f"Streamboard cannot start. {error}\n")
        sys.stderr.flush()
        os._exit(1)
