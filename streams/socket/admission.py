"""Who is let in at the socket: by Origin, subprotocol, session or token. Raises NotAdmitted with the close code."""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, get_user
from django.http import HttpRequest, parse_cookie
from django.http.request import split_domain_port, validate_host
from django.utils.http import is_same_domain

from streams.rights.credentials import Credentials, TooManyTries, user_of_token
from streams.rights.topics import readable_topics
from streams.runtime.threads import in_database

SUBPROTOCOL = "streamboard.v1"


class NotAdmitted(Exception):
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


def origin_is_allowed(scope: dict[str, Any], origin: str) -> bool:
    """Whether an Origin header is the handshake's own scheme, host and port, or among CSRF_TRUSTED_ORIGINS.

    The scheme is the server's word: behind a proxy whose headers it trusts, that of the proxy's client.
    """
    origin = origin.lower()
    scheme = "https" if scope.get("scheme") in {"wss", "https"} else "http"
    host = (header(scope, b"host") or "").lower()
    if origin == f"{scheme}://{host}" and validate_host(split_domain_port(host)[0], settings.ALLOWED_HOSTS):
        return True
    return any(_is_trusted(origin, trusted.lower()) for trusted in settings.CSRF_TRUSTED_ORIGINS)


def _is_trusted(origin: str, trusted: str) -> bool:
    """trusted: an origin, or one with `*.` before its host, which stands for every host below."""
    if "*" not in trusted:
        return origin == trusted
    try:
        asked, pattern = urlsplit(origin), urlsplit(trusted.replace("*", ""))
    except ValueError:
        return False
    return asked.scheme == pattern.scheme and is_same_domain(asked.netloc, pattern.netloc)


class Admitted(NamedTuple):
    """Who was let in, with what, and the topics (name -> label) that they may read."""

    username: str
    credentials: Credentials
    topics: dict[str, str]


async def admit(scope: dict[str, Any]) -> Admitted:
    """Lets in the user behind a handshake. Asks the database once: a thousand clients may return at the same time.

    A session counts only with an Origin: a browser always sends one, and other programs have tokens. Raises
    NotAdmitted, and Django's database errors.
    """
    if SUBPROTOCOL not in scope.get("subprotocols", ()):
        raise NotAdmitted(4500)
    authorization = header(scope, b"authorization")
    if authorization is not None:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise NotAdmitted(4501)
        address = (scope.get("client") or ("",))[0]
        try:
            return await in_database(_by_token, token.strip(), address)
        except TooManyTries as error:
            raise NotAdmitted(4505) from error
    if header(scope, b"origin") is None:
        raise NotAdmitted(4501)
    cookies = parse_cookie(header(scope, b"cookie") or "")
    return await in_database(_by_session, cookies.get(settings.SESSION_COOKIE_NAME))


def _by_token(token: str, address: str) -> Admitted:
    user = user_of_token(token, address)
    if user is None:
        raise NotAdmitted(4501)
    return Admitted(user.get_username(), Credentials(user.pk, token=token), readable_topics(user))


def _by_session(key: str | None) -> Admitted:
    request = HttpRequest()
    request.session = session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    user = get_user(request)
    if not user.is_authenticated:
        raise NotAdmitted(4501)
    credentials = Credentials(user.pk, session_key=session.session_key, session_hash=session.get(HASH_SESSION_KEY))
    return Admitted(user.get_username(), credentials, readable_topics(user))
