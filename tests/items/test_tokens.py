from __future__ import annotations

from datetime import timedelta
from io import StringIO

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import override_settings
from django.utils import timezone

from items import tokens
from items.models import ApiToken
from tests.support.people import Caller, PeopleTestCase, detail_of


class TokenTests(PeopleTestCase):
    def test_a_token_signs_its_user_in_and_the_database_does_not_know_it(self) -> None:
        secret = tokens.issue(self.owner, "laptop")
        self.assertEqual(authenticate(token=secret), self.owner)
        token = ApiToken.objects.get()
        self.assertNotIn(secret, [str(value) for value in token.__dict__.values()])
        self.assertIsNotNone(token.last_used_at)

    def test_two_tokens_of_a_user_are_different_and_both_work(self) -> None:
        first, second = tokens.issue(self.owner), tokens.issue(self.owner)
        self.assertNotEqual(first, second)
        self.assertEqual([authenticate(token=first), authenticate(token=second)], [self.owner, self.owner])

    def test_wrong_tokens_sign_nobody_in(self) -> None:
        secret = tokens.issue(self.owner)
        for wrong in (
            "",
            secret[:-1],
            secret + "x",
            secret.upper(),
            ApiToken.objects.get().digest,
            "x" * 10_000,
            "\ud800",
        ):
            self.assertIsNone(authenticate(token=wrong))
        self.assertIsNone(authenticate(token=None))

    def test_a_revoked_token_stays_revoked(self) -> None:
        secret = tokens.issue(self.owner)
        token = ApiToken.objects.get()
        tokens.revoke(token)
        first = ApiToken.objects.get().revoked_at
        tokens.revoke(token)
        self.assertIsNone(authenticate(token=secret))
        self.assertEqual(ApiToken.objects.get().revoked_at, first)
        self.assertEqual(Caller(secret).send("GET", "/api/items/").status_code, 401)

    def test_a_user_who_was_switched_off_is_not_signed_in(self) -> None:
        secret = tokens.issue(self.owner)
        self.owner.is_active = False
        self.owner.save()
        self.assertIsNone(authenticate(token=secret))

    def test_the_demo_account_is_signed_in_only_while_the_demo_runs(self) -> None:
        demo = User.objects.create_user(settings.DEMO_USERNAME)
        secret = tokens.issue(demo)
        self.assertIsNone(authenticate(token=secret))
        with override_settings(DEMO=True):
            self.assertEqual(authenticate(token=secret), demo)
        demo.set_password("a person's own account of that name")
        demo.save()
        self.assertEqual(authenticate(token=secret), demo)

    def test_the_use_is_noted_at_most_once_a_minute(self) -> None:
        secret = tokens.issue(self.owner)
        authenticate(token=secret)
        with self.assertNumQueries(1):
            authenticate(token=secret)
        old = timezone.now() - timedelta(minutes=2)
        ApiToken.objects.update(last_used_at=old)
        authenticate(token=secret)
        noted = ApiToken.objects.get().last_used_at
        assert noted is not None
        self.assertGreater(noted, old)


class CreateTokenTests(PeopleTestCase):
    def test_it_prints_the_token_alone_on_one_line(self) -> None:
        out, err = StringIO(), StringIO()
        call_command("createtoken", "olga", "--name", "laptop", stdout=out, stderr=err)
        (line,) = out.getvalue().splitlines()
        self.assertEqual((authenticate(token=line), err.getvalue()), (self.owner, ""))
        self.assertEqual(ApiToken.objects.get().name, "laptop")

    def test_an_unknown_user_is_an_error_that_names_it(self) -> None:
        with self.assertRaisesMessage(CommandError, "There is no user 'nobody'."):
            call_command("createtoken", "nobody")

    def test_a_user_who_cannot_sign_in_gets_none(self) -> None:
        self.owner.is_active = False
        self.owner.save()
        with self.assertRaisesMessage(CommandError, "cannot sign in"):
            call_command("createtoken", "olga", stdout=StringIO())


class ExpiryTests(PeopleTestCase):
    def test_a_token_works_for_ninety_days_and_then_says_that_it_is_over(self) -> None:
        secret = tokens.issue(self.owner)
        token = ApiToken.objects.get()
        assert token.expires_at is not None
        self.assertEqual((token.expires_at - token.created_at).days, 90)
        self.assertEqual(Caller(secret).send("GET", "/api/items/").status_code, 200)
        ApiToken.objects.update(expires_at=timezone.now())
        answer = Caller(secret).send("GET", "/api/items/")
        self.assertEqual(answer.status_code, 401)
        self.assertIn("expired", detail_of(answer))
        self.assertIsNone(authenticate(token=secret))
        self.assertEqual(tokens.users_of([secret]), {})

    def test_many_are_looked_up_together(self) -> None:
        good, over, unknown = tokens.issue(self.owner), tokens.issue(self.colleague, days=1), "sb_nonsense"
        ApiToken.objects.filter(user=self.colleague).update(expires_at=timezone.now())
        with self.assertNumQueries(2):  # the look, and the note of the use
            self.assertEqual(tokens.users_of([good, over, unknown, ""]), {good: self.owner})

    def test_createtoken_takes_days(self) -> None:
        for days, lives in (("7", 7), ("0", None)):
            call_command("createtoken", "olga", "--days", days, stdout=StringIO())
            newest = ApiToken.objects.first()
            assert newest is not None
            given = None if newest.expires_at is None else (newest.expires_at - newest.created_at).days
            self.assertEqual(given, lives)
        with self.assertRaises(CommandError):
            call_command("createtoken", "olga", "--days", "-1", stdout=StringIO())
