"""Topics by the API and on their page: found by words, favourites first, and only those that somebody may watch."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import Group, User
from django.template.loader import render_to_string

from streams.finding import favourites, pages, words
from streams.finding.known import Heard, Watchable
from streams.kafka.storage import Kept
from streams.models import FavouriteTopic, Topic
from tests.support.people import PeopleTestCase, detail_of, sign_in

THIN = words.THIN_SPACE


class TopicsTestCase(PeopleTestCase):
    payroll: Topic

    @classmethod
    def setUpTestData(cls) -> None:
        super().setUpTestData()
        Topic.objects.all().delete()
        few = Group.objects.create(name="few")
        cls.colleague.groups.add(few)
        for name, label in [("sales.orders", "Orders"), ("sales.returns", ""), ("weather", "Weather of the north")]:
            Topic.objects.create(name=name, label=label)
        cls.payroll = Topic.objects.create(name="payroll")
        cls.payroll.readers.add(few)

    def topics(self, user: User, query: str = "") -> list[dict[str, Any]]:
        response = self.caller(user).send("GET", f"/api/topics/{query}")
        self.assertEqual(response.status_code, 200, response.content)
        listed: list[dict[str, Any]] = response.json()["topics"]
        return listed

    def favourites(self, user: User) -> list[str]:
        return [topic["name"] for topic in self.topics(user) if topic["favourite"]]

    def shown(self, user: User, query: str = "") -> list[str]:
        """The names on the page, in its order."""
        response = sign_in(user).get(f"/topics/{query}")
        self.assertEqual(response.status_code, 200)
        return re.findall(r'<tr data-topic="([^"]+)"', response.content.decode())


class FavouriteTests(TopicsTestCase):
    def test_a_favourite_is_the_persons_own_and_goes_again(self) -> None:
        caller = self.caller(self.owner)
        for _ in range(2):  # twice is once
            self.assertEqual(caller.send("PUT", "/api/topics/weather/favourite").status_code, 204)
        self.assertEqual((self.favourites(self.owner), self.favourites(self.colleague)), (["weather"], []))

        for _ in range(2):
            self.assertEqual(caller.send("DELETE", "/api/topics/weather/favourite").status_code, 204)
        self.assertEqual(self.favourites(self.owner), [])

    def test_only_what_may_be_watched_can_be_one_and_the_answer_tells_no_more(self) -> None:
        for name in ("payroll", "nowhere"):
            response = self.caller(self.owner).send("PUT", f"/api/topics/{name}/favourite")
            self.assertEqual(response.status_code, 404)
            self.assertIn(f"no topic {name} that you may watch", detail_of(response))
        self.assertEqual(self.caller(self.colleague).send("PUT", "/api/topics/payroll/favourite").status_code, 204)

    def test_a_right_taken_away_takes_the_favourite_from_sight(self) -> None:
        favourites.add_favourite("payroll", actor=self.colleague)
        self.colleague.groups.clear()
        self.assertNotIn("payroll", [topic["name"] for topic in self.topics(self.colleague, "?names=payroll")])
        self.assertNotIn("payroll", self.shown(self.colleague))

    def test_nobody_has_more_than_the_bound(self) -> None:
        with self.settings(), pytest.MonkeyPatch.context() as patch:
            patch.setattr(favourites, "FAVOURITES_EACH", 1)
            favourites.add_favourite("weather", actor=self.owner)
            response = self.caller(self.owner).send("PUT", "/api/topics/sales.orders/favourite")
        self.assertEqual(response.status_code, 429)
        self.assertEqual(FavouriteTopic.objects.filter(user=self.owner).count(), 1)

    def test_a_browser_needs_the_csrf_token_and_a_stranger_gets_nothing(self) -> None:
        browser = sign_in(self.owner)
        browser.handler.enforce_csrf_checks = True
        self.assertEqual(browser.put("/api/topics/weather/favourite").status_code, 403)
        self.assertEqual(self.client.put("/api/topics/weather/favourite").status_code, 401)

    def test_the_admin_shows_whose_they_are_and_lets_staff_take_them_away(self) -> None:
        favourites.add_favourite("weather", actor=self.owner)
        admin = sign_in(self.staff)
        self.assertContains(admin.get("/admin/streams/favouritetopic/"), "olga")
        self.assertEqual(admin.get("/admin/streams/favouritetopic/add/").status_code, 403)
        held = FavouriteTopic.objects.get()
        admin.post(f"/admin/streams/favouritetopic/{held.pk}/delete/", {"post": "yes"})
        self.assertFalse(FavouriteTopic.objects.exists())


class ListTests(TopicsTestCase):
    def test_names_narrow_the_answer_to_those_and_the_favourites(self) -> None:
        favourites.add_favourite("weather", actor=self.owner)
        told = self.topics(self.owner, "?names=sales.returns,payroll,nowhere")
        self.assertEqual([topic["name"] for topic in told], ["sales.returns", "weather"])
        expected = {"name": "sales.returns", "label": "sales.returns", "export": False}
        self.assertEqual(told[0], expected | {"favourite": False, "rate": None, "last": None})

    def test_the_page_finds_by_every_word_in_name_or_label_favourites_first(self) -> None:
        favourites.add_favourite("weather", actor=self.owner)
        self.assertEqual(self.shown(self.owner), ["weather", "sales.orders", "sales.returns"])
        self.assertEqual(self.shown(self.owner, "?search=SALES+ord"), ["sales.orders"])
        self.assertEqual(self.shown(self.owner, "?search=north"), ["weather"])
        self.assertEqual(self.shown(self.owner, "?search=payroll"), [])
        self.assertEqual(self.shown(self.colleague, "?search=payroll"), ["payroll"])

    def test_the_page_has_pages_and_few_queries_however_many_topics_there_are(self) -> None:
        Topic.objects.bulk_create([Topic(name=f"many-{number:04}") for number in range(5_000)])
        self.assertEqual(self.shown(self.owner, "?search=many&page=2")[0], "many-0050")
        self.assertEqual(self.shown(self.owner, "?search=many&page=999999")[-1], "many-4999")
        browser = sign_in(self.owner)
        with self.assertNumQueries(6):
            browser.get("/topics/?search=many-49&fragment=1")

    def test_the_busiest_come_first_when_asked_on_all_pages(self) -> None:
        with mock.patch.object(pages, "busiest", lambda names: sorted(names, reverse=True)):
            self.assertEqual(self.shown(self.owner, "?sort=rate"), ["weather", "sales.returns", "sales.orders"])
            Topic.objects.bulk_create([Topic(name=f"many-{number:02}") for number in range(60)])
            page = sign_in(self.owner).get("/topics/?search=many&sort=rate").content.decode()
        self.assertIn('href="?search=many&amp;sort=rate&amp;page=2"', page)
        self.assertIn('<a href="?search=many&amp;page=1" data-part="topics-sort">By name</a>', page)
        self.assertEqual(self.shown(self.owner, "?sort=nothing"), self.shown(self.owner))

    def test_a_stranger_is_asked_to_sign_in(self) -> None:
        self.assertEqual(self.client.get("/topics/").status_code, 302)


@pytest.mark.parametrize(
    ("ms", "at"),
    [
        (None, None), (1_700_000_000_123, datetime(2023, 11, 14, 22, 13, 20, 123_000, UTC)),
        (pages.LAST_MS, datetime(9999, 12, 31, 23, 59, 59, 999_000, UTC)),
        (1_700_000_000_123_000, None), (1_700_000_000_123_000_000, None), (2**63 - 1, None),
    ],
)  # fmt: skip
def test_the_page_shows_the_time_of_a_record_or_the_digits_of_one_that_no_calendar_has(
    ms: int | None, at: datetime | None
) -> None:
    known = Watchable({"sales": "sales"}, set(), [])
    row = pages.topic_row("sales", known, Heard({0: 1}, 0.0, ms), None)
    assert row["last_at"] is None or abs(row["last_at"] - at) < timedelta(milliseconds=1)
    assert (row["last_at"] is None) is (at is None)
    shown = render_to_string("streams/_topics.html", {"rows": [row], "last_page": 1})
    cell = shown.partition('data-field="last">')[2].partition("</td>")[0]
    assert (f"{at:%Y-%m-%d %H:%M:%S}" if at else str(ms or "not known")) in cell


def test_what_kafka_keeps_is_said_in_words() -> None:
    week = 7 * 24 * 3_600_000
    said = {
        "7 d": Kept(cleanup="delete", retention_ms=week, retention_bytes=-1),
        "90 min or 1.0 GiB a partition": Kept(cleanup="delete", retention_ms=90 * 60_000, retention_bytes=2**30),
        "for ever": Kept(cleanup="delete", retention_ms=-1, retention_bytes=-1),
        "newest of each key": Kept(cleanup="compact", retention_ms=week),
        "newest of each key, 7 d": Kept(cleanup="compact,delete", retention_ms=week, retention_bytes=-1),
        "": Kept(),
    }
    assert {text: words.retention(kept) for text, kept in said.items()} == {text: text for text in said}
    assert [words.size(length) for length in (None, 0, 1_023, 1_536, 2**42)] == [
        "",
        "0 B",
        "1023 B",
        "1.5 KiB",
        "4.0 TiB",
    ]
    assert [words.rate(rate) for rate in (None, 0.0, 0.25, 9.94, 1_234.4)] == [
        "",
        "0/s",
        "0.2/s",
        "9.9/s",
        f"1{THIN}234/s",
    ]
