"""Between bridges and web processes: the Channels layer, with one channel for each web process.

It is at most once by contract. What it loses, the ranges show, and the hub reads back from Kafka.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from channels.layers import channel_layers
from redis.exceptions import RedisError

from streams import metrics
from streams.hub.hub import Hub
from streams.runtime.tasks import pause
from streams.wire import layer_message

log = logging.getLogger(__name__)

LAYER_GROUP = "streamboard.hubs"  # every web process's channel is in it
MEMBERSHIP_S = 5.0  # between renewals of this process's place in the group
END_S = 1.0  # for cancelled tasks; one that ignores it ends by itself, bounded by Redis' own time limits
SEND_TIMEOUT_S = 5.0  # for one message
SEND_RETRY_S = 0.5


def _new_layer() -> Any:
    return channel_layers.make_backend("default")


async def _close(layer: Any) -> None:
    try:
        async with asyncio.timeout(SEND_TIMEOUT_S):
            await layer.close_pools()
    except (RedisError, OSError, TimeoutError) as error:
        log.debug("The layer's connections did not close cleanly: %r", error)


async def read(hub: Hub, stop: asyncio.Event) -> None:
    """Takes what the bridges send until `stop` is set. Raises RedisError, OSError or TimeoutError when Redis is away;
    the supervisor tries again."""
    channels = _new_layer()  # with nothing left behind of the last life: neither locks nor broken connections
    channel = await channels.new_channel("hub")
    over = asyncio.Event()
    renewing = asyncio.create_task(_renew_membership(channels, channel, over))
    stopping = asyncio.create_task(stop.wait())
    receiving: asyncio.Future[dict[str, Any]] = asyncio.ensure_future(channels.receive(channel))
    try:
        while not stop.is_set():
            waited: list[asyncio.Future[Any]] = [receiving, renewing, stopping]
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if renewing.done():
                renewing.result()
            if receiving.done():
                _take(hub, receiving.result())
                receiving = asyncio.ensure_future(channels.receive(channel))
    finally:
        over.set()
        await _end(renewing, stopping, receiving)
        await _close(channels)


async def _end(*tasks: asyncio.Future[Any]) -> None:
    """Cancels and waits, but not for ever: redis-py sometimes swallows a cancellation while it connects."""
    for task in tasks:
        task.add_done_callback(lambda done: done.cancelled() or done.exception())  # looked at: no word in the log
        task.cancel()
    await asyncio.wait(tasks, timeout=END_S)


async def _renew_membership(channels: Any, channel: str, over: asyncio.Event) -> None:
    """The group's membership is a key in Redis: gone when Redis restarts."""
    while not over.is_set():
        async with asyncio.timeout(MEMBERSHIP_S):
            await channels.group_add(LAYER_GROUP, channel)
        await pause(over, MEMBERSHIP_S)


def _take(hub: Hub, message: dict[str, Any]) -> None:
    unpacked = layer_message.unpack(message)
    if unpacked is None:
        metrics.FOREIGN_MESSAGES.inc()  # during a rolling restart; the ranges show what is missing
        return
    hub.take(*unpacked)


def sender(stop: asyncio.Event) -> Callable[[dict[str, Any]], Awaitable[None]]:
    """How to put one message on the layer. It waits as long as Redis is away, and logs that; it raises what Redis did
    once `stop` is set."""
    channels = _new_layer()

    async def send(message: dict[str, Any]) -> None:
        nonlocal channels
        failed = False
        while True:
            try:
                async with asyncio.timeout(SEND_TIMEOUT_S):
                    await channels.group_send(LAYER_GROUP, message)
            except (RedisError, OSError, TimeoutError) as error:
                if not failed:
                    log.warning("Redis is away; the fan-out waits at its position: %r", error)
                failed = True
                metrics.LAYER_FAILURES.inc()
                await _close(channels)
                channels = _new_layer()
                await pause(stop, SEND_RETRY_S)
                if stop.is_set():
                    raise
            else:
                if failed:
                    log.info("Redis is back; the fan-out goes on.")
                return

    return send
