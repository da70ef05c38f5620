"""Who a session belongs to is remembered for a second, and for nothing but reading."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connection
from django.test import TestCase
from django.test.utils import CaptureQueriesContext

from project import visitors
from project.handler import Handler
from tests.project.test_handler import BOARD, CSRF, LAMP, Answer, Asked, answered, token
from tests.support.people import contributor, sign_in


class VisitorsTests(TestCase):
    def setUp(self) -> None:
        for signal in (request_started, request_finished):
            signal.disconnect(close_old_connections)
            self.addCleanup(signal.connect, close_old_connections)
        self.olga = contributor("olga", "olga's word")
        self.session = sign_in(self.olga).cookies["sessionid"].value
        self.now = 0.0
        self.ours = Handler()

    @contextmanager
    def clock(self) -> Iterator[None]:
        with mock.patch.object(visitors.Visitors, "now", side_effect=lambda: self.now):
            yield

    async def page(self, asked: Asked = BOARD) -> Answer:
        return await answered(self.ours, asked, self.session)

    async def queries(self) -> int:
        """How many queries the board takes."""
        caught = CaptureQueriesContext(connection)
        await sync_to_async(caught.__enter__)()
        answer = await self.page()
        await sync_to_async(caught.__exit__)(None, None, None)
        self.assertEqual(answer.status, 200)
        return await sync_to_async(len)(caught)

    async def test_within_a_second_the_database_is_asked_once(self) -> None:
        with self.clock():
            self.assertEqual(await self.queries(), 4)
            self.now += visitors.REMEMBERED_S / 2
            self.assertEqual(await self.queries(), 0)
            self.now += visitors.REMEMBERED_S / 2
            self.assertEqual(await self.queries(), 4, "a second after the look, however often it was used")

    async def test_the_answer_still_depends_on_the_cookie(self) -> None:
        with self.clock():
            piece = Asked("GET", "/items/?fragment=1", "@")  # without a form, whose token depends on the cookie anyway
            first, second = await self.page(piece), await self.page(piece)
        self.assertEqual(first.headers, second.headers)
        self.assertIn(("vary", "Cookie"), second.headers)

    async def test_who_signs_out_is_out_at_once(self) -> None:
        with self.clock():
            await self.page()
            await self.page(Asked("POST", "/accounts/logout/", f"@; {CSRF}", token()))
            self.assertEqual((await self.page()).status, 302)

    async def test_what_was_taken_away_counts_when_the_second_is_over(self) -> None:
        with self.clock():
            await self.page()
            await User.objects.filter(pk=self.olga.pk).aupdate(is_active=False)
            self.now += visitors.REMEMBERED_S
            self.assertEqual((await self.page()).status, 302)

    async def test_whoever_changes_something_is_looked_up(self) -> None:
        with self.clock():
            await self.page(Asked("GET", "/items/new/", "@"))
            await sync_to_async(self.olga.user_permissions.clear)()
            form = token(**LAMP)
            self.assertEqual((await self.page(Asked("POST", "/items/new/", f"@; {CSRF}", form))).status, 403)

    async def test_each_request_has_a_user_of_its_own(self) -> None:
        known = visitors.Visitors()
        known.remember("key", self.olga, known.now())
        one, other = known.recall("key"), known.recall("key")
        one.username = "changed"
        self.assertEqual((other.username, self.olga.username), ("olga", "olga"))
