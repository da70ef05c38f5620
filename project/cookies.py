"""Which cookies are read at all: those without an escape, as all of ours are.

Django reads cookies as Python does, and that undoes escapes in quotes. `\\000` becomes a NUL, and PostgreSQL refuses
all that is looked up together with it; many backslashes cost Python before 3.11.10 the square of their number, in the
event loop. A browser also sends what other applications of the same host have set, so only such cookies are left out,
and the request goes on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

Application = Callable[[dict[str, Any], Any, Any], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

ESCAPE = b"\\"


def without_escapes(headers: Headers) -> Headers:
    """The headers, with those cookies left out that have an escape; the very same object when there is none."""
    if not any(ESCAPE in value for name, value in headers if name == b"cookie"):
        return headers
    return [(name, _plain(value) if name == b"cookie" else value) for name, value in headers]


def _plain(cookies: bytes) -> bytes:
    return b";".join([one for one in cookies.split(b";") if ESCAPE not in one])


class PlainCookies:
    """`application`, for HTTP and WebSocket, with plain cookies. No coroutine stands around the application's."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Awaitable[None]:
        """Answers one scope."""
        headers = without_escapes(scope["headers"])
        if headers is not scope["headers"]:
            scope = {**scope, "headers": headers}
        return self._application(scope, receive, send)
