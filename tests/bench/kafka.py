"""Rows through real Kafka, PostgreSQL and Redis: commit to client, fan-out, relay; and tutorial Channels."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.bench.delivery import Turns
from tests.bench.measure import (
    CLIENT_CORE,
    ROOT,
    SERVER_CORE,
    Segment,
    Series,
    Steered,
    cpu_seconds,
    pin,
    watch,
)
from tests.bench.run import WARM_S, Line, PeerMissing, Run, log
from tests.bench.source import value
from tests.support import services
from tests.support.sockets import connections_to

SOCKETS, RATE = 200, 500
READ, RELAYED = 400_000, 20_000  # records of one turn
GROUP_SOCKETS, GROUP_RATE = 80, 20  # what tutorial Channels can do at all (its Redis pool ends at 100 sockets)
VIEWERS, VIEWED_RATE = (20, 200), 40
TURN_S = 120.0


@contextmanager
def pinned_services(*kinds: str) -> Iterator[dict[str, services.Service]]:
    """Real services, on the client's core. Raises PeerMissing where one is not installed."""
    services.Kafka.is_measured = True
    try:
        found: dict[str, services.Service] = {kind: getattr(services, kind)() for kind in kinds}
        for service in found.values():
            for pid in [service.pid, *services.children(service.pid)]:
                pin(pid, CLIENT_CORE)
        yield found
    except (pytest.skip.Exception, pytest.fail.Exception) as error:
        raise PeerMissing(str(error)) from error
    finally:
        services.close_all()


def _speed(module: str, *arguments: str, env: dict[str, str] | None = None, cwd: Path = ROOT) -> float:
    """Records a second, as the last line of a program that has the server's core to itself."""
    done = subprocess.run(
        [sys.executable, "-m", f"tests.bench.{module}", *arguments], env=env, cwd=cwd, capture_output=True, text=True,
        timeout=TURN_S, check=False, preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CORE}),
    )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(f"{module} {arguments}: {done.stderr[-2000:]}")
    speed = float(json.loads(done.stdout.splitlines()[-1]))
    log(f"  {module} {arguments[0]}: {speed:,.0f} records/s")
    return speed


def fanout(run: Run) -> list[Line]:
    """Records a second from Kafka into one hub, beside aiokafka's bare getmany."""
    from tests.support import processes

    with pinned_services("kafka") as found:
        kafka: services.Kafka = found["kafka"]  # type: ignore[assignment]
        topic = kafka.create_topic(partitions=4)
        for partition in range(4):
            kafka.produce(topic, (value(n) for n in range(READ // 4)), key=b"1", partition=partition)
        env = processes.environment(
            DATABASE_URL=f"sqlite:///{run.database}",
            KAFKA_BOOTSTRAP_SERVERS=kafka.address,
            TEST_RUN_DIR=str(run.folder),
        )
        ours, theirs = Series(), Series()
        for _ in range(run.rounds):
            ours.values.append(_speed("paths", "fanout", topic, str(READ), env=env, cwd=run.tree) / 1000)
            theirs.values.append(_speed("peers.bare_aiokafka", "consume", kafka.address, topic, str(READ)) / 1000)
    return [Line("fan-out: Kafka → one hub", ours, "k records/s", "bare getmany", theirs, 0.5, more_is_better=True,
                 form="{:.0f}")]  # fmt: skip


FILL = """
INSERT INTO streams_outboxmessage (topic, key, value, headers, created_at, attempts, last_error)
SELECT %s, (n %% 1000)::text, convert_to('{"id":' || n || ',"text":"' || repeat('x', 195) || '"}', 'UTF8'),
       '{"ce_specversion": "1.0", "ce_type": "item.updated", "content-type": "application/json"}', now(), 0, ''
FROM generate_series(1, %s) AS n
"""


def relay(run: Run) -> list[Line]:
    """Records a second from PostgreSQL rows into Kafka, beside a bare aiokafka producer."""
    from tests.support import processes

    with pinned_services("kafka", "postgres") as found:
        kafka: services.Kafka = found["kafka"]  # type: ignore[assignment]
        postgres: services.Postgres = found["postgres"]  # type: ignore[assignment]
        topic, other = kafka.create_topic(partitions=4), kafka.create_topic(partitions=4)
        install = processes.make_installation(
            run.folder, postgres, {"KAFKA_BOOTSTRAP_SERVERS": kafka.address, "KAFKA_ITEMS_TOPIC": topic}
        )
        ours, theirs = Series(), Series()
        for _ in range(run.rounds):
            with psycopg.connect(install.database_url, autocommit=True) as connection:
                connection.execute(FILL, [topic, RELAYED])
                connection.execute("ANALYZE streams_outboxmessage")
            ours.values.append(_speed("paths", "relay", str(RELAYED), env=install.env, cwd=run.tree) / 1000)
            theirs.values.append(_speed("peers.bare_aiokafka", "produce", kafka.address, other, str(RELAYED)) / 1000)
    return [Line("relay: PostgreSQL rows → Kafka", ours, "k records/s", "bare producer", theirs, 0.4,
                 more_is_better=True, form="{:.1f}")]  # fmt: skip


def commit_to_client(run: Run) -> list[Line]:
    """Latency from a commit in PostgreSQL to the client: outbox, relay, Kafka, fan-out, Redis, hub, socket."""
    from tests.support import processes

    with pinned_services("kafka", "postgres", "redis") as found:
        kafka: services.Kafka = found["kafka"]  # type: ignore[assignment]
        postgres: services.Postgres = found["postgres"]  # type: ignore[assignment]
        redis: services.Redis = found["redis"]  # type: ignore[assignment]
        topic, other = kafka.create_topic(partitions=4), kafka.create_topic(partitions=4)
        settings = {
            "KAFKA_BOOTSTRAP_SERVERS": kafka.address, "KAFKA_ITEMS_TOPIC": topic, "REDIS_URL": redis.url(),
        }  # fmt: skip
        folder = run.folder / "wire"
        folder.mkdir()
        install = processes.make_installation(folder, postgres, settings)
        writers: list[Steered] = []
        try:
            web, bridge = install.web(), install.bridge()
            for process in (web, bridge):
                pin(process.pid, SERVER_CORE)
            peer = run.python_peer("kafka_to_websocket", kafka.address, other)
            for arguments in (("outbox", install.database_url, topic), ("kafka", kafka.address, other)):
                writers.append(Steered([sys.executable, "-m", "tests.bench.writer", *arguments], CLIENT_CORE))
                writers[-1].answer()
            run.client.connect("commit", web.port, "streamboard", SOCKETS, tokens=[install.token], topic=topic)
            run.client.connect("peer", peer, "plain", SOCKETS)
            turns = Turns()
            for _ in range(run.rounds):
                for name, writer in zip(("commit", "peer"), writers, strict=True):
                    turns.add(name, _latency(run, name, writer))
        finally:
            for writer in writers:
                writer.close()
            install.close()
        run.end(peer)
    load = f"commit → client, {SOCKETS} sockets × {RATE}/s"
    lines = [
        Line(f"{load}: {number}", turns.reported("commit", number), "ms", "aiokafka → WebSocket",
             turns.reported("peer", number), aim, form="{:.0f}", note=note)
        for number, aim, note in (("p50", 2, "aim 50 ms"), ("p99", 3, "aim 200 ms"))
    ]  # fmt: skip
    arrived = Series([s.report["records"] / s.seconds / (SOCKETS * RATE) for s in turns.seen["commit"]])
    jumps = max(s.report["jumps"] for s in turns.seen["commit"])
    lines[0].note += f"; {arrived.median:.0%} of the records arrived while we looked, jumps {jumps}"
    return lines


def _latency(run: Run, pool: str, writer: Steered) -> Segment:
    writer.say(f"rate {RATE}")
    time.sleep(2 * WARM_S)
    segment = watch(run.client, pool, writer, run.seconds)
    writer.say("rate 0")
    time.sleep(1)
    log(
        f"  {pool}: p50 {segment.report['p50']} ms, p99 {segment.report['p99']} ms, {segment.report['records']} records"
    )
    return segment


def viewers(run: Run) -> list[Line]:
    """Connections to Kafka, and the broker's CPU, while more and more people look on."""
    from tests.support import processes

    with pinned_services("kafka") as found:
        kafka: services.Kafka = found["kafka"]  # type: ignore[assignment]
        topic = kafka.create_topic(partitions=4)
        folder = run.folder / "viewers"
        folder.mkdir()
        install = processes.make_installation(folder, None, {"KAFKA_BOOTSTRAP_SERVERS": kafka.address})
        install.manage("addtopic", topic)
        writer = Steered([sys.executable, "-m", "tests.bench.writer", "kafka", kafka.address, topic], CLIENT_CORE)
        writer.answer()
        held, cpu = dict[int, int](), dict[int, Series]()
        try:
            web = install.web()
            pin(web.pid, SERVER_CORE)
            writer.say(f"rate {VIEWED_RATE}")
            for count in VIEWERS:
                run.client.connect(
                    f"viewers {count}", web.port, "streamboard", count, tokens=[install.token], topic=topic
                )
                time.sleep(WARM_S)
                cpu[count] = Series([_share(kafka.pid, run.seconds) for _ in range(run.rounds)])
                held[count] = connections_to(web.pid, kafka.port)
                log(f"  {count} viewers: {held[count]} connections to Kafka, {cpu[count].shown('{:.1%}')} of a core")
                run.client.do("close", f"viewers {count}")
        finally:
            writer.close()
            install.close()
    few, most = VIEWERS
    load = f"{most} viewers of {VIEWED_RATE}/s"
    return [
        Line(f"{load}: Kafka connections", Series([held[most]]), "", f"{few} viewers", Series([held[few]]), 1.0,
             form="{:.0f}"),
        Line(f"{load}: the broker's CPU", cpu[most], "of a core", f"{few} viewers", cpu[few], form="{:.3f}"),
    ]  # fmt: skip


def _share(pid: int, seconds: float) -> float:
    """The share of a core that a process takes for so long."""
    began, cpu = time.perf_counter(), cpu_seconds(pid)
    time.sleep(seconds)
    return (cpu_seconds(pid) - cpu) / (time.perf_counter() - began)


def channels(run: Run) -> list[Line]:
    """Tutorial Channels with Redis, at a load that it can carry, beside the product at the same."""
    with pinned_services("redis") as found:
        redis: services.Redis = found["redis"]  # type: ignore[assignment]
        peer, server = run.python_peer("channels_group", redis.url()), run.product()
        run.client.connect("Channels", peer, "plain", GROUP_SOCKETS)
        run.join_product("transport", server, GROUP_SOCKETS)
        turns = Turns()
        for _ in range(run.rounds):
            turns.add("transport", run.turn("transport", server, GROUP_RATE))
            turns.add("Channels", run.turn("Channels", peer, GROUP_RATE))
        for pool in ("transport", "Channels"):
            run.client.do("close", pool)
        run.end(peer, server)
    return [
        Line(f"{GROUP_SOCKETS} sockets × {GROUP_RATE}/s: transport", turns.series("transport", "micros"), "µs",
             "tutorial Channels", turns.series("Channels", "micros"), form="{:.0f}",
             note=turns.note("transport", "Channels"))
    ]  # fmt: skip
