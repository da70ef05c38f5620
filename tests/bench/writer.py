"""Writes records at a rate, as a server of `source.py`: into the outbox, a transaction every few milliseconds, as
services do it; or straight into Kafka, for the peers.

    python -m tests.bench.writer outbox DATABASE_URL TOPIC
    python -m tests.bench.writer kafka BOOTSTRAP TOPIC
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime

import psycopg
from aiokafka import AIOKafkaProducer

from tests.bench.source import Source, steered

INSERT = """
INSERT INTO streams_outboxmessage (topic, key, value, headers, created_at, attempts, last_error)
VALUES (%s, %s, %s, '{"ce_type": "item.updated", "content-type": "application/json"}', %s, 0, '')
"""


async def write(where: str, address: str, topic: str) -> None:
    waiting: asyncio.Queue[tuple[int, list[bytes]]] = asyncio.Queue()
    source = Source(lambda first, values: waiting.put_nowait((first, values)))
    steered(lambda words: source.set_rate(float(words[1])), 0)
    running = asyncio.create_task(source.run())
    if where == "outbox":
        async with await psycopg.AsyncConnection.connect(address, autocommit=True) as connection:
            while not running.done():
                first, values = await waiting.get()
                async with connection.transaction(), connection.cursor() as cursor:
                    now = datetime.now(UTC)
                    rows = [(topic, str(number % 1000), value, now) for number, value in enumerate(values, first)]
                    await cursor.executemany(INSERT, rows)
                    await cursor.execute("SELECT pg_notify('streamboard_outbox', '')")
    else:
        async with AIOKafkaProducer(bootstrap_servers=address, enable_idempotence=True) as producer:
            while not running.done():
                first, values = await waiting.get()
                for number, value in enumerate(values, first):
                    await producer.send(topic, value, key=b"%d" % (number % 1000))


if __name__ == "__main__":
    asyncio.run(write(*sys.argv[1:]))
