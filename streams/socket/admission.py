"""Who is let in at the socket: by Origin, subprotocol, session or token. Raises NotAdmitted with the close code."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import parse_cookie
from django.http.request import split_domain_port, validate_host
from django.utils.http import is_same_domain

from streams.rights.credentials import Known, Presented, TooManyTries, look_up, user_of_token
from streams.runtime.threads import in_database

SUBPROTOCOL = "streamboard.v1"
A_ROUND = 500  # who are looked up together: fifty milliseconds of a thread
PAUSE_S = 0.02  # before a round that follows another: a round of many costs little more than one of a few


Look = Callable[[Iterable[Presented]], dict[Presented, Known]]


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


async def admit(scope: dict[str, Any]) -> Known:
    """Lets in the user behind a handshake. Those that come together are looked up together: a thousand clients may
    return at the same time.

    A session counts only with an Origin: a browser always sends one, and other programs have tokens. Raises
    NotAdmitted, and Django's database errors.
    """
    if SUBPROTOCOL not in scope.get("subprotocols", ()):
        raise NotAdmitted(4500)
    presented = _presented(scope)
    known = await _desk().ask(presented)
    if known is None:
        if presented.token is not None:
            await _count_wrong(presented.token, (scope.get("client") or ("",))[0])
        raise NotAdmitted(4501)
    return known


async def _count_wrong(token: str, address: str) -> None:
    """Asks for the token as signing in does, so that who counts wrong ones hears of it. Raises NotAdmitted 4505."""
    try:
        await in_database(user_of_token, token, address)
    except TooManyTries as error:
        raise NotAdmitted(4505) from error


def _presented(scope: dict[str, Any]) -> Presented:
    authorization = header(scope, b"authorization")
    if authorization is not None:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise NotAdmitted(4501)
        return Presented(token=token.strip())
    session_key = parse_cookie(header(scope, b"cookie") or "").get(settings.SESSION_COOKIE_NAME)
    if header(scope, b"origin") is None or not session_key:
        raise NotAdmitted(4501)
    return Presented(session_key=session_key)


# Looked up together -----------------------------------------------------------------------------------------------


class Desk:
    """Looks up who comes, one round after the other: whoever comes during one, and in the PAUSE_S after it, joins the
    next; whoever comes alone waits for nobody. Nothing is remembered, so a token that was revoked and a user who may no
    longer sign in count from the next round on."""

    def __init__(self, look: Look = look_up) -> None:
        self._look_up = look
        self._asked: dict[Presented, asyncio.Future[Known | None]] = {}
        self._rounds: asyncio.Task[None] | None = None

    async def ask(self, presented: Presented) -> Known | None:
        """Who that is, by a look that begins from now on; None when it counts for nothing. Raises what the database
        raises."""
        future = self._asked.get(presented)
        if future is None:
            loop = asyncio.get_running_loop()
            future = self._asked[presented] = loop.create_future()
            if self._rounds is None or self._rounds.done():
                self._rounds = loop.create_task(self._look())
        return await asyncio.shield(future)

    async def _look(self) -> None:
        while self._asked:
            every = list(self._asked)[:A_ROUND]
            asked = {presented: self._asked.pop(presented) for presented in every}
            try:
                known = await in_database(self._look_up, every)
            except Exception as error:  # noqa: BLE001  (whoever asked is told, whatever it is)
                for future in asked.values():
                    future.set_exception(error)
                    future.exception()  # they may have gone
            else:
                for presented, future in asked.items():
                    future.set_result(known.get(presented))
            if 0 < len(self._asked) < A_ROUND:
                await asyncio.sleep(PAUSE_S)


_desks: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Desk] = weakref.WeakKeyDictionary()


def _desk() -> Desk:
    loop = asyncio.get_running_loop()
    desk = _desks.get(loop)
    if desk is None:
        desk = _desks[loop] = Desk()
    return desk
