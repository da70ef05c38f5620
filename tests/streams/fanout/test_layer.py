"""The way from bridges to web processes, over a real Redis that goes away and comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, cast

import pytest_django

from streams.fanout import layer
from streams.hub.hub import Hub
from streams.runtime.tasks import supervise
from streams.wire import layer_message, ranges
from tests.support.services import Redis
from tests.support.waiting import until

RETURN_SECONDS = 30  # the supervisor's back-off grows while Redis is away


class Ears:
    """Stands for the hub: counts what it is told."""

    def __init__(self) -> None:
        self.heard = 0

    def take(self, batches: Iterable[ranges.Batch], statuses: Iterable[ranges.Status]) -> None:
        self.heard += len(list(statuses))


def configured(redis: Redis, settings: pytest_django.Settings) -> None:
    config: dict[str, Any] = {"hosts": [{"address": redis.url(), "socket_connect_timeout": 3, "socket_timeout": 15}]}
    config |= {"expiry": 10, "group_expiry": 30}
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": config}}


async def test_a_web_process_hears_the_bridges_after_each_return_of_redis(
    redis: Redis, settings: pytest_django.Settings
) -> None:
    """redis-py sometimes swallows a cancellation; the reader once waited for ever for a task that it had cancelled."""
    configured(redis, settings)
    ears, stop = Ears(), asyncio.Event()
    message = layer_message.pack([], [ranges.Status("a-topic", "an-epoch", {0: 1}, {0: 1})])

    async def speak() -> None:
        send = layer.sender(stop)
        while not stop.is_set():
            await send(message)
            await asyncio.sleep(0.02)

    async def hears() -> None:
        before = ears.heard
        await until(lambda: ears.heard > before + 3, "the reader hears", RETURN_SECONDS)

    reading = asyncio.create_task(supervise("reader", lambda: layer.read(cast("Hub", ears), stop), stop))
    speaking = asyncio.create_task(speak())
    await hears()
    for _ in range(5):
        await asyncio.to_thread(redis.kill)
        await asyncio.to_thread(redis.start)
        await hears()
    stop.set()
    async with asyncio.timeout(RETURN_SECONDS):
        await asyncio.gather(reading, speaking)
