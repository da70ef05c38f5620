"""What the relay's lock needs to connect outside of Django, and the question whether the database is there."""

from __future__ import annotations

from typing import Any

from django.db import connection

CONNECT_S = 5.0  # to reach the server


def server_parameters() -> dict[str, Any]:
    """What psycopg needs to reach the configured server itself, outside of Django's pool."""
    parameters = connection.get_connection_params()
    for django_only in ("cursor_factory", "context", "prepare_threshold"):
        parameters.pop(django_only, None)
    return {**parameters, "connect_timeout": int(CONNECT_S)}


def ask_database() -> None:
    """Returns when the database answers, by the road that requests take: Django's connection, out of the same pool.

    Raises OperationalError. Blocks as long as a request would: briefly while the server is away.
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1" if connection.vendor == "postgresql" else "SELECT count(*) FROM sqlite_master")
    finally:
        connection.close()
