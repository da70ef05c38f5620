"""The admin's lists with many rows, and what can be done to several items at once."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import TransactionTestCase, override_settings
from django.test.utils import CaptureQueriesContext

from items import services, tokens
from items.admin import paging
from items.admin.items import CHANGED_AT_ONCE, EXPORTED_AT_ONCE
from items.models import Item
from items.models.link_check import LinkCheck
from streams import admin as streams_admin
from tests.support.link_server import link_server
from tests.support.people import PeopleTestCase, events, sign_in

LIST = "/admin/items/item/"
PATIENCE_S = 30


def text(response: Any) -> str:
    return str(response.content.decode())


def names(response: Any) -> list[str]:
    return re.findall(r'field-name"><a [^>]*>([^<]*)<', text(response))


class Slow(list[int]):
    """Rows that are being counted until somebody says that it is enough."""

    def __init__(self) -> None:
        self.begun, self.enough = Event(), Event()

    def __len__(self) -> int:
        self.begun.set()
        self.enough.wait(PATIENCE_S)
        return 0


@pytest.mark.parametrize("paginator", [paging.BoundedPaginator, streams_admin.BoundedPaginator])
def test_no_count_waits_for_that_of_another_list(paginator: Any) -> None:
    """It would wait with its connection to the database, and all that wait so are given none to count with."""
    rows = Slow()
    with ThreadPoolExecutor(2) as threads:
        slow = threads.submit(lambda: paginator(rows, 50).count)
        try:
            assert rows.begun.wait(PATIENCE_S)
            assert threads.submit(lambda: paginator([1], 50).count).result(PATIENCE_S / 2) == 1
            assert not slow.done()
        finally:
            rows.enough.set()


class ListTests(PeopleTestCase):
    def setUp(self) -> None:
        self.browser = sign_in(self.staff)

    def test_no_list_is_counted_to_its_end_and_rows_cost_no_queries(self) -> None:
        Item.with_deleted.bulk_create(
            Item(name=f"Lamp {number}", price=1, owner=self.owner, link="http://a.example/") for number in range(120)
        )
        for number in range(60):
            tokens.issue(self.owner, f"token {number}")
        for page in (
            LIST,
            f"{LIST}?q=lamp",
            f"{LIST}?link=trouble",
            "/admin/items/apitoken/",
            "/admin/streams/outboxmessage/",
        ):
            with CaptureQueriesContext(
                connection,
            ) as asked:
                self.assertEqual(self.browser.get(page).status_code, 200)
            counts = [query["sql"] for query in asked if "COUNT(" in query["sql"] and "LIMIT" not in query["sql"]]
            self.assertEqual(counts, [], page)
            self.assertLess(len(asked), 12, page)

    def test_search_finds_numbers_skus_owners_and_beginnings_of_names(self) -> None:
        lamp = services.create_item(actor=self.colleague, name="Lamp of brass", price=1, sku="L-1")
        for term, found in (
            (str(lamp.pk), ["Lamp of brass"]), ("L-1", ["Lamp of brass"]), ("carl", ["Lamp of brass"]),
            ("Lamp of", ["Lamp of brass"]), ("brass", []), ("TENT-1", ["Tent"]), ("TENT-", []), ("nobody", []),
            ("9" * 40, []), ("²", []), ("%", []), ("\x00", ["Lamp of brass", "Tent"]),
        ):  # fmt: skip
            self.assertEqual((term, names(self.browser.get(LIST, {"q": term}))), (term, found))

    def test_the_filter_shows_links_in_trouble(self) -> None:
        checked = [services.create_item(actor=None, name=f"n{n}", price=1, link="http://a.example/") for n in range(3)]
        for item, status, error in zip(checked, (200, 404, None), ("", "", "It broke."), strict=True):
            LinkCheck.objects.create(
                item=item, url=item.link, status=status, error=error, took_ms=1, checked_at=item.created_at
            )
        page = self.browser.get(f"{LIST}?link=trouble")
        self.assertEqual(names(page), ["n2", "n1"])
        for shown in ("broken: 404, 1 ms", "failed: It broke."):
            self.assertIn(shown, text(page))


class ActionTests(PeopleTestCase):
    def act(self, person: User, action: str, **more: str) -> Any:
        chosen = {"action": action, "_selected_action": [str(item.pk) for item in Item.objects.all()]} | more
        return sign_in(person).post(LIST, chosen, follow=True)

    @override_settings(LINK_CHECK_PRIVATE=True)
    def test_links_of_selected_items_are_checked_by_who_may_change_items(self) -> None:
        with link_server() as server:
            for path in ("/ok", "/status/404", "/nonsense"):
                services.create_item(actor=None, name=path, price=1, link=server.url(path))
            viewer = User.objects.create_user("vera", is_staff=True)
            viewer.user_permissions.add(Permission.objects.get(codename="view_item"))
            for person in (self.owner, self.colleague, viewer):
                self.act(person, "check_links")
            self.assertEqual((LinkCheck.objects.count(), server.heads), (0, []))
            with events() as told:
                page = text(self.act(self.staff, "check_links"))
        self.assertIn("3 link(s) checked, 2 of them broken or failed.", page)
        self.assertNotIn("Not all of the selected", page)
        self.assertEqual((told, LinkCheck.objects.count()), ([], 3))

    def test_selected_items_are_exported_as_the_items_list_does(self) -> None:
        services.create_item(actor=self.colleague, name="=1+1", price=1)
        answer = self.act(self.staff, "export_selected")
        head, *rows = text(answer).splitlines()
        self.assertTrue(head.startswith("id,version,sku,name,"))
        self.assertEqual([row.split(",")[3] for row in rows], ["Tent", "'=1+1"])
        self.assertIn("items-selected.csv", answer["Content-Disposition"])
        Item.with_deleted.bulk_create(Item(name=f"n{number}", price=1) for number in range(EXPORTED_AT_ONCE))
        one = {"_selected_action": str(self.item.pk), "select_across": "1"}
        self.assertIn("Select at most 1,000 items here", text(self.act(self.staff, "export_selected", **one)))

    def test_deleting_asks_with_names_and_says_nothing_of_other_tables(self) -> None:
        page = text(self.act(self.staff, "delete_selected"))
        self.assertIn("Tent", page)
        self.assertNotIn("ersion", page)
        self.act(self.staff, "delete_selected", post="yes")
        self.assertEqual(Item.objects.count(), 0)

    def test_a_page_of_confirmation_is_sent_whole_and_more_than_that_is_not_deleted(self) -> None:
        Item.with_deleted.bulk_create(Item(name=f"n{number}", price=1) for number in range(CHANGED_AT_ONCE))
        for more in ({}, {"post": "yes"}):
            one = {"_selected_action": str(self.item.pk), "select_across": "1"}
            page = text(self.act(self.staff, "delete_selected", **one, **more))
            self.assertIn("more than 500 items; select fewer at a time", page)
        self.assertEqual(Item.objects.count(), CHANGED_AT_ONCE + 1)
        services.delete_item(self.item.pk, actor=None)
        self.act(self.staff, "delete_selected", post="yes")
        self.assertEqual(Item.objects.count(), 0)


class OutOfRangeTests(TransactionTestCase):
    """Outside of a transaction, as requests are: one that PostgreSQL refused would end it for all that follow."""

    def setUp(self) -> None:
        self.staff = User.objects.create_superuser("stella", password="stella's word")

    def test_a_time_or_number_that_no_database_takes_is_said_and_is_no_error_of_ours(self) -> None:
        browser = sign_in(self.staff)
        for path, query in (
            ("items/item", "created_at__gte=0001-01-01T00:00:00%2B23:59"),
            ("items/item", "created_at__lt=9999-12-31T23:59:59-23:59"),
            ("items/apitoken", "created_at__gte=0001-01-01T00:00:00%2B23:59"),
            ("auth/user", "last_login__gte=0001-01-01T00:00:00%2B23:59"),
            ("items/item", "id__exact=99999999999999999999"),
            ("items/item", "created_at__year=0"),
            ("items/item", "created_at__iso_year=0"),
            ("items/item", "id__range=1"),
        ):
            with self.subTest(path=path, query=query):
                self.assertIn(browser.get(f"/admin/{path}/?{query}").status_code, {200, 302, 400})
        for address in ("/items/?changed_since=0001-01-01T00:00:00", "/api/items/?changed_since=9999-12-31T23:59:59-"):
            self.assertEqual(browser.get(f"{address}%2B23:59".replace("-%2B", "-")).status_code, 200)
