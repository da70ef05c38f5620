"""What people may do, looked up for many at once: the same as Django says of each."""

from __future__ import annotations

from django.contrib.auth.models import Group, Permission, User
from django.test import TestCase

from items.services import rights


class LookedUpTests(TestCase):
    def test_many_may_do_what_each_of_them_may_by_themselves_and_by_groups(self) -> None:
        add, change, delete, topic = (
            Permission.objects.get(content_type__app_label=app, codename=name)
            for app, name in (
                ("items", "add_item"),
                ("items", "change_item"),
                ("items", "delete_item"),
                ("streams", "add_topic"),
            )
        )
        one, other, empty = (Group.objects.create(name=name) for name in ("one", "other", "empty"))
        one.permissions.add(add, topic)
        other.permissions.add(delete)
        users = [
            User.objects.create(username=name) for name in ("nobody", "own", "member", "both", "two", "off", "root")
        ]
        users[1].user_permissions.add(change)
        users[2].groups.add(one)
        users[3].groups.add(one, empty)
        users[3].user_permissions.add(change, add)
        users[4].groups.add(one, other)
        users[5].groups.add(one)
        User.objects.filter(username="off").update(is_active=False)
        User.objects.filter(username="root").update(is_superuser=True)
        fresh = list(User.objects.order_by("pk"))
        looked_up = [*User.objects.order_by("pk"), *User.objects.order_by("pk")]
        with self.assertNumQueries(1):
            rights.look_up(looked_up)
        with self.assertNumQueries(4):  # of the superuser, two each time, as Django asks it
            found = [user.get_all_permissions() for user in looked_up]
        self.assertEqual(found, [user.get_all_permissions() for user in [*fresh, *fresh]])
        self.assertEqual([len(names) for names in found[:6]], [0, 1, 2, 3, 3, 0])

    def test_of_nobody_nothing_is_asked(self) -> None:
        with self.assertNumQueries(0):
            rights.look_up([])

    def test_what_was_said_of_a_person_holds_as_long_as_what_was_looked_up(self) -> None:
        user = User.objects.create(username="member")
        user.user_permissions.add(Permission.objects.get(content_type__app_label="items", codename="add_item"))
        self.assertTrue(rights.may_add(user))
        with self.assertNumQueries(0):
            self.assertEqual((rights.may_add(user), rights.may_change_all(user)), (True, False))
        user.is_active = False
        self.assertFalse(rights.may_add(user))
        user.is_active = user.is_superuser = True
        self.assertTrue(rights.may_change_all(user))
        user.is_superuser = False
        user.user_permissions.clear()
        rights.look_up([user])
        self.assertFalse(rights.may_add(user))
