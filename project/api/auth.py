"""Who may call the API: a bearer token, or the session of a signed-in browser together with its CSRF token."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth import authenticate
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
from django.middleware.csrf import CsrfViewMiddleware
from ninja.errors import AuthenticationError, HttpError
from ninja.security.base import AuthBase

from project.accounts import attempts


class BearerAuth(AuthBase):
    """`Authorization: Bearer <token>`, as `manage.py createtoken` prints it."""

    openapi_type = "http"
    openapi_scheme = "bearer"

    async def __call__(self, request: HttpRequest) -> Any:
        """The token's user; None when there is no bearer token. Raises AuthenticationError for a wrong one, and
        attempts.TooMany after too many of them."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        user = await sync_to_async(authenticate)(request, token=token.strip())
        if user is None:
            await sync_to_async(attempts.take_wrong_token)(attempts.address_of(request))
            raise AuthenticationError(message="This token is not valid.")
        request.user = user
        return user


class SessionAuth(AuthBase):
    """The session of a signed-in browser. Who is not signed in is told that, before anything about CSRF."""

    openapi_type = "apiKey"
    openapi_in = "cookie"
    openapi_name = "sessionid"

    async def __call__(self, request: HttpRequest) -> Any:
        """The session's user or None. Raises HttpError 403 when a change comes without its CSRF token."""
        user = await request.auser()
        if not user.is_authenticated:
            return None
        request.user = user
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
