"""Channels as its tutorial has it: each socket joins a group, each record is one message to the group (Redis layer).

python -m tests.bench.peers.channels_group REDIS_URL
"""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import Any

import django
import uvicorn
from django.conf import settings

settings.configure(
    INSTALLED_APPS=["channels"],
    CHANNEL_LAYERS={
        "default": {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": {"hosts": [sys.argv[1]]}},
    },
)
django.setup()

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.layers import get_channel_layer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.urls import path

from tests.bench.source import Source, steered


class FeedConsumer(AsyncWebsocketConsumer):
    async def connect(self) -> None:
        await self.channel_layer.group_add("feed", self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard("feed", self.channel_name)

    async def feed_record(self, event: dict[str, Any]) -> None:
        await self.send(text_data=event["record"])


application = ProtocolTypeRouter({"websocket": URLRouter([path("ws/live/", FeedConsumer.as_asgi())])})


async def main() -> None:
    layer = get_channel_layer()
    waiting: asyncio.Queue[bytes] = asyncio.Queue()
    source = Source(lambda _first, values: [waiting.put_nowait(value) for value in values] and None)

    async def publish() -> None:
        while True:
            record = await waiting.get()
            await layer.group_send("feed", {"type": "feed.record", "record": record.decode()})

    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    server = uvicorn.Server(uvicorn.Config(application, ws_per_message_deflate=False, log_level="warning"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    steered(lambda words: source.set_rate(float(words[1])), listener.getsockname()[1])
    await asyncio.gather(serving, source.run(), publish())


if __name__ == "__main__":
    asyncio.run(main())
