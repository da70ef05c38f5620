"""Locks that belong to the database that they guard: of all processes on it, wherever they run, one holds each.

With SQLite a lock is a file beside the database's; with PostgreSQL it is an advisory lock in the database itself. Both
end with the process, however it ends.
"""

from __future__ import annotations

import fcntl
import logging
import os
from pathlib import Path
from typing import IO, Any, Protocol

import psycopg
from django.conf import settings
from django.db import connection

from streams.runtime.database import server_parameters

log = logging.getLogger(__name__)

PRIVATE = 0o600  # as the database


class Held(Protocol):
    """A lock; close() lets go of it."""

    def close(self) -> None:
        """Lets go of it."""


def hold_beside_file(name: str) -> IO[str] | None:
    """The lock `name` of this SQLite database, whatever path leads to it; None while another process holds it."""
    database = str(connection.settings_dict["NAME"])
    if database.startswith("file:") or ":memory:" in database:  # nobody else sees it
        settings.RUN_DIR.mkdir(parents=True, exist_ok=True)
        path = Path(settings.RUN_DIR) / f"{name}.lock"
    else:
        path = Path(f"{Path(database).resolve()}-{name}.lock")
    file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE), "r+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


class _Session:
    """An advisory lock, for as long as its connection lives."""

    def __init__(self, server: psycopg.Connection[Any]) -> None:
        self._server = server

    def close(self) -> None:
        self._server.close()


def hold(name: str, key: int) -> Held | None:
    """The lock `name` of this database (for PostgreSQL the number `key`); None while another process holds it.

    Blocks for a moment, or until the server surely does not answer. What cannot be asked does not hinder anybody: then
    it is said in the log, and nothing is held.
    """
    if connection.vendor != "postgresql":
        return hold_beside_file(name)
    try:
        server = psycopg.connect(**server_parameters(), autocommit=True)
        row = server.execute("SELECT pg_try_advisory_lock(%s)", [key]).fetchone()
    except psycopg.Error as error:
        log.warning("Whether another process holds the lock “%s” is not known: %s", name, error)
        return _Nothing()
    if row is not None and row[0]:
        return _Session(server)
    server.close()
    return None


class _Nothing:
    def close(self) -> None:
        pass
