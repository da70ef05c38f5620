"""Reads that take long: ended in time, ended with who asked, and a person's own searches wait for each other."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from unittest import mock

from asgiref.sync import ThreadSensitiveContext
from django.db import connection
from django.test import TestCase, TransactionTestCase
from django.urls import clear_script_prefix, get_script_prefix, set_script_prefix

from items.services import turns
from tests.support.waiting import until

MANY = 10_000_000_000
FOREVER = {
    "sqlite": f"WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT {MANY}) SELECT count(*) FROM n",
    "postgresql": "SELECT pg_sleep(3600)",
}
SOON_S = 30  # the machine may stand still; the statement would take an hour


def read_for_ever() -> None:
    with connection.cursor() as cursor:
        cursor.execute(FOREVER[connection.vendor])
        cursor.fetchall()


async def test_turns_and_their_threads_are_made_once_and_not_for_each_request() -> None:
    await turns.read(int)
    first = turns._turns()
    with mock.patch.object(turns, "_AllTurns", side_effect=AssertionError("made again")):
        assert turns._turns() is first


class EndedTests(TransactionTestCase):
    async def test_a_read_that_takes_too_long_is_ended_and_said(self) -> None:
        began = time.monotonic()
        with mock.patch.object(turns, "HEAVY_READ_S", 0.2), self.assertRaises(turns.TookTooLong):
            await turns.read_heavy(1, read_for_ever)
        self.assertLess(time.monotonic() - began, SOON_S)

    async def test_a_read_ends_with_who_asked(self) -> None:
        began = time.monotonic()
        begun = threading.Event()

        def begin() -> None:
            begun.set()
            read_for_ever()

        reading = asyncio.create_task(turns.read_heavy(1, begin))
        await until(begun.is_set, "the read has begun")
        reading.cancel()
        ended = await asyncio.gather(reading, return_exceptions=True)
        self.assertIsInstance(ended[0], asyncio.CancelledError)
        self.assertLess(time.monotonic() - began, SOON_S)

    async def test_what_the_read_raises_is_raised(self) -> None:
        with self.assertRaises(ZeroDivisionError):
            await turns.read_heavy(1, lambda: 1 // 0)


class ThreadTests(TransactionTestCase):
    async def test_what_django_keeps_for_a_request_is_there_in_the_threads(self) -> None:
        """Below which path we are known, for example: without it the addresses in a page lead elsewhere."""
        async with ThreadSensitiveContext():
            set_script_prefix("/sb/")
            try:
                self.assertEqual(await turns.read_heavy(1, get_script_prefix), "/sb/")
                self.assertEqual(await turns.write(get_script_prefix), "/sb/")
                self.assertEqual(await turns.write_together(prefixes, 1, 1), "/sb/")
            finally:
                clear_script_prefix()


def prefixes(jobs: list[int]) -> list[str]:
    return [get_script_prefix() for _ in jobs]


class TurnTests(TestCase):
    async def test_nobody_finds_a_turn_for_a_third_search_and_others_do(self) -> None:
        of_one = turns._turns().of(1)  # held, or it would be forgotten
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(turns.HEAVY_READS_EACH):
                await stack.enter_async_context(of_one.turn("not in time"))
            stack.enter_context(mock.patch.object(turns, "WAIT_S", 0.05))
            with self.assertRaises(turns.Busy):
                await turns.read_heavy(1, int)
            self.assertEqual(await turns.read_heavy(2, int), 0)
