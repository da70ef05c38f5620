"""Waiting for a condition, bounded: the only way in which tests let time pass."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

T = TypeVar("T")

PAUSE = 0.02  # s between two looks at a condition
WORKER = "TEST_WORKER"  # the variable with the number of a worker of the tests (tests/support/forks.py)
# Below the range from which Linux takes the ports of outgoing connections: otherwise, while a server is down, a client
# of it could be given the very port, and in the end talk to itself. Each of the workers that run tests side by side has
# a part of its own, or one could take a port while another one's server is down; and of two runs of pytest at the same
# time one has the upper half (tests/suite.py).
SHARES = 8
SHARE_PORTS = 750
FIRST_PORT = 20_000 + (SHARES * SHARE_PORTS if os.environ.get("TEST_PORTS") == "upper" else 0)


class TimeIsUp(AssertionError):
    """A condition did not come true in its time."""


def wait_until(condition: Callable[[], T], what: str, timeout: float = 30) -> T:
    """Returns the condition's first true value; raises TimeIsUp, naming `what`, after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeIsUp(f"not within {timeout:g} s: {what}")
        time.sleep(PAUSE)
    return value


@overload
async def until(condition: Callable[[], Awaitable[T]], what: str, timeout: float = 30) -> T: ...
@overload
async def until(condition: Callable[[], T], what: str, timeout: float = 30) -> T: ...
async def until(condition: Callable[[], Any], what: str, timeout: float = 30) -> Any:
    """The same for async code; the condition may be a coroutine function."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if isinstance(value, Awaitable):
            value = await value
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeIsUp(f"not within {timeout:g} s: {what}")
        await asyncio.sleep(PAUSE)


_random = random.SystemRandom()  # pytest-randomly seeds the other one anew before each test
_given: set[int] = set()


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody uses now, and that was not given out before."""
    worker = int(os.environ.get(WORKER, "0"))
    first = FIRST_PORT + worker % SHARES * SHARE_PORTS
    for _ in range(1000):
        port = _random.randrange(first, first + SHARE_PORTS)
        if port in _given:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port
    raise RuntimeError("no free port")


def accepts_connections(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
