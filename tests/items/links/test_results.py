"""The button, the admin's action and `checklinks`: what the last check found, and that it is not the item's data."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import Any
from unittest import mock

from django.core.management import CommandError, call_command
from django.test import Client, override_settings
from django.utils import timezone

from items import services
from items.links import results, views
from items.links.checking import LinkResult
from items.models import Item
from items.models.link_check import LinkCheck
from tests.support.link_server import LinkServer, link_server
from tests.support.people import PeopleTestCase, events, sign_in


def text(response: Any) -> str:
    return str(response.content.decode())


class LinkTestCase(PeopleTestCase):
    server: LinkServer

    def setUp(self) -> None:
        running = link_server()
        self.server = running.__enter__()
        self.addCleanup(running.__exit__, None, None, None)
        allowed = override_settings(LINK_CHECK_PRIVATE=True)
        allowed.enable()
        self.addCleanup(allowed.disable)

    def link(self, path: str) -> None:
        services.update_item(self.item.pk, actor=self.owner, link=self.server.url(path))

    def found(self) -> LinkCheck:
        return LinkCheck.objects.get(item=self.item)


class ButtonTests(LinkTestCase):
    def press(self, client: Client) -> Any:
        return client.post(f"/items/{self.item.pk}/check-link/", follow=True)

    def test_the_owner_and_staff_see_what_the_check_found(self) -> None:
        self.link("/to?/status/404")
        for person in (self.owner, self.staff):
            LinkCheck.objects.all().delete()
            page = text(self.press(sign_in(person)))
            for shown in ("broken", "404", " ms", self.server.url("/status/404")):
                self.assertIn(shown, page)
        self.assertEqual(len(self.server.heads), 4)

    def test_a_colleague_sees_the_result_and_may_not_check(self) -> None:
        self.link("/ok")
        self.assertEqual(self.press(sign_in(self.colleague)).status_code, 403)
        self.assertEqual(self.server.heads, [])
        self.press(sign_in(self.owner))
        page = text(sign_in(self.colleague).get(f"/items/{self.item.pk}/"))
        self.assertIn("works", page)
        self.assertNotIn("Check link now", page)

    def test_a_stranger_is_asked_to_sign_in_and_a_look_checks_nothing(self) -> None:
        self.link("/ok")
        address = f"/items/{self.item.pk}/check-link/"
        self.assertRedirects(Client().post(address), f"/accounts/login/?next={address}")
        self.assertEqual(sign_in(self.owner).get(address).status_code, 405)
        self.assertEqual(self.server.heads, [])

    def test_one_person_has_so_many_checks_under_way_and_others_theirs(self) -> None:
        self.link("/ok")
        of_owner: dict[Any, object] = {object(): self.owner.pk for _ in range(views.AT_ONCE_EACH)}
        with mock.patch.dict(views._under_way, of_owner):
            self.assertIn("Many links are being checked", text(self.press(sign_in(self.owner))))
            self.assertEqual(self.server.heads, [])
            self.assertIn("works", text(self.press(sign_in(self.staff))))
        self.assertIn("works", text(self.press(sign_in(self.owner))))
        self.assertEqual(views._under_way, {})

    def test_a_check_makes_neither_version_nor_event(self) -> None:
        self.link("/ok")
        before = self.now().as_object()
        with events() as told:
            self.press(sign_in(self.owner))
        self.assertEqual((told, self.now().as_object()), ([], before))
        self.assertEqual((self.found().status, self.found().verdict), (200, "works"))

    def test_a_failure_is_a_sentence_on_the_page(self) -> None:
        self.link("/nonsense")
        page = self.press(sign_in(self.owner))
        self.assertEqual(page.status_code, 200)
        self.assertIn("The answer is not HTTP, or was cut off.", text(page))

    @override_settings(LINK_CHECK_PRIVATE=False)
    def test_links_that_lead_inside_are_refused_unless_the_setting_allows_them(self) -> None:
        self.link("/ok")
        self.assertIn("127.0.0.1 is inside this network", text(self.press(sign_in(self.owner))))
        self.assertEqual(self.server.heads, [])

    def test_a_changed_link_shows_no_old_result_and_no_link_no_check(self) -> None:
        self.link("/ok")
        self.press(sign_in(self.owner))
        self.link("/status/404")
        self.assertIn("changed since its last check", text(sign_in(self.owner).get(f"/items/{self.item.pk}/")))
        services.update_item(self.item.pk, actor=None, link="")
        page = text(self.press(sign_in(self.owner)))
        self.assertIn("This item has no link.", page)
        self.assertNotIn("Check link now", page)

    def test_an_item_that_is_gone_is_not_found(self) -> None:
        services.delete_item(self.item.pk, actor=None)
        self.assertEqual(self.press(sign_in(self.owner)).status_code, 404)


class KeepingTests(PeopleTestCase):
    def test_an_item_that_is_gone_meanwhile_and_a_link_without_a_result_are_left_out(self) -> None:
        gone = self.item.pk + 1
        links = {self.item.pk: "http://a.example/", gone: "http://a.example/", gone + 1: "http://b.example/"}
        result = LinkResult("http://a.example/", 200, 0.5)
        self.assertEqual(results.keep(links, {result.url: result}), 1)
        self.assertEqual(LinkCheck.objects.get().took_ms, 500)

    def test_texts_longer_than_their_column_are_cut(self) -> None:
        url = "http://a.example/"
        results.keep({self.item.pk: url}, {url: LinkResult(url, None, 1, "x" * 9999, "y" * 9999)})
        self.assertEqual(len(LinkCheck.objects.get().redirected_to), 2000)


class CommandTests(LinkTestCase):
    def run_command(self, *arguments: str) -> str:
        out = StringIO()
        call_command("checklinks", *arguments, stdout=out, stderr=StringIO())
        return out.getvalue()

    def test_all_links_are_checked_and_each_address_once(self) -> None:
        self.link("/ok")
        for path in ("/ok", "/status/500", "/nonsense", "/status/404"):
            services.create_item(actor=self.owner, name=path, price=1, link=self.server.url(path))
        services.create_item(actor=self.owner, name="without", price=1)
        deleted = services.create_item(actor=self.owner, name="gone", price=1, link=self.server.url("/gone"))
        services.delete_item(deleted.pk, actor=None)
        with events() as told:
            self.assertEqual(self.run_command(), "5 links checked: 2 works, 2 broken, 1 failed.\n")
        self.assertEqual((told, LinkCheck.objects.count(), len(self.server.heads)), ([], 5, 4))

    def test_fresh_results_are_left_out_unless_the_link_was_changed(self) -> None:
        self.link("/ok")
        self.run_command()
        self.assertIn("0 links checked", self.run_command("--older-than", "1"))
        LinkCheck.objects.update(checked_at=timezone.now() - timedelta(hours=2))
        self.assertIn("1 links checked", self.run_command("--older-than", "1"))
        self.link("/status/404")
        self.assertIn("1 links checked: 0 works, 1 broken", self.run_command("--older-than", "1"))

    def test_every_batch_is_read(self) -> None:
        Item.with_deleted.bulk_create(
            Item(name=f"{number}", price=1, link="http://a.example/") for number in range(1203)
        )
        sizes = [len(batch) for batch in results.batches()]
        self.assertEqual(sizes, [500, 500, 203])

    def test_impossible_numbers_are_refused(self) -> None:
        for wrong in (["--at-once", "0"], ["--per-host", "-1"], ["--older-than", "-1"], ["--older-than", "nan"]):
            with self.assertRaisesMessage(CommandError, "--at-once and --per-host"):
                self.run_command(*wrong)


class ClosedTests(PeopleTestCase):
    async def test_the_setting_decides_for_every_door(self) -> None:
        link = "http://127.0.0.1:9/"
        found = await results.check([link])
        self.assertIn("is inside this network", found[link].error)
        with self.settings(LINK_CHECK_PRIVATE=True):
            self.assertEqual((await results.check([link]))[link].error, "The server refuses connections.")
