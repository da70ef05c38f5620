"""The relay: one leader, everything committed reaches Kafka, each item's versions in order, whatever fails."""

from __future__ import annotations

import asyncio
import gc
import itertools
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from unittest import mock

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connection, transaction
from django.test import TransactionTestCase

from items import services
from streams import metrics
from streams.kafka import embedded
from streams.models import OutboxMessage
from streams.outbox import leadership as leading_module
from streams.outbox import messages, relay
from streams.outbox.leadership import LeadershipLost, leadership
from streams.outbox.publisher import RECORD_BYTES, Publisher
from streams.runtime.away import Unavailable
from streams.runtime.tasks import supervise
from tests.support.proxy import Proxy
from tests.support.reading import records, versions
from tests.support.services import Kafka
from tests.support.waiting import until, wait_until

QUICK_S = 30.0  # for one event to reach Kafka on a loaded machine; far below the 60 s that an idle relay sleeps here
PATIENCE_S = 60.0  # of a relay with its database, where only the machine can stand still


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANSWER_S", "CONNECT_S"):
        monkeypatch.setattr(leading_module, name, PATIENCE_S)


@sync_to_async
def create(**fields: Any) -> int:
    pk: int = services.create_item(actor=None, **{"name": "Lamp", "price": "1", **fields}).pk
    return pk


@sync_to_async
def update(pk: int, **fields: Any) -> None:
    services.update_item(pk, actor=None, **fields)


@sync_to_async
def expected() -> dict[str, list[int]]:
    """What the topic has to hold: of each item every version."""
    found: dict[str, list[int]] = {}
    for key in OutboxMessage.objects.order_by("id").values_list("key", flat=True):
        found.setdefault(key, []).append(len(found.get(key, [])) + 1)
    return found


async def nothing_waits() -> bool:
    return await sync_to_async(messages.waiting)() == 0


async def parked() -> int:
    return (await sync_to_async(messages.backlog)()).parked


class Running:
    """`run` as a task, within an `async with`; ended by its stop event, or by `kill()`."""

    def __init__(self, run: Callable[[asyncio.Event], Awaitable[None]] = relay.run) -> None:
        self.stop = asyncio.Event()
        self.task = asyncio.ensure_future(run(self.stop))

    async def __aenter__(self) -> Running:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop.set()
        async with asyncio.timeout(20):
            await asyncio.gather(self.task, return_exceptions=True)

    async def kill(self) -> None:
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task


class EmbeddedRelayTests(TransactionTestCase):
    def setUp(self) -> None:
        self.broker = embedded.start()
        self.addCleanup(embedded.stop)

    def versions(self) -> dict[str, list[int]]:
        return versions(self.broker.address, settings.KAFKA_ITEMS_TOPIC)

    async def test_what_waited_is_published_and_marked_with_its_place(self) -> None:
        pk = await create()
        await update(pk, price="2")
        async with Running():
            await until(nothing_waits, "everything is published")
        found = await asyncio.to_thread(records, self.broker.address, settings.KAFKA_ITEMS_TOPIC)
        assert [record.key() for record in found] == [str(pk).encode()] * 2
        rows = [row async for row in OutboxMessage.objects.order_by("id")]
        assert [(row.partition, row.offset) for row in rows] == [(r.partition(), r.offset()) for r in found]
        assert [bytes(row.value) for row in rows] == [record.value() for record in found]
        assert dict(found[0].headers())["ce_type"] == b"item.created"
        assert dict(found[1].headers()) == {name: text.encode() for name, text in rows[1].headers.items()}

    async def test_an_event_reaches_kafka_as_soon_as_it_is_committed(self) -> None:
        async with Running() as running:
            await until(self.leads, "the relay leads")
            await create()
            await until(nothing_waits, "it is published", QUICK_S)
            assert not running.task.done()

    async def test_more_than_a_batch_is_published_in_order(self) -> None:
        @sync_to_async
        @transaction.atomic
        def fill() -> None:
            for number in range(60):
                pk = services.create_item(actor=None, name=f"Lamp {number}", price="1").pk
                for price in range(2, 12):
                    services.update_item(pk, actor=None, price=price)

        await fill()
        before = metrics.RELAY_PUBLISHED._value.get()
        async with Running():
            await until(nothing_waits, "everything is published", 60)
        assert await asyncio.to_thread(self.versions) == await expected()
        assert metrics.RELAY_PUBLISHED._value.get() - before == 660

    async def test_a_stop_ends_an_idle_relay_at_once(self) -> None:
        async with Running() as running:
            await until(self.leads, "the relay leads")
            running.stop.set()
            async with asyncio.timeout(QUICK_S):
                await running.task

    async def test_of_two_relays_one_leads_and_the_other_takes_over(self) -> None:
        async with Running() as first:
            await until(self.leads, "the first leads")
            async with Running() as second:
                with self.assertLogs("streams.outbox.relay", "INFO") as told:
                    await until(lambda: "stands by" in "".join(told.output), "the second stands by")
                await create()
                await until(nothing_waits, "the first publishes")
                await first.kill()
                pk = await create()
                await update(pk, price="2")
                await until(nothing_waits, "the second publishes")
                assert not second.task.done()
        found = await asyncio.to_thread(records, self.broker.address, settings.KAFKA_ITEMS_TOPIC)
        assert len(found) == 3

    async def test_what_is_too_large_is_parked_and_only_its_key_waits(self) -> None:
        large = await create(name="large")
        await OutboxMessage.objects.filter(key=str(large)).aupdate(value=b"x" * (RECORD_BYTES + 1))
        await update(large, price="2")
        other = await create(name="other")
        async with Running():
            with self.assertLogs("streams.outbox.messages", "ERROR") as told:
                await until(lambda: told.output, "it is parked")
            await update(large, price="3")
            await update(other, price="2")
            await until(lambda: self.published(other, 2), "the other is published")
            assert await sync_to_async(messages.waiting)() == 3
            row = await OutboxMessage.objects.aget(parked_at__isnull=False)
            assert (row.key, row.attempts) == (str(large), 1)
            assert "bytes" in row.last_error
            await OutboxMessage.objects.filter(pk=row.pk).aupdate(value=b'{"version": 1}')
            await sync_to_async(messages.send_again)(OutboxMessage.objects.all())
            await until(nothing_waits, "it goes again, and its key with it")
        assert await asyncio.to_thread(self.versions) == {str(large): [1, 2, 3], str(other): [1, 2]}

    async def test_a_new_embedded_broker_gets_the_newest_part_again_once(self) -> None:
        pk = await create()
        await update(pk, price="2")
        async with Running():
            await until(nothing_waits, "everything is published")
        embedded.stop()
        self.broker = embedded.start()
        await update(pk, price="3")

        for _ in range(2):  # another life of the relay, in the same life of the broker
            async with Running(lambda stop: relay.run(stop, republish=100)):
                await until(self.leads, "the relay leads")
                await until(nothing_waits, "everything is published")
        found = await asyncio.to_thread(records, self.broker.address, settings.KAFKA_ITEMS_TOPIC)
        assert len(found) == 3
        assert await asyncio.to_thread(self.versions) == {str(pk): [1, 2, 3]}

    async def test_drain_publishes_what_waits_and_ends(self) -> None:
        await create()
        assert await relay.drain(asyncio.Event()) == 0
        assert await nothing_waits()

    async def leads(self) -> bool:
        """Whether somebody leads, seen by asking for the lead."""
        asking = leadership()
        try:
            return not await asking.acquire()
        finally:
            await asking.release()

    async def published(self, pk: int, count: int) -> bool:
        return await OutboxMessage.objects.filter(key=str(pk), published_at__isnull=False).acount() == count


class LeadershipTests(TransactionTestCase):
    async def test_one_leads_until_it_lets_go(self) -> None:
        first, second = leadership(), leadership()
        try:
            assert await first.acquire()
            assert not await second.acquire()
            await first.check()
            with self.assertRaises(LeadershipLost):
                await leadership().check()
            await first.release()
            assert await second.acquire()
        finally:
            await first.release()
            await second.release()

    async def test_a_wake_ends_the_idle_time(self) -> None:
        leading, wake = leadership(), asyncio.Event()
        assert await leading.acquire()
        try:
            asyncio.get_running_loop().call_soon(wake.set)
            async with asyncio.timeout(QUICK_S):
                await leading.idle(wake, 60)
        finally:
            await leading.release()

    async def test_a_commit_of_another_process_ends_the_idle_time(self) -> None:
        if connection.vendor != "postgresql":
            self.skipTest("NOTIFY is PostgreSQL's")
        leading, wake = leadership(), asyncio.Event()
        assert await leading.acquire()
        try:
            idle = asyncio.create_task(leading.idle(wake, 60))
            await create()  # nobody has subscribed in this process
            async with asyncio.timeout(QUICK_S):
                await idle
        finally:
            await leading.release()

    async def test_notifications_are_kept_by_nobody(self) -> None:
        """psycopg hands them to who wants them at once, or keeps them for ever."""
        if connection.vendor != "postgresql":
            self.skipTest("NOTIFY is PostgreSQL's")
        heard: list[object] = []
        with mock.patch("streams.outbox.leadership._no_matter_what", heard.append):
            leading = leadership()
            assert await leading.acquire()
        try:
            for _ in range(3):
                await create()
            async with asyncio.timeout(QUICK_S):
                while len(heard) < 3:
                    await leading.check()
        finally:
            await leading.release()

    async def test_a_lost_connection_is_noticed_before_the_next_batch(self) -> None:
        if connection.vendor != "postgresql":
            self.skipTest("a file lock cannot be lost")
        leading, wake = leadership(), asyncio.Event()
        assert await leading.acquire()
        try:
            idle = asyncio.create_task(leading.idle(wake, 60))
            await sync_to_async(_end_other_connections)()
            async with asyncio.timeout(QUICK_S):
                await idle
            with self.assertRaises(LeadershipLost):
                await leading.check()
        finally:
            await leading.release()


def _end_other_connections() -> None:
    """Of this test's database: others have theirs on the same server."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )


class KafkaRelayTests(TransactionTestCase):
    """Against Apache Kafka, which has limits, and can be away."""

    @pytest.fixture(autouse=True)
    def _services(self, kafka: Kafka) -> None:
        self.kafka = kafka

    def use(self, topic: str, address: str | None = None) -> None:
        changed = self.settings(KAFKA_BOOTSTRAP_SERVERS=[address or self.kafka.address], KAFKA_ITEMS_TOPIC=topic)
        changed.enable()
        self.addCleanup(changed.disable)

    async def test_the_items_topic_is_made(self) -> None:
        topic = f"made-{self.kafka.create_topic()}"
        self.use(topic)
        await create()
        async with Running():
            await until(nothing_waits, "it is published")
        assert await asyncio.to_thread(versions, self.kafka.address, topic) == await expected()

    async def test_what_the_broker_refuses_as_too_large_is_parked_and_nothing_overtakes(self) -> None:
        topic = await asyncio.to_thread(self.kafka.create_topic, partitions=1, max_message_bytes=10_000)
        self.use(topic)
        before = [await create() for _ in range(20)]
        large = await create()
        await update(large, description="x" * 15_000)
        await update(large, description="small again")
        after = [await create() for _ in range(20)]
        await update(before[3], price="7")
        async with Running():
            with self.assertLogs("streams.outbox.messages", "ERROR") as told:
                await until(lambda: told.output, "it is parked", 120)  # by halves, each by a producer of its own
            wanted = await expected()
            wanted[str(large)] = [1]
            what = "everything else is published, in order, and of it what came before"
            await until(lambda: self.holds(topic, wanted), what, 120)
            row = await OutboxMessage.objects.aget(parked_at__isnull=False)
            assert (row.key, row.attempts) == (str(large), 1)
            assert "MessageSizeTooLarge" in row.last_error
            await create()
        assert len(after) == 20

    async def test_small_records_in_a_batch_that_is_too_large_are_published_all(self) -> None:
        topic = await asyncio.to_thread(self.kafka.create_topic, partitions=1, max_message_bytes=5_000)
        self.use(topic)
        pk = await create()
        for price in range(2, 60):
            await update(pk, price=price)
        async with Running():
            await until(nothing_waits, "everything is published", 120)  # by halves, as above
        assert await parked() == 0
        assert await asyncio.to_thread(versions, self.kafka.address, topic) == await expected()

    async def test_kafka_killed_while_events_flow_loses_and_reorders_nothing(self) -> None:
        topic = await asyncio.to_thread(self.kafka.create_topic)
        self.use(topic)
        items = [await create() for _ in range(10)]

        async def write() -> None:
            for price in itertools.count():
                await update(items[price % len(items)], price=price + 2)
                if stop_writing.is_set():
                    return

        stop_writing = asyncio.Event()
        async with Running(supervised):
            writing = asyncio.create_task(write())
            await until(lambda: self.published_more_than(30), "some are published")
            await asyncio.to_thread(self.kafka.kill)
            await until(lambda: self.waiting_more_than(30), "some wait")
            await asyncio.to_thread(self.kafka.start)
            stop_writing.set()
            await writing
            await until(nothing_waits, "everything is published", 60)
        assert await asyncio.to_thread(versions, self.kafka.address, topic) == await expected()

    async def test_without_kafka_the_life_ends_and_says_why(self) -> None:
        with Proxy(self.kafka.address) as proxy:
            proxy.cut()
            self.use("nowhere", proxy.address)
            with self.assertRaises(Unavailable):
                async with asyncio.timeout(20):
                    await relay.run(asyncio.Event())

    async def test_a_publisher_closes_in_time_although_its_broker_hangs(self) -> None:
        topic = await asyncio.to_thread(self.kafka.create_topic)
        self.use(topic)
        publisher = await Publisher.connect()
        rows = [messages.Row(1, topic, "1", b"{}", {})]
        assert len((await publisher.publish(rows)).placed) == 1
        self.kafka.pause()
        self.addCleanup(awake, self.kafka)
        publishing = asyncio.create_task(publisher.publish(rows))
        in_flight = publisher._producer._message_accumulator._pending_batches
        await until(lambda: in_flight or publishing.done(), "the batch is on its way")
        assert in_flight, publishing
        gc.collect()  # what others left
        with self.assertNoLogs("asyncio", "ERROR"):
            async with asyncio.timeout(15):
                publishing.cancel()
                await asyncio.gather(publishing, return_exceptions=True)
                await publisher.close()
            gc.collect()  # futures whose errors nobody took would complain now
            await asyncio.sleep(0)

    async def holds(self, topic: str, wanted: dict[str, list[int]]) -> bool:
        return await asyncio.to_thread(versions, self.kafka.address, topic) == wanted

    async def published_more_than(self, count: int) -> bool:
        return await OutboxMessage.objects.filter(published_at__isnull=False).acount() > count

    async def waiting_more_than(self, count: int) -> bool:
        return await OutboxMessage.objects.filter(published_at__isnull=True).acount() > count


def awake(kafka: Kafka) -> None:
    """Ends a pause, also for those who come next: for a while a broker that slept counts as gone."""
    kafka.resume()
    wait_until(kafka.is_ready, "Kafka is awake", 60)
    wait_until(kafka.takes_topics, "its controller takes it for there", 60)


async def supervised(stop: asyncio.Event) -> None:
    await supervise("relay", lambda: relay.run(stop), stop)
