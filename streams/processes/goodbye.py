"""How a web process takes leave of its clients: over which time they come back, and that they hear of it in time."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

RETRY_MS = 2000  # clients spread their reconnects from this to twice this after a restart, or over longer:
RETURNS_A_SECOND = 500  # of all clients of a process, so that the others are not overrun


def retry_after_ms(clients: int) -> int:
    """How long so many clients are told to wait at least, in ms; each waits up to twice as long."""
    return max(RETRY_MS, 1000 * clients // RETURNS_A_SECOND)


def say_before_the_server_closes(say: Callable[[], None]) -> None:
    """Has `say()` called in the present event loop when SIGTERM or SIGINT arrives, before whoever handles it now.

    A server closes its sockets before the lifespan ends, so a goodbye that waits for the lifespan comes too late. Does
    nothing outside of the main thread, where signals cannot be handled.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        before = signal.getsignal(number)
        if callable(before):
            signal.signal(number, partial(_on_signal, loop, say, before))


def _on_signal(
    loop: asyncio.AbstractEventLoop, say: Callable[[], None], before: Callable[..., Any], *args: Any
) -> None:
    if loop.is_closed():
        before(*args)
        return

    def leave() -> None:
        say()
        loop.call_soon(before, *args)  # behind the closes that this began, or the server closes with a code of its own

    loop.call_soon_threadsafe(leave)
