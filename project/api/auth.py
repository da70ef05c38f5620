"""Who may call the API: a bearer token, or the session of a signed-in browser together with its CSRF token."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
from django.middleware.csrf import CsrfViewMiddleware
from ninja.errors import AuthenticationError, HttpError
from ninja.security.base import AuthBase

from items import tokens
from project.accounts import attempts

SignIn = Callable[[], User]
"""Asks the database who calls; in a thread, in one hop with the rights and the work (items/api/depends.py). Raises
AuthenticationError, HttpError 403 when a change comes without its CSRF token, and attempts.TooMany."""


class BearerAuth(AuthBase):
    """`Authorization: Bearer <token>`, as `manage.py createtoken` prints it."""

    openapi_type = "http"
    openapi_scheme = "bearer"

    async def __call__(self, request: HttpRequest) -> SignIn | None:
        """How to sign in with the token; None when there is no bearer token."""
        scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        # Calls that are answered together look their tokens up together (items/api/together.py).
        request.bearer_token = token = token.strip()  # type: ignore[attr-defined]
        return partial(_by_token, request, token)


def _by_token(request: HttpRequest, token: str) -> User:
    try:
        user = tokens.user_of(token)
    except tokens.Refused as refused:
        attempts.take_wrong_token(attempts.address_of(request))
        raise AuthenticationError(message=str(refused)) from refused
    request.user = user
    return user


class SessionAuth(AuthBase):
    """The session of a signed-in browser. Who is not signed in is told that, before anything about CSRF."""

    openapi_type = "apiKey"
    openapi_in = "cookie"
    openapi_name = "sessionid"

    async def __call__(self, request: HttpRequest) -> SignIn | None:
        """How to sign in with the session; None when there is none."""
        return partial(_by_session, request) if settings.SESSION_COOKIE_NAME in request.COOKIES else None


def _by_session(request: HttpRequest) -> User:
    user = request.user
    if not isinstance(user, User):
        raise AuthenticationError
    if not has_csrf_token(request):
        raise HttpError(403, "The CSRF token is missing or wrong; send it as X-CSRFToken, or use an API token.")
    return user


class CsrfCheck(CsrfViewMiddleware):
    """Django's check without its failure page, which would be rendered, with a query, in the middle of async code."""

    def _reject(self, request: HttpRequest, reason: str) -> HttpResponseForbidden:
        return HttpResponseForbidden(reason)


def has_csrf_token(request: HttpRequest) -> bool:
    """Whether the request changes nothing or carries its CSRF token. The middleware left it out: ninja's views are
    exempt there, because calls with a bearer token have none."""
    check = CsrfCheck(lambda request: HttpResponse())
    request.csrf_processing_done = False  # type: ignore[attr-defined]
    check.process_request(request)
    return check.process_view(request, lambda request: HttpResponse(), (), {}) is None
