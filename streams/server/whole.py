"""An answer that leaves in one piece, where uvicorn would write its head and its body apart."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from uvicorn.protocols.http.httptools_impl import (
    HEADER_RE,
    HEADER_VALUE_RE,
    STATUS_LINE,
    RequestResponseCycle,
)
from uvicorn.protocols.utils import get_client_addr, get_path_with_query_string

WHOLE_BYTES = 64 * 1024  # of an answer's body that leaves together with its head
REPEATED = 100  # headers that are kept as they are written; there are some ten

# Headers that say the same in answer after answer, and nothing that is somebody's own.
_REPEATED = frozenset({
    "Cache-Control", "Content-Security-Policy", "Content-Type", "Cross-Origin-Opener-Policy", "Referrer-Policy",
    "Strict-Transport-Security", "Vary", "X-Content-Type-Options", "X-Frame-Options",
})  # fmt: skip
_DECIDING = frozenset({"connection", "transfer-encoding"})  # how the connection goes on: uvicorn reads them


def send_whole(send: Any, status: int, headers: Iterable[tuple[str, str]], body: bytes) -> bool:
    """Sends an answer in one piece, where `send` is uvicorn's own: head and body with one call of the system, instead
    of two and a client that is woken twice. Returns whether it did: False, and nothing was sent, where anybody stands
    between, where something waits to be sent, or where uvicorn would do more than write what it is given."""
    cycle: Any = getattr(send, "__self__", None)
    is_plain = (
        type(cycle) is RequestResponseCycle
        and cycle.keep_alive
        and not (cycle.response_started or cycle.disconnected or cycle.flow.write_paused)
        and cycle.scope["method"] != "HEAD"
        and len(body) <= WHOLE_BYTES
    )
    if not is_plain:
        return False
    head, length = [STATUS_LINE[status], *[b"%b: %b\r\n" % header for header in cycle.default_headers]], ""
    for name, value in headers:
        if name in _REPEATED:
            head.append(_repeated(name, value))
            continue
        lowered = name.lower()
        if lowered in _DECIDING:
            return False
        if lowered == "content-length":
            length = value
        head.append(_line(lowered, value))
    if length != str(len(body)):
        return False
    if cycle.access_log and cycle.access_logger.isEnabledFor(logging.INFO):
        _note(cycle, status)
    cycle.waiting_for_100_continue = False
    cycle.response_started = cycle.response_complete = True
    cycle.transport.write(b"".join([*head, b"\r\n", body]))
    cycle.message_event.set()
    cycle.on_response()
    return True


def _note(cycle: RequestResponseCycle, status: int) -> None:
    """uvicorn's line for its log of requests."""
    scope = cycle.scope
    said = get_client_addr(scope), scope["method"], get_path_with_query_string(scope), scope["http_version"], status
    cycle.access_logger.info('%s - "%s %s HTTP/%s" %d', *said)


def _line(name: str, value: str) -> bytes:
    """One header as it stands in a head. Raises RuntimeError as uvicorn does, for what would be more than one."""
    as_bytes = name.lower().encode("ascii"), value.encode("latin-1")
    if HEADER_RE.search(as_bytes[0]) or HEADER_VALUE_RE.search(as_bytes[1]):
        raise RuntimeError("Invalid HTTP header.")
    return b"%b: %b\r\n" % as_bytes


_repeated = lru_cache(maxsize=REPEATED)(_line)
