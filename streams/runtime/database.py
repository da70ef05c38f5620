"""Connections to the database outside of Django's: for the relay's lock, and to ask whether it is there at all."""

from __future__ import annotations

from typing import Any

import psycopg
from django.db import OperationalError, connection

CONNECT_S = 5.0  # to reach the server


def server_parameters(connect_s: float = CONNECT_S) -> dict[str, Any]:
    """What psycopg needs to reach the configured server itself, outside of Django's pool."""
    parameters = connection.get_connection_params()
    for django_only in ("cursor_factory", "context", "prepare_threshold"):
        parameters.pop(django_only, None)
    return {**parameters, "connect_timeout": int(connect_s)}


def ask_database(connect_s: float = CONNECT_S) -> None:
    """Returns when the database answers. Raises OperationalError; blocks for `connect_s` and a little more at most.

    A server is asked on a connection of its own: the pool may be busy, which is not the same as being away.
    """
    if connection.vendor == "postgresql":
        try:
            with psycopg.connect(**server_parameters(connect_s)) as server:
                server.execute("SELECT 1")
        except psycopg.Error as error:
            raise OperationalError(str(error)) from error
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM sqlite_master")
    finally:
        connection.close()
