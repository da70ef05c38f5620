from __future__ import annotations

import re
from typing import Any
from unittest import mock

from django.contrib.messages import get_messages
from django.db import connection
from django.http import HttpResponse
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from items import services
from items.models import Item
from items.models.link_check import LinkCheck
from tests.support.people import PeopleTestCase, events, sign_in

TYPED = {"name": "Lamp", "description": "Bright", "price": "12.5", "tax": "", "link": "", "sku": ""}


def text(response: Any) -> str:
    return str(response.content.decode())


def hidden(response: Any, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', text(response))
    assert found, f"no hidden field {name}"
    return found[1]


def told(response: HttpResponse) -> list[str]:
    """The messages that wait for the next page."""
    return [str(message) for message in get_messages(response.wsgi_request)]  # type: ignore[attr-defined]


class SignInTests(PeopleTestCase):
    def test_every_page_asks_a_stranger_to_sign_in_first(self) -> None:
        for page in ("", "new/", f"{self.item.pk}/", f"{self.item.pk}/edit/", f"{self.item.pk}/delete/"):
            for method in ("get", "post"):
                response = getattr(Client(), method)(f"/items/{page}")
                if response.status_code != 405:
                    self.assertRedirects(response, f"/accounts/login/?next=/items/{page}")
        self.assertIsNone(self.now().deleted_at)

    def test_signing_in_leads_where_one_wanted_to_go(self) -> None:
        client = Client()
        page = client.get("/accounts/login/?next=/items/new/")
        self.assertNotIn("demo-account", text(page))
        with self.settings(DEMO=True):
            self.assertIn('<dd class="mono">streamboard</dd>', text(client.get("/accounts/login/")))
        answer = client.post(
            "/accounts/login/", {"username": "olga", "password": "olga's word", "next": hidden(page, "next")}
        )
        self.assertRedirects(answer, "/items/new/")
        wrong = Client().post("/accounts/login/", {"username": "olga", "password": "no"})
        self.assertIn("You are not signed in", text(wrong))


class ListTests(PeopleTestCase):
    @classmethod
    def setUpTestData(cls) -> None:
        super().setUpTestData()
        for number in range(60):
            services.create_item(actor=cls.owner, name=f"Lamp {number:02}", price=number)

    def test_the_address_holds_search_order_and_page(self) -> None:
        browser = sign_in(self.owner)
        first = browser.get("/items/?search=lamp&ordering=price")
        self.assertIn("1–50 of 60 with “lamp”", text(first))
        self.assertIn('href="?search=lamp&amp;ordering=price&amp;page=2" rel="next"', text(first))
        second = browser.get("/items/?search=lamp&ordering=price&page=2")
        self.assertIn("51–60 of 60", text(second))
        names = re.findall(r"Lamp \d\d", text(second))
        self.assertEqual(names, [f"Lamp {number}" for number in range(50, 60)])
        self.assertIn('aria-sort="ascending"', text(second))

    def test_a_page_behind_the_last_leads_to_the_last(self) -> None:
        self.assertRedirects(sign_in(self.owner).get("/items/?page=99"), "/items/?page=2")

    def test_what_the_address_cannot_mean_is_ignored(self) -> None:
        for query in ("page=0", "page=x", "page=²", "page=-1", "ordering=owner", "search=%00", f"search={'x' * 999}"):
            self.assertEqual((query, sign_in(self.owner).get(f"/items/?{query}").status_code), (query, 200))

    def test_nothing_found_and_nothing_there_are_said(self) -> None:
        browser = sign_in(self.owner)
        self.assertIn("No item matches “&lt;b&gt;”", text(browser.get("/items/?search=<b>")))
        Item.objects.all().delete()
        self.assertIn("There are no items yet", text(browser.get("/items/")))


class DetailTests(PeopleTestCase):
    def test_it_shows_every_field_and_the_owner_what_he_can_do(self) -> None:
        page = text(sign_in(self.owner).get(f"/items/{self.item.pk}/"))
        for shown in ("Tent", "Green", "249.00", "39.76", "TENT-1", "olga", 'data-version="1"', "Edit item", "Delete…"):
            self.assertIn(shown, page)

    def test_a_colleague_sees_it_without_the_buttons(self) -> None:
        page = text(sign_in(self.colleague).get(f"/items/{self.item.pk}/"))
        self.assertIn("249.00", page)
        self.assertNotIn("Edit item", page)

    def test_the_page_asks_once_for_the_item_and_once_for_its_history(self) -> None:
        services.update_item(self.item.pk, actor=self.owner, link="https://example.com/tents")
        LinkCheck.objects.create(
            item=self.item, url="https://example.com/tents", status=204, took_ms=7, checked_at=timezone.now()
        )
        browser = sign_in(self.owner)
        with CaptureQueriesContext(connection) as asked:
            page = text(browser.get(f"/items/{self.item.pk}/"))
        self.assertEqual(len([query for query in asked.captured_queries if 'FROM "items_' in query["sql"]]), 2)
        self.assertIn('<dd class="mono">204</dd>', page)

    def test_who_saved_it_last_is_the_same_below_any_part_of_its_history(self) -> None:
        services.update_item(self.item.pk, actor=self.staff, price=3)
        for part in ("", "?before=2"):
            self.assertIn('data-saved-by="stella"', text(sign_in(self.owner).get(f"/items/{self.item.pk}/{part}")))

    def test_what_people_typed_is_never_markup(self) -> None:
        item = services.create_item(actor=self.owner, name="<script>x</script>", description="<b>\n&", price=1)
        for address in (f"/items/{item.pk}/", "/items/", f"/items/{item.pk}/edit/", f"/items/{item.pk}/delete/"):
            self.assertNotIn("<script>x", text(sign_in(self.owner).get(address)))

    def test_an_item_that_is_gone_is_not_found(self) -> None:
        services.delete_item(self.item.pk, actor=self.owner)
        for page in ("", "edit/", "delete/"):
            self.assertEqual(sign_in(self.owner).get(f"/items/{self.item.pk}/{page}").status_code, 404)
        self.assertEqual(sign_in(self.owner).get(f"/items/{'9' * 30}/").status_code, 404)


class NewTests(PeopleTestCase):
    def test_submitting_adds_the_item_and_shows_it(self) -> None:
        browser = sign_in(self.colleague)
        form = hidden(browser.get("/items/new/"), "submission")
        with events() as sent:
            response = browser.post("/items/new/", TYPED | {"submission": form})
        item = Item.objects.get(name="Lamp")
        self.assertRedirects(response, f"/items/{item.pk}/")
        self.assertEqual((str(item.price), item.tax, item.owner), ("12.50", None, self.colleague))
        self.assertEqual([event.payload["actor"] for event in sent], ["carl"])

    def test_submitting_twice_makes_one_item(self) -> None:
        browser = sign_in(self.owner)
        form = hidden(browser.get("/items/new/"), "submission")
        addresses = {browser.post("/items/new/", TYPED | {"submission": form})["Location"] for _ in range(2)}
        self.assertEqual((len(addresses), Item.objects.filter(name="Lamp").count()), (1, 1))

    def test_somebody_elses_form_leads_to_no_item_of_theirs(self) -> None:
        form = hidden(sign_in(self.owner).get("/items/new/"), "submission")
        sign_in(self.owner).post("/items/new/", TYPED | {"submission": form})
        response = sign_in(self.colleague).post("/items/new/", TYPED | {"submission": form})
        self.assertEqual((response.status_code, Item.objects.filter(name="Lamp").count()), (200, 1))
        self.assertIn("submitted already", text(response))

    def test_errors_stand_on_top_with_links_and_under_their_fields_and_what_was_typed_is_kept(self) -> None:
        browser = sign_in(self.owner)
        form = hidden(browser.get("/items/new/"), "submission")
        wrong = {
            "name": "",
            "description": "kept <text>",
            "price": "1,500",
            "tax": "-1",
            "link": "example.com",
            "sku": "A",
        }
        response = browser.post("/items/new/", wrong | {"submission": form})
        page = text(response)
        for field in ("name", "price", "tax", "link"):
            self.assertIn(f'<a href="#id_{field}">', page)
            self.assertIn(f'id="id_{field}_error"', page)
        self.assertNotIn('id="id_sku_error"', page)
        self.assertIn("kept &lt;text&gt;", page)
        self.assertIn('value="1,500"', page)
        self.assertIn('aria-describedby="id_price_helptext id_price_error"', page)
        self.assertEqual(hidden(response, "submission"), form)
        self.assertEqual(Item.objects.count(), 1)

    def test_a_taken_sku_is_an_error_of_its_field(self) -> None:
        browser = sign_in(self.owner)
        form = hidden(browser.get("/items/new/"), "submission")
        page = text(browser.post("/items/new/", TYPED | {"submission": form, "sku": "TENT-1"}))
        self.assertIn('id="id_sku_error"', page)

    def test_a_taken_sku_is_told_beside_the_other_errors(self) -> None:
        browser = sign_in(self.owner)
        form = hidden(browser.get("/items/new/"), "submission")
        page = text(browser.post("/items/new/", TYPED | {"submission": form, "sku": " TENT-1", "price": "much"}))
        self.assertIn('id="id_sku_error"', page)
        self.assertIn('id="id_price_error"', page)
        path, own = f"/items/{self.item.pk}/edit/", {"version": "1", "sku": "TENT-1", "price": "much"}
        self.assertNotIn('id="id_sku_error"', text(browser.post(path, TYPED | own)))
        services.create_item(actor=self.staff, name="Chair", price=1, sku="CHAIR-1")
        self.assertIn('id="id_sku_error"', text(browser.post(path, TYPED | own | {"sku": "CHAIR-1"})))

    def test_a_form_without_its_token_says_that_it_is_incomplete(self) -> None:
        self.assertIn("Open it again", text(sign_in(self.owner).post("/items/new/", TYPED)))

    def test_characters_that_cannot_be_stored_are_errors(self) -> None:
        for field in ("name", "description", "link", "sku"):
            response = sign_in(self.owner).post("/items/new/", TYPED | {field: "a\x00b"})
            self.assertIn(f'id="id_{field}_error"', text(response))

    def test_a_post_without_the_csrf_token_is_refused(self) -> None:
        browser = Client(enforce_csrf_checks=True)
        browser.force_login(self.owner, backend="django.contrib.auth.backends.ModelBackend")
        self.assertEqual(browser.post("/items/new/", TYPED).status_code, 403)


class EditTests(PeopleTestCase):
    def setUp(self) -> None:
        self.path = f"/items/{self.item.pk}/edit/"
        self.form = {
            "name": "Tent",
            "description": "Green",
            "price": "249.00",
            "tax": "39.76",
            "link": "",
            "sku": "TENT-1",
        }

    def test_the_form_shows_what_is_saved_and_saves_what_is_typed(self) -> None:
        browser = sign_in(self.owner)
        page = browser.get(self.path)
        self.assertIn('value="249.00"', text(page))
        response = browser.post(self.path, self.form | {"version": hidden(page, "version"), "price": "250"})
        self.assertRedirects(response, f"/items/{self.item.pk}/")
        self.assertEqual((str(self.now().price), self.now().version), ("250.00", 2))

    def test_saving_unchanged_is_no_new_version(self) -> None:
        services.update_item(self.item.pk, actor=self.owner, description="two\nlines")
        typed = self.form | {"version": "2", "description": "two\r\nlines"}
        self.assertRedirects(sign_in(self.owner).post(self.path, typed), f"/items/{self.item.pk}/")
        self.assertEqual(self.now().version, 2)

    def test_what_two_people_changed_in_different_fields_is_brought_together_and_shown(self) -> None:
        browser = sign_in(self.owner)
        services.update_item(self.item.pk, actor=self.staff, price=1, description="Green\nand large")
        conflict = browser.post(self.path, self.form | {"version": "1", "name": "Olga's tent"})
        self.assertEqual((conflict.status_code, hidden(conflict, "version")), (409, "2"))
        page = text(conflict)
        for shown in (
            "stella saved this item while you were editing",
            "<del>249.00</del> → <ins>1.00</ins>",
            "Yours stays as you typed it: Name.",
            'value="Olga&#39;s tent"',
            'value="1.00"',
            "Green\nand large</textarea>",
        ):
            self.assertIn(shown, page)
        self.assertNotIn("You both changed", page)
        self.assertEqual((self.now().name, self.now().version), ("Tent", 2))

        merged = self.form | {"version": "2", "name": "Olga's tent", "price": "1.00", "description": "Green\nand large"}
        self.assertRedirects(browser.post(self.path, merged), f"/items/{self.item.pk}/")
        self.assertEqual((self.now().name, str(self.now().price), self.now().version), ("Olga's tent", "1.00", 3))

    def test_what_both_changed_stands_side_by_side_until_one_is_chosen(self) -> None:
        browser = sign_in(self.owner)
        services.update_item(self.item.pk, actor=self.staff, name="Sam's tent", price=1)
        typed = self.form | {"version": "1", "name": "Olga's tent", "price": "2", "link": "https://olga.example/"}
        conflict = browser.post(self.path, typed)
        page = text(conflict)
        for shown in ("You both changed", "it was “Tent”", "it was “249.00”", "Yours stays as you typed it: Link."):
            self.assertIn(shown, page)
        again = typed | {"version": hidden(conflict, "version")}
        again |= {key: hidden(conflict, key) for key in ("theirs_name", "who_name", "theirs_price", "who_price")}
        self.assertEqual((hidden(conflict, "theirs_price"), hidden(conflict, "who_price")), ("1.00", "stella"))

        undecided = browser.post(self.path, again | {"pick_name": "mine"})
        page = text(undecided)
        self.assertIn("Price: Choose which one is saved.", page)
        self.assertNotIn("Name: Choose", page)
        for kept in ("Sam&#39;s tent", "Olga&#39;s tent", 'value="2"', "https://olga.example/"):
            self.assertIn(kept, page)
        self.assertEqual(self.now().version, 2)

        chosen = again | {"pick_name": "mine", "pick_price": "theirs"}
        self.assertRedirects(browser.post(self.path, chosen), f"/items/{self.item.pk}/")
        saved = self.now()
        self.assertEqual((saved.name, str(saved.price), saved.link), ("Olga's tent", "1.00", "https://olga.example/"))

    def test_what_was_typed_stays_beside_the_choice_of_the_other(self) -> None:
        typed = self.form | {
            "version": "1",
            "name": "Olga's",
            "theirs_name": "Sam's",
            "pick_name": "theirs",
            "tax": "x",
        }
        page = text(sign_in(self.owner).post(self.path, typed))
        self.assertIn("Sam&#39;s", page)
        self.assertIn('value="Olga&#39;s"', page)

    def test_a_third_save_meanwhile_is_brought_together_too(self) -> None:
        browser = sign_in(self.owner)
        services.update_item(self.item.pk, actor=self.staff, price=1)
        services.update_item(self.item.pk, actor=None, tax=None)
        services.update_item(self.item.pk, actor=self.staff, price="249.00", sku="T-2")
        conflict = browser.post(self.path, self.form | {"version": "1", "price": "2", "sku": "TENT-1 "})
        page = text(conflict)
        self.assertIn("3 times", page)
        self.assertIn("<del>39.76</del> → <ins>(empty)</ins>", page)
        self.assertIn("by the system", page)
        self.assertIn("<del>TENT-1</del> → <ins>T-2</ins>", page)
        self.assertNotIn("You both changed", page)  # the price is again what it was
        self.assertIn('value="2"', page)

    def test_a_conflict_about_nothing_says_so(self) -> None:
        services.update_item(self.item.pk, actor=self.staff, price=1)
        page = text(sign_in(self.owner).post(self.path, self.form | {"version": "1", "price": "1.0"}))
        self.assertIn("there is nothing left to save", page)

    def test_of_a_history_that_is_not_whole_every_difference_is_asked_about(self) -> None:
        services.update_item(self.item.pk, actor=self.staff, price=1)
        self.item.versions.all().delete()
        page = text(sign_in(self.owner).post(self.path, self.form | {"version": "1"}))
        self.assertIn("You both changed", page)
        self.assertIn("1.00", page)
        self.assertIn('value="249.00"', page)

    def test_a_form_that_hides_its_version_is_incomplete(self) -> None:
        for version in ({}, {"version": "x"}, {"version": "0"}):
            self.assertIn("Open it again", text(sign_in(self.owner).post(self.path, self.form | version)))
        self.assertEqual(self.now().version, 1)

    def test_errors_keep_what_was_typed(self) -> None:
        page = text(sign_in(self.owner).post(self.path, self.form | {"version": "1", "price": "much"}))
        self.assertIn('value="much"', page)
        self.assertIn("Save item", page)

    def test_a_colleague_may_neither_see_the_form_nor_send_it(self) -> None:
        browser = sign_in(self.colleague)
        self.assertEqual(browser.get(self.path).status_code, 403)
        self.assertEqual(browser.post(self.path, self.form | {"version": "1", "name": "x"}).status_code, 403)
        self.assertEqual(sign_in(self.staff).get(self.path).status_code, 200)
        self.assertEqual(self.now().version, 1)


class DeleteTests(PeopleTestCase):
    def setUp(self) -> None:
        self.path = f"/items/{self.item.pk}/delete/"

    def test_it_asks_first_and_deletes_then(self) -> None:
        browser = sign_in(self.owner)
        page = browser.get(self.path)
        self.assertIn("Delete “Tent”?", text(page))
        self.assertIsNone(self.now().deleted_at)
        self.assertRedirects(browser.post(self.path, {"version": hidden(page, "version")}), "/items/")
        self.assertIsNotNone(self.now().deleted_at)

    def test_it_asks_again_when_somebody_saved_meanwhile(self) -> None:
        services.update_item(self.item.pk, actor=self.staff, price=1)
        response = sign_in(self.owner).post(self.path, {"version": "1"})
        self.assertEqual((response.status_code, hidden(response, "version")), (409, "2"))
        self.assertIn("Not deleted yet", text(response))
        self.assertIsNone(self.now().deleted_at)

    def test_a_colleague_may_not(self) -> None:
        self.assertEqual(sign_in(self.colleague).post(self.path, {"version": "1"}).status_code, 403)
        self.assertIsNone(self.now().deleted_at)

    def test_a_right_that_is_taken_away_after_it_was_asked_for_is_a_refusal(self) -> None:
        def delete(item_id: int, **how: Any) -> Item:
            Item.objects.filter(pk=item_id).update(owner=self.colleague)
            return delete_item(item_id, **how)

        delete_item = services.delete_item
        with mock.patch.object(services, "delete_item", delete):
            self.assertEqual(sign_in(self.owner).post(self.path, {"version": "1"}).status_code, 403)
        self.assertIsNone(self.now().deleted_at)


class AsyncTests(PeopleTestCase):
    async def test_the_pages_run_on_a_loop(self) -> None:
        client = AsyncClient()
        await client.aforce_login(self.owner, backend="django.contrib.auth.backends.ModelBackend")
        for path in ("/items/", "/items/new/", f"/items/{self.item.pk}/", f"/items/{self.item.pk}/edit/"):
            response: Any = await client.get(path)
            self.assertEqual((path, response.status_code), (path, 200))
        typed = TYPED | {"submission": "7f1b8e0a-8f4b-4a54-9d8e-2f7d7f6c1a11"}
        added: Any = await client.post("/items/new/", typed)
        self.assertEqual(added.status_code, 302)
        after: Any = await client.get(added["Location"])
        self.assertIn("“Lamp” was submitted.", text(after))
