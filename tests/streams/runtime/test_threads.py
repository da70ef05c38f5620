"""The connections of the threads in which the live side asks the database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest import mock, skipUnless

from django.db import DatabaseError, connection, connections
from django.test import TestCase

from streams.runtime import threads
from streams.runtime.threads import in_database


def used() -> Any:
    """SQLite's or psycopg's connection, once a query went over it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return connection.connection


class ConnectionTests(TestCase):
    def setUp(self) -> None:
        self.thread = ThreadPoolExecutor(1)
        self.addCleanup(self.thread.shutdown)
        self.addCleanup(lambda: self.thread.submit(connections.close_all).result())
        patched = mock.patch.object(threads, "_threads", self.thread)
        patched.start()
        self.addCleanup(patched.stop)

    async def is_kept(self) -> bool:
        """Whether the thread still has a connection, between two calls."""
        return bool(self.thread.submit(lambda: connection.connection is not None).result())

    @skipUnless(connection.vendor == "sqlite", "of SQLite, which has no pool")
    async def test_one_of_sqlite_serves_the_next_call_as_well(self) -> None:
        with mock.patch.object(threads, "KEPT_S", 3600.0):
            self.assertIs(await in_database(used), await in_database(used))

    @skipUnless(connection.vendor == "sqlite", "of SQLite, which has no pool")
    async def test_an_old_one_is_closed_before_a_call_and_after_it(self) -> None:
        with mock.patch.object(threads, "KEPT_S", 3600.0):
            first = await in_database(used)
        with mock.patch.object(threads, "KEPT_S", 0.0):
            self.assertIsNot(await in_database(used), first)
            self.assertFalse(await self.is_kept())

    async def test_one_that_failed_or_is_in_a_transaction_serves_nobody_else(self) -> None:
        def fail() -> None:
            used()
            with connection.cursor() as cursor:
                cursor.execute("SELECT nothing FROM nowhere")

        def begin() -> None:
            connection.set_autocommit(False)

        with mock.patch.object(threads, "KEPT_S", 3600.0):
            with self.assertRaises(DatabaseError):
                await in_database(fail)
            self.assertFalse(await self.is_kept())
            await in_database(begin)
            self.assertFalse(await self.is_kept())

    @skipUnless(connection.vendor == "postgresql", "of the pool of PostgreSQL")
    async def test_one_of_postgresql_goes_back_to_the_pool(self) -> None:
        await in_database(used)
        self.assertFalse(await self.is_kept())
