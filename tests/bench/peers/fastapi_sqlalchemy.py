"""FastAPI and SQLAlchemy's asyncio ORM, as their documentation has it: an item and its outbox row in one transaction.
Nobody is asked who they are, and nothing is checked but the types.

python -m tests.bench.peers.fastapi_sqlalchemy DATABASE_URL TOPIC
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from sqlalchemy import JSON, BigInteger, DateTime, LargeBinary, Numeric
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tests.bench.peers.fastapi_parts import NewItem
from tests.bench.peers.serving import serve

CONNECTIONS = 16  # as many as the product's
URL, TOPIC = sys.argv[1:]


def now() -> datetime:
    return datetime.now(UTC)


class Base(DeclarativeBase):
    type_annotation_map = {
        datetime: DateTime(timezone=True),
        Decimal: Numeric(12, 2),
        bytes: LargeBinary,
        dict[str, Any]: JSON().with_variant(JSONB(), "postgresql"),
    }


class Item(Base):
    __tablename__ = "items_item"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    version: Mapped[int] = mapped_column(default=1)
    sku: Mapped[str]
    name: Mapped[str]
    description: Mapped[str]
    price: Mapped[Decimal]
    tax: Mapped[Decimal | None]
    link: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now)


class OutboxMessage(Base):
    __tablename__ = "streams_outboxmessage"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    topic: Mapped[str]
    key: Mapped[str]
    value: Mapped[bytes]
    headers: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=now)
    attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str] = mapped_column(default="")


engine = create_async_engine(URL.replace("postgres://", "postgresql+asyncpg://"), pool_size=CONNECTIONS, max_overflow=0)
sessions = async_sessionmaker(engine, expire_on_commit=False)
app = FastAPI()


async def session() -> Any:
    async with sessions() as opened:
        yield opened


@app.post("/api/items/", status_code=201)
async def create(new: NewItem, db: Annotated[AsyncSession, Depends(session)]) -> dict[str, object]:
    async with db.begin():
        item = Item(**new.model_dump())
        db.add(item)
        await db.flush()
        made = {"id": item.id, **new.model_dump(mode="json")}
        db.add(
            OutboxMessage(
                topic=TOPIC,
                key=str(item.id),
                value=json.dumps(made).encode(),
                headers={"ce_type": "item.created", "content-type": "application/json"},
            )
        )
    return made


if __name__ == "__main__":
    serve(app)
