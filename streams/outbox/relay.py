"""Outbox → Kafka: one relay leads, reads the oldest unpublished messages in batches, and marks what Kafka acknowledged.

It never publishes a key past a message that failed or is parked (streams/outbox/publisher.py says how). It lives until
its first trouble; its supervisor starts the next life, with a new producer.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from django.conf import settings
from django.db import DatabaseError, connections
from django.utils import timezone

from streams import metrics
from streams.kafka import catalog, embedded
from streams.outbox import messages, recording
from streams.outbox.leadership import Leadership, leadership
from streams.outbox.messages import Row
from streams.outbox.publisher import Publisher
from streams.runtime.tasks import pause

log = logging.getLogger(__name__)

R = TypeVar("R")

BATCH_ROWS = 500  # one look at the outbox; one by one would be 13 times slower
POLL_S = 0.25  # between looks when nobody wakes us
STANDBY_S = 1.0  # between tries to become the leader
DRAIN_LEAD_S = 10.0  # `bridge --once` waits this long for another relay to let go
DATABASE_S = 30.0  # for one unit of database work: over SQLite's 10 s busy timeout and the pool's 10 s
METRICS_S = 5.0  # between counts of what waits
PRUNE_S = 600.0  # between looks for published messages past their retention

_republished_to: str | None = None  # the epoch of the embedded broker that has the newest part again


class AnotherRelayLeads(Exception):
    """Another process publishes the outbox."""


async def run(stop: asyncio.Event, *, republish: int = 0) -> None:
    """One life: stands by until it leads, then publishes until `stop` is set. A batch under way is finished first.

    republish: so many of the newest published messages go again first (once for each life of the embedded broker).
    Raises whatever ends this life early: KafkaError, Unavailable, DatabaseError, OSError, TimeoutError.
    """
    async with _Life() as life:
        if await life.lead(stop):
            await life.connect()
            if republish:
                await life.republish(republish)
            await life.publish_until(stop)


async def drain(stop: asyncio.Event) -> int:
    """Publishes everything that may go to Kafka now, or what it can until `stop` is set.

    Returns how many messages wait because Kafka refused one of their key. Raises AnotherRelayLeads, or what `run` does.
    """
    async with _Life() as life:
        try:
            async with asyncio.timeout(DRAIN_LEAD_S):
                if not await life.lead(stop):
                    return 0
        except TimeoutError as error:
            raise AnotherRelayLeads("Another relay is active and publishes the outbox.") from error
        await life.connect()
        while not stop.is_set():
            if not await life.publish_batch():
                return (await life.database(messages.backlog)).parked
        return 0


class _Life:
    def __init__(self) -> None:
        self._leadership: Leadership = leadership()
        self._publisher: Publisher | None = None
        self._wake = asyncio.Event()
        self._counted = self._pruned = float("-inf")
        # One thread, with its own database connection: no request's work is in our way, nor ours in theirs.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="relay-db")

    async def __aenter__(self) -> _Life:
        loop = asyncio.get_running_loop()

        def wake() -> None:
            loop.call_soon_threadsafe(self._wake.set)

        self._unsubscribe = recording.subscribe(wake)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._unsubscribe()
        try:
            if self._publisher is not None:
                await self._publisher.close()
        finally:
            await self._leadership.release()
            self._thread.submit(_give_back)
            self._thread.shutdown(wait=False)

    async def database(self, work: Callable[..., R], *args: object) -> R:
        """Runs one unit of ORM work in our thread, within DATABASE_S.

        Its connection lives as long as we do: any error of the database ends this life.
        """
        async with asyncio.timeout(DATABASE_S):
            return await asyncio.get_running_loop().run_in_executor(self._thread, work, *args)

    # Leading --------------------------------------------------------------------------------------------------------

    async def lead(self, stop: asyncio.Event) -> bool:
        """Waits until this relay leads; False when asked to stop before."""
        told = False
        while not stop.is_set():
            if await self._leadership.acquire():
                log.info("This relay is active.")
                return True
            if not told:
                log.info("Another relay is active; this one stands by.")
                told = True
            await pause(stop, STANDBY_S)
        return False

    async def connect(self) -> None:
        """Reaches Kafka, where the items topic has to exist. What waits is counted first: it may take a while."""
        await self.database(messages.walk_in_id_order)
        await self._count()
        await catalog.ensure_topic(settings.KAFKA_ITEMS_TOPIC)
        self._publisher = await Publisher.connect()

    async def republish(self, limit: int) -> None:
        """Gives the newest published messages to a broker that forgot them, once for each of its lives."""
        global _republished_to
        broker = embedded.current()
        epoch = broker.epoch if broker else None
        if epoch is not None and epoch == _republished_to:
            return
        await self._publish(await self.database(messages.newest_published, limit))
        _republished_to = epoch

    # Publishing -----------------------------------------------------------------------------------------------------

    async def publish_until(self, stop: asyncio.Event) -> None:
        stopping = asyncio.create_task(self._wake_at(stop))
        try:
            while not stop.is_set():
                self._wake.clear()
                if stop.is_set():
                    return
                is_published = await self.publish_batch()
                await self._keep_house()
                if not is_published and not stop.is_set():
                    await self._leadership.idle(self._wake, POLL_S)
        finally:
            stopping.cancel()

    async def _wake_at(self, stop: asyncio.Event) -> None:
        await stop.wait()
        while True:  # `clear` may stand between
            self._wake.set()
            await asyncio.sleep(POLL_S)

    async def publish_batch(self) -> bool:
        """Publishes the next batch; False when nothing may go now."""
        await self._leadership.check()
        began = time.perf_counter()
        rows = await self.database(messages.next_batch, BATCH_ROWS)
        if rows:
            with metrics.RELAY_PUBLISHING.track_inprogress():
                await self._publish(rows)
            metrics.RELAY_BATCH.observe(time.perf_counter() - began)
        return bool(rows)

    async def _publish(self, rows: list[Row]) -> None:
        """Publishes and marks. A part that Kafka refuses is halved, in order, until what is too large stands alone
        and is parked. Raises the first other error; what was not acknowledged stays waiting."""
        parts, parked = deque([rows]), set[tuple[str, str]]()
        while parts:
            part = [row for row in parts.popleft() if (row.topic, row.key) not in parked]
            refused, placed = await self._try(part)
            if not refused:
                continue
            await self._renew_publisher()
            for batch, reason in refused:
                if len(batch) == 1:
                    await self.database(messages.park, batch[0].id, reason)
                    parked.add((batch[0].topic, batch[0].key))
            left = [row for row in part if row.id not in placed]
            parts.extendleft([left[len(left) // 2 :], left[: len(left) // 2]])

    async def _try(self, rows: list[Row]) -> tuple[list[tuple[list[Row], str]], set[int]]:
        """Publishes and marks; returns the batches that were refused, and the ids that Kafka acknowledged."""
        outcome = await self._connected().publish(rows)
        if outcome.placed:
            await self.database(messages.mark_published, outcome.placed)
            metrics.RELAY_PUBLISHED.inc(len(outcome.placed))
        if outcome.failed:
            await self.database(messages.note_failure, outcome.failed, repr(outcome.error))
        if outcome.error is not None:
            raise outcome.error
        return outcome.refused, {place.id for place in outcome.placed}

    async def _renew_publisher(self) -> None:
        """A new producer, after the old one's connections are closed."""
        await self._connected().close()
        self._publisher = await Publisher.connect()

    def _connected(self) -> Publisher:
        if self._publisher is None:
            raise RuntimeError("connect() comes first.")
        return self._publisher

    # Housekeeping ---------------------------------------------------------------------------------------------------

    async def _keep_house(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._counted > METRICS_S:
            self._counted = now
            await self._count()
        if now - self._pruned > PRUNE_S and not await self.database(messages.prune_some):
            self._pruned = now

    async def _count(self) -> None:
        backlog = await self.database(messages.backlog)
        age = (timezone.now() - backlog.oldest).total_seconds() if backlog.oldest else 0.0
        metrics.OUTBOX_WAITING.set(backlog.waiting)
        metrics.OUTBOX_OLDEST.set(max(0.0, age))
        metrics.OUTBOX_PARKED.set(backlog.parked)


def _give_back() -> None:
    """Ends with the thread's connection; a broken one has nothing to undo."""
    try:
        with suppress(DatabaseError):
            messages.walk_freely()
    finally:
        connections.close_all()
