"""Views by other formats: the same ranges as the topic's, with records that were read once more and decoded anew."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from streams.decoding import carried
from streams.decoding.carried import Carried
from streams.decoding.formats import OWN, Formats
from streams.filters.filters import filter_of
from streams.hub import rereading, sieve, topic_views, view_log
from streams.hub.hub import Hub
from streams.hub.view import View, stream_of
from streams.kafka.catalog import TopicInfo
from streams.kafka.history import Encode
from streams.runtime.away import Unavailable
from streams.wire.ranges import Batch, Range, Wholes, split
from tests.streams.hub.test_filtered import Orders, Reader, part, put, thirds, value_of
from tests.support.waiting import until

HEX = Formats("hex")
THIRDS = "offset % 3 == 0"


class Bytes(Orders):
    """A Kafka of orders that can be read once more. away: it does not answer. asked: what was read once more."""

    def __init__(self, ends: dict[int, int]) -> None:
        super().__init__(ends)
        self.away = False
        self.failing: Exception | None = None
        self.asked: list[tuple[int, int, int]] = []
        self.values: dict[int, bytes] = {}  # offset -> what stands there instead of an order

    def raws(self, partition: int, start: int, end: int) -> list[Any]:
        return [
            SimpleNamespace(
                offset=offset, timestamp=1000, key=b"k", headers=[],
                value=self.values.get(offset, value_of(partition, offset)),
            )
            for offset in range(start, end)
        ]  # fmt: skip

    async def once_more(
        self, topic: str, partition: int, start: int, end: int, *, encode: Encode, wholes: Wholes
    ) -> list[Range]:
        self.asked.append((partition, start, end))
        await asyncio.sleep(0)
        if self.away:
            raise Unavailable("away")
        if self.failing is not None:
            raise self.failing
        stop = min(end, start + 7)
        records = await encode(self.raws(partition, start, stop))
        return list(split(partition, start, stop, records, wholes.values))

    async def page(
        self, topic: str, partition: int, start: int, end: int, formats: Formats = OWN, *, whole: bool = False
    ) -> list[Range]:
        ranges = await super().page(topic, partition, start, end)
        carries, found = carried.of(topic).read_as(formats), []
        for each in ranges:
            raws = [] if each.lost else self.raws(partition, each.start, each.end)
            found.append(each._replace(records=tuple(carries.encode(raw, is_last=True) for raw in raws)))
        return found


@pytest.fixture
async def kafka() -> Bytes:
    return Bytes({0: 20, 1: 10})


@pytest.fixture
async def hub(kafka: Bytes, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hub]:
    monkeypatch.setattr(rereading, "SHORTEST_S", 0.0)
    monkeypatch.setattr(rereading, "RETRY_S", 0.01)
    hub = Hub(kafka)
    await hub.open(TopicInfo("t", (0, 1), "e"), "e")
    yield hub
    await hub.close()
    carried.forget()


def shown(reader: Reader, partition: int) -> list[Any]:
    """The values that a client was given, in order."""
    return [
        record["value"]
        for frame in reader.of("records")
        for each in frame["ranges"]
        if each["partition"] == partition
        for record in each["records"]
    ]


async def told(hub: Hub, holds: Callable[[], object], what: str) -> None:
    """Waits while the hub's clock strikes."""

    def struck() -> object:
        hub.look_at_views()
        return holds()

    await until(struck, what)


def as_hex(partition: int, offsets: Any) -> list[str]:
    return [value_of(partition, offset).hex() for offset in offsets]


def has_all(reader: Reader) -> bool:
    return reader.positions == {0: 45, 1: 12}


async def test_one_reads_by_another_format_and_the_other_sees_nothing_of_it(hub: Hub) -> None:
    plain, other = Reader(hub), Reader(hub, "bob")
    await plain.subscribe(None)
    answer = await other.subscribe(None, value_format="hex", key_format="base64")
    assert (answer["value_format"], answer["key_format"]) == ("hex", "base64")
    assert answer["stream"] == stream_of("t", View(formats=Formats("hex", "base64"))) != "t"
    put(hub, part(0, 20, 40), part(1, 10, 12))
    put(hub, part(0, 40, 45))
    for reader in (plain, other):
        await told(hub, partial(has_all, reader), "all of it is told")
    assert plain.seen == other.seen == {0: [*range(20, 45)], 1: [10, 11]}
    assert shown(other, 0) == as_hex(0, range(20, 45))
    assert shown(plain, 0) == [json.loads(value_of(0, offset)) for offset in range(20, 45)]
    first = other.of("records")[0]["ranges"][0]["records"][0]
    assert (first["format"], first["key_format"], first["key_encoding"]) == ("hex", "base64", "base64")


async def test_a_filter_sees_values_as_the_view_has_them(hub: Hub) -> None:
    reader = Reader(hub)
    chosen = f'value == "{value_of(0, 23).hex()}" && format == "hex"'
    answer = await reader.subscribe(chosen, value_format="hex")
    assert answer["filter"] == chosen
    put(hub, part(0, 20, 30))
    await told(hub, lambda: shown(reader, 0), "the one is told")
    assert reader.seen[0] == [23]


async def test_all_who_ask_for_the_same_share_one_reading_and_its_frames(hub: Hub, kafka: Bytes) -> None:
    readers = [Reader(hub, f"u{number}") for number in range(4)]
    for reader, text in zip(readers, [None, None, THIRDS, "offset >= 25"], strict=True):
        await reader.subscribe(text, value_format="hex")
    assert len(hub.views.logs()) == 3
    put(hub, part(0, 20, 27))
    await told(hub, lambda: readers[2].seen.get(0) == thirds(20, 27) and readers[3].seen.get(0) == [25, 26], "filtered")
    await told(hub, lambda: readers[1].seen.get(0) == [*range(20, 27)], "and whole")
    assert kafka.asked == [(0, 20, 27)]
    assert readers[0].of("records") == readers[1].of("records")


@pytest.mark.parametrize("text", [None, THIRDS])
@pytest.mark.parametrize("start", [{"cursor": {"epoch": "e", "positions": {"0": 3, "1": 2}}}, {"last": 5}])
async def test_the_past_is_in_the_same_format_and_joins_what_comes(
    hub: Hub, start: dict[str, Any], text: str | None
) -> None:
    reader = Reader(hub)
    answer = await reader.subscribe(text, start, value_format="hex")
    begin = {int(p): at for p, at in answer["cursor"]["positions"].items()}
    put(hub, part(0, 20, 25))
    await told(hub, lambda: reader.positions == {0: 25, 1: 10}, "it stands at the end")
    for partition, end in ((0, 25), (1, 10)):
        wanted = thirds(begin[partition], end) if text else [*range(begin[partition], end)]
        assert reader.seen.get(partition, []) == wanted
        assert shown(reader, partition) == as_hex(partition, wanted)


async def test_one_that_comes_while_the_reading_lags_behind_begins_where_that_is(hub: Hub, kafka: Bytes) -> None:
    first, second = Reader(hub), Reader(hub, "bob")
    await first.subscribe(None, value_format="hex")
    kafka.away = True
    put(hub, part(0, 20, 30))
    await until(lambda: kafka.asked, "it is tried")
    put(hub, part(0, 30, 33))  # amid what the next round reads at once
    assert (await second.subscribe(THIRDS, value_format="hex"))["cursor"]["positions"]["0"] == 33
    kafka.away = False
    put(hub, part(0, 33, 40))
    await told(hub, lambda: first.positions[0] == 40, "the first is told")
    await told(hub, lambda: second.positions[0] == 40, "and the second")
    assert first.seen[0] == [*range(20, 40)]
    assert second.seen[0] == thirds(33, 40)
    assert not first.of("gap") + second.of("gap")


async def test_a_new_life_goes_on_by_the_same_format_and_its_end_ends_the_stream(hub: Hub) -> None:
    reader = Reader(hub)
    stream = (await reader.subscribe(None, value_format="hex"))["stream"]
    hub.history.ends.update({0: 9, 1: 3})  # type: ignore[attr-defined]
    await hub.open(TopicInfo("t", (0, 1), "f"), "f")
    assert reader.of("reset")[0]["stream"] == stream
    hub.ingest([Batch("t", "f", (part(0, 0, 9), part(1, 0, 3)))])
    await until(lambda: reader.positions == {0: 9, 1: 3}, "the new life is told")
    assert shown(reader, 0) == as_hex(0, range(9))
    hub.forget("t", "topic_gone")
    assert reader.frames[-1] == {"type": "unsubscribed", "stream": stream, "reason": "topic_gone"}
    assert not hub.views.logs()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"value_format": "xml"}, "subscribe: value_format must be one of auto, json, text, hex,"),
        ({"key_format": 5}, "subscribe: key_format must be one of"),
        ({"value_format": "avro"}, "subscribe: value_format avro: There is no schema registry, and t has no avro"),
        ({"key_format": "protobuf"}, "subscribe: key_format protobuf: There is no schema registry"),
    ],
    ids=json.dumps,
)  # fmt: skip
async def test_a_format_that_cannot_be_is_refused_with_its_field(hub: Hub, asked: dict[str, Any], said: str) -> None:
    refused = await Reader(hub).subscribe(None, **asked)
    assert (refused["type"], refused["code"]) == ("error", "bad_format")
    assert refused["message"].startswith(said)
    assert not hub.views.logs()


async def test_views_by_formats_count_among_all_views(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    ada, bob = Reader(hub, "ada"), Reader(hub, "bob")
    monkeypatch.setattr(topic_views, "VIEWS_A_USER", 2)
    await ada.subscribe(THIRDS)
    stream = (await ada.subscribe(None, value_format="hex"))["stream"]
    refused = await ada.subscribe(None, value_format="base64")
    assert (refused["code"], "You have 2" in refused["message"]) == ("too_many", True)
    monkeypatch.setattr(topic_views, "VIEWS_A_TOPIC", 2)
    assert "t has 2" in (await bob.subscribe(None, value_format="base64"))["message"]
    ada.say(type="unsubscribe", stream=stream)
    assert (await bob.subscribe(None, value_format="base64"))["type"] == "subscribed"


async def test_decoding_that_takes_too_much_ends_all_views_by_it_and_no_others(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers = [Reader(hub, f"u{number}") for number in range(3)]
    streams = [
        (await readers[0].subscribe(None, value_format="hex"))["stream"],
        (await readers[1].subscribe(THIRDS, value_format="hex"))["stream"],
    ]
    await readers[2].subscribe(None)
    monkeypatch.setattr(view_log, "SHARE", 0.0)
    monkeypatch.setattr(view_log, "RECORD_S", 0.0)
    put(hub, part(0, 20, 30))
    await until(lambda: readers[0].of("unsubscribed") and readers[1].of("unsubscribed"), "both are ended")
    assert [reader.frames[-1] for reader in readers[:2]] == [
        {"type": "unsubscribed", "stream": stream, "reason": "expensive"} for stream in streams
    ]
    await until(lambda: readers[2].positions[0] == 30, "everybody else reads on")


async def test_what_cannot_be_followed_for_long_is_ended(
    hub: Hub, kafka: Bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = Reader(hub)
    await reader.subscribe(None, value_format="hex")
    monkeypatch.setattr(rereading, "LATE_S", -1.0)
    put(hub, part(0, 20, 30))
    await until(lambda: reader.of("unsubscribed"), "it is ended")
    assert reader.frames[-1]["reason"] == "expensive"


async def test_a_fault_of_the_reading_ends_its_streams_and_a_cursor_goes_on(hub: Hub, kafka: Bytes) -> None:
    reader = Reader(hub)
    await reader.subscribe(None, value_format="hex")
    kafka.failing = RuntimeError("planted")
    put(hub, part(0, 20, 25))
    await until(lambda: reader.of("unsubscribed"), "it is ended")
    assert reader.frames[-1]["reason"] == "failed"
    kafka.failing = None
    await reader.subscribe(None, {"cursor": {"epoch": "e", "positions": {"0": 20, "1": 10}}}, value_format="hex")
    put(hub, part(0, 25, 30))
    await until(lambda: reader.positions[0] == 30, "all of it is told")
    assert shown(reader, 0) == as_hex(0, range(20, 30))


async def test_values_that_travel_cut_are_looked_into_whole(hub: Hub, kafka: Bytes) -> None:
    reader = Reader(hub)
    kafka.values[20] = b"x" * 9_000 + b"end"
    await reader.subscribe(f'value.endsWith("{b"end".hex()}")', value_format="hex")
    put(hub, part(0, 20, 22))
    await until(lambda: reader.seen.get(0), "it is told")
    [record] = reader.of("records")[0]["ranges"][0]["records"]
    assert (record["offset"], record["truncated"], record["format"]) == (20, True, "hex")


async def test_waiting_for_filters_stops_the_reading(hub: Hub, kafka: Bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rereading, "WAITING_BYTES", 100)
    monkeypatch.setattr(sieve, "SLICE_S", 0.0)  # a pause after each record
    most = 0
    sift = sieve.Sieve._sift

    def noted(self: sieve.Sieve, ranges: Any) -> None:
        nonlocal most
        sift(self, ranges)
        most = max(most, self._bytes)

    monkeypatch.setattr(sieve.Sieve, "_sift", noted)
    reader = Reader(hub)
    await reader.subscribe(THIRDS, value_format="hex")
    put(hub, part(0, 20, 200))
    await told(hub, lambda: reader.positions[0] == 200, "all of it is told")
    assert reader.seen[0] == thirds(20, 200)
    assert most < 3_000  # a page


async def test_a_topic_without_views_is_not_read_once_more(hub: Hub, kafka: Bytes) -> None:
    reader, filtering = Reader(hub), Reader(hub)
    await reader.subscribe(None)
    await filtering.subscribe(THIRDS)
    put(hub, part(0, 20, 40))
    await told(hub, lambda: reader.positions[0] == filtering.positions[0] == 40, "all is told")
    assert kafka.asked == []
    other = Reader(hub)
    stream = (await other.subscribe(None, value_format="hex"))["stream"]
    other.say(type="unsubscribe", stream=stream)
    await asyncio.gather(*other.tasks)
    hub.look_at_views()
    put(hub, part(0, 40, 50))
    await until(lambda: reader.positions[0] == 50, "the next are told")
    assert kafka.asked == []


async def test_a_topic_whose_formats_change_is_read_by_the_new_schema(hub: Hub) -> None:
    assert carried.of("t").read_as(HEX) is carried.of("t").read_as(HEX)
    before = carried.of("t").read_as(HEX)
    carried.put(Carried("t", version="2"))
    assert carried.of("t").read_as(HEX) is not before
    assert View(filter_of(THIRDS)).name == filter_of(THIRDS).name
    different = [OWN, HEX, Formats(None, "hex"), Formats("hex", "hex")]
    assert len({View(filter_of(THIRDS), formats).name for formats in different}) == len(different)
