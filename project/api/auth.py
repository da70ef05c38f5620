"""Who may call the API: a bearer token, or the session of a signed-in browser together with its CSRF token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from django.conf import settings
from django.contrib.auth.middleware import get_user
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.functional import SimpleLazyObject
from ninja.errors import AuthenticationError, HttpError
from ninja.security.base import AuthBase

from items import tokens
from items.models import ApiToken
from project.accounts import attempts
from streams.rights.credentials import users_of_sessions

# What signs in is called in a thread, in one hop with the rights and the work (items/api/depends.py); calls that are
# answered together are looked up together (`SignIn` in items/api/together.py).


@dataclass(eq=False, slots=True)
class ByToken:
    """Signs in with a token. Raises AuthenticationError, and attempts.TooMany."""

    request: HttpRequest
    token: str
    _looked_up: Mapping[str, ApiToken] | None = None

    def __call__(self) -> User:
        try:
            user = tokens.user_of(self.token, self._looked_up)
        except tokens.TokenRefused as refused:
            attempts.take_wrong_token(attempts.address_of(self.request))
            raise AuthenticationError(message=str(refused)) from refused
        self.request.user = user
        return user

    @classmethod
    def look_up(cls, some: Sequence[ByToken]) -> list[User]:
        """In one query."""
        found = tokens.look_up({each.token for each in some})
        for each in some:
            each._looked_up = found
        return [token.user for token in found.values()]

    def forget(self) -> None:
        """The next call asks."""
        self._looked_up = None


@dataclass(eq=False, slots=True)
class BySession:
    """Signs in with the session of a browser. Raises AuthenticationError, and HttpError 403 when a change comes without
    its CSRF token."""

    request: HttpRequest

    def __call__(self) -> User:
        user = self.request.user
        if not isinstance(user, User):
            raise AuthenticationError
        if not has_csrf_token(self.request):
            raise HttpError(403, "The CSRF token is missing or wrong; send it as X-CSRFToken, or use an API token.")
        return user

    @classmethod
    def look_up(cls, some: Sequence[BySession]) -> list[User]:
        """In two queries. Of a session that signs nobody in nothing is noted: Django finds out why, and ends it."""
        keys = {each: each.request.session.session_key for each in some}
        users = users_of_sessions({key for key in keys.values() if key})
        for each, key in keys.items():
            if key in users:
                each.request.session.accessed = True  # the answer depends on it
                each.request.user = each.request._cached_user = users[key]  # type: ignore[attr-defined]
        return list({id(user): user for user in users.values()}.values())

    def forget(self) -> None:
        """The next call asks for the session, too."""
        self.request.__dict__.pop("_cached_user", None)
        self.request.session.__dict__.pop("_session_cache", None)
        self.request.user = SimpleLazyObject(partial(get_user, self.request))  # type: ignore[assignment]  # as Django


class BearerAuth(AuthBase):
    """`Authorization: Bearer <token>`, as `manage.py createtoken` prints it."""

    openapi_type = "http"
    openapi_scheme = "bearer"

    async def __call__(self, request: HttpRequest) -> ByToken | None:
        """How to sign in with the token; None when there is no bearer token."""
        scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        return ByToken(request, token.strip()) if scheme.lower() == "bearer" else None


class SessionAuth(AuthBase):
    """The session of a signed-in browser. Who is not signed in is told that, before anything about CSRF."""

    openapi_type = "apiKey"
    openapi_in = "cookie"
    openapi_name = "sessionid"

    async def __call__(self, request: HttpRequest) -> BySession | None:
        """How to sign in with the session; None when there is none."""
        return BySession(request) if settings.SESSION_COOKIE_NAME in request.COOKIES else None


class CsrfCheck(CsrfViewMiddleware):
    """Django's check without its failure page, which would be rendered, with a query, in the middle of async code."""

    def _reject(self, request: HttpRequest, reason: str) -> HttpResponseForbidden:
        return HttpResponseForbidden(reason)


def has_csrf_token(request: HttpRequest) -> bool:
    """Whether the request changes nothing or carries its CSRF token. The middleware left it out: ninja's views are
    exempt there, because calls with a bearer token have none."""
    request.csrf_processing_done = False  # type: ignore[attr-defined]
    _check.process_request(request)
    return _check.process_view(request, _a_view, (), {}) is None


def _a_view(request: HttpRequest) -> HttpResponse:
    """Not exempt."""
    raise NotImplementedError


_check = CsrfCheck(_a_view)  # keeps nothing of a request
