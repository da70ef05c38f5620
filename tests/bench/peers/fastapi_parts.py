"""What the FastAPI peers have in common: an item whose types alone are checked, and an application with a pool."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import asyncpg
from fastapi import FastAPI
from pydantic import BaseModel


class NewItem(BaseModel):
    name: str
    description: str = ""
    price: Decimal
    tax: Decimal | None = None
    link: str = ""
    sku: str = ""


def pooled_application(url: str, connections: int) -> FastAPI:
    """An application with asyncpg's pool of so many connections, as `app.state.pool`, for as long as it is served."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with asyncpg.create_pool(url, min_size=connections, max_size=connections) as app.state.pool:
            yield

    return FastAPI(lifespan=lifespan)
