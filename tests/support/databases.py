"""The database of tests that run in processes which are forked (tests/support/forks.py): it is made once, with all of
its tables, and each process has a copy."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connections
from django.test.utils import setup_databases, teardown_databases
from pytest_django.plugin import blocking_manager_key

made: Any = None  # what Django says of it, in the process that forks
copies: list[int] = []  # the numbers of the workers that have one


def copy(session: pytest.Session, number: int) -> None:
    """Makes the database of the worker with this number; called in the process that forks, when any test needs one."""
    global made
    with session.config.stash[blocking_manager_key].unblock():
        if made is None:
            made = setup_databases(verbosity=0, interactive=False)
        for connection in connections.all():
            connection.close()  # SQLite's file has all of it then, and PostgreSQL copies what nobody uses
            connection.creation.clone_test_db(str(number), verbosity=0)
            # A pool has threads, which do not outlive a fork. To make databases Django has one of its own.
            pools = getattr(connection, "_connection_pools", {})
            for alias in list(pools):
                pools.pop(alias).close()
    copies.append(number)


def use_copy(number: int) -> None:
    """Has this process, the worker with this number, use its own."""
    for connection in connections.all():
        connection.settings_dict.update(connection.creation.get_test_db_clone_settings(str(number)))


def end(session: pytest.Session) -> None:
    global made
    if made is None:
        return
    with session.config.stash[blocking_manager_key].unblock():
        for number in copies:
            for connection in connections.all():
                connection.creation.destroy_test_db(suffix=str(number), verbosity=0)
        teardown_databases(made, verbosity=0)
    made = None
