"""Writes records at a rate, as a server of `source.py`: into the outbox, a transaction every few milliseconds, as
services do it; or straight into Kafka, for the peers.

    python -m tests.bench.writer outbox DATABASE_URL TOPIC
    python -m tests.bench.writer kafka BOOTSTRAP TOPIC
"""

from __future__ import annotations

import asyncio
import sys

import psycopg
from aiokafka import AIOKafkaProducer

from tests.bench.source import Source, steered

# One statement, so that a record's time is that of its commit and not of the questions before it.
COMMIT = """
WITH written AS (
    INSERT INTO streams_outboxmessage (topic, key, value, headers, created_at, attempts, last_error)
    SELECT %s, key, value, '{"ce_type": "item.updated", "content-type": "application/json"}', now(), 0, ''
    FROM unnest(%s::text[], %s::bytea[]) WITH ORDINALITY AS made (key, value, place) ORDER BY place
)
SELECT pg_notify('streamboard_outbox', '')
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
                keys = [str(number % 1000) for number in range(first, first + len(values))]
                await connection.execute(COMMIT, [topic, keys, values])
    else:
        async with AIOKafkaProducer(bootstrap_servers=address, enable_idempotence=True) as producer:
            while not running.done():
                first, values = await waiting.get()
                for number, value in enumerate(values, first):
                    await producer.send(topic, value, key=b"%d" % (number % 1000))


if __name__ == "__main__":
    asyncio.run(write(*sys.argv[1:]))
