"""What stands in a database after a test that needed real transactions: Django empties it, and has what every new
database holds (kinds of models, permissions, the topic of the items) looked for and made one by one, at 40 ms a test.
The first time that is what happens; from then on a process puts the same rows back, numbers included: those of new rows
go on behind them, as long as nobody has them begin anew (`reset_sequences`).
"""

from __future__ import annotations

from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.core.management import sql
from django.core.management.commands import flush
from django.db import connections, transaction

Table = tuple[str, list[str], list[tuple[Any, ...]]]  # its name, its columns, its rows

kept: dict[str, list[Table]] = {}  # of each database


def fill(verbosity: int, interactive: bool, database: str, **options: Any) -> None:
    """In place of django.core.management.sql.emit_post_migrate_signal, of an empty database."""
    if database not in kept:
        sql.emit_post_migrate_signal(verbosity, interactive, database, **options)
        kept[database] = tables_of(database)
        return
    connection = connections[database]
    ContentType.objects.clear_cache()
    with transaction.atomic(using=database), connection.cursor() as cursor:
        for table, columns, rows in kept[database]:
            names = ", ".join(map(connection.ops.quote_name, columns))
            marks = ", ".join(["%s"] * len(columns))
            cursor.executemany(
                f"INSERT INTO {connection.ops.quote_name(table)} ({names}) VALUES ({marks})",
                rows,
            )


def tables_of(database: str) -> list[Table]:
    """The tables that are not empty, but what tells which migrations there were, which stays."""
    connection, found = connections[database], []
    with connection.cursor() as cursor:
        for table in connection.introspection.django_table_names(only_existing=True, include_views=False):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            rows = cursor.fetchall()
            if rows:
                found.append((table, [column[0] for column in cursor.description], rows))
    return found


def use() -> None:
    """From now on."""
    flush.emit_post_migrate_signal = fill  # type: ignore[attr-defined]  # it imports it by this name
