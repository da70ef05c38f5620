"""The hub: one per web process. Takes ranges in, keeps each topic's log, and hands on to its readers.

Every range is checked against the position. A hole is repaired from Kafka (streams/hub/repairs.py); only what retention
took ends in a gap. The readers are moved on by streams/hub/delivery.py.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

import orjson
from django.conf import settings

from streams import metrics
from streams.hub.arrivals import Arrivals
from streams.hub.connection import SILENT_S
from streams.hub.delivery import Delivery
from streams.hub.freshness import Hearing, now_ms
from streams.hub.rates import Seconds
from streams.hub.repairs import Repairs
from streams.hub.subscription import Client, Subscription
from streams.hub.topic_log import LOG_SECONDS, LOG_SECONDS_EMBEDDED, TopicLog
from streams.hub.topic_views import TopicViews
from streams.kafka import embedded
from streams.kafka.catalog import TopicInfo
from streams.kafka.history import Bounds, History, NoLeader
from streams.wire.frames import Frame
from streams.wire.ranges import Batch, Positions, Range, Status

log = logging.getLogger(__name__)

LinkState = Literal["live", "catching_up", "down"]
SILENT_AT_ONCE = 32  # topics that nobody speaks of, asked about together: a `subscribe` waits behind no more
STANDSTILL_S = 0.25  # of this process's own event loop: so late, nothing that was not heard is held against anybody


class Link(NamedTuple):
    """The state of this process's connection to Kafka, and since when (ms since 1970)."""

    state: LinkState
    since: int


class Hub:
    """What a web process knows of the live end. Called from one event loop only.

    logs: topic -> its log, there once Kafka has told epoch and end offsets. missing: the watched topics that Kafka did
    not have when they were looked up last; of one that is in neither it is not known yet. waiting: how many item events
    wait to be published, None when nobody knows. changed: set when topics or their epochs changed. refresh: to be set
    to have them looked up now. is_link_known: whether the link's state has ever changed; before, `down` only says that
    nobody has looked.
    """

    def __init__(self, history: History) -> None:
        self.history = history
        self.logs: dict[str, TopicLog] = {}
        self.missing: frozenset[str] = frozenset()
        self.connections: set[Client] = set()
        self._connections_of: Counter[str] = Counter()
        self.link = Link("down", now_ms())
        self.is_link_known = False
        self.waiting: int | None = None
        self.changed = asyncio.Event()  # the inline fan-out starts anew
        self.refresh = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self.hearing = Hearing(self.logs)
        self.delivery = Delivery(self.page, self.refresh.set)
        self.views = TopicViews(history, self._usernames, self._put_in, self._end_readers)
        self.seconds = Seconds(self._tell)
        self.arrivals = Arrivals()  # of item events
        self._repairs = Repairs(
            history, self._take_back, lambda topic_log: self.logs.get(topic_log.topic) is topic_log, self.refresh.set
        )

    # Taking in ----------------------------------------------------------------------------------------------------

    def take(self, batches: Iterable[Batch], statuses: Iterable[Status]) -> None:
        """Takes what the fan-out delivers at once: first the ranges, then what it says of the partitions."""
        self.ingest(batches)
        for status in statuses:
            self.status(status)

    def ingest(self, batches: Iterable[Batch]) -> None:
        """Takes ranges from the fan-out. Duplicates are dropped; holes start a repair; another epoch is looked up."""
        for batch in batches:
            topic_log = self.logs.get(batch.topic)
            if topic_log is None:
                continue  # it opens at Kafka's end, which lies behind these ranges
            if batch.epoch != topic_log.epoch:
                self.refresh.set()
                continue
            self.hearing.note(batch.topic, {part.partition for part in batch.ranges})
            self._take(topic_log, batch.ranges)
        self.delivery.share_memory(self.logs.values())

    def _take_back(self, topic_log: TopicLog, ranges: Iterable[Range]) -> None:
        """Takes what a repair read. Nobody spoke of the partition by that: who should is as silent as before."""
        ranges = list(ranges)
        self.hearing.note_read(topic_log.topic, {part.partition for part in ranges})
        self._take(topic_log, ranges)
        self.delivery.share_memory(self.logs.values())

    def _take(self, topic_log: TopicLog, ranges: Iterable[Range]) -> None:
        now = self._loop.time()
        admitted: list[Range] = []
        expected: Positions = {}
        for part in ranges:
            partition = part.partition
            position = expected.get(partition, topic_log.positions.get(partition, 0))
            if part.end <= position:
                metrics.DUPLICATE_RANGES.inc()
            elif part.start > position:
                metrics.GAPS_NOTICED.labels("range").inc()
                self._repairs.need(topic_log, partition, part.end)
            else:
                admitted.append(part if part.start == position else part.after(position))
                expected[partition] = part.end
                if part.lost:
                    metrics.OFFSETS_LOST.labels(part.lost).inc(part.end - position)
        if admitted:
            self.views.feed(topic_log, admitted)
            topic_log.append([part._replace(whole=None) if part.whole else part for part in admitted], now)
            self.seconds.count(topic_log.topic, admitted)
            self.delivery.trim([topic_log])
            self.delivery.schedule(topic_log)

    def status(self, status: Status) -> None:
        """Takes what the fan-out says every second: a position beyond ours means that a message was lost."""
        topic_log = self.logs.get(status.topic)
        if topic_log is None:
            return
        if status.epoch != topic_log.epoch:
            self.refresh.set()
            return
        self.hearing.note(status.topic, status.positions)
        self.hearing.note_ends(status.topic, status.ends)
        for partition, position in status.positions.items():
            if position > topic_log.positions.get(partition, 0):
                metrics.GAPS_NOTICED.labels("status").inc()
                self._repairs.need(topic_log, partition, position)

    def set_link(self, state: LinkState, since: int | None = None) -> None:
        """Sets the link's state; a change is told to every client at once."""
        if state == self.link.state:
            return
        self.link = Link(state, since or now_ms())
        self.is_link_known = True
        metrics.link_is(state)
        log.info("The link to Kafka is %s.", state.replace("_", " "))
        for connection in list(self.connections):
            self.heartbeat(connection)

    async def read_silent(self, silent: dict[str, list[int]]) -> None:
        """Reads silent partitions up to Kafka's end. Raises Unavailable when it does not tell the end of one."""
        logs = [self.logs[topic] for topic in silent.keys() & self.logs.keys()]
        failures: list[BaseException] = []
        for start in range(0, len(logs), SILENT_AT_ONCE):
            some = logs[start : start + SILENT_AT_ONCE]
            answers = await asyncio.gather(
                *(self.history.bounds(each.topic, each.positions) for each in some), return_exceptions=True
            )
            for topic_log, bounds in zip(some, answers, strict=True):
                if isinstance(bounds, BaseException):
                    failures.append(bounds)
                else:
                    self._heard_of_silent(topic_log, bounds, silent[topic_log.topic])
            if all(isinstance(each, BaseException) and not isinstance(each, NoLeader) for each in answers):
                break  # Kafka is away, and the others would wait for it as long
        if failures:
            raise failures[0]

    def _heard_of_silent(self, topic_log: TopicLog, bounds: Bounds, partitions: list[int]) -> None:
        """Kafka itself told where partitions end that nobody spoke of."""
        self.hearing.note_read(topic_log.topic, bounds.ends)
        self.hearing.note_ends(topic_log.topic, bounds.ends)
        for partition in partitions:
            end = bounds.ends.get(partition, 0)
            if end > topic_log.positions.get(partition, 0):
                metrics.GAPS_NOTICED.labels("silence").inc()
                self._repairs.need(topic_log, partition, end)

    # Topics -------------------------------------------------------------------------------------------------------

    async def open(self, info: TopicInfo, epoch: str) -> None:
        """Starts a topic's log at Kafka's end, or at the beginning of a new life of it. Raises Unavailable."""
        existing = self.logs.get(info.name)
        if existing is not None and existing.epoch == epoch:
            for partition in info.partitions:
                if partition not in existing.positions:
                    for each in (existing, *self.views.logs(existing)):
                        each.add_partition(partition)
                    self.hearing.note(info.name, [partition])
                    self.changed.set()
            return
        self.history.forget(info.name)
        bounds = await self.history.bounds(info.name, info.partitions)
        seconds = LOG_SECONDS if embedded.address() is None else LOG_SECONDS_EMBEDDED
        opened = TopicLog(info.name, epoch, bounds.ends if existing is None else bounds.firsts, seconds)
        self.logs[info.name] = opened
        self.hearing.forget(info.name)
        self.hearing.note(info.name, info.partitions)
        self.seconds.begin(info.name)
        self.changed.set()
        if existing is not None:
            self.delivery.start_new_life(existing, opened)
            for ended, fresh in self.views.begin_anew(existing, opened):
                self.delivery.start_new_life(ended, fresh)
        elif len(self.logs) == 1:
            self.set_link("live")  # Kafka answered, and this log begins at its end; the clock looks at it from now on

    def forget(self, topic: str, reason: str) -> None:
        """Forgets a topic and ends every stream of it. reason: as in `unsubscribed`."""
        topic_log = self.logs.pop(topic, None)
        if topic_log is None:
            return
        self.hearing.forget(topic)
        self.seconds.forget(topic)
        self.changed.set()
        for each in (topic_log, *self.views.forget(topic_log)):
            self._end_readers(each, reason)

    # Connections ------------------------------------------------------------------------------------------------------

    def connections_of(self, username: str) -> int:
        """How many connections this user has here."""
        return self._connections_of.get(username, 0)

    def add(self, connection: Client) -> None:
        """Makes a connection known: it gets heartbeats, and counts."""
        self.connections.add(connection)
        self._connections_of[connection.username] += 1
        metrics.CONNECTIONS.set(len(self.connections))

    def remove(self, connection: Client) -> None:
        """Forgets a connection and its streams. Safe to call twice."""
        if connection in self.connections:
            self.connections.discard(connection)
            self._connections_of[connection.username] -= 1
            if not self._connections_of[connection.username]:
                del self._connections_of[connection.username]
        metrics.CONNECTIONS.set(len(self.connections))
        for reader in list(connection.streams.values()):
            self.delivery.discard(reader)
        connection.streams.clear()

    def leave(self, reader: Subscription, reason: str) -> None:
        """Ends one stream, and tells its client. reason: as in `unsubscribed`."""
        self.delivery.discard(reader)
        reader.connection.drop(reader)
        message = {"type": "unsubscribed", "stream": reader.stream, "reason": reason}
        reader.connection.send(message, self._loop.time())

    def each_second(self, late: float) -> None:
        """What is due once a second. late: how many seconds the event loop stood still beyond that second."""
        if late > STANDSTILL_S:
            self.hearing.forgive(late)
        self.seconds.tell()
        self.delivery.tally.tell()
        self.look_at_arrivals()
        self.look_at_views()
        self.trim()
        self.look_at_connections()

    def look_at_connections(self) -> None:
        """Sends the heartbeats that are due, and says goodbye to clients that answer nothing any more."""
        now = self._loop.time()
        self.delivery.settle()
        beat = self.beat()
        for connection in list(self.connections):
            if connection.due_since is not None and now - connection.due_since > SILENT_S:
                metrics.EVICTIONS.labels("silent").inc()
                connection.goodbye(4009, now)
            elif now - connection.last_sent > connection.heartbeat_after:
                connection.send(beat, now)

    def heartbeat(self, connection: Client) -> None:
        """Sends one heartbeat to a connection, now."""
        connection.send(self.beat(), self._loop.time())

    def beat(self) -> Frame:
        """A heartbeat, of now."""
        message = {
            "type": "heartbeat",
            "server_time": now_ms(),
            "link": self.link.state,
            "since": self.link.since,
            "waiting": self.waiting,
        }
        return Frame(orjson.dumps(message))

    def _tell(self, topic: str, second: int, records: int, size: int) -> None:
        """Sends what was taken in of a topic in a second to every reader of it; what filters did, to theirs."""
        topic_log = self.logs.get(topic)
        if topic_log is None:
            return
        message = {"type": "stats", "stream": topic, "second": second, "records": records, "bytes": size}
        self.delivery.tell(topic_log, Frame(orjson.dumps(message)))
        for each in self.views.logs(topic_log):
            self.delivery.tell(each, Frame(orjson.dumps({**message, "stream": each.stream, **each.counted()})))

    # Views --------------------------------------------------------------------------------------------------------

    async def page(self, topic_log: TopicLog, partition: int, start: int, end: int) -> list[Range]:
        """A part of a partition as a log's readers get it. Raises as History.page does, and ViewEnded."""
        return await self.views.page(topic_log, partition, start, end)

    def _usernames(self, topic_log: TopicLog) -> Iterator[str]:
        return (reader.connection.username for reader in self.delivery.readers(topic_log))

    def _put_in(self, topic_log: TopicLog) -> None:
        self.delivery.trim([topic_log])
        self.delivery.schedule(topic_log)

    def _end_readers(self, topic_log: TopicLog, reason: str) -> None:
        for reader in self.delivery.readers(topic_log):
            self.leave(reader, reason)

    def look_at_arrivals(self) -> None:
        """Once a second: notes when the item events that came since had come, and how many readers there are."""
        log = self.logs.get(settings.KAFKA_ITEMS_TOPIC)
        each = [] if log is None else [log, *self.views.logs(log)]
        self.arrivals.look(log, sum(len(self.delivery.readers(one)) for one in each))

    def look_at_views(self) -> None:
        """Once a second: tells how far views have looked where nothing matched, and forgets those nobody reads."""
        self.views.put_held()
        self.views.tidy()

    def trim(self) -> None:
        """Drops what is too old or too much from every log."""
        self.delivery.trim([*self.logs.values(), *self.views.logs()])

    async def close(self) -> None:
        """Ends every task; connections are told by whoever stops the process (`say_goodbye`)."""
        self.delivery.close()
        self.views.close()
        for connection in list(self.connections):
            self.remove(connection)
        await self._repairs.close()

    def say_goodbye(self, code: int, retry_after_ms: int) -> None:
        """Says goodbye to every connection and closes it. code: one of `closing.CODE_REASONS`."""
        for connection in list(self.connections):
            connection.goodbye(code, self._loop.time(), retry_after_ms)
