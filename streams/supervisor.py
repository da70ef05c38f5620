"""Keeps a long-running task alive: an error ends in a log line, a counter and a new start, never in silence."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

from aiokafka.errors import KafkaError
from django.db import Error as DatabaseError
from redis.exceptions import RedisError

from streams import metrics
from streams.cluster import Unavailable

log = logging.getLogger(__name__)

FIRST_DELAY_S = 0.25
LONGEST_DELAY_S = 5.0
STEADY_S = 30.0  # a task that ran so long starts with a short delay again

# What happens when a neighbour is away: one line tells it. Anything else is a fault of ours, with its traceback.
EXPECTED = (Unavailable, KafkaError, DatabaseError, RedisError, OSError, TimeoutError)


async def supervise(name: str, run: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
    """Runs `run()` again and again until `stop` is set. Returns when it is; cancelled like any task."""
    loop = asyncio.get_running_loop()
    delay = FIRST_DELAY_S
    while not stop.is_set():
        started = loop.time()
        try:
            await run()
        except EXPECTED as error:
            log.warning("The %s stopped and starts again: %s", name, error or repr(error))
        except Exception:
            log.exception("The %s failed and starts again.", name)
        else:
            if stop.is_set():
                return
        metrics.RESTARTS.labels(name).inc()
        delay = FIRST_DELAY_S if loop.time() - started > STEADY_S else delay
        await pause(stop, delay * random.uniform(0.5, 1.5))
        delay = min(delay * 2, LONGEST_DELAY_S)


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Waits, but not longer than until `stop` is set."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
