"""The outbox: an event is part of its transaction, and who may go to Kafka next."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any
from unittest import mock

import orjson
from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from django.test import TestCase, TransactionTestCase
from django.utils import timezone

from items import services
from items.events import ItemEvent, item_changed
from items.models import Item
from streams.models import OutboxMessage, Topic
from streams.outbox import messages, recording
from streams.processes.web import WebProcess
from tests.support.people import contributor
from tests.support.waiting import until


def message(key: str = "1", **fields: Any) -> OutboxMessage:
    defaults = {"topic": "t", "value": b"{}", "created_at": timezone.now()}
    return OutboxMessage.objects.create(key=key, **{**defaults, **fields})


def waiting_ids(limit: int = 100) -> list[int]:
    return [row.id for row in messages.next_batch(limit)]


class Undone(Exception):
    pass


class RecordTests(TransactionTestCase):
    def test_a_service_writes_one_message_with_the_item_and_its_headers(self) -> None:
        ada = contributor("ada")
        item = services.create_item(actor=ada, name="Lamp", price="12.50")
        row = OutboxMessage.objects.get()
        assert (row.topic, row.key, row.published_at) == (settings.KAFKA_ITEMS_TOPIC, str(item.pk), None)
        assert orjson.loads(bytes(row.value)) == {**item.as_object(), "actor": "ada"}
        assert row.headers["ce_type"] == "item.created"
        assert row.headers["ce_specversion"] == "1.0"
        assert row.headers["content-type"] == "application/json"
        assert {"ce_id", "ce_source", "ce_time"} < set(row.headers)

    def test_a_rollback_leaves_no_message(self) -> None:
        with self.assertRaises(Undone), transaction.atomic():
            services.create_item(actor=None, name="Lamp", price="12.50")
            raise Undone
        assert not Item.objects.exists()
        assert not OutboxMessage.objects.exists()

    def test_an_event_outside_a_transaction_is_refused(self) -> None:
        event = ItemEvent(type="item.created", item_id=1, version=1, payload={})
        with self.assertRaisesMessage(RuntimeError, "inside the transaction"):
            item_changed.send(sender=Item, events=[event])
        assert not OutboxMessage.objects.exists()

    def test_a_commit_wakes_and_a_rollback_does_not(self) -> None:
        woken: list[str] = []
        unsubscribe = recording.subscribe(lambda: woken.append("now"))
        try:
            with transaction.atomic():
                services.create_item(actor=None, name="Lamp", price="1")
                assert not woken
            assert woken == ["now"]
            with self.assertRaises(Undone), transaction.atomic():
                services.create_item(actor=None, name="Desk", price="1")
                raise Undone
            assert woken == ["now"]
        finally:
            unsubscribe()
        services.create_item(actor=None, name="Chair", price="1")
        assert woken == ["now"]

    def test_a_waking_that_fails_does_not_harm_the_writer(self) -> None:
        def fail() -> None:
            raise RuntimeError("its loop has ended")

        unsubscribe = recording.subscribe(fail)
        try:
            with self.assertLogs("django.db.backends.base", "ERROR"):
                services.create_item(actor=None, name="Lamp", price="1")
        finally:
            unsubscribe()
        assert OutboxMessage.objects.count() == 1

    def test_versions_of_one_item_stand_in_order_whoever_writes(self) -> None:
        item = services.create_item(actor=None, name="Lamp", price="0")

        def write(start: int) -> None:
            try:
                for price in range(start, start + 10):
                    services.update_item(item.pk, actor=None, price=price)
            finally:
                transaction.get_connection().close()

        threads = [threading.Thread(target=write, args=(start,)) for start in (100, 200, 300)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        versions = [orjson.loads(row.value)["version"] for row in messages.next_batch(100)]
        assert versions == list(range(1, 32))


class BatchTests(TestCase):
    def test_the_oldest_come_first_and_published_ones_not_at_all(self) -> None:
        first, second, third = message("1"), message("2"), message("1")
        messages.mark_published([messages.Placed(first.pk, 3, 17)])
        first.refresh_from_db()
        assert first.published_at is not None
        assert (first.partition, first.offset) == (3, 17)
        assert waiting_ids() == [second.pk, third.pk]
        assert waiting_ids(1) == [second.pk]

    def test_a_connection_walks_in_id_order_until_it_is_given_back(self) -> None:
        if connection.vendor != "postgresql":
            self.skipTest("SQLite walks the index anyway")

        def planned() -> str:
            with connection.cursor() as cursor:
                cursor.execute("SHOW enable_sort")
                return str(cursor.fetchone()[0])

        messages.walk_in_id_order()
        assert planned() == "off"
        messages.walk_freely()
        assert planned() == "on"
        messages.backlog()
        assert planned() == "off"  # up to the end of this test's transaction

    def test_a_batch_is_bounded_in_bytes_too(self) -> None:
        rows = [message(str(n), value=b"x" * 300) for n in range(6)]
        with mock.patch.object(messages, "BATCH_BYTES", 1000):
            assert waiting_ids() == [row.pk for row in rows[:4]]
        with mock.patch.object(messages, "BATCH_BYTES", 1):
            assert waiting_ids() == [rows[0].pk]

    def test_a_place_that_kafka_does_not_tell_is_published_all_the_same(self) -> None:
        first, second = message("1"), message("2")
        messages.mark_published([messages.Placed(first.pk, 3, None), messages.Placed(second.pk, 1, 5)])
        first.refresh_from_db()
        assert (first.partition, first.offset) == (3, None)
        assert not waiting_ids()

    def test_behind_a_parked_message_only_its_key_waits(self) -> None:
        before, parked, other, behind = message("1"), message("1"), message("2"), message("1")
        same_key_elsewhere = message("1", topic="u")
        with self.assertLogs("streams.outbox.messages", "ERROR"):
            messages.park(parked.pk, "too large")
        assert waiting_ids() == [before.pk, other.pk, same_key_elsewhere.pk]
        assert messages.waiting() == 5
        assert messages.backlog() == messages.Backlog(5, before.created_at, 1)
        parked.refresh_from_db()
        assert (parked.attempts, parked.last_error) == (1, "too large")
        assert messages.send_again(OutboxMessage.objects.all()) == 1
        assert waiting_ids() == [before.pk, parked.pk, other.pk, behind.pk, same_key_elsewhere.pk]

    def test_a_failure_is_noted_and_the_message_goes_on_waiting(self) -> None:
        row = message("1")
        messages.note_failure([row.pk], "no answer " * 1000)
        row.refresh_from_db()
        assert row.attempts == 1
        assert row.last_error.startswith("no answer")
        assert len(row.last_error) == messages.ERROR_LENGTH
        assert waiting_ids() == [row.pk]

    def test_waiting_is_counted_up_to_a_limit(self) -> None:
        for _ in range(5):
            message()
        assert messages.waiting() == 5
        assert messages.waiting(limit=3) == 3

    def test_the_newest_published_come_in_order(self) -> None:
        rows = [message(str(n)) for n in range(5)]
        messages.mark_published([messages.Placed(row.pk, 0, n) for n, row in enumerate(rows[:4])])
        assert [row.id for row in messages.newest_published(3)] == [row.pk for row in rows[1:4]]

    def test_prune_drops_what_was_published_long_ago_and_nothing_else(self) -> None:
        long_ago = timezone.now() - messages.RETENTION - timedelta(hours=1)
        message(created_at=long_ago, published_at=long_ago)
        kept = [
            message(created_at=long_ago),
            message(created_at=long_ago, parked_at=long_ago),
            message(created_at=long_ago, published_at=timezone.now()),
            message(published_at=timezone.now()),
        ]
        assert messages.prune() == 1
        assert set(OutboxMessage.objects.all()) == set(kept)

    def test_prune_goes_on_until_all_is_done(self) -> None:
        long_ago = timezone.now() - messages.RETENTION - timedelta(hours=1)
        OutboxMessage.objects.bulk_create(
            OutboxMessage(topic="t", key="1", value=b"", created_at=long_ago, published_at=long_ago)
            for _ in range(messages.PRUNE_ROWS + 1)
        )
        assert messages.prune() == messages.PRUNE_ROWS + 1


class ItemsTopicTests(TransactionTestCase):
    def test_the_items_topic_is_watched_after_migrate_also_under_another_name(self) -> None:
        assert Topic.objects.get().name == settings.KAFKA_ITEMS_TOPIC
        with self.settings(KAFKA_ITEMS_TOPIC="goods.v2"):
            call_command("migrate", verbosity=0)
        assert Topic.objects.get(name="goods.v2").label == "Items"

    async def test_a_web_process_watches_it_whatever_was_migrated(self) -> None:
        with self.settings(KAFKA_ITEMS_TOPIC="goods.v3"):
            web = WebProcess()
            web.start()
            try:
                await until(lambda: "goods.v3" in web.hub.logs, "the items topic is open")
            finally:
                await web.stop()

    def test_it_keeps_what_people_changed(self) -> None:
        Topic.objects.update(label="Goods")
        call_command("migrate", verbosity=0)
        assert Topic.objects.get().label == "Goods"
