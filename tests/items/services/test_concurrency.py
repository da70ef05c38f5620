"""Writers at the same time, each with a database connection of its own."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from typing import TypeVar

from django.db import connection, transaction
from django.test import TransactionTestCase, skipUnlessDBFeature

from items import services
from items.models import Item
from streams.models import OutboxMessage
from tests.support.people import contributor

T = TypeVar("T")

WRITERS = 4
WRITES = 10  # of each writer


class ConcurrencyTests(TransactionTestCase):
    def setUp(self) -> None:
        self.owner = contributor("olga")

    def at_once(self, write: Callable[[int], T]) -> list[T]:
        """What the writers returned, all started together."""
        together = Barrier(WRITERS)

        def work(number: int) -> T:
            try:
                together.wait(timeout=60)
                return write(number)
            finally:
                connection.close()

        with ThreadPoolExecutor(WRITERS) as pool:
            return list(pool.map(work, range(WRITERS)))

    def test_concurrent_updates_lose_none_and_give_versions_without_holes(self) -> None:
        item = services.create_item(actor=self.owner, name="Contested", price=0)

        def write(number: int) -> None:
            for turn in range(WRITES):
                services.update_item(item.pk, actor=self.owner, description=f"{number} in turn {turn}")

        self.at_once(write)

        self.assertEqual(Item.objects.get(pk=item.pk).version, 1 + WRITERS * WRITES)
        messages = OutboxMessage.objects.filter(key=str(item.pk)).order_by("id")
        versions = [json.loads(bytes(message.value))["version"] for message in messages]
        self.assertEqual(versions, list(range(1, 2 + WRITERS * WRITES)))

    def test_of_writers_with_the_same_expected_version_one_wins(self) -> None:
        item = services.create_item(actor=self.owner, name="Contested", price=0)

        def write(number: int) -> bool:
            try:
                services.update_item(item.pk, actor=self.owner, expected_version=1, name=f"Of {number}")
            except services.VersionConflict:
                return False
            return True

        self.assertEqual(sorted(self.at_once(write)), [False] * (WRITERS - 1) + [True])
        self.assertEqual(Item.objects.get(pk=item.pk).version, 2)

    def test_one_form_sent_several_times_at_once_makes_one_item(self) -> None:
        form = uuid.uuid4()

        def write(_: int) -> int:
            try:
                return services.create_item(actor=self.owner, submission=form, name="Once", price=1).pk
            except services.AlreadySubmitted as again:
                return again.item.pk

        self.assertEqual(len(set(self.at_once(write))), 1)
        self.assertEqual(Item.objects.count(), 1)

    def test_of_writers_with_the_same_sku_one_wins(self) -> None:
        def write(number: int) -> bool:
            try:
                services.create_item(actor=self.owner, sku="ONE", name=f"Of {number}", price=1)
            except services.SkuTaken:
                return False
            return True

        self.assertEqual(sorted(self.at_once(write)), [False] * (WRITERS - 1) + [True])

    def test_writers_of_the_same_items_in_opposite_order_wait_and_do_not_deadlock(self) -> None:
        rows: list[services.ItemFields] = [{"sku": f"S{n}", "name": f"Item {n}", "price": 0} for n in range(60)]
        services.upsert_items(owner=self.owner, rows=rows)

        def write(number: int) -> None:
            for turn in range(WRITES):
                price = 1 + number + WRITERS * turn
                mine: list[services.ItemFields] = [
                    {"sku": row["sku"], "name": row["name"], "price": price} for row in rows
                ]
                services.upsert_items(owner=self.owner, rows=mine[::-1] if number % 2 else mine)

        self.at_once(write)

        self.assertEqual(set(Item.objects.values_list("version", flat=True)), {1 + WRITERS * WRITES})
        self.assertEqual(len(set(Item.objects.values_list("price", flat=True))), 1, "an import is whole")

    @skipUnlessDBFeature("has_select_for_update")  # SQLite lets one write at a time
    def test_an_import_that_changes_nothing_waits_for_nobody(self) -> None:
        rows: list[services.ItemFields] = [{"sku": f"S{n}", "name": f"Item {n}", "price": 0} for n in range(3)]
        services.upsert_items(owner=self.owner, rows=rows)
        is_held, is_over = Event(), Event()

        def hold() -> None:
            try:
                with transaction.atomic():
                    services.update_item(Item.objects.get(sku="S1").pk, actor=self.owner, price=5)
                    is_held.set()
                    is_over.wait(60)
            finally:
                connection.close()

        with ThreadPoolExecutor(1) as pool:
            holding = pool.submit(hold)
            try:
                self.assertTrue(is_held.wait(60))
                with transaction.atomic(), connection.cursor() as cursor:
                    cursor.execute("SET LOCAL lock_timeout = '1s'")
                    self.assertEqual(services.upsert_items(owner=self.owner, rows=rows), ["unchanged"] * 3)
            finally:
                is_over.set()
            holding.result()

    def test_of_bulks_that_add_the_same_skus_in_opposite_order_one_wins(self) -> None:
        for turn in range(5):
            skus = [f"{turn}-{n}" for n in range(60)]

            def write(number: int, skus: list[str] = skus) -> bool:
                rows: list[services.ItemFields] = [{"sku": sku, "name": f"Of {number}", "price": 1} for sku in skus]
                try:
                    services.create_items(actor=self.owner, rows=rows[::-1] if number % 2 else rows)
                except services.RowRefused:
                    return False
                return True

            self.assertEqual(sorted(self.at_once(write)), [False] * (WRITERS - 1) + [True])
        self.assertEqual(Item.objects.count(), 5 * 60)
