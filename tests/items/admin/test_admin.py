from __future__ import annotations

from typing import Any
from unittest import mock

from django.contrib.auth.models import User

from items import services, tokens
from items.models import ApiToken, Item
from items.services import changes
from tests.support.people import PeopleTestCase, events, sign_in

ADD = "/admin/items/item/add/"
TYPED = {"name": "Lamp", "description": "", "price": "12.50", "tax": "", "link": "", "sku": "", "owner": ""}


def errors(response: Any) -> str:
    return str(response.content.decode())


class ItemAdminTests(PeopleTestCase):
    def setUp(self) -> None:
        self.browser = sign_in(self.staff)
        self.change = f"/admin/items/item/{self.item.pk}/change/"
        self.form = {
            "name": "Tent", "description": "Green", "price": "249.00", "tax": "39.76", "link": "", "sku": "TENT-1",
            "owner": str(self.owner.pk), "seen_version": "1",
        }  # fmt: skip

    def test_adding_makes_the_event(self) -> None:
        with events() as told:
            response = self.browser.post(ADD, TYPED | {"owner": str(self.owner.pk)})
        self.assertRedirects(response, "/admin/items/item/")
        item = Item.objects.get(name="Lamp")
        self.assertEqual((item.version, item.owner), (1, self.owner))
        self.assertEqual([(event.type, event.payload["actor"]) for event in told], [("item.created", "stella")])

    def test_changing_makes_the_next_version(self) -> None:
        with events() as told:
            self.assertRedirects(self.browser.post(self.change, self.form | {"price": "1"}), "/admin/items/item/")
        self.assertEqual([(event.type, event.version) for event in told], [("item.updated", 2)])
        self.assertEqual(str(self.now().price), "1.00")

    def test_saving_unchanged_is_no_new_version(self) -> None:
        with events() as told:
            self.browser.post(self.change, self.form)
        self.assertEqual((told, self.now().version), ([], 1))

    def test_giving_an_item_to_somebody_else(self) -> None:
        self.browser.post(self.change, self.form | {"owner": str(self.colleague.pk)})
        self.assertEqual(self.now().owner, self.colleague)

    def test_an_old_page_does_not_overwrite_what_was_saved_meanwhile(self) -> None:
        services.update_item(self.item.pk, actor=self.owner, name="Olga's")
        response = self.browser.post(self.change, self.form | {"name": "Stella's"})
        self.assertIn("was changed meanwhile", errors(response))
        self.assertEqual(self.now().name, "Olga's")

    def test_somebody_quicker_than_the_forms_checks_is_told_without_an_error_page(self) -> None:
        """Between the form's checks and the service another writer takes the SKU."""

        drafted = changes.drafted

        def and_then_somebody_else(*arguments: Any) -> Item:
            item = drafted(*arguments)
            quicker.stop()
            services.create_item(actor=None, name="Quicker", price=1, sku="LAMP")
            return item

        quicker = mock.patch.object(changes, "drafted", and_then_somebody_else)
        quicker.start()
        self.addCleanup(mock.patch.stopall)
        response = self.browser.post(ADD, TYPED | {"sku": "LAMP"}, follow=True)
        self.assertIn("Nothing was saved.", errors(response))
        self.assertFalse(Item.objects.filter(name="Lamp").exists())

    def test_form_errors_are_shown(self) -> None:
        wrong = {"name": "", "price": "-1", "link": "ftp://example.com", "sku": "TENT-1"}
        response = self.browser.post(ADD, TYPED | wrong)
        page = errors(response)
        for field in wrong:
            self.assertIn(f'id="id_{field}_error"', page)
        self.assertEqual(Item.objects.count(), 1)

    def test_deleting_one_and_several_makes_the_events(self) -> None:
        others = [services.create_item(actor=self.owner, name=f"n{n}", price=1).pk for n in range(2)]
        with events() as told:
            self.browser.post(f"/admin/items/item/{self.item.pk}/delete/", {"post": "yes"})
            chosen = {"action": "delete_selected", "_selected_action": others, "post": "yes"}
            self.browser.post("/admin/items/item/", chosen)
        self.assertEqual([event.type for event in told], ["item.deleted"] * 3)
        self.assertEqual(Item.with_deleted.filter(deleted_at__isnull=False, version=2).count(), 3)

    def test_the_pages_open_for_staff_only(self) -> None:
        for path in ("/admin/", "/admin/items/item/", "/admin/items/item/?q=tent", ADD, self.change):
            self.assertEqual(self.browser.get(path).status_code, 200)
            self.assertEqual(sign_in(self.owner).get(path).status_code, 302)

    def test_an_owner_can_be_deleted_and_leaves_the_items(self) -> None:
        tokens.issue(self.owner)
        self.browser.post(f"/admin/auth/user/{self.owner.pk}/delete/", {"post": "yes"})
        self.assertFalse(User.objects.filter(pk=self.owner.pk).exists())
        self.assertIsNone(self.now().owner)


class TokenAdminTests(PeopleTestCase):
    def test_tokens_are_listed_and_revoked_but_never_shown_or_made(self) -> None:
        secret = tokens.issue(self.owner, "laptop")
        token = ApiToken.objects.get()
        browser = sign_in(self.staff)
        for path in ("/admin/items/apitoken/", f"/admin/items/apitoken/{token.pk}/change/"):
            page = errors(browser.get(path))
            self.assertIn("laptop", page)
            self.assertNotIn(secret, page)
            self.assertNotIn(token.digest, page)
        self.assertEqual(browser.get("/admin/items/apitoken/add/").status_code, 403)
        browser.post("/admin/items/apitoken/", {"action": "revoke", "_selected_action": [token.pk]})
        token.refresh_from_db()
        self.assertIsNotNone(token.revoked_at)
