"""Who is let in at the socket: by Origin, subprotocol, session or token. Raises Refused with the close code."""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, get_user
from django.http import HttpRequest, parse_cookie
from django.http.request import validate_host

from streams.rights.credentials import Credentials, user_of_token
from streams.rights.topics import readable_topics
from streams.runtime.threads import in_database

SUBPROTOCOL = "streamboard.v1"


class Refused(Exception):
    """The connection is not let in; `code` is the protocol's close code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def header(scope: dict[str, Any], name: bytes) -> str | None:
    """A header of the handshake, None when it was not sent."""
    for key, value in scope["headers"]:
        if key == name:
            return str(value.decode("latin-1"))
    return None


def origin_is_allowed(origin: str) -> bool:
    """Whether an Origin header names an allowed host (ALLOWED_HOSTS) or a trusted origin."""
    if origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    try:
        host = urlsplit(origin).hostname
    except ValueError:
        return False
    return bool(host) and validate_host(f"[{host}]" if ":" in str(host) else str(host), settings.ALLOWED_HOSTS)


class Admitted(NamedTuple):
    """Who was let in, with what, and the topics (name -> label) that they may read."""

    username: str
    credentials: Credentials
    topics: dict[str, str]


async def admit(scope: dict[str, Any]) -> Admitted:
    """The user behind a handshake. Asks the database once: a thousand clients may return at the same time.

    A session counts only with an Origin: a browser always sends one, and other programs have tokens.
    """
    if SUBPROTOCOL not in scope.get("subprotocols", ()):
        raise Refused(4500)
    authorization = header(scope, b"authorization")
    if authorization is not None:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise Refused(4501)
        return await in_database(_by_token, token.strip())
    if header(scope, b"origin") is None:
        raise Refused(4501)
    cookies = parse_cookie(header(scope, b"cookie") or "")
    return await in_database(_by_session, cookies.get(settings.SESSION_COOKIE_NAME))


def _by_token(token: str) -> Admitted:
    user = user_of_token(token)
    if user is None:
        raise Refused(4501)
    return Admitted(user.get_username(), Credentials(user.pk, token=token), readable_topics(user))


def _by_session(key: str | None) -> Admitted:
    request = HttpRequest()
    request.session = session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    user = get_user(request)
    if not user.is_authenticated:
        raise Refused(4501)
    credentials = Credentials(user.pk, session_key=session.session_key, session_hash=session.get(HASH_SESSION_KEY))
    return Admitted(user.get_username(), credentials, readable_topics(user))
