"""The bridge as a process of its own: the relay, the fan-out, or both, until asked to stop.

In a web process without Redis the same two functions run inline (streams/processes/web.py).
"""

from __future__ import annotations

import asyncio

from streams.decoding import registry
from streams.fanout import layer
from streams.fanout.group import run_group
from streams.kafka.catalog import Catalog
from streams.outbox.relay import run as run_relay
from streams.runtime.tasks import pause, supervise
from streams.topics import present_epochs

TOPICS_S = 3.0  # between looks at the list of watched topics


async def run_bridge(*, relay: bool, fanout: bool, stop: asyncio.Event) -> None:
    """Runs the relay, the fan-out, or both until `stop` is set. Each is supervised and starts again by itself."""
    try:
        async with asyncio.TaskGroup() as tasks:
            if relay:
                tasks.create_task(supervise("relay", lambda: run_relay(stop), stop), name="relay")
            if fanout:
                tasks.create_task(supervise("fan-out", lambda: _fan_out(stop), stop), name="fan-out")
    finally:
        await registry.close()


async def fan_out_once() -> None:
    """Sends what lies between the group's positions and the end offsets of now, then returns. Raises Unavailable,
    KafkaError, RedisError, OSError or TimeoutError."""
    catalog = Catalog()
    try:
        epochs = await present_epochs(catalog)
    finally:
        await catalog.close()
    stop = asyncio.Event()
    try:
        await run_group(epochs, layer.sender(stop), stop.is_set, once=True)
    finally:
        await registry.close()


async def _fan_out(stop: asyncio.Event) -> None:
    """One consumer's life after the other until `stop`: each for the topics of its time. Raises what ends one early."""
    while not stop.is_set():
        await _fan_out_topics(stop)


async def _fan_out_topics(stop: asyncio.Event) -> None:
    """One consumer's life for the topics of now; returns when they change."""
    catalog = Catalog()
    changed = asyncio.Event()
    try:
        epochs = await present_epochs(catalog)
        while not epochs:
            await pause(stop, TOPICS_S)
            if stop.is_set():
                return
            epochs = await present_epochs(catalog)
        watching = asyncio.create_task(_watch(catalog, epochs, changed))
        try:
            await run_group(epochs, layer.sender(stop), lambda: stop.is_set() or changed.is_set())
        finally:
            changed.set()
            watching.cancel()
            await asyncio.wait({watching})
    finally:
        await catalog.close()


async def _watch(catalog: Catalog, epochs: dict[str, str], changed: asyncio.Event) -> None:
    async def look() -> None:
        while not changed.is_set():
            await pause(changed, TOPICS_S)
            if await present_epochs(catalog) != epochs:
                changed.set()

    await supervise("topic watch", look, changed)
