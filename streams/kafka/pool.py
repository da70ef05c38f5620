"""A small pool of Kafka consumers without a group, for questions that have an answer within a bound.

The bound holds whatever aiokafka does, a call that never ends or that passes over its cancellation included: such a
consumer is given up, its place goes to a new one, and it is closed behind the asker's back (docs/decisions/0017).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from streams.kafka.aiokafka_internals import has_stopped_fetching
from streams.kafka.clients import CANCELLED_S, consumer, stop_quietly
from streams.runtime.away import Unavailable
from streams.runtime.tasks import failure, give_up, shared

log = logging.getLogger(__name__)

R = TypeVar("R")

TURN_S = 8.0  # until one of the consumers is free
START_S = 8.0  # for a new consumer to reach Kafka
CLOSING = 12  # consumers that are being closed; while there are so many, no new one takes a place


class Settled(Exception):
    """Base of answers that are no fault of the consumer: it stays in the pool."""


class Lease:
    """A consumer, for as long as one question takes. left_behind: what was given up while it used the consumer."""

    def __init__(self, source: AIOKafkaConsumer, within: float) -> None:
        self.source = source
        self.left_behind: asyncio.Task[Any] | None = None
        self._loop = asyncio.get_running_loop()
        self.extend(within)

    def extend(self, within: float) -> None:
        """There was progress: from now on it may take so many seconds again."""
        self._within = within
        self._deadline = self._loop.time() + within

    async def bound(self, work: Coroutine[Any, Any, R]) -> R:
        """The result of `work`, as soon as it is there. Raises what it raises, and Unavailable when it takes too long
        or was cancelled by something else than who waits for it."""
        task = asyncio.create_task(work)
        try:
            while not task.done() and (left := self._deadline - self._loop.time()) > 0:
                await asyncio.wait({task}, timeout=left)
        finally:
            if is_late := not task.done():
                give_up(task)
                self.left_behind = task
        if is_late:
            raise Unavailable(f"Kafka did not answer within {self._within:g} s.")
        return await shared(task)


Question = Callable[[Lease], Coroutine[Any, Any, R]]


class Pool:
    """One per process. `close()` ends its consumers."""

    def __init__(self, size: int) -> None:
        self._idle: asyncio.Queue[AIOKafkaConsumer | None] = asyncio.Queue()
        for _ in range(size):
            self._idle.put_nowait(None)
        self._asked: set[asyncio.Task[Any]] = set()
        self._closing: set[asyncio.Task[None]] = set()

    async def ask(self, question: Question[R], within: float) -> R:
        """The answer of `question(lease)`, which has `within` seconds, and so many again whenever it extends them.

        Raises what the question raises as Settled, and Unavailable for whatever else it raises of Kafka, when it takes
        too long, or when no consumer is free in time. A question whose asker has gone is answered all the same.
        """
        try:
            async with asyncio.timeout(TURN_S):
                source = await self._idle.get()
        except TimeoutError as error:
            raise Unavailable("All readers of Kafka's history are busy.") from error
        # No await between the two: the place would be lost with a cancellation there.
        asked = asyncio.create_task(self._watched(source, question, within))
        self._asked.add(asked)
        asked.add_done_callback(self._asked.discard)
        asked.add_done_callback(lambda done: done.cancelled() or done.exception())  # looked at, whoever still waits
        return await shared(asked)

    async def close(self) -> None:
        """Ends every question, then every consumer, within the bounds of their ends."""
        for asked in list(self._asked):
            asked.cancel()
        await asyncio.gather(*self._asked, return_exceptions=True)
        while not self._idle.empty():
            if (source := self._idle.get_nowait()) is not None:
                self._end(source, None)
        await asyncio.gather(*self._closing, return_exceptions=True)

    async def _watched(self, source: AIOKafkaConsumer | None, question: Question[R], within: float) -> R:
        """Has a question answered, as long as it may take, and then has the place taken again."""
        lease: Lease | None = None
        is_sound = False
        try:
            if source is not None and has_stopped_fetching(source):
                self._end(source, None)
                source = None
            if source is None:
                lease = Lease(consumer(group_id=None), START_S)
                await lease.bound(lease.source.start())
                lease.extend(within)
            else:
                lease = Lease(source, within)
            answer = await lease.bound(question(lease))
            is_sound = True
            return answer
        except Settled:
            is_sound = True
            raise
        except (KafkaError, OSError) as error:
            raise Unavailable("Kafka does not answer.") from error
        finally:
            self._give_back(lease, is_sound=is_sound)

    def _give_back(self, lease: Lease | None, *, is_sound: bool) -> None:
        if lease is None or is_sound:
            self._idle.put_nowait(None if lease is None else lease.source)
            return
        ending = self._end(lease.source, lease.left_behind)
        if len(self._closing) <= CLOSING:
            self._idle.put_nowait(None)
        else:
            ending.add_done_callback(lambda _: self._idle.put_nowait(None))

    def _end(self, source: AIOKafkaConsumer, user: asyncio.Task[Any] | None) -> asyncio.Task[None]:
        """Closes a consumer, in a task that nobody waits for. user: who may still be using it, cancelled already."""

        async def end() -> None:
            if user is not None:
                await asyncio.wait({user}, timeout=CANCELLED_S)
            await stop_quietly(source)

        ending = asyncio.create_task(end())
        self._closing.add(ending)
        ending.add_done_callback(self._ended)
        return ending

    def _ended(self, ending: asyncio.Task[None]) -> None:
        self._closing.discard(ending)
        if (error := failure(ending)) is not None:
            log.error("A Kafka consumer could not be closed.", exc_info=error)
