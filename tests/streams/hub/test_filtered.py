"""Filtered streams: the ranges of the topic with the records that match, for everybody who has the same filter."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from streams.decoding.formats import OWN, Formats
from streams.filters.filters import Filter, filter_of
from streams.filters.seen import Seen
from streams.hub import sieve, topic_views, view_log
from streams.hub.hub import Hub
from streams.hub.rights_watch import RightsWatch
from streams.hub.view import View, stream_of
from streams.hub.view_log import joined
from streams.kafka.catalog import TopicInfo
from streams.kafka.undecodable import whole_values
from streams.socket.requests import Requests
from streams.wire.frames import Frame
from streams.wire.ranges import WHOLE_BYTES, Batch, Range, split
from streams.wire.records import Record, encode
from tests.support.readers import Client, Table
from tests.support.waiting import until

THIRDS = "value.n % 3 == 0"


def value_of(partition: int, offset: int) -> bytes:
    return orjson.dumps({"n": offset, "partition": partition})


def record(partition: int, offset: int, value: bytes | None = None) -> Record:
    return encode(offset, 1000, b"k", [], value or value_of(partition, offset))


def part(partition: int, start: int, end: int) -> Range:
    return Range(partition, start, end, tuple(record(partition, offset) for offset in range(start, end)))


class Orders(Table):
    """A Kafka whose records are JSON."""

    async def page(
        self, topic: str, partition: int, start: int, end: int, formats: Formats = OWN, *, whole: bool = False
    ) -> list[Range]:
        self.reads.append((partition, start, end))
        await asyncio.sleep(0)
        if start < self.first:
            return [Range(partition, start, min(self.first, end), (), "retention")]
        stop = min(end, start + 7)
        return list(split(partition, start, stop, part(partition, start, stop).records))


class Reader(Client):
    """A client that asks for streams as a socket does."""

    def __init__(self, hub: Hub, username: str = "ada") -> None:
        super().__init__(hub)
        hub.remove(self.connection)
        self.connection.username = username
        hub.add(self.connection)
        self.connection.topics = {"t": "t"}
        self.tasks: list[asyncio.Task[None]] = []
        self._requests = Requests(hub, RightsWatch(hub), self.connection, self._start)
        self._number = 0

    def _start(self, work: Any) -> None:
        self.tasks.append(asyncio.create_task(work))

    def say(self, **message: Any) -> None:
        self._requests.handle({"text": json.dumps(message)})

    async def subscribe(
        self, chosen: str | None, start: dict[str, Any] | None = None, **formats: Any
    ) -> dict[str, Any]:
        """The frame that answers. chosen: a filter."""
        self._number += 1
        asked = {"type": "subscribe", "id": self._number, "topic": "t", "start": start or {"latest": True}, **formats}
        self.say(**asked, **({} if chosen is None else {"filter": chosen}))
        await until(self.answers, "it is answered")
        return self.answers()[0]

    def write(self, frame: Frame) -> None:
        message = json.loads(frame.data)
        if message["type"] == "subscribed":
            self.positions = {int(p): at for p, at in message["cursor"]["positions"].items()}
        super().write(frame)

    def answers(self) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if frame.get("id") == self._number]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if frame["type"] == kind]


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    hub = Hub(Orders({0: 20, 1: 10}))
    await hub.open(TopicInfo("t", (0, 1), "e"), "e")
    yield hub
    await hub.close()


def put(hub: Hub, *ranges: Range) -> None:
    for each in ranges:
        hub.history.ends[each.partition] = max(hub.history.ends[each.partition], each.end)  # type: ignore[attr-defined]
    hub.ingest([Batch("t", "e", ranges)])


def thirds(start: int, end: int) -> list[int]:
    return [offset for offset in range(start, end) if offset % 3 == 0]


async def test_a_filtered_stream_delivers_what_matches_and_moves_over_the_rest(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sieve, "SLICE_S", 60.0)  # else it would be two frames, where the machine stands still
    reader = Reader(hub)
    answer = await reader.subscribe(" value.n%3==0 ")
    assert answer["filter"] == THIRDS
    assert answer["stream"] == stream_of("t", View(filter_of(THIRDS))) == f"t?{filter_of(THIRDS).name}"
    assert (answer["cursor"]["positions"], answer["ends"]) == ({"0": 20, "1": 10},) * 2
    put(hub, part(0, 20, 32), part(1, 10, 11), part(1, 11, 14))
    await until(lambda: reader.positions == {0: 32, 1: 14}, "all of it is told")
    assert reader.seen == {0: thirds(20, 32), 1: thirds(10, 14)}
    [frame] = reader.of("records")
    assert [(each["partition"], each["from"], each["to"]) for each in frame["ranges"]] == [(0, 20, 32), (1, 10, 14)]


async def test_where_nothing_matches_only_positions_are_told_together_and_with_the_clock(hub: Hub) -> None:
    reader = Reader(hub)
    await reader.subscribe("value.n < 0")
    for start in range(20, 60, 10):
        put(hub, part(0, start, start + 10))
        await asyncio.sleep(0.01)
    put(hub, Range(1, 10, 12, (), "unavailable"))  # what is lost is told at once
    await until(lambda: reader.of("gap"), "the gap is told")
    assert reader.positions == {0: 60, 1: 12}
    put(hub, part(0, 60, 70), part(1, 12, 14))
    [log] = hub.views.logs()
    await until(lambda: log._taken == {0: 70, 1: 14}, "all is looked at")
    hub.delivery.run_tick()
    assert reader.positions == {0: 60, 1: 12}
    hub.look_at_views()
    await until(lambda: reader.positions == {0: 70, 1: 14}, "the clock tells it")
    assert reader.delivered == 0
    assert len(reader.of("records")) == 2


async def test_equal_filters_share_their_frames_and_different_ones_their_topic(hub: Hub) -> None:
    readers = [Reader(hub, f"u{number}") for number in range(4)]
    streams = [
        (await reader.subscribe(text))["stream"]
        for reader, text in zip(readers, [THIRDS, "value.n%3 == 0", "value.n % 2 == 0", None], strict=True)
    ]
    assert streams[0] == streams[1] != streams[2]
    assert streams[3] == "t"
    assert len(hub.views.logs()) == 2
    put(hub, part(0, 20, 40))
    await until(lambda: all(reader.positions[0] == 40 for reader in readers), "all are told")
    assert readers[0].frames[-1] == readers[1].frames[-1]
    assert [len(reader.seen[0]) for reader in readers] == [7, 7, 10, 20]


async def test_one_connection_may_read_a_topic_whole_and_filtered(hub: Hub) -> None:
    reader = Reader(hub)
    first, second = await reader.subscribe(None), await reader.subscribe(THIRDS)
    assert first["stream"] == "t" != second["stream"]
    assert (await reader.subscribe("(value.n % 3) == 0"))["code"] == "duplicate"
    reader.say(type="unsubscribe", stream=second["stream"])
    assert reader.frames[-1] == {"type": "unsubscribed", "stream": second["stream"], "reason": "asked"}
    hub.look_at_views()
    assert not hub.views.logs()


@pytest.mark.parametrize("start", [{"cursor": {"epoch": "e", "positions": {"0": 3, "1": 2}}}, {"last": 5}])
async def test_the_past_goes_through_the_same_filter(hub: Hub, start: dict[str, Any]) -> None:
    reader = Reader(hub)
    answer = await reader.subscribe(THIRDS, start)
    begin = {int(p): at for p, at in answer["cursor"]["positions"].items()}
    if "last" in start:
        assert answer["last"] == {"records": 5, "stopped": "enough"}
        assert sum(len(thirds(begin[p], end)) for p, end in ((0, 20), (1, 10))) == 5
    put(hub, part(0, 20, 25))
    hub.look_at_views()
    await until(lambda: reader.positions == {0: 25, 1: 10}, "it stands at the end")
    assert reader.seen.get(0, []) == thirds(begin[0], 25)
    assert reader.seen.get(1, []) == thirds(begin[1], 10)


async def test_what_the_hub_repairs_goes_through_the_filter_too(hub: Hub) -> None:
    reader = Reader(hub)
    await reader.subscribe(THIRDS)
    put(hub, part(0, 40, 45))  # a hole before it
    await until(lambda: reader.positions[0] == 45, "it is read back")
    assert reader.seen[0] == thirds(20, 45)


async def test_stats_tell_what_the_filter_did(hub: Hub) -> None:
    reader, other = Reader(hub), Reader(hub)
    await reader.subscribe("value.n > 25")
    await other.subscribe(None)
    odd = [record(0, 20, b"[]"), record(0, 21, b'"%b"' % (b"x" * WHOLE_BYTES)), record(0, 22, b'{"n":30}')]
    put(hub, Range(0, 20, 23, tuple(odd)), part(0, 23, 30))
    await until(lambda: reader.positions[0] == 30, "all of it is told")
    hub.seconds._close("t")
    await until(lambda: other.of("stats") and reader.of("stats"), "the second is told")
    stats, plain = reader.of("stats")[0], other.of("stats")[0]
    assert stats["stream"] == stream_of("t", View(filter_of("value.n > 25")))
    assert plain.keys() == {"type", "stream", "second", "records", "bytes"}
    assert {key: stats[key] for key in ("matched", "failed", "unchecked")} == {
        "matched": 5,
        "failed": 1,
        "unchecked": 1,
    }
    assert (stats["records"], stats["bytes"]) == (plain["records"], plain["bytes"])


async def test_filters_see_values_whole_that_travel_cut(hub: Hub) -> None:
    reader = Reader(hub)
    await reader.subscribe('value.last == "here"')
    value = orjson.dumps({"filling": "x" * 20_000, "last": "here"})
    long = record(0, 20, value)
    assert b"here" not in long.data

    class Polled:
        offset = 20

    Polled.value = value  # type: ignore[attr-defined]
    put(hub, Range(0, 20, 21, (long,), None, whole_values([Polled])))
    await until(lambda: reader.positions[0] == 21, "it is told")
    assert reader.seen[0] == [20]
    assert all(each.whole is None for chunk in hub.logs["t"]._chunks for each in chunk.ranges)


async def test_a_new_life_of_the_topic_goes_on_filtered_and_its_end_ends_the_stream(hub: Hub) -> None:
    reader = Reader(hub)
    stream = (await reader.subscribe(THIRDS))["stream"]
    hub.history.ends.update({0: 9, 1: 3})  # type: ignore[attr-defined]
    await hub.open(TopicInfo("t", (0, 1), "f"), "f")
    assert reader.of("reset")[0]["stream"] == stream
    hub.ingest([Batch("t", "f", (part(0, 0, 9), part(1, 0, 3)))])
    hub.look_at_views()
    await until(lambda: reader.positions == {0: 9, 1: 3}, "the new life is told")
    assert reader.seen == {0: thirds(0, 9), 1: thirds(0, 3)}
    hub.forget("t", "topic_gone")
    assert reader.frames[-1] == {"type": "unsubscribed", "stream": stream, "reason": "topic_gone"}
    assert not hub.views.logs()


async def test_limits_are_told_and_free_again_once_a_filter_ends(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    ada, bob = Reader(hub, "ada"), Reader(hub, "bob")
    monkeypatch.setattr(topic_views, "VIEWS_A_USER", 2)
    streams = [(await ada.subscribe(f"value.n == {number}"))["stream"] for number in range(2)]
    refused = await ada.subscribe("value.n == 2")
    assert (refused["type"], refused["code"]) == ("error", "too_many")
    assert "You have 2" in refused["message"]
    second = Reader(hub, "ada")
    assert (await second.subscribe("value.n == 1"))["type"] == "subscribed"  # one they have already
    monkeypatch.setattr(topic_views, "VIEWS_A_TOPIC", 2)
    assert "t has 2" in (await bob.subscribe("value.n == 3"))["message"]
    monkeypatch.setattr(topic_views, "VIEWS_A_TOPIC", 32)
    monkeypatch.setattr(topic_views, "VIEWS", 2)
    assert "This server has 2" in (await bob.subscribe("value.n == 3"))["message"]
    ada.say(type="unsubscribe", stream=streams[0])
    assert (await bob.subscribe("value.n == 3"))["type"] == "subscribed"
    for reader in (ada, bob, second):
        await asyncio.gather(*reader.tasks)
        hub.remove(reader.connection)
    hub.look_at_views()
    assert not hub.views.logs()


async def test_what_is_no_filter_is_refused_with_its_character(hub: Hub) -> None:
    refused = await Reader(hub).subscribe("value.n = 1")
    assert (refused["type"], refused["code"], refused["at"]) == ("error", "bad_filter", 8)


SLOW = "value.exists(x, value.exists(y, x + y < 0))"


async def test_a_filter_that_takes_too_much_is_ended_and_the_loop_goes_on_meanwhile(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sieve, "LATE_S", 60.0)  # it is what the filter takes that ends it …
    monkeypatch.setattr(view_log, "time", SimpleNamespace(monotonic=lambda: 1.0))  # … in one second, however long
    monkeypatch.setattr(view_log, "RECORD_S", 0.0002)  # what is cheap does not depend on the machine
    reader, other = Reader(hub), Reader(hub)
    stream = (await reader.subscribe(SLOW))["stream"]
    await other.subscribe(THIRDS)
    numbers = orjson.dumps(list(range(1000)))
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(others())
    position = 20
    for _ in range(40):  # a tick's records each: some milliseconds of work for each of them
        records = tuple(record(0, position + each, numbers) for each in range(50))
        put(hub, Range(0, position, position + 50, records))
        position += 50
    await until(lambda: reader.of("unsubscribed"), "it is ended")
    counting.cancel()
    assert reader.of("unsubscribed") == [{"type": "unsubscribed", "stream": stream, "reason": "expensive"}]
    assert turns > 20  # slices, not all at once
    await until(lambda: hub.views.logs()[0]._taken[0] == position, "the other one goes on")
    assert [log.view for log in hub.views.logs()] == [View(filter_of(THIRDS))]


async def test_a_filter_that_takes_too_much_in_the_past_is_ended_too(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reader(hub)
    monkeypatch.setattr(view_log, "SHARE", 0.0)
    monkeypatch.setattr(view_log, "RECORD_S", 0.0)
    refused = await reader.subscribe(THIRDS, {"last": 5})
    assert (refused["type"], refused["code"]) == ("error", "bad_filter")
    stream = (await reader.subscribe(THIRDS, {"cursor": {"epoch": "e", "positions": {}}}))["stream"]
    await until(lambda: reader.of("unsubscribed"), "it is ended")
    assert reader.frames[-1] == {"type": "unsubscribed", "stream": stream, "reason": "expensive"}


async def a_new_life(hub: Hub) -> None:
    await hub.open(TopicInfo("t", (0, 1), "f"), "f")


async def its_end(hub: Hub) -> None:
    hub.forget("t", "topic_gone")


async def a_fault(hub: Hub) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("planted")

    with pytest.MonkeyPatch.context() as planted:
        planted.setattr(sieve, "seen", broken)
        put(hub, part(0, 20, 21))
        await until(lambda: not hub.views.logs(), "the filters have failed")


@pytest.mark.parametrize("happens", [a_new_life, its_end, a_fault])
@pytest.mark.parametrize("start", [{"last": 5}, {"latest": True}], ids=json.dumps)
async def test_what_ends_while_a_filter_looks_through_the_past_is_no_fault_of_the_filter(
    hub: Hub, start: dict[str, Any], happens: Callable[[Hub], Awaitable[None]]
) -> None:
    asked, goes_on = asyncio.Event(), asyncio.Event()
    page, bounds = hub.history.page, hub.history.bounds

    async def late(given: Callable[..., Any], *asking: Any, **how: Any) -> Any:
        asked.set()
        await goes_on.wait()
        return await given(*asking, **how)

    hub.history.page = partial(late, page)  # type: ignore[method-assign]
    hub.history.bounds = partial(late, bounds)  # type: ignore[method-assign]
    reader = Reader(hub)
    answering = asyncio.create_task(reader.subscribe(THIRDS, start))
    await asked.wait()
    hub.history.bounds = bounds  # type: ignore[method-assign]
    await happens(hub)
    goes_on.set()
    answer = await answering
    assert (answer["type"], answer["code"]) == ("error", "unavailable"), answer
    assert answer["retry_after_ms"] > 0
    assert not reader.connection.streams


async def test_a_fault_while_filters_look_ends_their_streams_instead_of_leaving_them_waiting(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = Reader(hub)
    await reader.subscribe(THIRDS)

    def broken(*_: object) -> None:
        raise RuntimeError("planted")

    with monkeypatch.context() as planted:
        planted.setattr(sieve, "seen", broken)
        put(hub, part(0, 20, 32))
        await until(lambda: reader.of("unsubscribed"), "the stream is ended")
    assert [each["reason"] for each in reader.of("unsubscribed")] == ["failed"]
    await reader.subscribe(THIRDS, {"cursor": {"epoch": "e", "positions": {"0": 20, "1": 10}}})
    await until(lambda: reader.positions == {0: 32, 1: 10}, "nothing was lost")
    assert reader.seen == {0: thirds(20, 32)}


async def test_a_burst_of_records_does_not_end_a_filter_that_is_cheap(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view_log, "RECORD_S", 0.001)  # what is cheap does not depend on the machine here
    monkeypatch.setattr(sieve, "LATE_S", 60.0)  # nor does what is late
    reader = Reader(hub)
    await reader.subscribe(THIRDS)
    for start in range(20, 20_020, 500):
        put(hub, part(0, start, start + 500))
    await until(lambda: hub.views.logs()[0]._taken[0] == 20_020, "all of it is looked at")
    hub.look_at_views()
    await until(lambda: reader.positions[0] == 20_020, "all of it is told")
    assert not reader.of("unsubscribed")
    assert reader.seen[0] == thirds(20, 20_020)


LATE_S = 1.0  # that records may wait


class StandsStill(Filter):
    """While it looks at a record the machine stands still, and this thread believes that it computed."""

    def matches(self, seen: Seen) -> bool:
        goes_on = time.thread_time() + 2 * view_log.SHARE
        while time.thread_time() < goes_on:
            pass
        return super().matches(seen)


async def test_a_machine_that_stands_still_while_a_filter_looks_ends_no_filter(hub: Hub) -> None:
    reader = Reader(hub)
    await reader.subscribe(THIRDS)
    [log] = hub.views.logs()
    log.view = View(StandsStill(THIRDS))
    put(hub, part(0, 20, 21))
    await until(lambda: log._taken[0] == 21, "it is looked at")
    log.view = View(filter_of(THIRDS))
    put(hub, part(0, 21, 32))
    hub.look_at_views()
    await until(lambda: reader.positions[0] == 32, "it goes on")
    assert not reader.of("unsubscribed")
    assert reader.seen[0] == thirds(20, 32)


class StandsStillOnce(Filter):
    """While it looks at a record the process stands still; later no more."""

    stands = LATE_S + 0.2

    def matches(self, seen: Seen) -> bool:
        stands, self.stands = self.stands, 0.0
        time.sleep(stands)
        return super().matches(seen)


@pytest.mark.parametrize("kind", [StandsStillOnce, Filter], ids=["in a slice", "between slices"])
async def test_records_are_not_late_by_the_time_that_the_process_stood_still(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, kind: type[Filter]
) -> None:
    monkeypatch.setattr(sieve, "SLICE_S", 0.0)  # a pause after each record
    monkeypatch.setattr(sieve, "LATE_S", LATE_S)
    monkeypatch.setattr(sieve, "STOOD_S", LATE_S / 20)  # the machine may stand still as well, and more than once
    reader = Reader(hub)
    await reader.subscribe(THIRDS)
    hub.views.logs()[0].view = View(kind(THIRDS))
    for start in (20, 40):
        put(hub, part(0, start, start + 20))
    if kind is Filter:
        await asyncio.sleep(0)  # the first of them is looked at
        time.sleep(LATE_S + 0.2)
    await until(lambda: reader.of("unsubscribed") or hub.views.logs()[0]._taken[0] == 60, "all are looked at")
    assert not reader.of("unsubscribed")


async def test_the_log_of_a_filter_keeps_within_its_bytes(hub: Hub) -> None:
    reader = Reader(hub)
    await reader.subscribe("value.n >= 0")
    big = orjson.dumps({"n": 1, "pad": "x" * 8000})
    for start in range(20, 420, 20):
        put(hub, Range(0, start, start + 20, tuple(record(0, start + each, big) for each in range(20))))
        await until(lambda end=start + 20: reader.positions[0] == end, "it is told")  # type: ignore[misc]
    [log] = hub.views.logs()
    assert log.size <= view_log.VIEW_BYTES
    assert sum(len(frame.data) for frame in log._frames.values()) <= view_log.VIEW_BYTES
    assert hub.logs["t"].size > 2 * view_log.VIEW_BYTES


def test_ranges_join_as_far_as_they_may() -> None:
    empty = [Range(0, 0, 5, ()), Range(1, 3, 4, ()), Range(0, 5, 9, ()), Range(1, 4, 6, ())]
    assert joined(empty) == [Range(0, 0, 9, ()), Range(1, 3, 6, ())]
    lost = [Range(0, 0, 5, ()), Range(0, 5, 7, (), "slow"), Range(0, 7, 9, ()), Range(0, 9, 10, ())]
    assert joined(lost) == [Range(0, 0, 5, ()), Range(0, 5, 7, (), "slow"), Range(0, 7, 10, ())]
