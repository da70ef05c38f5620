"""Restoring deleted items through the API and in the admin; the pages are in test_history.py."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Permission, User
from django.utils import timezone

from items import services
from items.models import Item
from items.values.moments import iso
from tests.support.people import Caller, PeopleTestCase, events, sign_in


class DeletedTestCase(PeopleTestCase):
    def setUp(self) -> None:
        services.delete_item(self.item.pk, actor=self.owner)
        self.address = f"/api/items/{self.item.pk}/restore"

    def long_ago(self) -> None:
        Item.with_deleted.update(deleted_at=timezone.now() - services.UNDO)


class ApiTests(DeletedTestCase):
    def listed(self, user: User) -> list[Any]:
        items: list[Any] = self.caller(user).send("GET", "/api/items/deleted").json()["items"]
        return items

    def test_the_owner_and_staff_find_and_restore_it(self) -> None:
        for user in (self.owner, self.staff):
            (found,) = self.listed(user)
            deleted_at = self.now().deleted_at
            assert deleted_at
            self.assertEqual((found["id"], found["deleted_at"]), (self.item.pk, iso(deleted_at)))
            with events() as told:
                answer = self.caller(user).send("POST", self.address)
            self.assertEqual((answer.status_code, answer["ETag"]), (200, f'"{self.now().version}"'))
            self.assertEqual([event.type for event in told], ["item.restored"])
            self.assertEqual(told[0].payload, answer.json() | {"actor": user.username})
            self.assertEqual(self.listed(user), [])
            services.delete_item(self.item.pk, actor=None)

    def test_a_colleague_and_a_stranger_do_not(self) -> None:
        self.assertEqual(self.listed(self.colleague), [])
        self.assertEqual(self.caller(self.colleague).send("POST", self.address).status_code, 404)
        for method, address in (("GET", "/api/items/deleted"), ("POST", self.address)):
            self.assertEqual(Caller().send(method, address).status_code, 401)
        self.assertIsNotNone(self.now().deleted_at)

    def test_what_is_there_stays_as_it_is_and_what_is_gone_is_not_found(self) -> None:
        mine = self.caller(self.owner)
        mine.send("POST", self.address)
        with events() as told:
            self.assertEqual(mine.send("POST", self.address).json()["version"], 3)
        self.assertEqual(told, [])
        services.delete_item(self.item.pk, actor=self.owner)
        self.long_ago()
        self.assertEqual((self.listed(self.owner), mine.send("POST", self.address).status_code), ([], 404))


class AdminTests(DeletedTestCase):
    LIST = "/admin/items/deleteditem/"

    def restore(self, user: User) -> Any:
        return sign_in(user).post(self.LIST, {"action": "restore", "_selected_action": [self.item.pk]}, follow=True)

    def test_staff_restores_what_is_selected(self) -> None:
        page = sign_in(self.staff).get(self.LIST)
        self.assertContains(page, "Tent")
        with events() as told:
            self.assertContains(self.restore(self.staff), "1 item(s) restored.")
        self.assertEqual([(event.type, event.payload["actor"]) for event in told], [("item.restored", "stella")])
        self.assertNotContains(sign_in(self.staff).get(self.LIST), "Tent")

    def test_who_may_only_look_is_not_offered_it(self) -> None:
        looking = User.objects.create_user("liz", is_staff=True)
        looking.user_permissions.add(Permission.objects.get(codename="view_item"))
        self.assertNotContains(sign_in(looking).get(self.LIST), "Restore selected")
        self.restore(looking)
        self.assertIsNotNone(self.now().deleted_at)

    def test_what_is_gone_for_good_is_not_shown_and_others_have_no_list(self) -> None:
        self.long_ago()
        self.assertNotContains(sign_in(self.staff).get(self.LIST), "Tent")
        self.assertEqual(sign_in(self.owner).get(self.LIST).status_code, 302)
