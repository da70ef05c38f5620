"""Whether the neighbours are there: database, Kafka, Redis, schema registry, and our own tasks. One line of /readyz
each.

Each check is bounded, none of them holds up the event loop, and none says more than a state word: anybody may read it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import redis.asyncio
from aiokafka.errors import KafkaError
from django.conf import settings
from django.db import Error as DatabaseError
from redis.exceptions import RedisError

from streams.decoding import registry
from streams.hub import current
from streams.kafka.catalog import Catalog
from streams.runtime.away import Unavailable
from streams.runtime.database import ask_database
from streams.runtime.tasks import failure, states

log = logging.getLogger(__name__)

CHECK_S = 2.0  # for each check


@dataclass(frozen=True, slots=True)
class State:
    """One line of /readyz: `name: words`."""

    ok: bool
    words: str


class _DatabaseCheck:
    """Asks in a thread of its own, a daemon: one that hangs delays neither other work nor the end of the process."""

    def __init__(self) -> None:
        self._asking: asyncio.Future[str] | None = None

    async def __call__(self) -> State:
        if self._asking is None or self._asking.done() or self._asking.get_loop() is not asyncio.get_running_loop():
            self._asking = self._ask()
        try:
            async with asyncio.timeout(CHECK_S):
                words = await asyncio.shield(self._asking)
        except TimeoutError:
            words = f"down, no answer within {CHECK_S:g} s"
        return State(words == "ok", words)

    def _ask(self) -> asyncio.Future[str]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[str] = loop.create_future()

        def ask() -> None:
            try:
                ask_database()
                words = "ok"
            except (DatabaseError, OSError) as error:
                log.warning("The database does not answer: %s", error)
                words = "down"
            except Exception:  # whatever it is: without an answer nobody would ever ask again
                log.exception("The database could not be asked.")
                words = "down"
            if not loop.is_closed():
                loop.call_soon_threadsafe(answer.set_result, words)

        threading.Thread(target=ask, name="health-database", daemon=True).start()
        return answer


check_database = _DatabaseCheck()


async def check_link() -> State:
    """The web's link to Kafka as its hub sees it; no question is asked."""
    try:
        web = current.current()
    except RuntimeError:
        return State(False, "not started yet")
    link = web.hub.link
    if web.is_connecting():
        return State(False, "connecting")
    if link.state == "live":
        return State(True, "live")
    since = _instant(datetime.fromtimestamp(link.since / 1000, UTC))
    return State(link.state != "down", f"{link.state.replace('_', ' ')} since {since}")


class KafkaCheck:
    """For the bridge: asks Kafka for its topics, and knows since when it does not answer. `close()` when done."""

    def __init__(self) -> None:
        self._catalog = Catalog()
        self._down_since: datetime | None = None
        self._closing = set[asyncio.Task[None]]()
        self._asked = _AskedOnce(self._ask)

    async def __call__(self) -> State:
        return await self._asked()

    async def _ask(self) -> State:
        try:
            async with asyncio.timeout(CHECK_S):
                await self._catalog.topics([])
        except (Unavailable, KafkaError, OSError, TimeoutError):
            self._start_afresh()  # a connection that does not answer may never do so again
            self._down_since = self._down_since or datetime.now(UTC)
            return State(False, f"down since {_instant(self._down_since)}")
        self._down_since = None
        return State(True, "live")

    def _start_afresh(self) -> None:
        closing = asyncio.create_task(self._catalog.close())
        self._closing.add(closing)
        closing.add_done_callback(self._closed)
        self._catalog = Catalog()

    def _closed(self, closing: asyncio.Task[None]) -> None:
        self._closing.discard(closing)
        if (error := failure(closing)) is not None:
            log.error("A connection to Kafka could not be closed.", exc_info=error)

    async def close(self) -> None:
        """Ends its connections to Kafka."""
        await self._asked.close()
        await asyncio.gather(self._catalog.close(), *self._closing)


def _instant(time: datetime) -> str:
    return time.isoformat(timespec="seconds").replace("+00:00", "Z")


async def check_tasks() -> State:
    """The supervised tasks of this process: which of them are not running, and since when."""
    known = states()
    missing = [f"{name} is not running since {_instant(since)}" for name, since in known.items() if since]
    return State(not missing, ", ".join(missing) or ("ok" if known else "none yet"))


async def _ask_redis() -> State:
    """Whether Redis answers within CHECK_S; `not used` without REDIS_URL."""
    if not settings.REDIS_URL:
        return State(True, "not used")
    client = redis.asyncio.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=CHECK_S, socket_timeout=CHECK_S)
    try:
        async with asyncio.timeout(CHECK_S):
            await client.ping()
    except (RedisError, OSError, TimeoutError):
        return State(False, "down")
    finally:
        await client.aclose()
    return State(True, "ok")


class _AskedOnce:
    """Asks once, however many want to know: anybody may ask /readyz, and each question would be one to a neighbour."""

    def __init__(self, ask: Callable[[], Coroutine[Any, Any, State]]) -> None:
        self._ask = ask
        self._asking: asyncio.Task[State] | None = None

    async def __call__(self) -> State:
        if self._asking is None or self._asking.done() or self._asking.get_loop() is not asyncio.get_running_loop():
            self._asking = asyncio.create_task(self._ask())
        return await asyncio.shield(self._asking)

    async def close(self) -> None:
        """Ends the question that is under way."""
        if self._asking is not None and not self._asking.done():
            self._asking.cancel()
            await asyncio.wait([self._asking])


check_redis = _AskedOnce(_ask_redis)


async def _ask_registry() -> State:
    """Whether the schema registry answers within CHECK_S; `not used` without SCHEMA_REGISTRY_URL."""
    asked = registry.current()
    if asked is None:
        return State(True, "not used")
    try:
        async with asyncio.timeout(CHECK_S):
            words = await asked.check()
    except TimeoutError:
        words = f"down, no answer within {CHECK_S:g} s"
    return State(words is None, words or "ok")


check_registry = _AskedOnce(_ask_registry)
