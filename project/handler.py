"""Django's way from an ASGI scope to an answer, with as few turns as it needs: the middlewares run in the event loop
(project/middleware.py), and what has to be in a thread is one hop (project/hops.py).

Everything that is decided is Django's: its request, its resolver, its middlewares, its error pages. Two things of its
own handler are left out. It hops for its signals, whose receivers close the connections of that thread, which hops do
themselves. And it makes two tasks of each request to hear of a client that goes; here a request that takes LISTEN_S or
less makes none.
"""

from __future__ import annotations

import asyncio
import inspect
import io
from collections.abc import Callable
from functools import lru_cache
from typing import Any, cast

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.conf import settings
from django.core import signals
from django.core.exceptions import ImproperlyConfigured, RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.handlers.exception import response_for_exception
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import ResolverMatch, set_script_prefix
from django.utils.log import log_response
from django.utils.module_loading import import_string

from project.middleware import ON_THE_LOOP, InOneGo, OnTheLoop
from streams.server import send_whole

LISTEN_S = 0.05  # after so long somebody listens whether the client has gone
PLAIN_ADDRESSES = 500  # more than there are
WHOLE_BYTES = 64 * 1024  # of a body that is not asked to be a file


class Handler(ASGIHandler):
    """An ASGI application for HTTP."""

    # Put together once -----------------------------------------------------------------------------------------------

    def load_middleware(self, is_async: bool = False) -> None:
        """Django's, with ON_THE_LOOP in place of its own classes. Raises ImproperlyConfigured for one that would need
        a thread for every request."""
        self._view_middleware: list[Callable[..., Any]] = []
        self._template_response_middleware: list[Callable[..., Any]] = []
        self._exception_middleware: list[Callable[..., Any]] = []
        inside: Any = self._get_response_async
        in_one_go: list[OnTheLoop] = []  # those that come one after the other, around what is inside
        for path in reversed(settings.MIDDLEWARE):
            kind = import_string(path)
            kind = ON_THE_LOOP.get(kind, kind)
            if inspect.isclass(kind) and issubclass(kind, OnTheLoop):
                made: Any = kind(inside)
                in_one_go.insert(0, made)
            else:
                made = kind(InOneGo(in_one_go, inside))
                if not iscoroutinefunction(made):
                    raise ImproperlyConfigured(f"MIDDLEWARE: {path} cannot run in the event loop.")
                inside, in_one_go = made, []
            if hasattr(made, "process_view"):
                self._view_middleware.insert(0, self.adapt_method_mode(True, made.process_view))
            if hasattr(made, "process_template_response"):
                self._template_response_middleware.append(made.process_template_response)
            if hasattr(made, "process_exception"):
                self._exception_middleware.append(made.process_exception)
        self._middleware_chain = InOneGo(in_one_go, inside)
        self._plain: dict[tuple[str, str], ResolverMatch] = {}

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        """Django's. An address that holds no value (`/api/items/`) leads to the same view each time: looking for it, in
        pattern after pattern, takes as long as all middlewares."""
        if hasattr(request, "urlconf"):
            return super().resolve_request(request)
        place = settings.ROOT_URLCONF, request.path_info
        found = request.resolver_match = self._plain.get(place)
        if found is None:
            found = super().resolve_request(request)
            if not found.args and not found.kwargs and len(self._plain) < PLAIN_ADDRESSES:
                self._plain[place] = found
        return found

    # A request -------------------------------------------------------------------------------------------------------

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        try:
            await self._answer(scope, body, receive, send)
        finally:
            body.close()

    async def read_body(self, receive: Any) -> Any:
        """Django's. A small body that came as a whole, as nearly all do, needs no file that may go to the disk."""
        first = await receive()
        body = first.get("body", b"")
        if first["type"] == "http.request" and not first.get("more_body") and len(body) <= WHOLE_BYTES:
            return io.BytesIO(body)
        given = [first]

        async def again() -> Any:
            return given.pop() if given else await receive()

        return await super().read_body(again)

    async def _answer(self, scope: dict[str, Any], body: Any, receive: Any, send: Any) -> None:
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=type(self), scope=scope)
        request, refusal = self.create_request(scope, body)
        if request is None or refusal is not None:
            await self.send_response(cast("HttpResponseBase", refusal), send)
            return
        response = None
        try:
            async with Listening(receive):
                response = await self.run_get_response(request)
                await self.send_response(response, send)
        except RequestAborted:
            pass  # the client has gone
        finally:
            await _close(request, response)

    async def send_response(self, response: Any, send: Any) -> None:
        """Django's, but for what uvicorn can be given in one piece."""
        if not response.streaming and not response.cookies:
            headers = response.headers._store.values()  # its own `items` takes as long as writing them
            if send_whole(send, response.status_code, headers, response.content):
                return
        await super().send_response(response, send)

    async def get_response_async(self, request: HttpRequest) -> Any:
        """Django's, without a thread for the line in the log, and without naming ROOT_URLCONF for each request, which
        counts anyway."""
        chain: Any = self._middleware_chain
        response = await chain(request)
        response._resource_closers.append(request.close)
        if response.status_code >= 400:
            log_response("%s: %s", response.reason_phrase, request.path, response=response, request=request)
        return response

    # Around the view -------------------------------------------------------------------------------------------------

    async def _get_response_async(self, request: HttpRequest) -> Any:
        """The view's answer, rendered. What is raised becomes an answer here, in one hop into our threads; Django would
        use those of the event loop, which keep their connections."""
        try:
            view, args, named = self.resolve_request(request)
            for look in self._view_middleware:
                if response := await look(request, view, args, named):
                    return response
        except Exception as error:  # noqa: BLE001  (Django's own rule: any error has a page)
            return await sync_to_async(response_for_exception)(request, error)
        atomic: Any = self.make_view_atomic(view)
        if not _is_coroutine(atomic):
            return await sync_to_async(self._viewed)(request, atomic, args, named)
        try:
            response = await atomic(request, *args, **named)
            self.check_response(response, atomic)
            if callable(getattr(response, "render", None)):
                response = await sync_to_async(self._rendered)(request, response)
        except Exception as error:  # noqa: BLE001  (as above)
            return await sync_to_async(self._said)(request, error)
        return response

    def _viewed(self, request: HttpRequest, view: Callable[..., Any], args: Any, named: Any) -> Any:
        """In a thread: a view that is no coroutine, and the rendering of its answer."""
        try:
            response = view(request, *args, **named)
            self.check_response(response, view)
            return self._rendered(request, response) if callable(getattr(response, "render", None)) else response
        except Exception as error:  # noqa: BLE001  (as above)
            return self._said(request, error)

    def _rendered(self, request: HttpRequest, response: Any) -> Any:
        for change in self._template_response_middleware:
            response = change(request, response)
            self.check_response(response, change)
        return response.render()

    def _said(self, request: HttpRequest, error: Exception) -> HttpResponseBase:
        """In a thread: what the middlewares make of a view's error, or Django's page for it."""
        said: Any = self.process_exception_by_middleware(error, request)
        return response_for_exception(request, error) if said is None else said


_is_coroutine = lru_cache(maxsize=PLAIN_ADDRESSES)(iscoroutinefunction)  # of a view: to find out takes long


class Listening:
    """`async with Listening(receive)`: the block ends with RequestAborted when the client goes while it runs."""

    def __init__(self, receive: Any) -> None:
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self._listener: asyncio.Task[None] | None = None
        self._has_gone = False

    async def __aenter__(self) -> None:
        self._inside = cast("asyncio.Task[None]", asyncio.current_task())
        self._later = self._loop.call_later(LISTEN_S, self._begin)

    def _begin(self) -> None:
        self._listener = self._loop.create_task(self._listen())

    async def _listen(self) -> None:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._has_gone = True
            self._inside.cancel()

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._later.cancel()
        if self._listener is not None and not self._listener.done():
            self._listener.cancel()
        is_nobody_elses = self._has_gone and self._inside.uncancel() == 0
        if is_nobody_elses and kind is asyncio.CancelledError:
            raise RequestAborted


async def _close(request: HttpRequest, response: HttpResponseBase | None) -> None:
    """Ends an answer; in a thread when files have to be closed."""
    if response is None:
        signals.request_finished.send(sender=Handler)
    elif response.streaming or getattr(request, "_files", None):
        await sync_to_async(response.close)()
    else:
        response.close()
