"""aiokafka to WebSocket in 30 lines: no database, no outbox, no sign-in, no recovery, no limits.

python -m tests.bench.peers.kafka_to_websocket BOOTSTRAP TOPIC
"""

from __future__ import annotations

import sys

import uvloop
from aiokafka import AIOKafkaConsumer
from websockets.asyncio.server import ServerConnection, broadcast, serve

sockets: set[ServerConnection] = set()


async def show(socket: ServerConnection) -> None:
    sockets.add(socket)
    try:
        await socket.wait_closed()
    finally:
        sockets.discard(socket)


async def main(bootstrap: str, topic: str) -> None:
    async with (
        AIOKafkaConsumer(topic, bootstrap_servers=bootstrap) as consumer,
        serve(show, "127.0.0.1", 0, compression=None) as server,
    ):
        print(f'{{"port": {server.sockets[0].getsockname()[1]}}}', flush=True)
        while True:
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                broadcast(sockets, "[" + ",".join(record.value.decode() for record in records) + "]")


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2]))
