"""Django's middlewares as the event loop runs them: without a thread wherever nothing is asked of the database.

`MiddlewareMixin` hops into a thread before and after every request, for each middleware, whatever it does, and Django
puts two coroutines around the rest of the way for each of them. The classes here change nothing of what Django's
decide: their methods are the same, they say which of the calls need a thread, and all of them are called by one
coroutine (docs/decisions/0022-the-road-of-a-request.md). settings.MIDDLEWARE goes on naming Django's;
project/handler.py puts these in their place.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache, partial
from typing import Any, cast

from asgiref.sync import markcoroutinefunction, sync_to_async
from csp.constants import HEADER
from csp.middleware import CSPMiddleware
from django.conf import settings
from django.contrib.auth import middleware as auth
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.messages.storage import default_storage
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.handlers.exception import response_for_exception
from django.http import HttpRequest, HttpResponse
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.common import CommonMiddleware
from django.middleware.csrf import CsrfViewMiddleware
from django.middleware.security import SecurityMiddleware
from django.utils.deprecation import MiddlewareMixin
from django.utils.functional import SimpleLazyObject, empty

from project.visitors import Visitors

SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
HEADERS = 100  # that are kept as Django keeps them; there are some ten
Next = Callable[
    [HttpRequest], Awaitable[HttpResponse]
]  # streams of bytes are answers, too, which Django's types forget


class OnTheLoop(MiddlewareMixin):
    """Behind one of Django's classes, or alone: its two methods are called where the request is, in the event loop. Any
    other handler calls them as those of every middleware. Their types are wide, as those of Django's differ."""

    def process_request(self, request: Any) -> Any:
        """What is done before the view; an answer takes the place of the view's."""
        return None

    def process_response(self, request: Any, response: Any) -> Any:
        """The answer, or another one in its place."""
        return response

    def needs_thread(self, request: HttpRequest, response: HttpResponse) -> bool:
        """Whether `process_response` is going to ask the database, or to render."""
        return False


class InOneGo:
    """Middlewares as one coroutine around `inside`, the first outermost. As with Django's, whatever one of them raises
    is an answer for those around it."""

    async_capable, sync_capable = True, False

    def __init__(self, middlewares: Sequence[OnTheLoop], inside: Next) -> None:
        self._inside = inside
        self._entered = [_own(middleware, "process_request") for middleware in middlewares]
        self._left = [(middleware.process_response, _own(middleware, "needs_thread")) for middleware in middlewares]
        markcoroutinefunction(self)

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        entered = 0
        response: HttpResponse | None = None
        try:
            for process_request in self._entered:
                if process_request is not None:
                    response = process_request(request)
                entered += 1
                if response is not None:
                    break
            else:
                response = await self._inside(request)
        except Exception as error:  # noqa: BLE001  (Django's own rule: any error has a page)
            response = await sync_to_async(response_for_exception)(request, error)
        for process_response, needs_thread in reversed(self._left[:entered]):
            try:
                if needs_thread is not None and needs_thread(request, response):
                    response = await sync_to_async(process_response)(request, response)
                else:
                    response = process_response(request, response)
            except Exception as error:  # noqa: BLE001  (as above)
                response = await sync_to_async(response_for_exception)(request, error)
        return cast("HttpResponse", response)


def _own(middleware: OnTheLoop, name: str) -> Any:
    """A method that the middleware has of its own, or behind it Django's class; None for the one that does nothing."""
    is_own = getattr(type(middleware), name) is not getattr(OnTheLoop, name)
    return getattr(middleware, name) if is_own else None


# Headers that are the same in answer after answer ---------------------------------------------------------------------
#
# Django looks at each that is set for signs that may not stand in it, four microseconds for one; an answer has six.


@lru_cache(maxsize=HEADERS)
def _kept(name: str, value: str) -> tuple[str, str]:
    """A header as Django keeps it. Raises BadHeaderError."""
    return cast("Any", HttpResponse(headers={name: value}).headers)._store[name.lower()]  # type: ignore[no-any-return]


def add_header(response: HttpResponse, name: str, value: str) -> None:
    """Gives the answer a header that it does not have yet. Raises BadHeaderError."""
    cast("Any", response.headers)._store.setdefault(name.lower(), _kept(name, value))


class Security(SecurityMiddleware, OnTheLoop):
    """Asks nobody. What it gives an answer depends on the scheme alone, and is put together once for each."""

    def __init__(self, get_response: Any) -> None:
        super().__init__(get_response)
        self._given: dict[bool, list[tuple[str, str]]] = {}

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        is_secure = bool(self.sts_seconds) and request.is_secure()
        if is_secure not in self._given:
            empty = super().process_response(request, HttpResponse())
            self._given[is_secure] = [(name, value) for name, value in empty.items() if name != "Content-Type"]
        for name, value in self._given[is_secure]:
            add_header(response, name, value)
        return response


class Common(CommonMiddleware, OnTheLoop):
    """Asks nobody."""


class Clickjacking(XFrameOptionsMiddleware, OnTheLoop):
    """Asks nobody."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if not getattr(response, "xframe_options_exempt", False):
            add_header(response, "X-Frame-Options", self.get_xframe_options_value(request, response))
        return response


class Csp(CSPMiddleware, OnTheLoop):
    """Asks nobody. The policy of answers that say nothing of their own is put together once, not for each of them."""

    _usual: str | None = None

    def __init__(self, get_response: Any) -> None:
        super().__init__(get_response)
        self._of: Any = None

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:  # type: ignore[override]
        policy = settings.CONTENT_SECURITY_POLICY
        if self._usual is None or self._of is not policy:
            empty = super().process_response(HttpRequest(), HttpResponse())
            self._of, self._usual = policy, empty.headers.get(HEADER, "")
            if "EXCLUDE_URL_PREFIXES" in policy:
                self._usual = ""  # an answer's own, that depends on its address
        if not self._usual or _has_own_policy(request, response):
            return cast("HttpResponse", super().process_response(request, response))
        add_header(response, HEADER, self._usual)
        return response


_PLAIN = frozenset(vars(HttpResponse(status=200)))  # what an answer says that says nothing of its policy


def _has_own_policy(request: HttpRequest, response: HttpResponse) -> bool:
    """Whether anything about this request or answer makes its policy another than the usual one."""
    return (
        settings.DEBUG  # it leaves error pages without one
        or hasattr(request, "_csp_nonce")
        or (not vars(response).keys() <= _PLAIN and any(name.startswith("_csp") for name in vars(response)))
        or bool(getattr(settings, "CONTENT_SECURITY_POLICY_REPORT_ONLY", None))
    )


class Session(SessionMiddleware, OnTheLoop):
    """A session is read by whoever asks for it. Here it is only saved: in a thread, when it was changed."""

    def needs_thread(self, request: HttpRequest, response: HttpResponse) -> bool:
        session = getattr(request, "session", None)
        return settings.SESSION_SAVE_EVERY_REQUEST or getattr(session, "modified", True)


class Csrf(CsrfViewMiddleware, OnTheLoop):
    """Reads a form, and renders a refusal, in a thread. Whoever only reads is let through at once."""

    async def process_view(  # type: ignore[override]  # the handler awaits it
        self, request: HttpRequest, callback: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]
    ) -> HttpResponse | None:
        check = super().process_view
        if request.method in SAFE or getattr(callback, "csrf_exempt", False):
            return check(request, callback, args, named)
        return await sync_to_async(check)(request, callback, args, named)


class Authentication(auth.AuthenticationMiddleware, OnTheLoop):
    """The user is looked up by whoever asks for it, once a request (`user` and `auser` know of each other), and once a
    second for requests of one session that change nothing."""

    def __init__(self, get_response: Any) -> None:
        super().__init__(get_response)
        self._visitors = Visitors()

    def process_request(self, request: Any) -> None:
        super().process_request(request)
        key = request.came_with_session = request.session.session_key
        if key is not None:
            if request.method in SAFE:
                request.user = SimpleLazyObject(lambda: self._visitor(request, key))
            else:
                self._visitors.forget(key)
        request.auser = lambda: self._awaited(request, key)

    def process_response(self, request: Any, response: HttpResponse) -> HttpResponse:
        key = request.came_with_session
        if key is None:
            return response
        if request.method not in SAFE or request.session.modified:
            self._visitors.forget(key)  # signed out, or another password
        elif hasattr(request, "_looked") and request._cached_user.is_authenticated:
            self._visitors.remember(key, request._cached_user, request._looked)
        return response

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


class Messages(MessageMiddleware, OnTheLoop):
    """Messages that were added or shown are stored in a thread: long ones go into the session. Who asks for none pays
    nothing for them."""

    def process_request(self, request: HttpRequest) -> None:
        request._messages = SimpleLazyObject(partial(default_storage, request))  # type: ignore[attr-defined]

    def needs_thread(self, request: HttpRequest, response: HttpResponse) -> bool:
        storage: Any = getattr(request, "_messages", None)
        if storage is None or getattr(storage, "_wrapped", storage) is empty:
            return False
        return bool(storage.used or storage.added_new)

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        return super().process_response(request, response) if self.needs_thread(request, response) else response


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
