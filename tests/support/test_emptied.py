"""What a test with transactions of its own leaves to the next."""

from __future__ import annotations

from unittest import mock

from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command, sql
from django.test import TransactionTestCase

from streams.models import Topic
from tests.support import emptied


def rows() -> list[list[tuple[object, ...]]]:
    """All of what a new database holds."""
    return [list(model.objects.order_by("pk").values_list()) for model in (ContentType, Permission, Topic)]


def empty() -> None:
    """As it is done after each of these tests."""
    call_command("flush", verbosity=0, interactive=False, reset_sequences=False)


class EmptiedTests(TransactionTestCase):
    def setUp(self) -> None:
        empty()

    def test_the_rows_that_are_put_back_are_those_that_were_made(self) -> None:
        with mock.patch.dict(emptied.kept, clear=True):
            empty()
            made = rows()
            User.objects.create_user("olga")
            Topic.objects.all().delete()
            with mock.patch.object(sql, "emit_post_migrate_signal", side_effect=AssertionError("made once more")):
                empty()
        self.assertEqual(rows(), made)
        self.assertTrue(all(made))
        self.assertFalse(User.objects.exists())

    def test_kinds_are_those_of_the_rows_that_were_put_back(self) -> None:
        with mock.patch.dict(emptied.kept, clear=True):
            empty()
            others = ContentType.objects.get_for_model(User).pk
        empty()
        kind = ContentType.objects.get_for_model(User)
        self.assertEqual(ContentType.objects.get(app_label="auth", model="user").pk, kind.pk)
        self.assertNotEqual(kind.pk, others)

    def test_new_rows_can_be_made(self) -> None:
        """Their numbers go on behind those that were put back."""
        Topic.objects.create(name="another")
        self.assertEqual(Topic.objects.count(), 2)
