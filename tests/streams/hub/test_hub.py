"""The hub, with Kafka's history as a plain table: whatever arrives, readers end complete or are told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams import metrics
from streams.hub import connection
from streams.hub.delivery import LOGS_BYTES
from streams.hub.hub import SILENT_AT_ONCE, Hub
from streams.hub.subscription import Subscription
from streams.hub.topic_log import LOG_SECONDS, LOG_SECONDS_EMBEDDED, TopicLog
from streams.kafka import embedded
from streams.kafka.catalog import TopicInfo
from streams.kafka.history import Bounds, NoLeader
from streams.wire.frames import FRAME_BYTES, Frame
from streams.wire.ranges import Batch, Status
from tests.support.examples import examples
from tests.support.readers import Client, Table, opened, part, settled


async def test_ranges_reach_every_reader_and_frames_are_shared() -> None:
    hub, _ = await opened({0: 10})
    clients = [Client(hub) for _ in range(3)]
    for client in clients:
        client.join({0: 10})
    hub.ingest([Batch("t", "e", (part(0, 10, 13),))])
    await settled(lambda: all(client.seen == {0: [10, 11, 12]} for client in clients))
    await hub.close()


async def test_who_waits_for_kafka_hears_at_once_that_it_has_answered() -> None:
    hub = Hub(Table({0: 10}))
    waiting = Client(hub)
    assert hub.link.state == "down"
    await hub.open(TopicInfo("t", (0,), "e"), "e")
    assert [frame["link"] for frame in waiting.frames] == ["live"]
    await hub.close()


@pytest.mark.parametrize(("address", "seconds"), [(None, LOG_SECONDS), ("127.0.0.1:1", LOG_SECONDS_EMBEDDED)])
async def test_records_of_the_embedded_broker_stay_in_memory_for_longer(
    address: str | None, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To read them back takes as many answers as there are records."""
    monkeypatch.setattr(embedded, "address", lambda: address)
    hub, _ = await opened({0: 10})
    log = hub.logs["t"]
    log.append([part(0, 10, 11)], 0.0)
    assert [log.oldest_is_due(now) for now in (seconds - 1, seconds + 1)] == [False, True]
    await hub.close()


async def test_what_is_delivered_is_counted_exactly_when_readers_stand_apart() -> None:
    delivered = metrics.RECORDS_DELIVERED.labels("t")._value.get
    hub, _ = await opened({0: 10})
    clients = [Client(hub) for _ in range(8)]
    for number, client in enumerate(clients):
        client.is_full = number % 2 == 1
        client.join({0: 10})
    hub.ingest([Batch("t", "e", (part(0, 10, 13),))])
    hub.delivery.run_tick()
    for client in clients:
        client.is_full = False
    hub.ingest([Batch("t", "e", (part(0, 13, 15),))])
    before = delivered()
    hub.delivery.run_tick()
    hub.delivery.tally.tell()
    assert delivered() - before == len(clients) * 5 == sum(client.delivered for client in clients)
    await hub.close()


async def test_a_newcomer_between_a_batch_and_its_tick_takes_nothing_from_the_others() -> None:
    hub, _ = await opened({0: 10})
    together = [Client(hub, raw=number % 2 == 0) for number in range(3)]
    for client in together:
        client.join({0: 10})
    hub.ingest([Batch("t", "e", (part(0, 10, 13),))])
    hub.delivery.run_tick()
    hub.ingest([Batch("t", "e", (part(0, 13, 15),))])
    newcomer = Client(hub, raw=True)
    newcomer.join({0: 10})
    assert newcomer.positions == {0: 15}, "it is served at once"
    hub.delivery.run_tick()
    hub.ingest([Batch("t", "e", (part(0, 15, 17),))])
    hub.delivery.run_tick()
    assert [client.seen for client in together] == [{0: list(range(10, 17))}] * 3
    assert newcomer.seen == {0: list(range(10, 17))}
    await hub.close()


async def test_a_tick_of_a_former_life_that_is_due_gives_nothing_of_it_to_readers_of_the_present_one() -> None:
    hub, table = await opened({0: 13})
    client = Client(hub)
    client.join({0: 13})
    hub.ingest([Batch("t", "e", (part(0, 13, 15),))])
    table.ends = {0: 0}
    await hub.open(TopicInfo("t", (0,), "f"), "f")
    hub.delivery.run_tick()
    hub.ingest([Batch("t", "f", (part(0, 0, 2),))])
    hub.delivery.run_tick()
    resets = [number for number, frame in enumerate(client.frames) if frame["type"] == "reset"]
    assert len(resets) == 1
    assert client.seen == {0: [0, 1]}, "what was counted since the reset"
    await hub.close()


@pytest.mark.parametrize("raw", [True, False])
async def test_a_way_that_fails_in_the_middle_of_a_tick_keeps_nothing_from_those_behind_it(raw: bool) -> None:
    hub, _ = await opened({0: 13})
    clients = [Client(hub, raw=raw) for _ in range(3)]
    for client in clients:
        client.join({0: 13})
    clients[1].fails_with = RuntimeError("the handler is closed")
    hub.ingest([Batch("t", "e", (part(0, 13, 15),))])
    hub.delivery.run_tick()
    hub.ingest([Batch("t", "e", (part(0, 15, 17),))])
    hub.delivery.run_tick()
    assert clients[0].seen == clients[2].seen == {0: [13, 14, 15, 16]}
    assert clients[1].closed_with == 4002
    await hub.close()


async def test_a_hole_is_read_from_kafka_and_nothing_is_missing() -> None:
    hub, table = await opened({0: 0})
    client = Client(hub)
    client.join({0: 0})
    table.ends = {0: 50}
    hub.ingest([Batch("t", "e", (part(0, 40, 50),))])
    await settled(lambda: client.positions == {0: 50})
    assert client.seen == {0: list(range(50))}
    assert client.gaps == []
    await hub.close()


async def test_a_status_beyond_the_position_shows_a_lost_message() -> None:
    hub, table = await opened({0: 0})
    client = Client(hub)
    client.join({0: 0})
    table.ends = {0: 5}
    hub.status(Status("t", "e", {0: 5}, {0: 5}))
    await settled(lambda: client.seen == {0: [0, 1, 2, 3, 4]})
    await hub.close()


async def test_who_joins_inside_a_chunk_is_ahead_of_its_beginning_also_where_a_partition_is_there_twice() -> None:
    hub, _ = await opened({0: 10})
    hub.ingest([Batch("t", "e", (part(0, 10, 15), part(0, 15, 20)))])
    quick, slow = Client(hub), Client(hub)
    quick.join({0: 12})
    assert quick.frames[0]["ranges"][0]["from"] == 12, "nothing is sent twice"
    slow.is_full = True
    slow.join({0: 12})
    hub.delivery.advance_all(hub.logs["t"], 0.0)
    hub.delivery.drop_oldest(hub.logs["t"])
    slow.is_full = False
    hub.delivery.run_tick()
    assert slow.gaps == [(0, 12, 20, "slow")], "from where it stands"
    await hub.close()


async def test_a_slow_reader_does_not_fall_with_what_it_has_already() -> None:
    hub, _ = await opened({0: 10, 1: 10})
    slow = Client(hub)
    slow.join({0: 25, 1: 10})
    slow.is_full = True
    hub.ingest([Batch("t", "e", (part(0, 10, 20),))])
    hub.delivery.run_tick()
    hub.ingest([Batch("t", "e", (part(1, 10, 20), part(0, 20, 30)))])
    hub.delivery.advance_all(hub.logs["t"], 0.0)
    hub.delivery.drop_oldest(hub.logs["t"])
    slow.is_full = False
    hub.delivery.run_tick()
    assert slow.gaps == []
    assert slow.seen == {0: list(range(25, 30)), 1: list(range(10, 20))}
    await hub.close()


async def test_what_retention_took_is_told_as_a_gap() -> None:
    hub, table = await opened({0: 0})
    client = Client(hub)
    client.join({0: 0})
    table.ends, table.first = {0: 50}, 30
    hub.ingest([Batch("t", "e", (part(0, 40, 50),))])
    await settled(lambda: client.positions == {0: 50})
    assert client.gaps == [(0, 0, 30, "retention")]
    assert client.seen == {0: list(range(30, 50))}
    await hub.close()


async def test_a_resume_from_before_the_log_reads_kafka_and_joins_the_live_end() -> None:
    hub, _table = await opened({0: 100, 1: 100})
    client = Client(hub)
    client.join({0: 20, 1: 95})
    hub.ingest([Batch("t", "e", (part(0, 100, 110), part(1, 100, 103)))])
    await settled(lambda: client.positions == {0: 110, 1: 103})
    assert client.seen == {0: list(range(20, 110)), 1: list(range(95, 103))}
    await hub.close()


def pour(hub: Hub, offsets: Iterable[int], *topics: str, tick_every: int = 1) -> None:
    """A record of 8 KB at each of these offsets into each topic's one partition."""
    for offset in offsets:
        for topic in topics:
            hub.ingest([Batch(topic, "e", (part(0, offset, offset + 1, size=8000),))])
        if offset % tick_every == 0:
            hub.delivery.run_tick()


async def test_a_reader_that_does_not_acknowledge_waits_and_costs_no_memory() -> None:
    hub, _ = await opened({0: 0})
    client = Client(hub)
    reader = client.join({0: 0})
    pour(hub, range(700), "t", tick_every=20)
    hub.delivery.run_tick()
    assert connection.UNACKED_BYTES - FRAME_BYTES <= reader.unacked_bytes <= connection.UNACKED_BYTES
    client.ack()
    await settled(lambda: client.positions == {0: 700})
    assert client.seen == {0: list(range(700))}
    await hub.close()


async def test_all_streams_of_a_connection_together_have_4_mib_on_the_way() -> None:
    hub, _ = await opened({0: 0})
    client = Client(hub)
    readers = []
    for name in ("t", "u", "v"):
        hub.logs[name] = TopicLog(name, "e", {0: 0})
        reader = Subscription(client.connection, name, hub.logs[name])
        client.connection.hold(reader)
        hub.delivery.join(reader, {0: 0})
        readers.append(reader)
    client.write = lambda frame: None  # type: ignore[method-assign]  # it acknowledges nothing, whatever it gets
    pour(hub, range(700), "t", "u", "v")
    on_the_way = [reader.unacked_bytes for reader in readers]
    assert all(size > 1_000_000 for size in on_the_way)
    assert sum(on_the_way) <= connection.UNACKED_BYTES
    client.connection.drop(readers[0])
    assert readers[1].share > on_the_way[1]  # the others get its part
    await hub.close()


async def test_an_ack_below_what_the_log_holds_counts_and_the_gap_is_told() -> None:
    hub, _ = await opened({0: 0})
    client = Client(hub)
    reader = client.join({0: 0})
    pour(hub, range(3000), "t")  # 24 MB: more than the log holds
    sent = client.positions[0]
    assert hub.logs["t"].base[0] > sent
    hub.delivery.ack(reader, {0: sent - 20})
    assert 0 < reader.unacked_bytes < 20 * 10_000
    hub.delivery.run_tick()
    assert client.gaps == [(0, sent, 3000, "slow")]
    await hub.close()


async def test_the_logs_of_many_topics_share_their_memory_by_need() -> None:
    hub, _ = await opened({0: 0})
    for number in range(40):
        hub.logs[f"quiet-{number}"] = TopicLog(f"quiet-{number}", "e", {0: 0})
    pour(hub, range(1500), "t")  # 12 MB
    assert hub.logs["t"].base[0] == 0
    for number in range(5):
        pour(hub, range(1500), f"quiet-{number}")
    sizes = [topic_log.size for topic_log in hub.logs.values()]
    assert LOGS_BYTES * 0.9 < sum(sizes) <= LOGS_BYTES
    assert max(sizes) < 12_500_000
    await hub.close()


async def test_statistics_reach_a_client_that_acknowledges_nothing() -> None:
    hub, _ = await opened({0: 0})
    client = Client(hub)
    reader = client.join({0: 0})
    pour(hub, range(700), "t")
    assert not reader.may_send()
    hub.delivery.tell(hub.logs["t"], Frame(b'{"type":"stats"}'))
    hub.delivery.run_tick()
    assert client.frames[-1] == {"type": "stats"}
    await hub.close()


async def test_a_reader_that_fell_off_the_log_gets_one_gap_and_the_second_time_goodbye() -> None:
    hub, _ = await opened({0: 0})
    slow, quick = Client(hub), Client(hub)
    slow.join({0: 0})
    quick.join({0: 0})

    def fill(start: int) -> None:
        for offset in range(start, start + 3000):
            hub.ingest([Batch("t", "e", (part(0, offset, offset + 1, size=8000),))])
            if offset % 20 == 0:
                hub.delivery.run_tick()
                quick.ack()
        hub.delivery.run_tick()
        quick.ack()

    fill(0)
    slow.ack()
    await settled(lambda: slow.positions == {0: 3000})
    assert len(slow.gaps) == 1
    assert slow.gaps[0][3] == "slow"
    assert slow.gaps[0][1] == slow.seen[0][-1] + 1
    fill(3000)
    slow.ack()
    await settled(lambda: slow.closed_with == 4008)
    assert quick.seen == {0: list(range(6000))}
    await hub.close()


async def test_one_stall_that_throws_two_streams_off_their_logs_is_one() -> None:
    """Each of them gets its gap; goodbye is for who falls again after it was told."""
    hub, _ = await opened({0: 0})
    await hub.open(TopicInfo("u", (0,), "e"), "e")
    slow = TwoStreams(hub)
    slow.stall(0)
    assert [reason for *_, reason in slow.gaps()] == []
    slow.ack()
    assert [gap[2:] for gap in slow.gaps()] == [(3000, "slow"), (3000, "slow")]
    assert slow.closed_with == []
    slow.ack()
    slow.stall(3000)
    slow.ack()
    assert slow.closed_with == [4008]
    await hub.close()


class TwoStreams:
    """One connection that reads the topics `t` and `u`, told apart by two clients of the protocol."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.clients = {"t": Client(hub, "t"), "u": Client(hub, "u")}
        first, second = self.clients.values()
        hub.remove(second.connection)
        second.connection = first.connection
        write = first.write

        def split(frame: Frame) -> None:
            stream = json.loads(frame.data).get("stream")
            (second.write if stream == "u" else write)(frame)

        first.write = split  # type: ignore[method-assign]  # its connection carries both
        for client in self.clients.values():
            client.join({0: 0})

    def stall(self, start: int) -> None:
        """More than their logs hold goes to both, and nothing is acknowledged."""
        for topic in self.clients:
            for offset in range(start, start + 3000):
                self.hub.ingest([Batch(topic, "e", (part(0, offset, offset + 1, size=8000),))])
                if offset % 20 == 0:
                    self.hub.delivery.run_tick()
        self.hub.delivery.run_tick()

    def ack(self) -> None:
        for client in self.clients.values():
            client.ack()
            self.hub.delivery.run_tick()

    def gaps(self) -> list[tuple[int, int, int, str]]:
        return [gap for client in self.clients.values() for gap in client.gaps]

    @property
    def closed_with(self) -> list[int]:
        return [client.closed_with for client in self.clients.values() if client.closed_with is not None]


@pytest.mark.parametrize("ahead", [1, 350, 5000])
async def test_who_is_ahead_in_one_partition_has_no_more_on_the_way_of_the_others(ahead: int) -> None:
    hub, _ = await opened({0: 0, 1: 0})
    client = Client(hub)
    reader = client.join({0: ahead, 1: 0})
    acked = 0
    for offset in range(2000):
        hub.ingest([Batch("t", "e", (part(1, offset, offset + 1, size=8000), part(0, offset, offset + 1)))])
        hub.delivery.run_tick()
        if offset % 100 == 99:
            acked = min(client.positions[1], acked + 10)  # it is slow
            hub.delivery.ack(reader, {1: acked})
        assert (client.positions[1] - acked) * 8000 <= connection.UNACKED_BYTES
    assert client.positions[1] < 2000
    for _ in range(100):
        client.ack()
        hub.delivery.run_tick()
    assert client.positions == {0: max(ahead, 2000), 1: 2000}
    assert client.gaps == []
    assert reader.unacked_bytes == 0
    assert client.is_there()
    await hub.close()


async def test_a_new_life_of_the_topic_resets_the_stream() -> None:
    hub, table = await opened({0: 10})
    client = Client(hub)
    client.join({0: 10})
    table.ends = {0: 0}
    await hub.open(TopicInfo("t", (0,), "f"), "f")
    hub.ingest([Batch("t", "f", (part(0, 0, 2),))])
    await settled(lambda: client.seen == {0: [0, 1]})
    assert client.frames[0]["type"] == "reset"
    await hub.close()


async def test_a_partition_added_later_starts_at_its_beginning() -> None:
    hub, table = await opened({0: 5})
    client = Client(hub)
    client.join({0: 5})
    table.ends = {0: 5, 1: 3}
    await hub.open(TopicInfo("t", (0, 1), "e"), "e")
    hub.ingest([Batch("t", "e", (part(1, 1, 3),))])
    await settled(lambda: client.seen == {1: [0, 1, 2]})
    await hub.close()


async def test_a_client_that_answers_nothing_is_told_and_one_that_was_sent_nothing_gets_a_heartbeat() -> None:
    hub, _ = await opened({0: 5})
    silent, idle = Client(hub), Client(hub)
    long_ago = asyncio.get_running_loop().time() - connection.SILENT_S - 1
    silent.connection.due_since = long_ago
    idle.connection.last_sent = long_ago
    hub.look_at_connections()
    assert silent.closed_with == 4009
    assert silent.frames[-1]["type"] == "goodbye"
    assert idle.frames[-1]["type"] == "heartbeat"
    idle.connection.heard(asyncio.get_running_loop().time())
    assert idle.connection.due_since is None
    await hub.close()


async def test_one_that_is_full_gets_the_rest_later_while_the_others_go_on() -> None:
    hub, _ = await opened({0: 0})
    clients = [Client(hub, raw=number < 2) for number in range(4)]
    for client in clients:
        client.join({0: 0})
    pour(hub, range(3), "t")
    clients[0].is_full = clients[3].is_full = True
    pour(hub, range(3, 6), "t")
    assert [client.positions[0] for client in clients] == [3, 6, 6, 3]
    clients[0].is_full = clients[3].is_full = False
    await settled(lambda: all(client.seen == {0: list(range(6))} for client in clients))
    pour(hub, [6], "t")
    assert all(client.seen == {0: list(range(7))} for client in clients)
    await hub.close()


async def test_nothing_follows_a_goodbye() -> None:
    hub, _ = await opened({0: 0})
    clients = [Client(hub, raw=True), Client(hub)]
    for client in clients:
        client.join({0: 0})
    pour(hub, [0], "t")
    for client in clients:
        client.connection.goodbye(4001, 0.0)
    pour(hub, [1], "t")
    assert all(client.frames[-1]["type"] == "goodbye" and client.seen == {0: [0]} for client in clients)
    await hub.close()


async def test_records_count_as_something_sent_that_is_to_be_answered() -> None:
    hub, _ = await opened({0: 0})
    client = Client(hub, raw=True)
    client.join({0: 0})
    now = asyncio.get_running_loop().time
    long_ago = now() - connection.SILENT_S
    client.connection.last_sent = long_ago
    due = []
    pour(hub, [0], "t")
    hub.look_at_connections()
    assert [frame["type"] for frame in client.frames] == ["records"]  # no heartbeat
    due.append(client.connection.due_since)
    client.connection.heard(now())
    hub.look_at_connections()
    due.append(client.connection.due_since)
    pour(hub, [1], "t")
    client.connection.end()
    due.append(client.connection.due_since)
    assert [each is not None for each in due] == [True, False, True]
    await hub.close()


async def test_disconnecting_twice_leaves_nothing_behind() -> None:
    hub, _ = await opened({0: 5})
    client = Client(hub)
    client.join({0: 0})
    hub.remove(client.connection)
    hub.remove(client.connection)
    assert not hub.connections
    assert hub.delivery.readers(hub.logs["t"]) == []
    await hub.close()


def act(kind: str, hub: Hub, client: Client) -> None:
    match kind:
        case "full" | "room":
            client.is_full = kind == "full"
        case "ack":
            client.ack()
        case "goodbye":
            client.connection.goodbye(4001, 0.0)
        case "leave":
            hub.remove(client.connection)


async def take(step: Any, hub: Hub, table: Table, clients: list[tuple[Client, dict[int, int]]]) -> None:
    kind, a, b, c = step
    if kind == "range":
        hub.ingest([Batch("t", "e", (part(a, b, b + c),))])
    elif kind == "status":
        hub.status(Status("t", "e", {a: b}, {a: b}))
    elif kind == "client":
        client, start = Client(hub, raw=a % 2 == 1), {0: max(a, table.first), 1: max(b, table.first)}
        clients.append((client, start))
        client.join(start)
    elif kind == "tick":
        hub.delivery.run_tick()
    elif kind == "yield":
        for _ in range(b):
            await asyncio.sleep(0)
    elif kind in {"full", "room", "ack", "goodbye", "leave"}:
        if clients:
            act(kind, hub, clients[b % len(clients)][0])
    elif hub.logs["t"]._chunks:
        hub.delivery.advance_all(hub.logs["t"], 0.0)
        hub.delivery.drop_oldest(hub.logs["t"])


steps = st.lists(
    st.one_of(
        st.tuples(st.just("range"), st.integers(0, 1), st.integers(0, 60), st.integers(1, 20)),
        st.tuples(st.just("status"), st.integers(0, 1), st.integers(0, 60), st.just(0)),
        st.tuples(st.just("client"), st.integers(0, 60), st.integers(0, 60), st.just(0)),
        st.tuples(st.just("tick"), st.just(0), st.just(0), st.just(0)),
        st.tuples(st.just("yield"), st.just(0), st.integers(1, 5), st.just(0)),
        st.tuples(st.just("trim"), st.just(0), st.integers(1, 3), st.just(0)),
        st.tuples(st.sampled_from(["full", "room", "ack"]), st.just(0), st.integers(0, 5), st.just(0)),
        st.tuples(st.sampled_from(["goodbye", "leave"]), st.just(0), st.integers(0, 5), st.just(0)),
    ),
    max_size=30,
)


@given(steps=steps, first=st.integers(0, 30))
@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.too_slow])  # of a busy machine
async def test_any_interleaving_ends_in_complete_or_told(steps: Any, first: int) -> None:
    before = metrics.RECORDS_DELIVERED.labels("t")._value.get()
    hub, table = await opened({0: 20, 1: 20}, first=min(first, 20))
    table.ends = {0: 80, 1: 80}
    clients: list[tuple[Client, dict[int, int]]] = []
    for step in steps:
        await take(step, hub, table, clients)
    for client, _ in clients:
        client.is_full = False
    hub.status(Status("t", "e", {0: 80, 1: 80}, {0: 80, 1: 80}))
    await settled(lambda: all(client.positions == {0: 80, 1: 80} for client, _ in clients if client.is_there()))
    for client, start in clients:
        for partition, position in start.items():
            told = {offset for p, first, end, _ in client.gaps if p == partition for offset in range(first, end)}
            until = 80 if client.is_there() else client.positions[partition]
            expected = [offset for offset in range(position, until) if offset not in told]
            assert client.seen.get(partition, []) == expected
        assert {reason for *_, reason in client.gaps} <= {"slow"}
    assert all(client.frames[-1]["type"] == "goodbye" for client, _ in clients if client.closed_with)
    hub.delivery.tally.tell()
    assert metrics.RECORDS_DELIVERED.labels("t")._value.get() - before == sum(c.delivered for c, _ in clients)
    await hub.close()


async def test_topics_without_a_leader_keep_no_other_silent_topic_from_being_read() -> None:
    class Led(Table):
        asked: set[str] = set()

        async def bounds(self, topic: str, partitions: Any) -> Bounds:
            self.asked.add(topic)
            if topic in leaderless:
                raise NoLeader(topic)
            return await super().bounds(topic, partitions)

    leaderless: set[str] = set()
    hub, history = await opened({0: 0}, kind=Led)
    names = {f"none-{number}" for number in range(3 * SILENT_AT_ONCE)}
    for name in names:
        await hub.open(TopicInfo(name, (0,), "e"), "e")
    leaderless |= names
    assert isinstance(history, Led)
    history.asked.clear()
    with pytest.raises(NoLeader):
        await hub.read_silent({name: [0] for name in (*names, "t")})
    assert history.asked == {*names, "t"}
    await hub.close()
