"""Who tries too often is told when to come back, whoever else tries."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from unittest import mock

from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.mail import EmailMessage
from django.core.mail.backends.locmem import EmailBackend
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory, TestCase, override_settings
from django.utils import timezone

from items import tokens
from items.services.turns import Busy
from project import mailing
from project.accounts import attempts, views
from project.models import Attempts
from tests.support.waiting import wait_until

HERE, THERE = "192.0.2.1", "192.0.2.2"
WORD = "olga's word"
LONG_AGO = float("-inf")  # by a clock that begins with the machine


class AttemptsTestCase(TestCase):
    @classmethod
    def setUpTestData(cls) -> None:
        User.objects.create_superuser("olga", "olga@example.com", WORD)

    def sign_in(self, password: str, *, name: str = "olga", address: str = HERE, path: str = "/accounts/login/") -> Any:
        return Client(REMOTE_ADDR=address).post(path, {"username": name, "password": password})

    def later(self, passed: timedelta) -> None:
        for row in Attempts.objects.all():
            row.since -= passed
            row.save()


class SignInTests(AttemptsTestCase):
    def fail(self, times: int, **typed: str) -> None:  # type: ignore[override]
        for _ in range(times):
            self.assertEqual(self.sign_in("wrong", **typed).status_code, 200)

    def test_after_ten_failures_the_right_word_does_not_help_until_the_time_is_over(self) -> None:
        self.fail(10)
        refused = self.sign_in(WORD)
        self.assertEqual(refused.status_code, 429)
        self.assertTrue(0 < int(refused["Retry-After"]) <= 600)
        self.assertContains(refused, "Wait 10 minutes", status_code=429)
        self.later(timedelta(minutes=9))
        self.assertContains(self.sign_in(WORD, name=" olga"), "Wait 1 minute,", status_code=429)
        self.later(timedelta(minutes=1))
        self.assertEqual(self.sign_in(WORD).status_code, 302)

    def test_a_name_of_another_width_is_the_same_name(self) -> None:
        for name in ("olga", "ｏｌｇａ", " olga", "olga ", "ｏlga"):
            self.fail(2, name=name)
        self.assertEqual(self.sign_in(WORD).status_code, 429)

    def test_an_account_of_ones_own_with_the_same_letters_gives_no_tries_back(self) -> None:
        """Where names differ in case they are two people's."""
        User.objects.create_user("OLGA", password="another word")
        self.fail(9)
        for _ in range(2):
            self.assertEqual(self.sign_in("another word", name="OLGA").status_code, 302)
        self.fail(1)
        self.assertEqual(self.sign_in(WORD).status_code, 429)

    def test_the_admins_door_counts_with_the_others(self) -> None:
        self.fail(5)
        self.fail(5, path="/admin/login/")
        for path in ("/accounts/login/", "/admin/login/"):
            self.assertEqual(self.sign_in(WORD, path=path).status_code, 429)

    def test_others_are_not_shut_out(self) -> None:
        User.objects.create_user("carl", password=WORD)
        self.fail(10)
        self.assertEqual(self.sign_in(WORD, address=THERE).status_code, 302)
        self.assertEqual(self.sign_in(WORD, name="carl").status_code, 302)

    def test_who_succeeds_has_all_tries_again(self) -> None:
        for _ in range(3):
            self.fail(9)
            self.assertEqual(self.sign_in(WORD).status_code, 302)

    def test_who_is_signed_in_does_not_guess_other_passwords_at_the_admins_door(self) -> None:
        """A session of one's own is no success: the tries are counted, and those of before stay so."""
        self.fail(5)
        browser = self.of_carl()
        statuses = [self.guess(browser, "/admin/login/") for _ in range(6)]
        self.assertEqual(statuses, [200] * 5 + [429])
        for path in ("/accounts/login/", "/admin/login/"):
            self.assertEqual(self.sign_in(WORD, path=path).status_code, 429)

    def test_who_is_signed_in_does_not_guess_at_many_names_either(self) -> None:
        browser = self.of_carl()
        with mock.patch.object(attempts, "SIGN_IN", attempts.Limit("few", 3, timedelta(minutes=10))):
            statuses = [self.guess(browser, "/admin/login/", name=name) for name in "abcd"]
        self.assertEqual(statuses, [200] * 3 + [429])

    def test_at_the_sign_in_page_a_session_is_neither_a_try_nor_a_success(self) -> None:
        """No password is looked at there: who is signed in is sent on."""
        browser = self.of_carl()
        self.fail(9)
        self.assertEqual([self.guess(browser, "/accounts/login/") for _ in range(3)], [302] * 3)
        self.fail(1)
        self.assertEqual(self.sign_in(WORD).status_code, 429)

    def of_carl(self) -> Client:
        """A browser in which somebody else is signed in."""
        browser = Client(REMOTE_ADDR=HERE)
        browser.force_login(User.objects.create_user("carl", password=WORD))
        return browser

    def guess(self, browser: Client, path: str, name: str = "olga") -> int:
        return browser.post(path, {"username": name, "password": "wrong"}).status_code

    def test_names_that_nobody_has_are_answered_alike(self) -> None:
        self.fail(10, name="nobody")
        self.fail(10)
        self.assertEqual(self.sign_in(WORD, name="nobody").content, self.sign_in(WORD).content)

    def test_many_names_from_one_address_end_too(self) -> None:
        with mock.patch.object(attempts, "SIGN_IN", attempts.Limit("few", 3, timedelta(minutes=10))):
            for name in ("a", "b", "c"):
                self.fail(1, name=name)
            self.assertEqual(self.sign_in(WORD).status_code, 429)
            self.assertEqual(Attempts.objects.count(), 4)  # a name tried in vain leaves nothing behind

    def test_reading_the_page_counts_nothing(self) -> None:
        for _ in range(12):
            self.assertEqual(Client(REMOTE_ADDR=HERE).get("/accounts/login/").status_code, 200)
        self.assertEqual(Attempts.objects.count(), 0)

    def test_an_ipv6_network_is_one_address(self) -> None:
        for number in range(10):
            self.fail(1, address=f"2001:db8::{number:x}")
        self.assertEqual(self.sign_in(WORD, address="2001:db8::ffff:1").status_code, 429)
        self.assertEqual(self.sign_in(WORD, address="2001:db8:0:1::1").status_code, 302)

    def test_what_is_over_is_forgotten(self) -> None:
        self.fail(1)
        self.later(attempts.LONGEST)
        attempts._pruned_at = LONG_AGO
        self.fail(1, address=THERE)
        self.assertEqual(Attempts.objects.count(), 2)

    def test_sessions_that_have_ended_go_a_few_with_each_try(self) -> None:
        now = timezone.now()
        for number in range(5):
            Session.objects.create(session_key=f"old-{number}", expire_date=now - timedelta(days=1))
        Session.objects.create(session_key="live", expire_date=now + timedelta(days=1))
        with mock.patch.object(attempts, "PRUNED_AT_ONCE", 3):
            for left in (3, 1, 1):
                attempts._pruned_at = LONG_AGO
                self.fail(1)
                self.assertEqual(Session.objects.count(), left)
        self.assertEqual(Session.objects.get().pk, "live")


class ManyAtOnceTests(TestCase):
    """A password is looked at for a good part of a second, by a core."""

    @staticmethod
    def asker(sign_in: Callable[[HttpRequest], HttpResponse]) -> Callable[[int], int]:
        """Signs somebody in by this view, behind its limits; gives the status."""
        limited = views.limited_sign_in(sign_in)

        def ask(number: int) -> int:
            request = RequestFactory().post("/accounts/login/", {"username": f"name {number}"})
            request.user = AnonymousUser()
            return int(limited(request).status_code)

        return ask

    def test_so_many_are_looked_at_at_once_and_the_others_wait(self) -> None:
        looked_at, most, let_go = Counter[str](), [0], threading.Event()
        lock = threading.Lock()

        def slow(request: HttpRequest) -> HttpResponse:
            with lock:
                looked_at["now"] += 1
                most[0] = max(most[0], looked_at["now"])
            let_go.wait(30)
            with lock:
                looked_at["now"] -= 1
            return HttpResponse()

        ask = self.asker(slow)
        at_once = views.PASSWORDS_AT_ONCE
        with mock.patch.object(attempts, "take"), ThreadPoolExecutor(4 * at_once) as pool:
            asking = [pool.submit(ask, number) for number in range(at_once)]
            wait_until(lambda: looked_at["now"] == at_once, "the first ones are looked at")
            with mock.patch.object(views, "PASSWORD_WAIT_S", 0.1), self.assertRaises(Busy):
                ask(-1)
            with mock.patch.object(views, "PASSWORD_WAIT_S", 60):
                asking += [pool.submit(ask, number) for number in range(at_once, 4 * at_once)]
                let_go.set()
                self.assertEqual({asked.result(30) for asked in asking}, {200})
        self.assertEqual(most, [at_once])

    def test_only_some_wait_for_it_since_each_keeps_a_thread_from_all_other_requests(self) -> None:
        let_go = threading.Event()
        looked_at: list[int] = []

        def slow(request: HttpRequest) -> HttpResponse:
            looked_at.append(1)
            let_go.wait(30)
            return HttpResponse()

        ask = self.asker(slow)
        places = views.PASSWORDS_AT_ONCE + views.PASSWORDS_WAITING
        free = views._places
        patient = mock.patch.object(views, "PASSWORD_WAIT_S", 60)
        with mock.patch.object(attempts, "take"), patient, ThreadPoolExecutor(places) as pool:
            asking = [pool.submit(ask, number) for number in range(places)]
            wait_until(lambda: free._value == 0, "each has its place")
            with self.assertRaises(Busy):
                ask(-1)
            let_go.set()
            self.assertEqual({asked.result(30) for asked in asking}, {200})
        self.assertEqual(len(looked_at), places)


class HearsayTests(AttemptsTestCase):
    def test_a_fresh_address_from_a_proxy_for_every_try_ends_too(self) -> None:
        with mock.patch.object(attempts, "SIGN_IN_BY_HEARSAY", attempts.Limit("few", 3, timedelta(minutes=10))):
            statuses = [
                Client(REMOTE_ADDR=f"192.0.2.{number}", HTTP_X_FORWARDED_FOR=f"192.0.2.{number}")
                .post("/accounts/login/", {"username": "olga", "password": "wrong"})
                .status_code
                for number in range(4)
            ]
            self.assertEqual(statuses, [200, 200, 200, 429])
            self.assertEqual(self.sign_in(WORD, address=THERE).status_code, 302)


class TokenTests(AttemptsTestCase):
    def setUp(self) -> None:
        attempts._refused.clear()
        self.addCleanup(attempts._refused.clear)

    def test_wrong_tokens_are_counted_and_right_ones_always_pass(self) -> None:
        right = tokens.issue(User.objects.get(), "script")
        with mock.patch.object(attempts, "WRONG_TOKEN", attempts.Limit("few", 3, timedelta(minutes=10))):
            answers = [self.call("sb_wrong") for _ in range(5)]
            self.assertEqual([answer.status_code for answer in answers], [401, 401, 401, 429, 429])
            self.assertTrue(0 < int(answers[-1]["Retry-After"]) <= 600)
            self.assertEqual(self.call(right).status_code, 200)
            self.assertEqual(self.call("sb_wrong", THERE).status_code, 401)

    def call(self, token: str, address: str = HERE) -> Any:
        return Client(REMOTE_ADDR=address).get("/api/items/", headers={"Authorization": f"Bearer {token}"})


class Held(EmailBackend):
    """A server of mail that takes none until the test lets go."""

    let_go = threading.Event()

    def send_messages(self, messages: Sequence[EmailMessage]) -> int:
        self.let_go.wait(60)
        return super().send_messages(messages)


class ResetTests(AttemptsTestCase):
    def test_the_answer_does_not_wait_for_the_mail(self) -> None:
        """Else its time tells which addresses have an account."""
        Held.let_go.clear()
        with override_settings(EMAIL_BACKEND=f"{__name__}.Held"):
            answer = Client(REMOTE_ADDR=HERE).post("/accounts/password/reset/", {"email": "olga@example.com"})
            self.assertEqual((answer.status_code, mail.outbox), (302, []))
            Held.let_go.set()
            mailing.wait_sent(30)
        self.assertEqual(len(mail.outbox), 1)

    def ask(self, address: str, comes_from: str = HERE) -> Any:
        answer = Client(REMOTE_ADDR=comes_from).post("/accounts/password/reset/", {"email": address})
        mailing.wait_sent(30)
        return answer

    def test_nobody_gets_more_than_three_mails_an_hour(self) -> None:
        answers = [
            self.ask(("olga@example.com", "OLGA@Example.com")[number % 2], f"192.0.2.{number}").status_code
            for number in range(5)
        ]
        self.assertEqual((answers, len(mail.outbox)), ([302, 302, 302, 429, 429], 3))

    def test_addresses_that_nobody_has_are_answered_alike(self) -> None:
        answers = [self.ask("unknown@example.com").status_code for _ in range(4)]
        self.assertEqual((answers, mail.outbox), ([302, 302, 302, 429], []))

    def test_many_addresses_from_one_place_end_too(self) -> None:
        answers = [self.ask(f"{number}@example.com").status_code for number in range(21)]
        self.assertEqual((set(answers[:20]), answers[20]), ({302}, 429))


class CountingTests(TestCase):
    def test_the_time_to_wait_is_of_the_first_try(self) -> None:
        limit = attempts.Limit("two an hour", 2, timedelta(hours=1))
        attempts.take(limit, "x")
        Attempts.objects.update(since=timezone.now() - timedelta(minutes=50))
        attempts.take(limit, "x")
        with self.assertRaises(attempts.TooMany) as refused:
            attempts.take(limit, "x")
        self.assertTrue(300 <= refused.exception.retry_after <= 600)
