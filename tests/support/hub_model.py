"""The surroundings of a hub in the model test: a clock and a loop that stand still until they are told, a Kafka whose
content follows from its offsets, and a client written from docs/protocol.md that notes every frame that breaks it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from contextvars import Context
from functools import partial
from types import SimpleNamespace
from typing import Any, Literal, TypeVarTuple

import orjson
from aiokafka.structs import TopicPartition

from streams.decoding.formats import Formats
from streams.filters.filters import filter_of
from streams.hub import connection, sink
from streams.hub.connection import Connection
from streams.hub.hub import Hub
from streams.hub.rights_watch import RightsWatch
from streams.hub.subscription import Subscription
from streams.hub.topic_log import TopicLog
from streams.hub.view import View, stream_of
from streams.kafka.history import Bounds, Encode, History
from streams.kafka.undecodable import LOST, Undecodable, joined
from streams.rights.credentials import Credentials
from streams.runtime.away import Unavailable
from streams.socket import sinks
from streams.socket.requests import Requests
from streams.wire.frames import Frame
from streams.wire.ranges import Positions, Range
from streams.wire.records import Raw, Record, encode_raw

TOPICS = ("t", "u")
# What a client may filter by, and whether an offset's record matches; never one, and one of three.
THIRDS = "offset % 3 == 0"
FILTERS: dict[str, Callable[[int], bool]] = {"offset < 0": lambda _: False, THIRDS: lambda at: at % 3 == 0}
VIEWS = [
    View(), *(View(filter_of(chosen)) for chosen in FILTERS), View(formats=Formats("hex")),
    View(filter_of(THIRDS), Formats("hex")),
]  # fmt: skip
# The names of all streams: topic, and what of it.
STREAMS = {stream_of(topic, view): (topic, view) for topic in TOPICS for view in VIEWS}
Ts = TypeVarTuple("Ts")
PAGE_OFFSETS = 9  # of one answer of this Kafka


class Steps(asyncio.SelectorEventLoop):
    """An event loop that runs callbacks and lets time pass only when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0
        super().__init__()

    def time(self) -> float:
        return self.now

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Nothing is due in the moment in which it is asked for: a tick that may run at once waits for time to pass."""
        return super().call_at(max(when, self.now + 0.001), callback, *args, context=context)

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Calls as a callback of this loop would, while all others go on waiting."""
        asyncio._set_running_loop(self)
        try:
            return function(*args)
        finally:
            asyncio._set_running_loop(None)

    def step(self, rounds: int = 1) -> None:
        """Runs what is ready, so many times over; what becomes ready meanwhile waits for the next round."""
        for _ in range(rounds):
            self.call_soon(self.stop)
            self.run_forever()


def epoch_of(life: int) -> str:
    return f"e{life}"


def life_of(epoch: str) -> int:
    return int(epoch[1:])


def is_undecodable(partition: int, offset: int) -> bool:
    return (offset + 3 * partition) % 17 == 9


def is_hole(partition: int, offset: int) -> bool:
    """Compaction took it, in every life of the topic."""
    return (offset + partition) % 6 == 4


def delivered(partition: int, start: int, end: int) -> list[int]:
    """The offsets that have a record."""
    return [offset for offset in range(start, end) if not is_hole(partition, offset)]


class Life:
    """One life of a topic. firsts, ends: partition -> offset."""

    def __init__(self, number: int, ends: Positions) -> None:
        self.number, self.epoch = number, epoch_of(number)
        self.firsts, self.ends = dict.fromkeys(ends, 0), dict(ends)

    def add_partition(self) -> None:
        added = len(self.ends)
        self.firsts[added] = self.ends[added] = 0

    def raw(self, offset: int) -> Raw:
        value = b'{"life":%d,"pad":"%b"}' % (self.number, b"x" * (20 * (offset % 3)))
        return SimpleNamespace(offset=offset, timestamp=1000, key=b"k", value=value, headers=[])

    def ranges(self, partition: int, start: int, end: int, encode: Callable[[Raw], Record] = encode_raw) -> list[Range]:
        """What anybody who reads there finds."""
        first = self.firsts[partition]
        if start < first:
            lost = Range(partition, start, min(first, end), (), "retention")
            return [lost, *self.ranges(partition, first, end, encode)] if end > first else [lost]
        found = [
            Undecodable(offset, offset + 1) if is_undecodable(partition, offset) else encode(self.raw(offset))
            for offset in range(start, end)
            if is_undecodable(partition, offset) or not is_hole(partition, offset)
        ]
        return list(joined(partition, start, end, found))


class Kafka(History):
    """Answers as Kafka would. away: it does not answer. rounds: of the loop, before and again after it has looked."""

    def __init__(self, topics: dict[str, Life]) -> None:
        super().__init__(sources=0)
        self.topics = topics
        self.away = False
        self.rounds = 1

    async def _wait(self) -> None:
        for _ in range(self.rounds):
            await asyncio.sleep(0)
        if self.away:
            raise Unavailable("Kafka is away.")

    def _life(self, topic: str, partitions: Iterable[int]) -> Life:
        life = self.topics.get(topic)
        if life is None or not life.ends.keys() >= set(partitions):
            raise Unavailable("Kafka does not know it.")
        return life

    async def _read_page(self, tp: TopicPartition, start: int, end: int, *, encode: Encode, **_: Any) -> list[Range]:
        await self._wait()
        life = self._life(tp.topic, [tp.partition])
        if end > life.ends[tp.partition]:
            raise Unavailable("These offsets are not in this life of the topic.")
        stop = min(end, start + PAGE_OFFSETS)
        encoded = {
            record.offset: record for record in await encode([life.raw(offset) for offset in range(start, stop)])
        }
        page = life.ranges(tp.partition, start, stop, lambda raw: encoded[raw.offset])
        await self._wait()
        return page

    async def _ask_bounds(self, topic: str, partitions: tuple[int, ...]) -> Bounds:
        await self._wait()
        life = self._life(topic, partitions)
        bounds = Bounds({p: life.firsts[p] for p in partitions}, {p: life.ends[p] for p in partitions})
        await self._wait()
        return bounds


class Stream:
    """One stream as a client sees it. history: its positions after each frame, from the last ack on."""

    def __init__(self, number: int, start: dict[str, Any]) -> None:
        self.number, self.start = number, start
        self.state: Literal["asked", "live"] = "asked"
        self.life = 0
        self.positions: Positions = {}
        self.history: list[Positions] = []
        self.recovered = True

    @property
    def cursor(self) -> dict[str, Any]:
        return {"epoch": epoch_of(self.life), "positions": {str(p): at for p, at in self.positions.items()}}


def log_of(hub: Hub, name: str) -> TopicLog:
    """The log of a stream."""
    topic, _ = STREAMS[name]
    whole = hub.logs[topic]
    return next(log for log in (whole, *hub.views.logs(whole)) if log.stream == name)


class Client:
    """One socket. faults: what broke the protocol, in words, for all clients together.

    room: after so many more writes the way is full, None where it never is. fails: the next write raises.
    """

    frame_s = 1 / 1000

    def __init__(self, hub: Hub, kafka: Kafka, name: str, faults: list[str], *, raw: bool) -> None:
        self.hub, self.kafka, self.name, self.faults = hub, kafka, name, faults
        self.write_raw: Callable[[bytes], object] | None = self._write_raw if raw else None
        self.streams: dict[str, Stream] = {}
        self.cursors: dict[str, dict[str, Any]] = {}  # the last of each stream that ended
        self.is_full = self.is_stuffed = self.fails = self.has_failed = self.is_gone = False
        self.room: int | None = None
        self.goodbye: int | None = None
        self.closed_with: int | None = None
        self.slow_at: dict[str, float] = {}  # when which stream was told that it was slow
        self._number = 0
        self._loop = asyncio.get_running_loop()
        self._tasks: list[asyncio.Task[None]] = []
        self.connection: Connection[Subscription] = Connection(name, "ada", Credentials(1), self, self._loop.time())
        self.connection.topics = dict.fromkeys(TOPICS, "")
        self.on_full: Callable[[bool], None] = partial(hub.delivery.fill, self.connection)
        self._requests = Requests(hub, RightsWatch(hub), self.connection, self._start)
        hub.add(self.connection)

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        self._tasks.append(self._loop.create_task(coroutine))
        return self._tasks[-1]

    @property
    def is_there(self) -> bool:
        return not self.is_gone and self.closed_with is None

    # What it does -------------------------------------------------------------------------------------------------

    def say(self, **message: Any) -> None:
        if self.is_there:
            self._requests.handle({"text": orjson.dumps(message).decode()})

    def subscribe(self, name: str, start: dict[str, Any]) -> None:
        """name: of the stream."""
        self._number += 1
        self.streams[name] = Stream(self._number, start)
        topic, view = STREAMS[name]
        self.say(type="subscribe", id=self._number, topic=topic, start=start, **view.told())

    def unsubscribe(self, name: str) -> None:
        self.say(type="unsubscribe", stream=name)

    def ack(self, name: str, positions: Positions) -> None:
        self.say(type="ack", stream=name, positions={str(p): position for p, position in positions.items()})

    def ack_all(self) -> None:
        for name, stream in self.streams.items():
            if stream.state == "live":
                stream.history.clear()
                self.ack(name, stream.positions)

    def set_full(self, is_full: bool) -> None:
        if is_full != self.is_full:
            self.is_full = is_full
            if not self.is_gone:
                self.on_full(is_full)

    def disconnect(self) -> None:
        """As the consumer does it, however the socket ended."""
        self.is_gone = True
        self.connection.end()
        self.on_full = sinks.nobody
        self.hub.remove(self.connection)
        for task in self._tasks:
            task.cancel()

    # The way to it ------------------------------------------------------------------------------------------------

    def backlog(self) -> int:
        if self.is_full and self.is_stuffed:
            return connection.CONTROL_BACKLOG_BYTES + 1
        return sink.BACKLOG_BYTES if self.is_full else 0

    def close(self, code: int) -> None:
        self.closed_with = self.closed_with or code

    def _write_raw(self, framed: bytes) -> None:
        self._take(framed[{126: 4, 127: 10}.get(framed[1], 2) :])

    def write(self, frame: Frame) -> None:
        self._take(frame.data)

    def _take(self, data: bytes) -> None:
        if self.fails:
            self.has_failed = True
            raise RuntimeError("the handler is closed")
        try:
            self._apply(orjson.loads(data))
        except AssertionError as fault:
            self.faults.append(f"{self.name}: {fault}: {data[:300]!r}")
        if self.room is not None:
            self.room -= 1
            if self.room <= 0:
                self.room = None
                self.set_full(True)

    # What it makes of a frame -------------------------------------------------------------------------------------

    def _apply(self, frame: dict[str, Any]) -> None:
        assert not self.is_gone, "a frame after it had gone"
        assert self.closed_with is None, "a frame after the close"
        assert self.goodbye is None, "a frame after the goodbye"
        match frame["type"]:
            case "goodbye":
                self.goodbye = frame["code"]
            case "error":
                refused = [name for name, stream in self.streams.items() if stream.number == frame.get("id")]
                assert len(refused) == 1, "an error for nothing that was asked"
                assert self.streams.pop(refused[0]).state == "asked", "an error for a stream that lives"
            case "subscribed":
                self._begin(frame)
            case "heartbeat":
                pass
            case kind:
                assert frame["stream"] in self.streams, "for a stream that is not there"
                stream = self.streams[frame["stream"]]
                assert stream.state == "live", "before `subscribed`"
                getattr(self, f"_{kind}")(stream, frame)

    def _begin(self, frame: dict[str, Any]) -> None:
        stream = self.streams.get(frame["stream"])
        assert stream is not None, "nobody asked for it"
        assert stream.state == "asked", "it has begun already"
        assert stream.number == frame["id"], "the answer to another question"
        topic, view = STREAMS[frame["stream"]]
        told = {name: frame[name] for name in ("filter", "value_format", "key_format") if name in frame}
        assert (frame["topic"], told) == (topic, view.told()), "another stream than was asked for"
        cursor = frame["cursor"]
        stream.state, stream.life, stream.recovered = "live", life_of(cursor["epoch"]), frame["recovered"]
        stream.positions = {int(p): at for p, at in cursor["positions"].items()}
        given = stream.start.get("cursor")
        if given is not None and (frame["recovered"] or frame["reason"] != "epoch"):
            wanted = {p: given["positions"].get(str(p), 0) for p in stream.positions}
            assert stream.positions == wanted, f"the cursor {given} was not honoured"
        stream.history = [dict(stream.positions)]

    def _records(self, stream: Stream, frame: dict[str, Any]) -> None:
        view = STREAMS[frame["stream"]][1]
        chosen, form = None if view.filter is None else view.filter.normalised, view.formats.value_format
        for each in frame["ranges"]:
            partition, start, end = each["partition"], each["from"], each["to"]
            self._move(stream, partition, start, end)
            offsets = [record["offset"] for record in each["records"]]
            wanted = [at for at in delivered(partition, start, end) if chosen is None or FILTERS[chosen](at)]
            assert offsets == wanted, f"other offsets: {offsets}, not {wanted}"
            assert not any(is_undecodable(partition, offset) for offset in range(start, end)), "more than is there"
            # Kafka may already be in the next life before the hub knows; never in a former one.
            assert all(record.get("format") == form for record in each["records"]), "by another format"
            shown = [record["value"] for record in each["records"]]
            values = [orjson.loads(bytes.fromhex(value)) if form else value for value in shown]
            assert all(value["life"] >= stream.life for value in values), "records of a former life"
        stream.history.append(dict(stream.positions))

    def _gap(self, stream: Stream, frame: dict[str, Any]) -> None:
        assert frame["ranges"], "a gap of nothing"
        reason = frame["reason"]
        if reason == "slow":
            # Several streams of a connection that fell in one stall are told once each.
            since = self._loop.time() - self.slow_at.get(frame["stream"], float("-inf"))
            assert since >= 60, "slow for the second time"
            self.slow_at[frame["stream"]] = self._loop.time()
            base = log_of(self.hub, frame["stream"]).base
            assert any(each["from"] < base[each["partition"]] for each in frame["ranges"]), "the log has all of it"
        for each in frame["ranges"]:
            partition, start, end = each["partition"], each["from"], each["to"]
            self._move(stream, partition, start, end)
            life = self.kafka.topics.get(STREAMS[frame["stream"]][0])
            if reason == LOST:
                assert all(is_undecodable(partition, offset) for offset in range(start, end)), "these can be decoded"
            elif reason == "limit":
                assert not stream.recovered, "a limit on no cursor"
            elif reason == "retention" and life is not None and life.number == stream.life:
                assert end <= life.firsts[partition], "Kafka has it still"
            assert reason in {LOST, "limit", "retention", "slow"}, "no reason of the protocol's"
        stream.history.append(dict(stream.positions))

    def _move(self, stream: Stream, partition: int, start: int, end: int) -> None:
        """The table "What a client does with a range"; this server also sends nothing twice."""
        position = stream.positions.get(partition, 0)
        assert start <= position, f"a jump from {position} to {start}"
        assert start == position, f"from {start}, where it stands at {position}"
        assert start < end, "a range that moves nothing"
        stream.positions[partition] = end

    def _reset(self, stream: Stream, frame: dict[str, Any]) -> None:
        life = life_of(frame["cursor"]["epoch"])
        assert life > stream.life, "no new life"
        stream.life = life
        stream.positions = {int(p): at for p, at in frame["cursor"]["positions"].items()}
        stream.history = [dict(stream.positions)]

    def _stats(self, stream: Stream, frame: dict[str, Any]) -> None:
        assert frame["records"] > 0, "a second without records"
        is_filtered = STREAMS[frame["stream"]][1].filter is not None
        assert is_filtered is ({"matched", "failed", "unchecked"} <= frame.keys()), "counts of no filter, or none"
        assert not frame.get("failed"), "these filters never fail"

    def _unsubscribed(self, stream: Stream, frame: dict[str, Any]) -> None:
        self.cursors[frame["stream"]] = stream.cursor
        del self.streams[frame["stream"]]
