from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from unittest import mock

from django.conf import settings
from django.test import Client

from items import services
from items.models import Item
from project import overview
from streams.models import OutboxMessage
from streams.runtime import tasks
from tests.support.people import PeopleTestCase, sign_in

PAGE = "/admin/overview/"


def text(response: Any) -> str:
    return str(response.content.decode())


def row(response: Any, head: str) -> str:
    found = re.search(rf"{head}(?:</a>)?</th><td>(.*?)</td>", text(response))
    assert found, f"no row {head}"
    return found[1]


class OverviewTests(PeopleTestCase):
    def test_it_counts_items_and_the_events_that_wait(self) -> None:
        services.create_item(actor=self.owner, name="Lamp", price=1)
        services.delete_item(self.item.pk, actor=self.owner)
        OutboxMessage.objects.filter(key=str(self.item.pk)).update(parked_at=self.item.created_at)
        page = sign_in(self.staff).get(PAGE)
        shown = [row(page, head) for head in ("Items", "Waiting", "Parked: Kafka refused them", "Newest published")]
        self.assertEqual(shown, ["1", "1", "2", "none"])
        self.assertIn("minute", row(page, "Oldest that waits"))

    def test_it_says_which_version_this_is(self) -> None:
        said = re.search(r'^version = "(.+)"$', (settings.BASE_DIR / "pyproject.toml").read_text(), re.MULTILINE)
        assert said
        self.assertEqual(row(sign_in(self.staff).get(PAGE), "Streamboard"), said[1])

    def test_a_process_whose_live_side_did_not_start_says_so(self) -> None:
        page = sign_in(self.staff).get(PAGE)
        self.assertEqual((row(page, "Link to Kafka"), row(page, "Open sockets")), ("not started", "0"))

    def test_it_names_the_tasks_that_are_missing(self) -> None:
        browser = sign_in(self.staff)
        self.assertEqual(row(browser.get(PAGE), "Tasks"), "not started")
        since = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        with mock.patch.object(tasks, "states", return_value={"clock": None, "fan-out": since, "relay": since}):
            told = ", ".join(f"{name} is not running since 2026-01-02 03:04:05 UTC" for name in ("fan-out", "relay"))
            self.assertEqual(row(browser.get(PAGE), "Tasks"), told)
        with mock.patch.object(overview, "live", return_value=overview.Live("live", since, 0)):
            self.assertEqual(row(browser.get(PAGE), "Tasks"), "all are running")

    def test_only_staff_sees_it_and_the_admin_leads_there(self) -> None:
        for client in (Client(), sign_in(self.owner), sign_in(self.colleague)):
            self.assertRedirects(client.get(PAGE), f"/admin/login/?next={PAGE}", fetch_redirect_response=False)
        self.assertIn(f'href="{PAGE}"', text(sign_in(self.staff).get("/admin/")))

    def test_its_links_lead_to_lists_and_nothing_is_inline(self) -> None:
        browser = sign_in(self.staff)
        page = browser.get(PAGE)
        for address in re.findall(r'<th scope="row"><a href="([^"]*)"', text(page)):
            self.assertEqual((address, browser.get(address).status_code), (address, 200))
        self.assertIn("default-src 'self'", page["Content-Security-Policy"])
        self.assertNotRegex(text(page), r"<style|style=|<script(?![^>]* src=)|onclick=")

    def test_a_million_rows_are_not_counted(self) -> None:
        Item.with_deleted.bulk_create(Item(name="n", price=1) for _ in range(20))
        self.assertEqual(str(overview.count(Item.objects.all())), "21")
        self.assertEqual(str(overview.count_of(overview.COUNTED + 1)), "more than 100\N{NARROW NO-BREAK SPACE}000")
