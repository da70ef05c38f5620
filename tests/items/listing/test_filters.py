"""Narrowing the list down, in the API and on the page: owner, price range, changed since."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from unittest import mock

from items import services
from items.listing import queries
from items.listing.filters import Filters
from items.models import Item
from tests.items.pages.test_pages import text
from tests.support.people import PeopleTestCase, detail_of, sign_in

DAY = datetime(2025, 3, 1, tzinfo=UTC)


class FilterTests(PeopleTestCase):
    @classmethod
    def setUpTestData(cls) -> None:
        super().setUpTestData()
        for number, person in enumerate((cls.owner, cls.colleague, cls.colleague)):
            item = services.create_item(actor=person, name=f"Lamp {number}", price=number * 10)
            Item.objects.filter(pk=item.pk).update(updated_at=DAY + timedelta(days=number))

    def found(self, query: str) -> list[str]:
        """The names in the API's answer, which is also what the page shows."""
        answer = self.caller(self.colleague).send("GET", f"/api/items/?ordering=name&{query}").json()
        names = [item["name"] for item in answer["items"]]
        self.assertEqual(answer["count"], len(names))
        page = text(sign_in(self.colleague).get(f"/items/?ordering=name&{query}"))
        for name in ("Lamp 0", "Lamp 1", "Lamp 2", "Tent"):
            self.assertEqual(f">{name}</a>" in page, name in names, name)
        return names

    def test_of_one_owner(self) -> None:
        self.assertEqual(self.found("owner=carl"), ["Lamp 1", "Lamp 2"])
        self.assertEqual(self.found("owner=nobody-here"), [])

    def test_within_a_range_of_prices_both_ends_included(self) -> None:
        self.assertEqual(self.found("price_min=10&price_max=20"), ["Lamp 1", "Lamp 2"])
        self.assertEqual(self.found("price_max=0"), ["Lamp 0"])
        self.assertEqual(self.found("price_min=20.01"), ["Tent"])

    def test_changed_since_a_time(self) -> None:
        self.assertEqual(self.found("changed_since=2025-03-02T00:00:00Z"), ["Lamp 1", "Lamp 2", "Tent"])
        self.assertEqual(self.found("changed_since=2025-03-03T01:00:00%2B01:00"), ["Lamp 2", "Tent"])
        self.assertEqual(self.found("changed_since=2025-03-03T00:01"), ["Tent"])

    def test_the_first_and_the_last_moments_there_are_can_be_asked_for(self) -> None:
        self.assertEqual(len(self.found("changed_since=0001-01-01T00:00:00%2B14:00")), Item.objects.count())
        self.assertEqual(self.found("changed_since=9999-12-31T23:59:59-14:00"), [])

    def test_all_of_them_together_with_a_search(self) -> None:
        self.assertEqual(self.found("search=lamp&owner=carl&price_max=10&changed_since=2025-03-01"), ["Lamp 1"])

    def test_what_a_filter_cannot_mean_is_invalid_in_the_api_and_named_on_the_page(self) -> None:
        wrong = {
            "price_min": ("x", "-1", "1.005", "NaN"), "price_max": ("1e3x",), "owner": ("x" * 151, "%00"),
            "changed_since": ("yesterday", "2025-13-01", "1740787200"),
        }  # fmt: skip
        for name, values in wrong.items():
            for value in values:
                with self.subTest(name=name, value=value[:20]):
                    response = self.caller(self.owner).send("GET", f"/api/items/?{name}={value}")
                    self.assertEqual((response.status_code, detail_of(response)[0]["loc"]), (422, ["query", name]))
                    page = sign_in(self.owner).get(f"/items/?{name}={value}")
                    self.assertEqual((page.status_code, f'id="{name}_error"' in text(page)), (200, name != "owner"))

    def test_the_address_of_every_link_keeps_the_filters(self) -> None:
        page = text(sign_in(self.owner).get("/items/?owner=carl&price_min=1&changed_since=2025-03-01&ordering=price"))
        narrowed = "owner=carl&amp;price_min=1.00&amp;changed_since=2025-03-01T00%3A00"
        self.assertIn(f'href="?{narrowed}&amp;ordering=-price"', page)
        self.assertIn(f'href="/items/export/?{narrowed}&amp;ordering=price&amp;format=csv"', page)
        self.assertIn('<details class="filters" open>', page)

    def test_pages_count_no_further_than_people_go(self) -> None:
        with mock.patch.object(queries, "COUNTED_ON_PAGES", 3):
            page = text(sign_in(self.owner).get("/items/"))
        self.assertIn("of more than 3", page)


class PageTests(PeopleTestCase):
    def test_of_too_many_words_the_first_are_looked_for_and_the_page_says_so(self) -> None:
        services.create_item(actor=self.owner, name="one two three four five six seven eight", price=1)
        self.client.force_login(self.owner)
        page = self.client.get("/items/", {"search": "one two three four five six seven eight nine"})
        self.assertContains(page, "Look for 8 words at most. These are the first of yours.")
        self.assertContains(page, "one two three four five six seven eight</a>")

    def test_what_finds_little_is_listed_like_what_finds_much(self) -> None:
        for number in range(12):
            services.create_item(actor=self.colleague, name=f"Lamp {number % 5}", price=number % 4)

        def pages(few: int) -> list[tuple[list[int], int, bool]]:
            with mock.patch.object(queries, "FEW", few):
                found = [
                    queries.page(filters, ordering, 5, offset, count_to=count_to)
                    for filters in (Filters(), Filters(search="lamp"), Filters(owner="carl"), Filters(search="none"))
                    for ordering in queries.ORDERINGS
                    for offset in (0, 5, 10, 15)
                    for count_to in (None, 7)
                ]
            return [([item.pk for item in page.items], page.count, page.more) for page in found]

        as_much = pages(few=0)
        self.assertEqual(pages(few=5_000), as_much)
        self.assertEqual(pages(few=11), as_much)

    def test_pieces_in_every_order_join_without_holes_or_repeats(self) -> None:
        for number in range(25):
            services.create_item(actor=None, name=f"n{number % 3}", price=number % 4)
        Item.objects.update(updated_at=DAY, created_at=DAY)
        for ordering in queries.ORDERINGS:
            whole = [item.pk for item in queries.find(ordering=ordering)]
            last, joined = None, list[int]()
            while piece := list(queries.after(queries.find(ordering=ordering), ordering, last)[:4]):
                last = piece[-1]
                joined += [item.pk for item in piece]
            self.assertEqual(joined, whole, ordering)
