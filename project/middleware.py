"""Django's middlewares as the event loop runs them: without a thread wherever nothing is asked of the database.

`MiddlewareMixin` hops into a thread before and after every request, for each middleware, whatever it does. The classes
here change nothing of what Django's decide: they call the same methods, and say which of the calls need a thread
(docs/decisions/0022-the-road-of-a-request.md). settings.MIDDLEWARE goes on naming Django's; project/handler.py puts
these in their place.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, cast

from asgiref.sync import sync_to_async
from csp.constants import HEADER
from csp.middleware import CSPMiddleware
from django.conf import settings
from django.contrib.auth import middleware as auth
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.messages.storage import default_storage
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.common import CommonMiddleware
from django.middleware.csrf import CsrfViewMiddleware
from django.middleware.security import SecurityMiddleware
from django.utils.deprecation import MiddlewareMixin
from django.utils.functional import SimpleLazyObject, empty

from project.visitors import Visitors

SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
Next = Callable[
    [HttpRequest], Awaitable[HttpResponse]
]  # streams of bytes are answers, too, which Django's types forget


class OnTheLoop(MiddlewareMixin):
    """Before one of Django's classes: its two methods are called where the request is, in the event loop."""

    async def __acall__(self, request: HttpRequest) -> HttpResponse:
        before = getattr(self, "process_request", None)
        response = before(request) if before is not None else None
        if response is None:
            response = await cast("Next", self.get_response)(request)
        return await self.after(request, response)

    async def after(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """What Django's class does to an answer."""
        done = getattr(self, "process_response", None)
        return response if done is None else cast("HttpResponse", done(request, response))


class Security(OnTheLoop, SecurityMiddleware):
    """Asks nobody."""


class Common(OnTheLoop, CommonMiddleware):
    """Asks nobody."""


class Clickjacking(OnTheLoop, XFrameOptionsMiddleware):
    """Asks nobody."""


class Csp(OnTheLoop, CSPMiddleware):
    """Asks nobody. The policy of answers that say nothing of their own is put together once, not for each of them."""

    _usual: str | None = None

    def __init__(self, get_response: Any) -> None:
        super().__init__(get_response)
        self._of: Any = None

    async def after(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if self._usual is None or self._of is not settings.CONTENT_SECURITY_POLICY:
            empty = self.process_response(HttpRequest(), HttpResponse())
            self._of, self._usual = settings.CONTENT_SECURITY_POLICY, empty.headers.get(HEADER, "")
        if not self._usual or _has_own_policy(request, response):
            return cast("HttpResponse", self.process_response(request, response))
        response.headers.setdefault(HEADER, self._usual)
        return response


def _has_own_policy(request: HttpRequest, response: HttpResponse) -> bool:
    """Whether anything about this request or answer makes its policy another than the usual one."""
    return (
        settings.DEBUG  # it leaves error pages without one
        or hasattr(request, "_csp_nonce")
        or any(name.startswith("_csp") for name in vars(response))
        or "EXCLUDE_URL_PREFIXES" in settings.CONTENT_SECURITY_POLICY
        or bool(getattr(settings, "CONTENT_SECURITY_POLICY_REPORT_ONLY", None))
    )


class Session(OnTheLoop, SessionMiddleware):
    """A session is read by whoever asks for it. Here it is only saved: in a thread, when it was changed."""

    async def after(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        session = getattr(request, "session", None)
        if settings.SESSION_SAVE_EVERY_REQUEST or getattr(session, "modified", True):
            return await sync_to_async(self.process_response)(request, response)
        return self.process_response(request, response)


class Csrf(OnTheLoop, CsrfViewMiddleware):
    """Reads a form, and renders a refusal, in a thread. Whoever only reads is let through at once."""

    async def process_view(  # type: ignore[override]  # the handler awaits it
        self, request: HttpRequest, callback: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]
    ) -> HttpResponse | None:
        check = super().process_view
        if request.method in SAFE or getattr(callback, "csrf_exempt", False):
            return check(request, callback, args, named)
        return await sync_to_async(check)(request, callback, args, named)


class Authentication(OnTheLoop, auth.AuthenticationMiddleware):
    """The user is looked up by whoever asks for it, once a request (`user` and `auser` know of each other), and once a
    second for requests of one session that change nothing."""

    def __init__(self, get_response: Any) -> None:
        super().__init__(get_response)
        self._visitors = Visitors()

    def process_request(self, request: Any) -> None:
        super().process_request(request)
        key = request.session.session_key
        if request.method in SAFE and key is not None:
            request.user = SimpleLazyObject(lambda: self._visitor(request, key))
        request.auser = lambda: self._awaited(request, key)

    def _is_known(self, request: Any, key: str) -> bool:
        """Whether the user is known without a look at the database; then the request has it."""
        if not hasattr(request, "_cached_user"):
            user = self._visitors.recall(key) if request.method in SAFE else None
            if user is None:
                return False
            request.session.accessed = True  # the answer depends on it
            request._cached_user = user
        return True

    def _visitor(self, request: Any, key: str) -> Any:
        """As Django's `get_user`; blocks while the database is asked."""
        if not self._is_known(request, key):
            began = self._visitors.now()
            auth.get_user(request)
            request._looked = began  # only now: the database may be away
        return request._cached_user

    async def _awaited(self, request: Any, key: str | None) -> Any:
        """What `request.user` stands for: session and user in one hop, none for who brought no session."""
        user = request.user
        if not isinstance(user, SimpleLazyObject):
            return user  # somebody put it there, as signing in does
        if key is not None and not self._is_known(request, key):
            await sync_to_async(bool)(user)  # any question makes it look
        bool(user)
        return request._cached_user

    async def __acall__(self, request: Any) -> HttpResponse:
        key = request.session.session_key
        if key is None:
            return await super().__acall__(request)
        if request.method not in SAFE:
            self._visitors.forget(key)
        response = await super().__acall__(request)
        if request.method not in SAFE or request.session.modified:
            self._visitors.forget(key)  # signed out, or another password
        elif hasattr(request, "_looked") and request._cached_user.is_authenticated:
            self._visitors.remember(key, request._cached_user, request._looked)
        return response


class Messages(OnTheLoop, MessageMiddleware):
    """Messages that were added or shown are stored in a thread: long ones go into the session. Who asks for none pays
    nothing for them."""

    def process_request(self, request: HttpRequest) -> None:
        request._messages = SimpleLazyObject(partial(default_storage, request))  # type: ignore[attr-defined]

    async def after(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        storage: Any = getattr(request, "_messages", None)
        if storage is None or getattr(storage, "_wrapped", storage) is empty:
            return response
        if not (storage.used or storage.added_new):
            return response
        return await sync_to_async(self.process_response)(request, response)


ON_THE_LOOP: dict[Any, type[OnTheLoop]] = {
    SecurityMiddleware: Security,
    CSPMiddleware: Csp,
    SessionMiddleware: Session,
    CommonMiddleware: Common,
    CsrfViewMiddleware: Csrf,
    auth.AuthenticationMiddleware: Authentication,
    MessageMiddleware: Messages,
    XFrameOptionsMiddleware: Clickjacking,
}
"""Django's class: what stands in its place."""
