"""Our own pages for what is not there and for what failed: also in the demonstration, which runs with DEBUG."""

from __future__ import annotations

from unittest import mock

from django.test import TestCase, override_settings

from items.listing import queries
from tests.support.people import contributor

DEVELOPERS = "DEBUG = True"


class OwnPagesTests(TestCase):
    def setUp(self) -> None:
        self.client.force_login(contributor("olga", "olga's word"))
        self.client.raise_request_exception = False

    def test_a_missing_page_is_ours_whatever_debug_is(self) -> None:
        for debug in (False, True):
            with override_settings(DEBUG=debug):
                for path in (
                    "/nothing/",
                    "/items/999999/edit/",
                    "/items/nothing/at/all",
                    "/static/project/nothing.css",
                ):
                    answer = self.client.get(path)
                    self.assertEqual(answer.status_code, 404, path)
                    self.assertNotContains(answer, DEVELOPERS, status_code=404)
                self.assertContains(self.client.get("/nothing/"), "nothing at this address", status_code=404)
                self.assertEqual(self.client.get("/items").status_code, 301, "a slash is still added")

    def test_a_fault_in_the_demonstration_is_our_page_and_the_terminals_traceback(self) -> None:
        with (
            override_settings(DEBUG=True, DEMO=True),
            mock.patch.object(queries, "lines", side_effect=ValueError("planted")),
            self.assertLogs("project.own_pages", "ERROR") as logged,
        ):
            answer = self.client.get("/items/")
        self.assertContains(answer, "Something went wrong on our side", status_code=500)
        self.assertIn("planted", "".join(logged.output))

    def test_who_develops_sees_the_traceback(self) -> None:
        with (
            override_settings(DEBUG=True),
            mock.patch.object(queries, "lines", side_effect=ValueError("planted")),
            self.assertLogs("django.request", "ERROR"),
        ):
            self.assertContains(self.client.get("/items/"), DEVELOPERS, status_code=500)
