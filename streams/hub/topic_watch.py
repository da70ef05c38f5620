"""Which topics are open in this process, and in which life: those of the database, as far as Kafka has them.

A topic's epoch is Kafka's id of it. Where the broker gives no ids, or Kafka lost the end of a topic and kept its id, it
is the value that is kept with the topic in the database, renewed once and read by every process.
"""

from __future__ import annotations

import asyncio
import logging

from django.conf import settings

from streams import topics
from streams.decoding import stored
from streams.hub.hub import Hub
from streams.kafka import embedded
from streams.kafka.catalog import Catalog, TopicInfo
from streams.kafka.clients import NotAllowed
from streams.kafka.history import NoLeader
from streams.runtime.away import Unavailable
from streams.runtime.tasks import pause
from streams.runtime.threads import in_database
from streams.topics import epoch_of, renew

log = logging.getLogger(__name__)

LOOK_S = 2.0  # between looks at the list of watched topics
CATALOG_S = 10.0  # between looks at Kafka's list, when nothing seems to have changed


class TopicWatch:
    """Keeps the hub's topics up to date. has_failed: Kafka did not answer the last question about topics."""

    def __init__(self, hub: Hub) -> None:
        self.has_failed = False
        self._hub = hub
        self._catalog = Catalog()
        self._has_looked_for_items = False
        self._leaderless: set[str] = set()
        self._lives: dict[str, tuple[TopicInfo, str]] = {}  # as opened: what Kafka said, and the value kept

    async def run(self, stop: asyncio.Event) -> None:
        """Looks until `stop`, and whenever the hub wants it. Raises Unavailable when Kafka does not answer."""
        loop = asyncio.get_running_loop()
        asked, seen = float("-inf"), dict[str, str]()
        await in_database(topics.watch_items_topic)
        while not stop.is_set():
            await stored.look()  # first: no record of a topic is read before it is known what it carries
            rows = await in_database(topics.topic_epochs)
            missing = rows.keys() - self._hub.logs.keys()
            if rows != seen or missing or self._hub.refresh.is_set() or loop.time() - asked > CATALOG_S:
                self._hub.refresh.clear()
                await self._open(rows)
                asked, seen = loop.time(), rows
            for name in self._hub.hearing.shrunk():
                await self._begin_new_life(name)
            await pause(self._hub.refresh, LOOK_S)

    async def close(self) -> None:
        """Ends its connections to Kafka."""
        await self._catalog.close()

    async def _open(self, rows: dict[str, str]) -> None:
        """Opens what Kafka has of the watched topics, and ends what is no longer there. Raises Unavailable."""
        broker = embedded.current()
        if broker is not None:
            for name in rows.keys() - self._hub.logs.keys():
                await asyncio.to_thread(broker.create_topic, name)
        try:
            await self._make_items_topic()
            infos = await self._catalog.topics(rows)
            self._hub.history.watched = frozenset(infos)
            self._hub.missing = frozenset(rows.keys() - infos.keys())
            for name in self._hub.logs.keys() - infos.keys():
                log.warning("The topic %s has gone.", name)
                self._hub.forget(name, "topic_gone")
                info, kept = self._lives.pop(name)
                if info.epoch is None:  # if it returns, that is another life
                    await in_database(renew, info, kept)
            # The items topic first: with the first one the link is live, and what is not open then seems to be missing.
            for name in sorted(infos, key=lambda name: name != settings.KAFKA_ITEMS_TOPIC):
                self._lives[name] = infos[name], rows[name]
                await self._open_one(infos[name], epoch_of(infos[name], rows[name]))
            self._leaderless &= infos.keys()
        except Unavailable:
            self.has_failed = True
            raise
        self.has_failed = False

    async def _open_one(self, info: TopicInfo, epoch: str) -> None:
        """Opens a topic, later if nobody leads one of its partitions: the others do not wait for it. Raises
        Unavailable."""
        try:
            await self._hub.open(info, epoch)
        except NoLeader as error:
            if info.name not in self._leaderless:
                self._leaderless.add(info.name)
                log.warning("%s It is looked for again.", error)
        else:
            self._leaderless.discard(info.name)

    async def _make_items_topic(self) -> None:
        """Once: nobody who opens the first page shall find that Kafka has no items topic yet, because nobody has
        published anything. One that is deleted later stays away until the relay needs it."""
        if self._has_looked_for_items:
            return
        try:
            await self._catalog.ensure(settings.KAFKA_ITEMS_TOPIC)
        except NotAllowed as error:
            log.warning("%s", error)
        self._has_looked_for_items = True

    async def _begin_new_life(self, name: str) -> None:
        """Of a topic whose end is said to be below the hub's positions: asks Kafka itself once more."""
        known = dict(self._hub.logs[name].positions)
        ends = (await self._hub.history.bounds(name, known)).ends
        info, kept = self._lives[name]
        if any(ends.get(partition, 0) < position for partition, position in known.items()) and await in_database(
            renew, info, kept
        ):
            log.warning("Kafka's end of %s fell below what was read before: a new life of the topic begins.", name)
        self._hub.refresh.set()
