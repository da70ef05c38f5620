"""Items and the steps of their history, written with as few statements as there can be, however many they are.

On PostgreSQL one statement takes all of them as a JSON text: ids, items and history are one round trip, and nothing is
put together for each row. On SQLite a statement is prepared once and run for each row. Called inside the transaction
that is open, by items/services/changes.py and upserts.py only.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

import orjson
from django.db import DEFAULT_DB_ALIAS, connections

from items.events import ItemEventType
from items.models import Item, ItemVersion
from items.values import money

IDS_A_QUERY = 500  # SQLite takes no more than 999 values in a query

Changes = dict[str, list[object]]
"""field -> [before, after], as the API shows the field."""

# Column -> its type in PostgreSQL, and how a change sets it.
_STATE = {
    "sku": "text", "name": "text", "description": "text", "link": "text", "price": "numeric", "tax": "numeric",
    "owner_id": "bigint", "version": "integer", "updated_at": "timestamptz", "deleted_at": "timestamptz",
}  # fmt: skip
_ONCE = {"created_at": "timestamptz", "submission": "uuid"}
_STEP = {
    "item_id": "bigint", "version": "integer", "type": "text", "actor": "text", "at": "timestamptz", "changes": "jsonb",
}  # fmt: skip


@dataclass(slots=True)
class Step:
    """One step in the life of an item: the item as it is to be written, and what is told of the step.

    The item may have gone on when it is written; version and shown (the item's object) are those of the step.
    """

    item: Item
    type: ItemEventType
    actor: str | None
    changes: Changes = field(default_factory=dict)
    version: int = 1
    shown: dict[str, object] = field(default_factory=dict)

    @property
    def at(self) -> datetime:
        """When it was."""
        return self.item.deleted_at or self.item.updated_at


def insert(steps: Sequence[Step]) -> list[bool]:
    """Adds the items with their first steps, and gives each its id. Returns for each whether it was added: False, and
    nothing was written of it, when an item has its SKU or its submission already."""
    connection = connections[DEFAULT_DB_ALIAS]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            rows = [
                {"n": number, "actor": step.actor or ""} | _columns(step.item) | _columns_once(step.item)
                for number, step in enumerate(steps)
            ]
            cursor.execute(_INSERT, [orjson.dumps(rows).decode()])
            ids: dict[int, int] = dict(cursor.fetchall())
        else:
            ids = _insert_each(connection, cursor, steps)
    for number, step in enumerate(steps):
        if number in ids:
            step.item.id = ids[number]
            step.item._state.adding, step.item._state.db = False, DEFAULT_DB_ALIAS
    return [number in ids for number in range(len(steps))]


def update(steps: Sequence[Step]) -> None:
    """Writes the items of the steps, which are there and locked, as they are now, and the steps. Raises IntegrityError
    when an item has the SKU of another one."""
    items = {step.item.pk: step.item for step in steps}.values()
    connection = connections[DEFAULT_DB_ALIAS]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            states = orjson.dumps([{"id": item.pk} | _columns(item) for item in items]).decode()
            cursor.execute(_UPDATE, [states, orjson.dumps([_row(step) for step in steps]).decode()])
        else:
            sqlite = _SQLite(connection)
            cursor.executemany(_UPDATE_ONE, [(*sqlite.state(item), item.pk) for item in items])
            cursor.executemany(_STEP_ONE, [sqlite.step(step, step.item.pk) for step in steps])


class Standing(NamedTuple):
    """An item as it stands, of which no model is made. is_gone: it was deleted before the time that was asked about."""

    pk: int
    owner_id: int | None
    is_deleted: bool
    is_gone: bool
    sku: str
    name: str
    description: str
    price: Decimal
    tax: Decimal | None
    link: str


def standing(skus: Collection[str], past: datetime) -> list[Standing]:
    """The items that have one of the SKUs, the deleted ones too. They are read as they are, and not locked."""
    connection = connections[DEFAULT_DB_ALIAS]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(_STANDING.format("= ANY(%s)"), [past, list(skus)])
            return list(map(Standing._make, cursor.fetchall()))
        past_text = connection.ops.adapt_datetimefield_value(past)
        cursor.execute(_STANDING.format("IN (SELECT value FROM json_each(%s))"), [past_text, json.dumps(list(skus))])
        return [
            Standing._make((*before, _amount(price), None if tax is None else _amount(tax), link))
            for *before, price, tax, link in cursor.fetchall()
        ]


def _amount(number: float) -> Decimal:
    """SQLite keeps an amount as a number, whose digits are exact up to fifteen."""
    return Decimal(f"{number:.{money.PLACES}f}")


def _columns(item: Item) -> dict[str, Any]:
    return {
        "sku": item.sku,
        "name": item.name,
        "description": item.description,
        "link": item.link,
        "price": money.written(item.price),
        "tax": None if item.tax is None else money.written(item.tax),
        "owner_id": item.owner_id,
        "version": item.version,
        "updated_at": item.updated_at,
        "deleted_at": item.deleted_at,
    }


def _columns_once(item: Item) -> dict[str, Any]:
    return {"created_at": item.created_at, "submission": item.submission}


def _row(step: Step) -> dict[str, Any]:
    return {
        "item_id": step.item.pk,
        "version": step.version,
        "type": step.type,
        "actor": step.actor or "",
        "at": step.at,
        "changes": step.changes,
    }


_ITEMS, _HISTORY = Item._meta.db_table, ItemVersion._meta.db_table
_STANDING = f"""
SELECT id, owner_id, deleted_at IS NOT NULL, deleted_at < %s, {", ".join(Standing._fields[4:])}
FROM {_ITEMS} WHERE sku {{}}
"""  # noqa: S608

# PostgreSQL -----------------------------------------------------------------------------------------------------------


def _typed(columns: dict[str, str]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in columns.items())


_NEW = ", ".join(_STATE | _ONCE)

# Inserted in the order of the SKUs: of two who add the same ones at the same time, one waits for the other at the first
# of them, instead of each for the other.
_INSERT = f"""
WITH given AS MATERIALIZED (
    SELECT nextval(pg_get_serial_sequence('{_ITEMS}', 'id')) AS id, rows.*
    FROM json_to_recordset(%s) AS rows(n integer, actor text, {_typed(_STATE | _ONCE)})
), added AS (
    INSERT INTO {_ITEMS} (id, {_NEW}) SELECT id, {_NEW} FROM given ORDER BY sku COLLATE "C"
    ON CONFLICT DO NOTHING RETURNING id
), steps AS (
    INSERT INTO {_HISTORY} ({", ".join(_STEP)})
    SELECT id, version, 'item.created', actor, updated_at, '{{}}' FROM given JOIN added USING (id)
)
SELECT n, id FROM given JOIN added USING (id)
"""  # noqa: S608  (names of tables and columns)

_UPDATE = f"""
WITH changed AS (
    UPDATE {_ITEMS} AS item SET {", ".join(f"{name} = rows.{name}" for name in _STATE)}
    FROM json_to_recordset(%s) AS rows(id bigint, {_typed(_STATE)}) WHERE item.id = rows.id
)
INSERT INTO {_HISTORY} ({", ".join(_STEP)})
SELECT {", ".join(_STEP)} FROM json_to_recordset(%s) AS steps({_typed(_STEP)})
"""  # noqa: S608

# SQLite ---------------------------------------------------------------------------------------------------------------


def _places(columns: dict[str, str]) -> str:
    return ", ".join(["%s"] * len(columns))


_LAST_ID = f"SELECT seq FROM sqlite_sequence WHERE name = '{_ITEMS}'"  # noqa: S608
_INSERT_ONE = f"""
INSERT INTO {_ITEMS} (id, {_NEW}) VALUES (%s, {_places(_STATE | _ONCE)}) ON CONFLICT DO NOTHING
"""  # noqa: S608
_STEP_ONE = f"INSERT INTO {_HISTORY} ({', '.join(_STEP)}) VALUES ({_places(_STEP)})"  # noqa: S608
_UPDATE_ONE = f"UPDATE {_ITEMS} SET {', '.join(f'{name} = %s' for name in _STATE)} WHERE id = %s"  # noqa: S608


class _SQLite:
    """Values as Django writes them into SQLite. Those of one time are written once: many items are made together."""

    def __init__(self, connection: Any) -> None:
        self._adapted = cache(connection.ops.adapt_datetimefield_value)

    def state(self, item: Item) -> tuple[Any, ...]:
        return (
            item.sku, item.name, item.description, item.link, money.written(item.price),
            None if item.tax is None else money.written(item.tax), item.owner_id, item.version,
            self._adapted(item.updated_at), self._adapted(item.deleted_at),
        )  # fmt: skip

    def once(self, item: Item) -> tuple[Any, ...]:
        return self._adapted(item.created_at), item.submission and item.submission.hex

    def step(self, step: Step, item_id: int) -> tuple[Any, ...]:
        changes = json.dumps(step.changes) if step.changes else "{}"
        return item_id, step.version, step.type, step.actor or "", self._adapted(step.at), changes


def _insert_each(connection: Any, cursor: Any, steps: Sequence[Step]) -> dict[int, int]:
    """number -> id of those that were added. Nobody else writes meanwhile, so the next ids are ours."""
    cursor.execute(_LAST_ID)
    last = (cursor.fetchone() or [0])[0]
    ids = {number: last + 1 + number for number in range(len(steps))}
    sqlite = _SQLite(connection)
    cursor.executemany(
        _INSERT_ONE,
        [(ids[number], *sqlite.state(step.item), *sqlite.once(step.item)) for number, step in enumerate(steps)],
    )
    if cursor.rowcount < len(steps):
        there: set[int] = set()
        for start in range(0, len(steps), IDS_A_QUERY):
            some = list(ids.values())[start : start + IDS_A_QUERY]
            there.update(Item.with_deleted.filter(pk__in=some).values_list("pk", flat=True))
        ids = {number: item_id for number, item_id in ids.items() if item_id in there}
    added = [sqlite.step(step, ids[number]) for number, step in enumerate(steps) if number in ids]
    cursor.executemany(_STEP_ONE, added)
    return ids
