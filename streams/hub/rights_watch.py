"""Looks again, at intervals, at what connected people may: sessions end, accounts close, groups and topics change."""

from __future__ import annotations

import asyncio

from streams.hub.connection import Connection
from streams.hub.hub import Hub
from streams.rights import credentials
from streams.rights.topics import shown
from streams.runtime.tasks import pause
from streams.runtime.threads import in_database

LOOK_S, LONGEST_S = 5.0, 30.0  # between two looks
SHARE = 10  # a look that takes long is followed by a pause so many times as long


async def watch(hub: Hub, stop: asyncio.Event) -> None:
    """Looks again every few seconds until `stop` is set, and tells each connection what changed for it: other topics,
    streams that end, or the end of it all."""
    loop = asyncio.get_running_loop()
    took = 0.0
    while not stop.is_set():
        await pause(stop, min(LONGEST_S, max(LOOK_S, SHARE * took)))
        began = loop.time()
        connections = list(hub.connections)
        allowed = await in_database(credentials.look_again, [connection.credentials for connection in connections])
        took = loop.time() - began
        for connection in connections:
            _apply(hub, connection, allowed[connection.credentials])


def _apply(hub: Hub, connection: Connection, topics: dict[str, str] | None) -> None:
    now = asyncio.get_running_loop().time()
    if topics is None:
        connection.goodbye(4003, now)
    elif topics != connection.topics:
        lost_all = bool(connection.topics) and not topics
        connection.topics = topics
        connection.send({"type": "topics", "topics": shown(topics)}, now)
        for reader in list(connection.streams.values()):
            if reader.log.topic and reader.log.topic not in topics:
                hub.leave(reader, "forbidden")
        if lost_all:
            connection.goodbye(4503, now, 0)
