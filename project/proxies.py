"""What a proxy in front changes about a request, and what we make of it: the scheme that its client used, and the path
below which we are known (uvicorn's --root-path).

Whose word counts is FORWARDED_ALLOW_IPS, as for uvicorn, which has looked at the same headers before us.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from django.conf import settings
from uvicorn.middleware.proxy_headers import _TrustedHosts

Application = Callable[[dict[str, Any], Any, Any], Awaitable[None]]

SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
COOKIE_PATH = re.compile(rb"(; *path=)/(?=;|$)", re.IGNORECASE)


class BehindProxies:
    """`application`, for HTTP and WebSocket, told what the client did and answered below the path it knows."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._trusted = _TrustedHosts(settings.FORWARDED_ALLOW_IPS)

    def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Awaitable[None]:
        """Answers one scope."""
        scheme = self._scheme(scope)
        if scheme:
            is_socket = scope["type"] == "websocket"
            scope = {**scope, "scheme": scheme.replace("http", "ws") if is_socket else scheme}
        root = scope.get("root_path", "").rstrip("/")
        if not root:
            return self._application(scope, receive, send)
        scope = {**scope, "root_path": root, "path": once(root, scope["path"])}
        return self._application(scope, receive, below(root, send))

    def _scheme(self, scope: dict[str, Any]) -> str | None:
        """The scheme that the first proxy was spoken to with, however it is written (`HTTPS`, `https, http`, a line
        for each proxy); None when no proxy says it whose word counts. uvicorn takes the four plain words only."""
        headers = scope["headers"]
        said = b",".join([value for name, value in headers if name == b"x-forwarded-proto"]).decode("latin-1")
        scheme = SCHEMES.get(said.partition(",")[0].strip().strip('"').lower()) if said else None
        return scheme if scheme and self._came_through_a_trusted_one(scope) else None

    def _came_through_a_trusted_one(self, scope: dict[str, Any]) -> bool:
        """uvicorn has put the address that X-Forwarded-For names in place of a trusted proxy's own."""
        client = (scope.get("client") or ("",))[0]
        told = b", ".join(value for name, value in scope["headers"] if name == b"x-forwarded-for").decode("latin-1")
        return client in self._trusted or bool(told and self._trusted.get_trusted_client_address(told)[0] == client)


def once(root: str, path: str) -> str:
    """The path with the root before it once: uvicorn puts it before what came, and a proxy may have left it there."""
    rest = path.removeprefix(root)
    return rest if rest == root or rest.startswith(f"{root}/") else path


def below(root: str, send: Any) -> Any:
    """Cookies are for what is below our path: another one on the same host may be another installation of us."""

    async def told(message: dict[str, Any]) -> None:
        if message["type"] in {"http.response.start", "websocket.accept"}:
            path = rb"\g<1>" + root.encode("latin-1") + b"/"
            headers = [
                (name, COOKIE_PATH.sub(path, value) if name.lower() == b"set-cookie" else value)
                for name, value in message.get("headers", ())
            ]
            message = {**message, "headers": headers}
        await send(message)

    return told
