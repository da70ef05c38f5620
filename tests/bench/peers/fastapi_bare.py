"""FastAPI and asyncpg by hand, the bare two inserts: an item and its outbox row in one transaction. Nobody is asked who
they are, and nothing is checked but the types.

python -m tests.bench.peers.fastapi_bare DATABASE_URL TOPIC
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime

from tests.bench.peers.fastapi_parts import NewItem, pooled_application
from tests.bench.peers.serving import serve

CONNECTIONS = 16  # as many as the product's
URL, TOPIC = sys.argv[1:]

ITEM = """
INSERT INTO items_item (version, sku, name, description, price, tax, link, created_at, updated_at)
VALUES (1, $1, $2, $3, $4, $5, $6, $7, $7) RETURNING id
"""
OUTBOX = """
INSERT INTO streams_outboxmessage (topic, key, value, headers, created_at, attempts, last_error)
VALUES ($1, $2, $3, $4, $5, 0, '')
"""
HEADERS = json.dumps({"ce_type": "item.created", "content-type": "application/json"})


app = pooled_application(URL, CONNECTIONS)


@app.post("/api/items/", status_code=201)
async def create(item: NewItem) -> dict[str, object]:
    now = datetime.now(UTC)
    async with app.state.pool.acquire() as connection, connection.transaction():
        number = await connection.fetchval(
            ITEM, item.sku, item.name, item.description, item.price, item.tax, item.link, now
        )
        made = {"id": number, **item.model_dump(mode="json")}
        await connection.execute(OUTBOX, TOPIC, str(number), json.dumps(made).encode(), HEADERS, now)
    return made


if __name__ == "__main__":
    serve(app)
