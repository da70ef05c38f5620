"""A model of the live side: hub, delivery, readers, catch-up and repairs in any order of steps, ticks that are due but
have not run among them. After every step each client has been sent what docs/protocol.md promises, and stands where the
hub believes it to stand (docs/decisions/0016); once everything has settled, it stands at Kafka's end.

How often it is run is set by MODEL_EXAMPLES and MODEL_STEPS.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from streams.hub import delivery, rates, rereading, sieve, subscription, view_log
from streams.hub import topic_log as logs
from streams.hub.hub import Hub
from streams.hub.subscription import Subscription
from streams.hub.topic_log import TopicLog
from streams.kafka.catalog import TopicInfo
from streams.runtime.away import Unavailable
from streams.socket import starts
from streams.wire import ranges as wire
from streams.wire.frames import Mark
from streams.wire.ranges import Batch, Positions, Status
from tests.support.hub_model import STREAMS, TOPICS, Client, Kafka, Life, Steps, Stream, epoch_of

EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", "150"))
STEPS = int(os.environ.get("MODEL_STEPS", "50"))

LOG = logging.getLogger("streams")

# Records of a model are about 100 bytes: these limits are reached within a few dozen of them.
SMALL = {
    (delivery, "LOG_BYTES"): 3000,
    (delivery, "LOGS_BYTES"): 4500,
    (logs, "CACHE_BYTES"): 1500,
    (wire, "RANGE_BYTES"): 600,
    (subscription, "FRAME_BYTES"): 700,
    (subscription, "UNACKED_BYTES"): 2500,
    (starts, "REPLAY_OFFSETS"): 60,
    (view_log, "VIEW_BYTES"): 2000,
    (view_log, "SHARE"): 100.0,  # of a clock that counts looks at it; test_filtered.py ends expensive ones
}
CLIENTS = 6
ROUNDS = 600  # of 50 ms, until everything has settled

topics = st.sampled_from(TOPICS)
names = st.sampled_from(list(STREAMS))  # of streams
LOOK_S = 0.001  # passes with each look at the clock of filters: a slice of theirs is three records
who = st.integers(0, CLIENTS - 1)
# Where a stream begins; the numbers are offsets from there, one a partition.
starting = st.tuples(
    st.sampled_from(["latest", "end", "base", "resume", "last", "beyond", "foreign"]),
    st.integers(-6, 6),
    st.integers(-6, 6),
)


class Faults(logging.Handler):
    """Takes down what the hub logs as an error: nothing here gives it a reason to."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._faults = faults

    def emit(self, record: logging.LogRecord) -> None:
        self._faults.append(f"{record.getMessage()} {record.exc_info and record.exc_info[1]!r}")


class LiveSide(RuleBasedStateMachine):
    """The hub of one process, its clients, and Kafka behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = pytest.MonkeyPatch()
        for (module, name), value in SMALL.items():
            self.patches.setattr(module, name, value)
        self.faults: list[str] = []
        self.handler = Faults(self.faults)
        LOG.addHandler(self.handler)
        self.level = LOG.level
        LOG.setLevel(logging.ERROR)  # the warnings are as they should be, and hundreds
        self.loop = Steps()
        self.loop.set_exception_handler(lambda _, context: self.faults.append(str(context)))
        self.patches.setattr(rates, "time", SimpleNamespace(time=self.loop.time))
        looks = itertools.count()
        clock = SimpleNamespace(
            perf_counter=lambda: next(looks) * LOOK_S, thread_time=lambda: 0.0, monotonic=self.loop.time
        )
        self.patches.setattr(view_log, "time", clock)
        self.patches.setattr(sieve, "time", clock)
        self.patches.setattr(rereading, "time", clock)
        self.clients: list[Client] = []
        self.number = 0
        self.lives = 1
        self.watch: asyncio.Task[None] | None = None  # looks topics up; there is one such task in a process
        self.silence: asyncio.Task[None] | None = None  # reads silent partitions
        self.call = self.loop.call
        self.call(self._open)

    def _open(self) -> None:
        self.kafka = Kafka({"t": Life(1, {0: 20, 1: 12}), "u": Life(1, {0: 8})})
        self.hub = Hub(self.kafka)

    @initialize(raw=st.lists(st.booleans(), max_size=4))
    def begin(self, raw: list[bool]) -> None:
        """The topics are open, and some clients stand at their end."""
        self.look_at_topics(True)
        for each in raw:
            self.connect(each, ("latest", 0, 0), True, True)
        self.tick()

    # Who is there -------------------------------------------------------------------------------------------------

    def client(self, number: int) -> Client | None:
        there = [client for client in self.clients if client.is_there]
        return there[number % len(there)] if there else None

    @property
    def has_room(self) -> bool:
        return sum(client.is_there for client in self.clients) < CLIENTS

    @precondition(lambda self: self.has_room)
    @rule(raw=st.booleans(), start=starting, both=st.booleans(), waits=st.booleans())
    def connect(self, raw: bool, start: tuple[str, int, int], both: bool, waits: bool) -> None:
        self.number += 1
        client = self.call(lambda: Client(self.hub, self.kafka, f"c{self.number}", self.faults, raw=raw))
        self.clients.append(client)
        for topic in TOPICS if both else TOPICS[:1]:
            self._subscribe(client, topic, start)
        for _ in range(20 if waits else 0):
            if all(stream.state == "live" for stream in client.streams.values()):
                break
            self.loop.step()

    @rule(number=who, name=names, start=starting)
    def subscribe(self, number: int, name: str, start: tuple[str, int, int]) -> None:
        client = self.client(number)
        if client is not None and name not in client.streams:
            self._subscribe(client, name, start)

    def _subscribe(self, client: Client, name: str, start: tuple[str, int, int]) -> None:
        self.call(client.subscribe, name, self._start(client, name, *start))

    def _start(self, client: Client, name: str, kind: str, *deltas: int) -> dict[str, Any]:
        topic_log = self.hub.logs.get(STREAMS[name][0])
        if kind == "last":
            return {"last": 1 + abs(deltas[0]) * 3}
        if kind == "resume" and name in client.cursors:
            return {"cursor": client.cursors[name]}
        if kind in {"latest", "resume"} or topic_log is None:
            return {"latest": True}
        origin = topic_log.base if kind == "base" else topic_log.positions
        far = 500 if kind == "beyond" else 0
        positions = {str(p): max(0, at + deltas[p % 2] + far) for p, at in origin.items()}
        return {"cursor": {"epoch": epoch_of(0) if kind == "foreign" else topic_log.epoch, "positions": positions}}

    @rule(number=who, name=names | st.none())
    def leave(self, number: int, name: str | None) -> None:
        """One stream, or the socket."""
        if client := self.client(number):
            self.call(client.disconnect) if name is None else self.call(client.unsubscribe, name)

    @rule(
        number=who, what=st.sampled_from(["all", "by all", "some frames ago", "one partition"]), back=st.integers(1, 4)
    )
    def ack(self, number: int, what: str, back: int) -> None:
        if not (client := self.client(number)):
            return
        if what in {"all", "by all"}:
            for each in self.clients if what == "by all" else [client]:
                self.call(each.ack_all)
            return
        for name, stream in list(client.streams.items()):
            if stream.state == "live":
                before = stream.history[-min(1 + back, len(stream.history)) :] or [stream.positions]
                self.call(client.ack, name, before[0] if what == "some frames ago" else {0: stream.positions[0]})

    @rule(
        number=who,
        how=st.sampled_from(["full", "stuffed", "empty", "full in a write", "fails"]),
        room=st.integers(1, 3),
    )
    def change_the_way(self, number: int, how: str, room: int) -> None:
        """The sink is full or empty, or will be full or fail in a later write."""
        if client := self.client(number):
            client.is_stuffed = how == "stuffed"
            client.fails = client.fails or how == "fails"
            client.room = room if how == "full in a write" else None
            if how in {"full", "stuffed", "empty"}:
                self.call(client.set_full, how != "empty")

    # What comes in ------------------------------------------------------------------------------------------------

    def _life(self, topic: str) -> Life | None:
        """The topic's life, as far as the hub is in it too."""
        life, topic_log = self.kafka.topics.get(topic), self.hub.logs.get(topic)
        return life if life is not None and topic_log is not None and topic_log.epoch == life.epoch else None

    @rule(topic=topics, many=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 6)), min_size=1, max_size=3))
    def records(self, topic: str, many: list[tuple[int, int]]) -> None:
        """New records that join."""
        if life := self._life(topic):
            ranges = []
            reached = dict(self.hub.logs[topic].positions)
            for number, count in many:
                partition = number % len(life.ends)
                start = reached.get(partition, 0)
                reached[partition] = end = start + count
                life.ends[partition] = max(life.ends[partition], end)
                ranges += life.ranges(partition, start, end)
            self.call(self.hub.ingest, [Batch(topic, life.epoch, tuple(ranges))])

    @rule(topic=topics, count=st.integers(10, 40), ticks=st.booleans())
    def flood(self, topic: str, count: int, ticks: bool) -> None:
        """More than the log holds, or some clients can take."""
        for _ in range(0, count, 5):
            self.records(topic, [(0, 5)])
            if ticks:
                self.tick()

    @rule(
        topic=topics,
        windows=st.lists(st.tuples(st.integers(0, 2), st.integers(-8, 6), st.integers(1, 8)), min_size=1, max_size=3),
        former=st.booleans(),
    )
    def records_out_of_order(self, topic: str, windows: list[tuple[int, int, int]], former: bool) -> None:
        """Duplicates, overlaps, holes, and ranges of another life."""
        if life := self._life(topic):
            ranges = []
            for number, delta, count in windows:
                partition = number % len(life.ends)
                start = max(0, self.hub.logs[topic].positions.get(partition, 0) + delta)
                life.ends[partition] = max(life.ends[partition], start + count)
                ranges += life.ranges(partition, start, start + count)
            epoch = epoch_of(life.number - 1) if former else life.epoch
            self.call(self.hub.ingest, [Batch(topic, epoch, tuple(ranges))])

    @rule(topic=topics, partition=st.integers(0, 2), count=st.integers(0, 15), told=st.booleans())
    def records_unheard(self, topic: str, partition: int, count: int, told: bool) -> None:
        """Kafka has more than anybody handed on; a status may tell."""
        if life := self.kafka.topics.get(topic):
            life.ends[partition % len(life.ends)] += count
            if told:
                self.call(self.hub.status, Status(topic, life.epoch, dict(life.ends), dict(life.ends)))

    # Kafka and its topics -----------------------------------------------------------------------------------------

    @rule(
        how=st.sampled_from(["away", "back", "retention", "retention", "new life", "gone", "partition", "partition"]),
        topic=topics,
        numbers=st.lists(st.integers(0, 12), min_size=1, max_size=3),
    )
    def kafka_changes(self, how: str, topic: str, numbers: list[int]) -> None:
        """The hub does not hear of it before it looks."""
        self.kafka.rounds = 1 + numbers[0] % 4
        life = self.kafka.topics.get(topic)
        if how in {"away", "back"}:
            self.kafka.away = how == "away"
        elif how == "gone":
            self.kafka.topics.pop(topic, None)
        elif how == "new life" or life is None:
            self.lives += 1
            self.kafka.topics[topic] = Life(self.lives, dict(enumerate(numbers)))
        elif how == "partition" and len(life.ends) < 4:
            life.add_partition()
        elif how == "retention":
            for partition, count in zip(life.ends, numbers, strict=False):
                life.firsts[partition] = min(life.ends[partition], life.firsts[partition] + 2 * count)

    @precondition(lambda self: self.watch is None or self.watch.done())
    @rule(waits=st.booleans())
    def look_at_topics(self, waits: bool) -> None:
        """As the watch of topics does it, step by step with everything else."""

        async def look() -> None:
            for topic in self.hub.logs.keys() - self.kafka.topics.keys():
                self.hub.forget(topic, "topic_gone")
            try:
                for topic, life in list(self.kafka.topics.items()):
                    await self.hub.open(TopicInfo(topic, tuple(life.ends), life.epoch), life.epoch)
            except Unavailable:
                return

        self.watch = self.loop.create_task(look())
        if waits:
            self.run_watch()

    def run_watch(self) -> None:
        """Until it has looked, or waits."""
        for _ in range(60):
            if self.watch is None or self.watch.done():
                return
            self.loop.step()

    @precondition(lambda self: self.silence is None or self.silence.done())
    @rule()
    def read_silent(self) -> None:
        async def read() -> None:
            try:
                await self.hub.read_silent(self.hub.hearing.silent())
            except Unavailable:
                return

        self.silence = self.loop.create_task(read())

    # Time ---------------------------------------------------------------------------------------------------------

    @rule()
    def tick(self) -> None:
        """The one that is due, whatever else is due with it."""
        handle = self.hub.delivery._tick
        if handle is not None:
            handle.cancel()
            self.call(self.hub.delivery.run_tick)

    @rule(rounds=st.integers(1, 6))
    def step(self, rounds: int) -> None:
        self.loop.step(rounds)

    @rule(seconds=st.sampled_from([0.004, 0.02, 0.6, 1.1, 10, 61]), looks=st.booleans())
    def wait(self, seconds: float, looks: bool) -> None:
        """looks: the clock that strikes once a second strikes at the end."""
        self.loop.now += seconds
        if looks:
            self.call(self.hub.look_at_views)
            self.call(self.hub.trim)
            self.call(self.hub.seconds.tell)
            self.call(self.hub.look_at_connections)
        else:
            self.loop.step()

    # What holds ---------------------------------------------------------------------------------------------------

    @invariant()
    def protocol_is_kept(self) -> None:
        assert not self.faults, "\n".join(self.faults)
        for client in self.clients:
            assert client.closed_with in {None, 4008, 4009, 4002 if client.has_failed else None}, client.closed_with

    @invariant()
    def places_are_true(self) -> None:
        """Every reader stands where its client is, and is moved on in one way."""
        for topic_log, readers in self.hub.delivery._readers.items():
            together = readers._together
            whole = self.hub.logs.get(topic_log.topic)
            assert topic_log is whole or topic_log in self.hub.views.logs(whole), "readers of a log that ended"
            assert readers.blocked <= readers.apart
            assert not readers.apart & set(together), "apart and together"
            for reader in readers:
                assert reader.connection in self.hub.connections
                assert reader.connection.streams.get(topic_log.stream) is reader
                assert reader.unacked_bytes >= 0
                assert reader.together is (readers if reader in together else None)
                self._place_is_true(reader)
            if together:
                assert readers._limit <= min(reader.acked + reader.share for reader in together), "more than may be"

    def _place_is_true(self, reader: Subscription) -> None:
        client = next(client for client in self.clients if client.connection is reader.connection)
        if reader.at is None or not client.is_there or client.has_failed:
            return
        stands = reader.fallen.positions if reader.fallen is not None else None
        if stands is None:
            assert reader.at.place >= reader.log.first.place, "it stands where nothing is any more"
            stands = positions_at(reader.log, reader.at) | (reader.ahead or {})
        had = client.streams[reader.stream].positions
        assert {p: had.get(p, 0) for p in reader.log.positions} == {p: stands.get(p, 0) for p in reader.log.positions}

    @invariant()
    def streams_are_the_same_on_both_sides(self) -> None:
        for client in self.clients:
            if client.is_there and not client.has_failed:
                assert {*client.connection.streams, *client._requests.pending} == client.streams.keys()

    @rule()
    def settle(self) -> None:
        """Kafka answers, every way is empty, everybody acknowledges; then everybody stands at the end."""
        self.kafka.away, self.kafka.rounds = False, 1
        for client in self.clients:
            client.room = None
            if client.fails:
                self.call(client.disconnect)
            elif client.is_there:
                self.call(client.set_full, False)
        for _ in range(2):  # one look may be under way, and what it sees old
            self.run_watch()
            self.look_at_topics(True)
        for topic, life in self.kafka.topics.items():
            self.call(self.hub.status, Status(topic, life.epoch, dict(life.ends), dict(life.ends)))
        for _ in range(ROUNDS):
            if self._is_settled():
                break
            self.loop.now += 0.05
            self.call(self.hub.look_at_views)
            self.loop.step(3)
            for client in self.clients:
                self.call(client.ack_all)
        self.protocol_is_kept()
        assert self._is_settled(), self._state()
        for readers in self.hub.delivery._readers.values():
            assert not readers.blocked - {reader for reader in readers if reader.connection.closed}

    def _is_settled(self) -> bool:
        return self.hub.delivery._tick is None and all(
            stream.state == "live" and self._is_at_end(name, stream)
            for client in self.clients
            if client.is_there
            for name, stream in client.streams.items()
        )

    def _is_at_end(self, name: str, stream: Stream) -> bool:
        life = self.kafka.topics[STREAMS[name][0]]
        return stream.life == life.number and all(stream.positions.get(p, 0) == end for p, end in life.ends.items())

    def _state(self) -> str:
        told = [f"{name}: {topic_log.positions}" for name, topic_log in self.hub.logs.items()]
        for client in self.clients:
            if client.is_there:
                told += [f"{client.name} {t}: {s.state} {s.life} {s.positions}" for t, s in client.streams.items()]
        return "\n".join(["not settled", *told])

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None:  # nothing failed on the way
                self.settle()
                self.places_are_true()
        finally:
            self.loop.run_until_complete(self._close())
            self.loop.close()
            LOG.removeHandler(self.handler)
            LOG.setLevel(self.level)
            self.patches.undo()

    async def _close(self) -> None:
        for client in self.clients:
            client.disconnect()
        for task in (self.watch, self.silence):
            if task is not None:
                task.cancel()
        await self.hub.close()
        await self.kafka.close()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


def positions_at(topic_log: TopicLog, at: Mark) -> Positions:
    """The log's positions at a border."""
    positions = dict(topic_log.positions)
    for ranges in reversed(topic_log.chunks(at, topic_log.end)):
        for part in reversed(ranges):
            positions[part.partition] = part.start
    return positions


TestLiveSide = LiveSide.TestCase
TestLiveSide.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],  # of a busy machine
)
