from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any
from unittest import mock

from django.contrib.auth.models import Permission, User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from items import services
from items.events import item_changed
from items.models import Item, ItemVersion
from items.services import items
from streams.models import OutboxMessage
from tests.support.people import PeopleTestCase, events, sign_in


class Undo(Exception):
    pass


class CreateTests(PeopleTestCase):
    def test_a_new_item_belongs_to_its_actor_and_its_event_carries_the_whole_item(self) -> None:
        with events() as told:
            item = services.create_item(actor=self.owner, name=" Lamp ", price=0.1, link="https://example.com/lamp")

        item.refresh_from_db()
        self.assertEqual((item.name, item.price, item.version, item.owner), ("Lamp", Decimal("0.10"), 1, self.owner))
        self.assertEqual(item.created_at, item.updated_at)
        (event,) = told
        self.assertEqual((event.type, event.item_id, event.version), ("item.created", item.pk, 1))
        self.assertEqual(event.payload, item.as_object() | {"actor": "olga"})

    def test_the_system_may_add_an_item_for_somebody(self) -> None:
        with events() as told:
            item = services.create_item(actor=None, owner=self.colleague, name="Lamp", price=1)
        self.assertEqual(item.owner, self.colleague)
        self.assertIsNone(told[0].payload["actor"])

    def test_nobody_but_staff_adds_items_in_the_name_of_others(self) -> None:
        with self.assertRaises(services.NotAllowed):
            services.create_item(actor=self.owner, owner=self.colleague, name="Lamp", price=1)
        self.assertEqual(services.create_item(actor=self.staff, owner=None, name="Lamp", price=1).owner, None)

    def test_what_cannot_be_stored_is_refused_by_field_and_nothing_is_told(self) -> None:
        wrong: dict[str, Any] = {
            "name": "  ", "description": "a\x00b", "price": "1.005", "tax": -1, "link": "ftp://a.example",
            "sku": "a\nb",
        }  # fmt: skip
        with events() as told, self.assertRaises(ValidationError) as refused:
            services.create_item(actor=self.owner, **wrong)
        self.assertEqual(set(refused.exception.message_dict), set(wrong))
        self.assertEqual(told, [])

    def test_name_and_price_are_required(self) -> None:
        with self.assertRaises(ValidationError) as refused:
            services.create_item(actor=self.owner)
        self.assertEqual(set(refused.exception.message_dict), {"name", "price"})

    def test_an_unknown_field_is_a_programming_error(self) -> None:
        with self.assertRaises(TypeError):
            services.create_item(actor=None, name="Lamp", price=1, colour="red")  # type: ignore[call-arg]

    def test_two_items_cannot_have_one_sku_even_when_one_is_deleted(self) -> None:
        with self.assertRaises(services.SkuTaken):
            services.create_item(actor=self.colleague, name="Other", price=1, sku="TENT-1")
        services.delete_item(self.item.pk, actor=self.owner)
        with self.assertRaises(services.SkuTaken):
            services.create_item(actor=self.colleague, name="Other", price=1, sku="TENT-1")
        services.create_item(actor=self.colleague, name="Without", price=1)
        services.create_item(actor=self.colleague, name="Without too", price=1)

    def test_the_same_form_sent_twice_makes_one_item(self) -> None:
        form = uuid.uuid4()
        first = services.create_item(actor=self.owner, submission=form, name="Lamp", price=1)
        with self.assertRaises(services.AlreadySubmitted) as again:
            services.create_item(actor=self.owner, submission=form, name="Lamp", price=1)
        self.assertEqual(again.exception.item, first)


class UpdateTests(PeopleTestCase):
    def test_each_change_is_one_version_and_one_event(self) -> None:
        with events() as told:
            for price in (1, 2, 3):
                services.update_item(self.item.pk, actor=self.owner, price=price)
        self.assertEqual([(event.type, event.version) for event in told], [("item.updated", v) for v in (2, 3, 4)])
        self.assertEqual([event.payload["price"] for event in told], ["1.00", "2.00", "3.00"])
        self.assertEqual(self.now().version, 4)
        self.assertGreater(self.now().updated_at, self.item.updated_at)
        self.assertEqual(self.now().created_at, self.item.created_at)

    def test_an_update_that_changes_nothing_writes_nothing(self) -> None:
        with events() as told:
            item = services.update_item(self.item.pk, actor=self.owner, name="Tent ", price="249", tax=39.76)
        self.assertEqual((told, item.version), ([], 1))
        self.assertEqual(self.now().updated_at, self.item.updated_at)

    def test_an_expected_version_that_is_not_the_newest_changes_nothing_and_shows_the_item(self) -> None:
        services.update_item(self.item.pk, actor=self.staff, expected_version=1, name="Bigger tent")
        with events() as told, self.assertRaises(services.VersionConflict) as conflict:
            services.update_item(self.item.pk, actor=self.owner, expected_version=1, name="Smaller tent")
        self.assertEqual((conflict.exception.current.name, conflict.exception.current.version), ("Bigger tent", 2))
        self.assertEqual((told, self.now().name), ([], "Bigger tent"))

    def test_another_items_sku_is_refused(self) -> None:
        services.create_item(actor=self.owner, name="Other", price=1, sku="OTHER")
        with events() as told, self.assertRaises(services.SkuTaken):
            services.update_item(self.item.pk, actor=self.owner, sku="OTHER")
        self.assertEqual((told, self.now().sku, self.now().version), ([], "TENT-1", 1))

    def test_an_item_that_is_not_there_cannot_be_changed(self) -> None:
        for item_id in (0, self.item.pk + 100, 10**30):
            with self.assertRaises(services.ItemNotFound):
                services.update_item(item_id, actor=self.owner, name="x")


class DeleteTests(PeopleTestCase):
    def test_a_deletion_is_the_last_state_with_the_next_version(self) -> None:
        with events() as told:
            services.delete_item(self.item.pk, actor=self.owner)
        (event,) = told
        self.assertEqual((event.type, event.version, event.payload["version"]), ("item.deleted", 2, 2))
        self.assertEqual(event.payload, self.item.as_object() | {"version": 2, "actor": "olga"})
        self.assertFalse(Item.objects.filter(pk=self.item.pk).exists())
        with self.assertRaises(services.ItemNotFound):
            services.delete_item(self.item.pk, actor=self.owner)

    def test_a_restored_item_is_back_as_its_next_version(self) -> None:
        services.delete_item(self.item.pk, actor=self.owner)
        with events() as told:
            services.restore_item(self.item.pk, actor=self.owner)
            services.restore_item(self.item.pk, actor=self.owner)
        self.assertEqual([(event.type, event.version) for event in told], [("item.restored", 3)])
        self.assertEqual(Item.objects.get(pk=self.item.pk).sku, "TENT-1")

    def test_an_old_expected_version_keeps_the_item(self) -> None:
        services.update_item(self.item.pk, actor=self.owner, price=1)
        with self.assertRaises(services.VersionConflict):
            services.delete_item(self.item.pk, actor=self.owner, expected_version=1)
        self.assertIsNone(self.now().deleted_at)


class RightsTests(PeopleTestCase):
    def test_a_colleague_cannot_change_delete_or_restore(self) -> None:
        with events() as told:
            for attempt in (services.update_item, services.delete_item, services.restore_item):
                with self.assertRaises(services.NotAllowed):
                    attempt(self.item.pk, actor=self.colleague)
        self.assertEqual((told, self.now().version), ([], 1))

    def test_owner_staff_and_the_system_can(self) -> None:
        for number, actor in enumerate((self.owner, self.staff, None), start=1):
            services.update_item(self.item.pk, actor=actor, price=number)
        self.assertEqual(self.now().version, 4)

    def test_an_item_of_nobody_is_for_staff_only(self) -> None:
        services.update_item(self.item.pk, actor=self.staff, owner=None)
        with self.assertRaises(services.NotAllowed):
            services.update_item(self.item.pk, actor=self.owner, price=1)

    def test_only_staff_gives_an_item_to_somebody_else(self) -> None:
        with self.assertRaises(services.NotAllowed):
            services.update_item(self.item.pk, actor=self.owner, owner=self.colleague)
        with events() as told:
            services.update_item(self.item.pk, actor=self.staff, owner=self.colleague)
        self.assertEqual(told[0].payload["owner"], "carl")


class AtomicTests(PeopleTestCase):
    def test_the_event_is_in_the_outbox_with_the_commit_and_gone_with_a_rollback(self) -> None:
        before = OutboxMessage.objects.count()

        with self.assertRaises(Undo), transaction.atomic():
            services.create_item(actor=self.owner, name="Never", price=1)
            self.assertEqual(OutboxMessage.objects.count(), before + 1)
            raise Undo
        self.assertEqual(OutboxMessage.objects.count(), before)
        self.assertFalse(Item.objects.filter(name="Never").exists())

    def test_a_receiver_that_fails_undoes_the_write(self) -> None:
        def fail(sender: object, **_: object) -> None:
            raise RuntimeError("no room in the outbox")

        item_changed.connect(fail)
        self.addCleanup(item_changed.disconnect, fail)
        with self.assertRaises(RuntimeError):
            services.create_item(actor=self.owner, name="Never", price=1)
        with self.assertRaises(RuntimeError):
            services.update_item(self.item.pk, actor=self.owner, name="Never")
        with self.assertRaises(RuntimeError):
            services.delete_item(self.item.pk, actor=self.owner)
        self.assertFalse(Item.objects.filter(name="Never").exists())
        self.assertEqual((self.now().version, self.now().deleted_at), (1, None))


class DatabaseConstraintTests(PeopleTestCase):
    def test_the_database_itself_refuses_what_an_item_can_never_be(self) -> None:
        wrong: list[dict[str, Any]] = [
            {"name": ""}, {"price": Decimal("-0.01")}, {"tax": Decimal(-1)}, {"version": 0}, {"sku": "TENT-1"},
        ]  # fmt: skip
        for fields in wrong:
            with self.subTest(fields), self.assertRaises(IntegrityError), transaction.atomic():
                Item.objects.create(**{"name": "x", "price": Decimal(1), **fields})


class OwnerGoesTests(PeopleTestCase):
    def test_the_items_of_a_deleted_account_are_nobodys_from_their_next_version_on(self) -> None:
        services.create_items(actor=self.owner, rows=[{"name": "Lamp", "price": 1}] * 3)
        gone = services.create_item(actor=self.owner, name="Gone", price=1)
        services.delete_item(gone.pk, actor=self.owner)
        with events() as told, mock.patch.object(items, "DISOWN_STEP", 2):
            self.owner.delete()
        self.assertEqual([(event.type, event.version) for event in told], [("item.updated", 2)] * 4)
        self.assertTrue(all(event.payload["owner"] is event.payload["actor"] is None for event in told))
        self.assertEqual(set(Item.with_deleted.values_list("owner", flat=True)), {None})
        self.assertEqual(ItemVersion.objects.filter(changes={"owner": ["olga", None]}).count(), 4)
        with self.assertRaises(services.ItemNotFound):
            services.restore_item(gone.pk, actor=self.colleague)

    def test_nothing_is_told_when_the_deletion_is_undone(self) -> None:
        before = OutboxMessage.objects.count()
        with self.assertRaises(Undo), transaction.atomic():
            User.objects.get(pk=self.owner.pk).delete()
            raise Undo
        self.assertEqual((OutboxMessage.objects.count(), self.now().owner), (before, self.owner))


class StaffAloneTests(PeopleTestCase):
    """`is_staff` opens the admin, and decides nothing."""

    def test_who_is_staff_only_changes_deletes_and_restores_nothing_of_others(self) -> None:
        liz = User.objects.create_user("liz", is_staff=True)
        for service in (services.update_item, services.delete_item):
            with self.assertRaises(services.NotAllowed):
                service(self.item.pk, actor=liz)
        services.delete_item(self.item.pk, actor=self.owner)
        with self.assertRaises(services.ItemNotFound):
            services.restore_item(self.item.pk, actor=liz)
        self.assertEqual(sign_in(liz).get(f"/items/{self.item.pk}/").status_code, 404)
        self.assertNotIn("Tent", sign_in(liz).get("/items/deleted/").content.decode())
        self.assertEqual(self.caller(liz).send("GET", "/api/items/deleted").json()["items"], [])

    def test_each_permission_lets_do_what_it_says_to_everybodys_items(self) -> None:
        people = {}
        for codename in ("change_item", "delete_item"):
            people[codename] = User.objects.create_user(codename)
            people[codename].user_permissions.add(Permission.objects.get(codename=codename))
        services.update_item(self.item.pk, actor=people["change_item"], name="Large tent", owner=self.colleague)
        with self.assertRaises(services.NotAllowed):
            services.delete_item(self.item.pk, actor=people["change_item"])
        with self.assertRaises(services.NotAllowed):
            services.update_item(self.item.pk, actor=people["delete_item"], name="Small tent")
        services.delete_item(self.item.pk, actor=people["delete_item"])
        self.assertEqual(services.restore_item(self.item.pk, actor=people["change_item"]).name, "Large tent")
