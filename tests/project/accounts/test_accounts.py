"""A person's own account: signing up, passwords, API tokens, and who may add items."""

from __future__ import annotations

import contextlib
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from importlib import import_module
from threading import Barrier, BrokenBarrierError
from typing import Any
from unittest import mock

from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core import mail, signing
from django.db import connection
from django.db.models.signals import pre_save
from django.test import Client, TransactionTestCase, override_settings

from items import services, tokens
from items.models import ApiToken, Item
from project import mailing
from project.accounts import attempts, sign_up, views
from project.models import Attempts
from tests.support.people import PeopleTestCase, detail_of, sign_in

WORD, OTHER_WORD = "a long enough word", "another long enough word"
ITEM = {"name": "Lamp", "price": "1"}


def text(response: Any) -> str:
    return str(response.content.decode())


def make_group() -> None:
    """As the migration does; tests that empty the database may have run before."""
    import_module("project.migrations.0001_contributors").make_group(apps, None)


class AccountTestCase(PeopleTestCase):
    def assert_trouble(self, response: Any, *sentences: str) -> None:
        """The errors are announced on top and stand at their fields."""
        self.assertEqual(response.status_code, 200)
        self.assertIn('role="alert"', text(response))
        for sentence in sentences:
            self.assertIn(sentence, text(response))


@override_settings(SIGN_UP=True)
class SignUpTests(AccountTestCase):
    TYPED = {"username": "nina", "email": "nina@example.com"}
    PASSWORDS = {"new_password1": WORD, "new_password2": WORD}

    def ask(self, typed: dict[str, str], browser: Client | None = None) -> Any:
        """The answer to the form, once its mail was sent."""
        answer = (browser or Client()).post("/accounts/sign-up/", typed)
        mailing.wait_sent(30)
        return answer

    def link(self) -> str:
        """Of the newest mail."""
        found = re.search(r"http://testserver(/accounts/sign-up/\S+/)\n", str(mail.outbox[-1].body))
        assert found
        return found[1]

    def test_a_new_person_confirms_the_address_and_may_add_items(self) -> None:
        make_group()
        browser = Client()
        self.assertIn("Look into your mail", text(self.ask(self.TYPED, browser)))
        self.assertFalse(User.objects.filter(username="nina").exists())
        self.assertEqual(mail.outbox[-1].to, ["nina@example.com"])
        self.assertRedirects(browser.post(self.link(), self.PASSWORDS), "/", fetch_redirect_response=False)
        nina = User.objects.get(username="nina")
        self.assertEqual((nina.is_staff, nina.is_superuser, nina.email), (False, False, "nina@example.com"))
        self.assertEqual(browser.get("/items/new/").status_code, 200)
        self.assertEqual(self.caller(nina).send("POST", "/api/items/", ITEM).status_code, 201)
        self.assertTrue(Client().login(username="nina", password=WORD))
        self.assertEqual(Client().post(self.link(), self.PASSWORDS).status_code, 410)

    def test_without_the_setting_there_is_no_such_page(self) -> None:
        self.assertIn('href="/accounts/sign-up/"', text(Client().get("/accounts/login/")))
        self.ask(self.TYPED)
        with self.settings(SIGN_UP=False):
            self.assertNotIn("/accounts/sign-up/", text(Client().get("/accounts/login/")))
            for path in ("/accounts/sign-up/", self.link()):
                for method in ("get", "post"):
                    self.assertEqual(getattr(Client(), method)(path, self.TYPED).status_code, 404)
        self.assertFalse(User.objects.filter(username="nina").exists())

    def test_what_cannot_be_taken_is_announced_and_the_rest_is_kept(self) -> None:
        for typed, sentence in (
            ({"username": "Demo"}, "kept for the demonstration"),
            ({"username": "ｄｅｍｏ"}, "kept for the demonstration"),
            ({"username": ""}, "This field is required."),
            ({"email": "nobody"}, "valid email address"),
        ):
            response = self.ask(self.TYPED | {"email": "kept@example.com"} | typed)
            self.assert_trouble(response, "No mail was sent", sentence)
            self.assertIn("kept@example.com" if "email" not in typed else "nobody", text(response))
        self.assertEqual((User.objects.count(), mail.outbox), (3, []))
        self.ask(self.TYPED)
        for passwords, sentence in ((("12345678", "12345678"), "too common"), ((WORD, "else"), "didn’t match")):
            typed = dict(zip(self.PASSWORDS, passwords, strict=True))
            self.assert_trouble(Client().post(self.link(), typed), "There is no account yet", sentence)

    def test_what_is_taken_is_told_in_the_mail_alone(self) -> None:
        User.objects.filter(pk=self.owner.pk).update(email="olga@example.com")
        User.objects.create_user("ärger")
        answers = set()
        for name, address, said in (
            ("nina", "nina@example.com", "Choose your password here"),
            ("OLGA", "nina@example.com", "belongs to somebody else"),
            ("ｏｌｇａ", "nina@example.com", "belongs to somebody else"),
            ("ÄRGER", "nora@example.com", "belongs to somebody else"),
            ("nora", "Olga@example.com", "There is an account with this address already"),
        ):
            answer = text(self.ask({"username": name, "email": address}))
            answers.add(answer.replace(address, "…"))
            self.assertIn(said, str(mail.outbox[-1].body))
        self.assertEqual(len(answers), 1)

    def test_a_name_that_was_taken_meanwhile_is_not_given_twice(self) -> None:
        self.ask(self.TYPED)
        User.objects.create_user("Nina")
        self.assertEqual(Client().post(self.link(), self.PASSWORDS).status_code, 410)

    def test_mails_to_one_address_and_tries_of_one_name_are_limited(self) -> None:
        for number in range(4):
            answer = self.ask(self.TYPED | {"username": f"nina{number}"})
        self.assertEqual((answer.status_code, len(mail.outbox)), (429, 3))
        for number, name in enumerate(("Olga", "olga", "OLGA", "ｏｌｇａ", "oLga", "olGa")):
            answer = self.ask({"username": name, "email": f"n{number}@example.com"})
        self.assertEqual(answer.status_code, 429)

    def test_many_names_from_one_place_end_too(self) -> None:
        with mock.patch.object(sign_up, "SIGN_UP", attempts.Limit("few", 3, timedelta(hours=1))):
            for number in range(4):
                answer = self.ask({"username": f"nina{number}", "email": f"nina{number}@example.com"})
        self.assertEqual((answer.status_code, len(mail.outbox)), (429, 3))

    def test_a_link_that_is_old_invented_or_of_an_address_taken_meanwhile_makes_no_account(self) -> None:
        self.ask(self.TYPED)
        link = self.link()
        with mock.patch.object(sign_up, "LINK_LIVES", timedelta(seconds=-1)):
            self.assertEqual(Client().post(link, self.PASSWORDS).status_code, 410)
        signed = link.split("/")[-2]
        other = signing.dumps(["nina", "nina@example.com"], salt="another")
        for invented in (signed[:-1] + ("a" if signed[-1] != "a" else "b"), other, "x", "x:y:z"):
            self.assertEqual(Client().post(f"/accounts/sign-up/{invented}/", self.PASSWORDS).status_code, 410, invented)
        User.objects.create_user("nora", "NINA@example.com")
        self.assertEqual(Client().post(link, self.PASSWORDS).status_code, 410)
        self.assertFalse(User.objects.filter(username="nina").exists())

    def test_who_is_signed_in_has_an_account(self) -> None:
        self.assertRedirects(sign_in(self.owner).get("/accounts/sign-up/"), "/", fetch_redirect_response=False)


@override_settings(SIGN_UP=True)
class SignUpsAtOnceTests(TransactionTestCase):
    """Two links are opened at the same time, each over a database connection of its own."""

    def open_both(self, *wanted: tuple[str, str]) -> list[int]:
        """The status of each answer. Whoever is about to be saved waits for the other one for a moment."""
        about_to_save = Barrier(2)

        def wait(sender: object, **_: object) -> None:
            with contextlib.suppress(BrokenBarrierError):
                about_to_save.wait(timeout=1)

        def post(name_and_mail: tuple[str, str]) -> int:
            signed = signing.dumps(list(name_and_mail), salt=sign_up.SALT, compress=True)
            try:
                return Client().post(f"/accounts/sign-up/{signed}/", SignUpTests.PASSWORDS).status_code
            finally:
                connection.close()

        pre_save.connect(wait, User)
        try:
            with ThreadPoolExecutor(2) as pool:
                return list(pool.map(post, wanted))
        finally:
            pre_save.disconnect(wait, User)

    def test_one_name_or_address_makes_one_account_however_it_is_written(self) -> None:
        for wanted in (
            (("nina", "nina@example.com"), ("NINA", "other@example.com")),
            (("nora", "nora@example.com"), ("norbert", "Nora@example.com")),
            (("nils", "nils@example.com"), ("nils", "nils@example.com")),
        ):
            before = User.objects.count()
            self.assertEqual(sorted(self.open_both(*wanted)), [302, 410], wanted)
            self.assertEqual(User.objects.count(), before + 1)


class AddingTests(AccountTestCase):
    """`reader` is signed in and has no permission."""

    def setUp(self) -> None:
        make_group()
        self.reader = User.objects.create_user("rita")

    def test_who_may_not_add_reads_and_is_told_who_can_change_that(self) -> None:
        browser = sign_in(self.reader)
        self.assertEqual(browser.get(f"/items/{self.item.pk}/").status_code, 200)
        self.assertNotIn("/items/new/", text(browser.get("/items/")))
        for response in (browser.get("/items/new/"), browser.post("/items/new/", ITEM)):
            self.assertEqual(response.status_code, 403)
            self.assertIn("A member of staff can put it into the group Contributors.", text(response))
        for path, body in (("/api/items/", ITEM), ("/api/items/bulk", {"items": [ITEM]})):
            answer = self.caller(self.reader).send("POST", path, body)
            self.assertEqual((answer.status_code, detail_of(answer)), (403, services.MAY_NOT_ADD))
        self.assertEqual(Item.objects.count(), 1)

    def test_the_group_gives_the_right(self) -> None:
        self.reader.groups.add(Group.objects.get(name=sign_up.CONTRIBUTORS))
        self.assertIn("/items/new/", text(sign_in(self.reader).get("/items/")))
        self.assertEqual(self.caller(self.reader).send("POST", "/api/items/", ITEM).status_code, 201)

    def test_owners_change_what_is_theirs_without_the_right_to_add(self) -> None:
        services.update_item(self.item.pk, actor=None, owner=self.reader)
        answer = self.caller(self.reader).send("PATCH", f"/api/items/{self.item.pk}", {"price": "2"})
        self.assertEqual(answer.status_code, 200)

    def test_superusers_add_and_accounts_from_before_the_right_keep_it(self) -> None:
        self.assertEqual(self.caller(self.staff).send("POST", "/api/items/", ITEM).status_code, 201)
        Group.objects.all().delete()
        make_group()
        self.assertEqual(self.caller(self.reader).send("POST", "/api/items/", ITEM).status_code, 201)


class PasswordTests(AccountTestCase):
    def test_changing_ends_other_browsers_and_keeps_this_one_and_the_tokens(self) -> None:
        here, there = sign_in(self.owner), sign_in(self.owner)
        typed = {"old_password": "olga's word", "new_password1": WORD, "new_password2": WORD}
        self.assertRedirects(here.post("/accounts/password/", typed), "/", fetch_redirect_response=False)
        self.assertEqual(here.get("/items/").status_code, 200)
        self.assertEqual(there.get("/items/").status_code, 302)
        self.assertTrue(Client().login(username="olga", password=WORD))

    def test_the_old_password_is_asked_for(self) -> None:
        typed = {"old_password": "wrong", "new_password1": WORD, "new_password2": WORD}
        response = sign_in(self.owner).post("/accounts/password/", typed)
        self.assert_trouble(response, "Your password was not changed", "entered incorrectly")
        self.assertTrue(Client().login(username="olga", password="olga's word"))

    def test_the_admins_page_leads_to_the_one_that_counts(self) -> None:
        typed = {"old_password": "stella's word", "new_password1": WORD, "new_password2": WORD}
        self.assertRedirects(sign_in(self.staff).post("/admin/password_change/", typed), "/accounts/password/")
        self.assertTrue(Client().login(username="stella", password="stella's word"))

    def test_old_passwords_are_not_tried_for_ever(self) -> None:
        browser = sign_in(self.owner)
        typed = {"old_password": "wrong", "new_password1": WORD, "new_password2": WORD}
        statuses = [browser.post("/accounts/password/", typed).status_code for _ in range(11)]
        self.assertEqual((set(statuses[:10]), statuses[10]), ({200}, 429))
        typed["old_password"] = "olga's word"
        self.assertEqual(browser.post("/accounts/password/", typed).status_code, 429)
        self.assertEqual(sign_in(self.colleague).get("/accounts/password/").status_code, 200)

    def test_an_account_without_a_password_of_its_own_is_told_so(self) -> None:
        demo = User.objects.create_user("nobody")
        response = sign_in(demo).get("/accounts/password/")
        self.assertEqual(response.status_code, 403)
        self.assertIn("no password of its own", text(response))

    def test_strangers_are_asked_to_sign_in(self) -> None:
        for page in ("password/", "tokens/"):
            self.assertRedirects(Client().get(f"/accounts/{page}"), f"/accounts/login/?next=/accounts/{page}")


class ResetTests(AccountTestCase):
    def setUp(self) -> None:
        User.objects.filter(pk=self.owner.pk).update(email="olga@example.com")

    def ask(self, address: str = "olga@example.com") -> str:
        """What the page says that follows; the mail lies in `mail.outbox`."""
        said = text(Client().post("/accounts/password/reset/", {"email": address}, follow=True))
        mailing.wait_sent(30)
        return said

    def link(self) -> str:
        found = re.search(r"http://testserver(/\S+)", str(mail.outbox[-1].body))
        assert found
        return found[1]

    def test_the_link_of_the_mail_changes_the_password_once(self) -> None:
        self.ask()
        self.assertEqual(mail.outbox[-1].to, ["olga@example.com"])
        self.assertIn("olga", str(mail.outbox[-1].body))
        browser = Client()
        form = browser.get(self.link(), follow=True)
        address = form.redirect_chain[-1][0]
        wrong = browser.post(address, {"new_password1": WORD, "new_password2": "else"})
        self.assert_trouble(wrong, "Your password was not changed")
        done = browser.post(address, {"new_password1": WORD, "new_password2": WORD}, follow=True)
        self.assertIn("Your new password works", text(done))
        self.assertTrue(Client().login(username="olga", password=WORD))
        self.assertIn("does not work any more", text(Client().get(self.link(), follow=True)))

    def test_a_stranger_learns_nothing_of_who_has_an_account(self) -> None:
        self.assertEqual(self.ask(), self.ask("unknown@example.com"))
        User.objects.filter(pk=self.owner.pk).update(is_active=False)
        self.assertEqual(self.ask(), self.ask("unknown@example.com"))
        self.assertEqual(len(mail.outbox), 1)

    def test_what_is_no_address_is_announced(self) -> None:
        self.assert_trouble(Client().post("/accounts/password/reset/", {"email": "x"}), "No mail was sent")

    def test_behind_https_the_link_is_https(self) -> None:
        with self.settings(HTTPS=True):
            self.ask()
        self.assertIn("https://testserver/accounts/password/reset/", str(mail.outbox[-1].body))

    def test_the_port_of_a_strangers_host_is_in_no_link(self) -> None:
        for known_as, host, link in (
            ({}, "testserver:6666", "http://testserver/accounts/"),
            ({}, "testserver:80", "http://testserver:80/accounts/"),
            (
                {"CSRF_TRUSTED_ORIGINS": ["http://testserver:8080"]},
                "testserver:6666",
                "http://testserver:8080/accounts/",
            ),
            (
                {"CSRF_TRUSTED_ORIGINS": ["https://testserver"], "HTTPS": True},
                "testserver:80",
                "https://testserver/acc",
            ),
        ):
            with self.settings(**known_as):
                Client().post("/accounts/password/reset/", {"email": "olga@example.com"}, HTTP_HOST=host)
            mailing.wait_sent(30)
            self.assertIn(link, str(mail.outbox[-1].body))
            Attempts.objects.all().delete()

    def test_an_invented_link_leads_to_a_new_one(self) -> None:
        for path in ("MQ/set-password/", "MQ/abc-def/", "x/y/"):
            page = Client().get(f"/accounts/password/reset/{path}", follow=True)
            self.assertIn("does not work any more", text(page))
            self.assertIn('href="/accounts/password/reset/"', text(page))


class TokenPageTests(AccountTestCase):
    def make(self, client: Client, name: str = "laptop") -> str:
        found = re.search(
            r'id="secret">(sb_[\w-]+)<', text(client.post("/accounts/tokens/", {"name": name, "days": 90}))
        )
        assert found
        return found[1]

    def test_a_new_token_is_shown_once_and_works(self) -> None:
        browser = sign_in(self.owner)
        offered = '<option value="90" selected>90 days</option>'
        self.assertContains(browser.get("/accounts/tokens/"), offered, html=True)
        secret = self.make(browser)
        page = browser.get("/accounts/tokens/")
        self.assertIn("laptop", text(page))
        self.assertIn("never", text(page))
        self.assertNotIn(secret, text(page))
        self.assertIn("no-store", page["Cache-Control"])
        answer = Client().get("/api/items/", headers={"Authorization": f"Bearer {secret}"})
        self.assertEqual(answer.status_code, 200)
        self.assertNotIn("never", text(browser.get("/accounts/tokens/")))

    def test_revoking_one_leaves_the_others(self) -> None:
        browser = sign_in(self.owner)
        first, second = self.make(browser, "first"), self.make(browser, "second")
        address = f"/accounts/tokens/{ApiToken.objects.get(name='first').pk}/revoke/"
        self.assertEqual(browser.get(address).status_code, 405)
        self.assertIn("“first” does not work any more", text(browser.post(address, follow=True)))
        statuses = [
            Client().get("/api/items/", headers={"Authorization": f"Bearer {secret}"}).status_code
            for secret in (first, second)
        ]
        self.assertEqual(statuses, [401, 200])
        self.assertNotIn("first", text(browser.get("/accounts/tokens/")))

    def test_nobody_sees_or_revokes_somebody_elses(self) -> None:
        tokens.issue(self.owner, "olga's desk")
        token = ApiToken.objects.get()
        for person in (self.colleague, self.staff):
            browser = sign_in(person)
            self.assertNotIn("desk", text(browser.get("/accounts/tokens/")))
            self.assertEqual(browser.post(f"/accounts/tokens/{token.pk}/revoke/").status_code, 404)
        self.assertEqual(Client().post(f"/accounts/tokens/{token.pk}/revoke/").status_code, 302)
        token.refresh_from_db()
        self.assertIsNone(token.revoked_at)

    def test_a_token_needs_a_name_and_there_is_a_most(self) -> None:
        browser = sign_in(self.owner)
        for name in ("", " ", "two\nlines", "x" * 101):
            self.assert_trouble(browser.post("/accounts/tokens/", {"name": name}), "No token was made")
        ApiToken.objects.bulk_create(
            ApiToken(user=self.owner, name="one of many", digest=str(number)) for number in range(views.TOKENS_EACH)
        )
        self.assert_trouble(browser.post("/accounts/tokens/", {"name": "one more", "days": 30}), "which is the most")
        self.assertEqual(ApiToken.objects.filter(name="one more").count(), 0)

    def test_tokens_that_count_no_more_do_not_pile_up(self) -> None:
        for number in range(5):
            tokens.issue(self.owner, f"number {number}")
            tokens.revoke(ApiToken.objects.get(name=f"number {number}"))
        tokens.issue(self.staff, "of somebody else")
        tokens.revoke(ApiToken.objects.get(user=self.staff))
        with mock.patch.object(tokens, "REVOKED_KEPT", 2):
            tokens.issue(self.owner, "live")
        names = set(ApiToken.objects.values_list("name", flat=True))
        self.assertEqual(names, {"number 3", "number 4", "live", "of somebody else"})

    def test_what_was_typed_is_never_markup(self) -> None:
        browser = sign_in(self.owner)
        self.make(browser, "<script>x</script>")
        self.assertNotIn("<script>x", text(browser.get("/accounts/tokens/")))


def test_resets_are_for_three_days_as_the_pages_say() -> None:
    assert settings.PASSWORD_RESET_TIMEOUT == 3 * 24 * 60 * 60
