"""The history of an item, and the way back after a deletion: owner, colleague, stranger, staff."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from items import services
from items.models import Item, ItemVersion
from tests.items.pages.test_pages import TYPED, hidden, text
from tests.support.people import PeopleTestCase, detail_of, events, sign_in

PAST = timedelta(days=30, seconds=1)


class HistoryTests(PeopleTestCase):
    def test_each_version_is_written_down_once_with_who_and_what_changed(self) -> None:
        services.update_item(self.item.pk, actor=self.staff, price="250", name="Big tent", owner=self.colleague)
        services.update_item(self.item.pk, actor=self.colleague, name="Big tent")  # changes nothing
        services.delete_item(self.item.pk, actor=self.colleague)
        services.restore_item(self.item.pk, actor=None)
        steps = ItemVersion.objects.filter(item=self.item).order_by("version")
        self.assertEqual(
            [(step.version, step.type, step.actor) for step in steps],
            [
                (1, "item.created", "olga"), (2, "item.updated", "stella"), (3, "item.deleted", "carl"),
                (4, "item.restored", ""),
            ],
        )  # fmt: skip
        self.assertEqual(
            steps[1].changes,
            {"name": ["Tent", "Big tent"], "price": ["249.00", "250.00"], "owner": ["olga", "carl"]},
        )

    def test_a_write_that_is_undone_leaves_no_history(self) -> None:
        with self.assertRaises(services.RowRefused):
            services.create_items(actor=None, rows=[{"name": "a", "price": 1}, {"name": "", "price": 1}])
        self.assertEqual(ItemVersion.objects.count(), 1)

    def test_the_page_of_the_item_tells_it_to_everybody_signed_in(self) -> None:
        services.update_item(self.item.pk, actor=self.staff, description="<b>Blue</b>", tax=None)
        page = text(sign_in(self.colleague).get(f"/items/{self.item.pk}/"))
        for shown in ("stella", "submitted", "Green", "&lt;b&gt;Blue&lt;/b&gt;", "39.76", "(empty)", "?topic=items.v1"):
            self.assertIn(shown, page)
        self.assertEqual(Client().get(f"/items/{self.item.pk}/").status_code, 302)

    def test_a_long_history_comes_in_pages(self) -> None:
        for price in range(60):
            services.update_item(self.item.pk, actor=None, price=price)
        browser = sign_in(self.colleague)
        first = text(browser.get(f"/items/{self.item.pk}/"))
        self.assertIn('href="?before=12#history"', first)
        older = text(browser.get(f"/items/{self.item.pk}/?before=12"))
        self.assertIn("submitted", older)
        self.assertNotIn("Older versions", older)


class UndoTests(PeopleTestCase):
    def setUp(self) -> None:
        services.delete_item(self.item.pk, actor=self.owner)
        self.address = f"/items/{self.item.pk}/restore/"

    def test_the_owner_and_staff_find_and_restore_it(self) -> None:
        for user in (self.owner, self.staff):
            browser = sign_in(user)
            self.assertIn(self.address, text(browser.get("/items/deleted/")))
            with events() as told:
                self.assertRedirects(browser.post(self.address), f"/items/{self.item.pk}/")
            self.assertEqual([event.type for event in told], ["item.restored"])
            services.delete_item(self.item.pk, actor=None)

    def test_a_colleague_neither_sees_nor_restores_it(self) -> None:
        browser = sign_in(self.colleague)
        self.assertNotIn(self.address, text(browser.get("/items/deleted/")))
        self.assertEqual(browser.post(self.address).status_code, 404)
        self.assertEqual(browser.get(f"/items/{self.item.pk}/").status_code, 404)
        self.assertIsNotNone(self.now().deleted_at)

    def test_a_stranger_is_asked_to_sign_in(self) -> None:
        for response in (Client().get("/items/deleted/"), Client().post(self.address)):
            self.assertEqual((response.status_code, "/accounts/login/" in response["Location"]), (302, True))

    def test_its_address_offers_the_way_back_to_who_may_go_it(self) -> None:
        for page in ("", "edit/", "delete/"):
            response = sign_in(self.owner).get(f"/items/{self.item.pk}/{page}")
            self.assertEqual((response.status_code, self.address in text(response)), (404, True))

    def test_after_thirty_days_it_cannot_be_restored_and_its_sku_is_free(self) -> None:
        Item.with_deleted.update(deleted_at=timezone.now() - PAST)
        browser = sign_in(self.owner)
        self.assertNotIn(self.address, text(browser.get("/items/deleted/")))
        self.assertEqual(browser.post(self.address).status_code, 404)
        added = self.caller(self.colleague).send("POST", "/api/items/", {"name": "New", "price": 1, "sku": "TENT-1"})
        self.assertEqual(added.status_code, 201, added.content)
        self.assertFalse(Item.with_deleted.filter(pk=self.item.pk).exists())

    def test_until_then_it_keeps_its_sku(self) -> None:
        added = self.caller(self.colleague).send("POST", "/api/items/", {"name": "New", "price": 1, "sku": "TENT-1"})
        self.assertEqual((added.status_code, "TENT-1" in detail_of(added)), (409, True))

    def test_purgeitems_removes_only_what_is_past_and_its_history(self) -> None:
        kept = services.create_item(actor=None, name="Kept", price=1)
        services.delete_item(kept.pk, actor=None)
        Item.with_deleted.filter(pk=self.item.pk).update(deleted_at=timezone.now() - PAST)
        for said in ("1 item removed", "0 items removed"):
            out = io.StringIO()
            call_command("purgeitems", stdout=out)
            self.assertIn(said, out.getvalue())
        self.assertEqual([item.pk for item in Item.with_deleted.all()], [kept.pk])
        self.assertFalse(ItemVersion.objects.filter(item_id=self.item.pk).exists())

    def test_deleting_another_item_removes_what_is_past(self) -> None:
        Item.with_deleted.update(deleted_at=timezone.now() - PAST)
        other = services.create_item(actor=self.colleague, name="Other", price=1)
        services.delete_item(other.pk, actor=self.colleague)
        self.assertFalse(Item.with_deleted.filter(pk=self.item.pk).exists())


class DeletedWhileEditingTests(PeopleTestCase):
    def setUp(self) -> None:
        self.browser = sign_in(self.owner)
        self.version = hidden(self.browser.get(f"/items/{self.item.pk}/edit/"), "version")
        services.delete_item(self.item.pk, actor=self.staff)
        self.typed = TYPED | {"description": "Typed <long>", "sku": "TENT-1"}
        self.answer = self.browser.post(f"/items/{self.item.pk}/edit/", self.typed | {"version": self.version})

    def restore(self, **typed: str) -> Any:
        """Presses "Restore the item and save this"."""
        kept = {name: hidden(self.answer, name) for name in ("submission", "version")}
        return self.browser.post(f"/items/{self.item.pk}/restore/", self.typed | kept | typed)

    def test_the_page_says_who_did_it_and_keeps_what_was_typed(self) -> None:
        page = text(self.answer)
        self.assertEqual(self.answer.status_code, 409)
        for shown in ("deleted while you were editing", "by stella", "Typed &lt;long&gt;", 'value="Lamp"', "TENT-1"):
            self.assertIn(shown, page)

    def test_restoring_saves_it_in_one_go(self) -> None:
        self.assertRedirects(self.restore(), f"/items/{self.item.pk}/")
        self.assertEqual((self.now().deleted_at, self.now().description, self.now().version), (None, "Typed <long>", 4))

    def test_a_mistake_restores_nothing(self) -> None:
        response = self.restore(price="x")
        self.assertNotIn("incomplete", text(response))
        self.assertIn('id="id_price_error"', text(response))
        self.assertIn("Typed &lt;long&gt;", text(response))
        self.assertIsNotNone(self.now().deleted_at)

    def test_what_others_saved_before_they_deleted_it_is_not_undone(self) -> None:
        services.restore_item(self.item.pk, actor=self.staff)
        services.update_item(self.item.pk, actor=self.staff, link="https://stella.example/")
        services.delete_item(self.item.pk, actor=self.staff)
        self.assert_brought_together()

    def test_what_others_saved_after_they_restored_it_is_not_undone(self) -> None:
        services.restore_item(self.item.pk, actor=self.staff)
        services.update_item(self.item.pk, actor=self.staff, link="https://stella.example/")
        self.assert_brought_together()

    def assert_brought_together(self) -> None:
        """With the link that Stella saved, and what Olga typed before she knew of it."""
        conflict = self.restore()
        page = text(conflict)
        saved = self.now()
        self.assertEqual((conflict.status_code, hidden(conflict, "version")), (409, str(saved.version)))
        self.assertEqual((saved.deleted_at, saved.link, saved.name), (None, "https://stella.example/", "Tent"))
        for shown in (
            "stella saved this item while you were editing",
            "<del>(empty)</del> → <ins>https://stella.example/</ins>",
            "“Tent” was restored. What you typed is not saved yet.",
            "Typed &lt;long&gt;",
            f'action="/items/{self.item.pk}/edit/"',
        ):
            self.assertIn(shown, page)
        together = self.typed | {name: hidden(conflict, name) for name in ("version", "link")}
        self.browser.post(f"/items/{self.item.pk}/edit/", together)
        saved = self.now()
        self.assertEqual((saved.name, saved.link), ("Lamp", "https://stella.example/"))

    def test_a_mistake_in_what_somebody_else_has_restored_is_shown_in_its_form(self) -> None:
        services.restore_item(self.item.pk, actor=self.staff)
        page = text(self.restore(price="x"))
        for shown in ('id="id_price_error"', "Typed &lt;long&gt;", f'action="/items/{self.item.pk}/edit/"'):
            self.assertIn(shown, page)

    def test_it_can_become_a_new_item_with_another_sku(self) -> None:
        form = self.typed | {"submission": hidden(self.answer, "submission")}
        self.assertIn("TENT-1 belongs to another item", text(self.browser.post("/items/new/", form)))
        self.browser.post("/items/new/", form | {"sku": ""})
        self.assertEqual(Item.objects.get(description="Typed <long>").owner, self.owner)
