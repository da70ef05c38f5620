"""FastAPI and asyncpg by hand, with the work that the product does for an item: the token looked up by its hash, the
right to add, the fields checked, and item, history, outbox row and NOTIFY in one transaction; answered with ETag and
Location.

python -m tests.bench.peers.fastapi_same_work DATABASE_URL TOPIC
"""

from __future__ import annotations

import hashlib
import json
import sys
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

import asyncpg
from fastapi import Header, HTTPException
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from tests.bench.peers.fastapi_parts import pooled_application
from tests.bench.peers.serving import serve

CONNECTIONS = 16  # as many as the product's
URL, TOPIC = sys.argv[1:]

# Who calls, whether they may add items (by themselves or by a group), and whether the token's use is to be noted.
CALLER = """
SELECT who.id, who.username, token.id AS token,
       token.last_used_at IS NULL OR token.last_used_at < now() - interval '1 minute' AS due,
       who.is_superuser OR EXISTS (
           SELECT FROM auth_permission AS right_to JOIN django_content_type AS of ON of.id = right_to.content_type_id
           WHERE of.app_label = 'items' AND right_to.codename = 'add_item' AND (
               EXISTS (SELECT FROM auth_user_user_permissions AS own
                       WHERE own.user_id = who.id AND own.permission_id = right_to.id)
               OR EXISTS (SELECT FROM auth_user_groups AS member
                          JOIN auth_group_permissions AS shared ON shared.group_id = member.group_id
                          WHERE member.user_id = who.id AND shared.permission_id = right_to.id))
       ) AS may_add
FROM items_apitoken AS token JOIN auth_user AS who ON who.id = token.user_id
WHERE token.digest = $1 AND token.revoked_at IS NULL AND who.is_active
      AND (token.expires_at IS NULL OR token.expires_at > now())
"""
USED = "UPDATE items_apitoken SET last_used_at = now() WHERE id = $1"
ITEM = """
INSERT INTO items_item (version, sku, name, description, price, tax, link, owner_id, created_at, updated_at)
VALUES (1, $1, $2, $3, $4, $5, $6, $7, $8, $8) RETURNING id
"""
HISTORY = """
INSERT INTO items_itemversion (item_id, version, type, actor, at, changes) VALUES ($1, 1, 'item.created', $2, $3, '{}')
"""
OUTBOX = """
INSERT INTO streams_outboxmessage (topic, key, value, headers, created_at, attempts, last_error)
VALUES ($1, $2, $3, $4, $5, 0, '')
"""
NOTIFY = "SELECT pg_notify('streamboard_outbox', '')"

ONE_LINE = r"^[^\x00-\x1f\x7f-\x9f]*$"
Money = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=2)]


class NewItem(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=ONE_LINE)]
    description: Annotated[str, StringConstraints(max_length=20_000, pattern=r"^[^\x00]*$")] = ""
    price: Money
    tax: Money | None = None
    link: Annotated[str, StringConstraints(max_length=2_000, pattern=r"^$|^https?://[^\s/?#]+([/?#]\S*)?$")] = ""
    sku: Annotated[str, StringConstraints(max_length=64, pattern=ONE_LINE)] = ""


app = pooled_application(URL, CONNECTIONS)


@app.post("/api/items/", status_code=201)
async def create(new: NewItem, authorization: Annotated[str, Header()] = "") -> JSONResponse:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise HTTPException(401, "Send a token.")
    digest = hashlib.sha256(token.strip().encode()).hexdigest()
    async with app.state.pool.acquire() as connection:
        caller = await connection.fetchrow(CALLER, digest)
        if caller is None:
            raise HTTPException(401, "This token is not valid.")
        if caller["due"]:
            await connection.execute(USED, caller["token"])
        if not caller["may_add"]:
            raise HTTPException(403, "Your account may not add items.")
        try:
            made = await write(connection, new, caller)
        except asyncpg.UniqueViolationError as error:
            raise HTTPException(409, "Another item has this SKU.") from error
    return JSONResponse(made, 201, headers={"ETag": '"1"', "Location": f"/api/items/{made['id']}"})


async def write(connection: Any, new: NewItem, caller: Any) -> dict[str, object]:
    now = datetime.now(UTC)
    at = now.isoformat(timespec="microseconds").replace("+00:00", "Z")
    async with connection.transaction():
        number = await connection.fetchval(
            ITEM, new.sku, new.name, new.description, new.price, new.tax, new.link, caller["id"], now
        )
        await connection.execute(HISTORY, number, caller["username"], now)
        made = {
            "id": number, "version": 1, "sku": new.sku, "name": new.name, "description": new.description,
            "price": f"{new.price:.2f}", "tax": None if new.tax is None else f"{new.tax:.2f}", "link": new.link,
            "owner": caller["username"], "created_at": at, "updated_at": at,
        }  # fmt: skip
        headers = {
            "ce_specversion": "1.0", "ce_id": str(uuid.uuid4()), "ce_type": "item.created",
            "ce_source": "/streamboard/items", "ce_time": at, "content-type": "application/json",
        }  # fmt: skip
        value = json.dumps({**made, "actor": caller["username"]}).encode()
        await connection.execute(OUTBOX, TOPIC, str(number), value, json.dumps(headers), now)
        await connection.execute(NOTIFY)
    return made


if __name__ == "__main__":
    serve(app)
