"""Searches of a real Kafka, checked against what a plain consumer reads: whatever holes a topic has, whatever happens
meanwhile, matches and ranges are exactly those."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import random
import re
import signal
import subprocess
import sys
import termios
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from tests.product.test_search import workers
from tests.support import services
from tests.support.processes import CALL_SECONDS, COMMAND_SECONDS, ROOT, Installation, Process, make_installation
from tests.support.searching import Found, Line, Place, lines_of, offsets, search, search_all, searcher
from tests.support.services import Kafka
from tests.support.waiting import until

pytestmark = [pytest.mark.usefixtures("kafka"), pytest.mark.processes, pytest.mark.slow]

PARTITIONS = 3
FILTER = "value.n % 13 == 5"
BACK_SECONDS = 60


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Kafka, Installation, Process, dict[str, str]]]:
    """A Kafka, a web process on it, and its topics by what the tests do with them."""
    kafka = services.kafka()
    topics = {what: kafka.create_topic(partitions=PARTITIONS) for what in ("holes", "retention", "restart", "anew")}
    settings = {"KAFKA_BOOTSTRAP_SERVERS": kafka.address, "KAFKA_ITEMS_TOPIC": kafka.create_topic()}
    installation = make_installation(tmp_path_factory.mktemp("search"), None, settings)
    for topic in topics.values():
        installation.watch(topic)
    fill(kafka, topics["holes"])
    for what in ("retention", "restart", "anew"):
        kafka_fill(kafka, topics[what], 3000)
    yield kafka, installation, installation.web(), topics
    installation.close()


def kafka_fill(kafka: Kafka, topic: str, count: int) -> None:
    for partition in range(PARTITIONS):
        kafka.produce(topic, (value(number) for number in range(count)), partition=partition)


def value(number: int) -> bytes:
    return json.dumps({"n": number, "pad": "x" * (number % 50)}).encode()


def fill(kafka: Kafka, topic: str) -> None:
    """Committed and aborted transactions of random sizes, records without one, and values that are no JSON."""
    some = random.Random(7)
    producer = Producer({"bootstrap.servers": kafka.address, "transactional.id": topic, "log_level": 0})
    producer.init_transactions(CALL_SECONDS)
    number = 0
    for _ in range(60):
        producer.begin_transaction()
        for _ in range(some.choice((1, 3, 40, 150))):
            number += 1
            data = value(number) if some.random() < 0.9 else some.randbytes(9)
            producer.produce(topic, data, key=b"%d" % number, partition=some.randrange(PARTITIONS))
        if some.random() < 0.4:
            producer.flush(CALL_SECONDS)
            producer.abort_transaction(CALL_SECONDS)
        else:
            producer.commit_transaction(CALL_SECONDS)


def plain(kafka: Kafka, topic: str) -> tuple[dict[Place, bytes], set[Place]]:
    """What a plain consumer reads of a topic, and all its offsets, those without a record included."""
    consumer = Consumer(
        {
            "bootstrap.servers": kafka.address, "group.id": "plain", "enable.auto.commit": False,
            "isolation.level": "read_committed", "enable.partition.eof": True, "log_level": 0,
        }
    )  # fmt: skip
    read: dict[Place, bytes] = {}
    every: set[Place] = set()
    try:
        for partition in range(PARTITIONS):
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=CALL_SECONDS)
            every |= {(partition, offset) for offset in range(low, high)}
            consumer.assign([TopicPartition(topic, partition, low)])
            while (message := consumer.poll(CALL_SECONDS)) is not None and message.error() is None:
                read[partition, message.offset() or 0] = message.value() or b""
    finally:
        consumer.close()
    return read, every


def matching(read: dict[Place, bytes]) -> set[Place]:
    """Which of the records the filter means, found out without it."""
    places = set()
    for place, data in read.items():
        try:
            parsed = json.loads(data)
        except ValueError:
            continue
        if isinstance(parsed, dict) and parsed["n"] % 13 == 5:
            places.add(place)
    return places


@pytest.fixture
async def client(product: tuple[Kafka, Installation, Process, dict[str, str]]) -> AsyncIterator[httpx.AsyncClient]:
    _, installation, web, topics = product

    async def opened() -> bool:
        known = [await made.get(f"/api/topics/{topic}/newest?limit=1") for topic in topics.values()]
        return all(answer.status_code == 200 for answer in known)

    async with searcher(web, installation.token) as made:
        await until(opened, "the topics are open")
        yield made


async def test_matches_and_ranges_are_those_of_a_plain_consumer_whatever_holes_a_topic_has(
    product: tuple[Kafka, Installation, Process, dict[str, str]], client: httpx.AsyncClient
) -> None:
    kafka, _, _, topics = product
    read, every = await asyncio.to_thread(plain, kafka, topics["holes"])
    expected = matching(read)
    assert len(read) < len(every)  # there are holes
    some = random.Random(11)
    for _ in range(10):
        asked: dict[str, Any] = {"filter": FILTER, "newest_first": some.random() < 0.6}
        asked["limit"] = some.choice((1, 7, 40, 2000))
        within = set(every)
        if some.random() < 0.5:
            numbers = sorted(some.sample(range(PARTITIONS), some.randint(1, PARTITIONS)))
            asked["partitions"] = numbers
            within = {place for place in within if place[0] in numbers}
        if some.random() < 0.5:
            positions = {str(number): some.randrange(600) for number in range(PARTITIONS)}
            asked["from"] = {"positions": positions}
            within = {place for place in within if place[1] >= positions[str(place[0])]}
        searches = await search_all(client, topics["holes"], **asked)
        scanned: set[Place] = set()
        for each in searches:
            # Exactly what was looked at: all of its matches came, and no others.
            assert set(each.found) == expected & each.scanned, asked
            assert not scanned & each.scanned, asked
            scanned |= each.scanned
        assert scanned == within, asked
        assert searches[-1].end["reason"] == "complete"
        if asked["limit"] == 2000:
            total = searches[0].end
            assert total["scanned"] == len([place for place in read if place in within])


async def begun(lines: AsyncIterator[Line]) -> Found:
    found = Found()
    async for line in lines:
        found.take(line)
        if line["type"] == "begin":
            break
    return found


async def test_what_retention_takes_meanwhile_is_told(
    product: tuple[Kafka, Installation, Process, dict[str, str]], client: httpx.AsyncClient
) -> None:
    kafka, _, web, topics = product
    topic = topics["retention"]
    read, every = await asyncio.to_thread(plain, kafka, topic)
    await search(client, topic, limit=1)
    (worker,) = workers(web)
    os.kill(worker, signal.SIGSTOP)
    try:
        lines = lines_of(client, topic, filter=FILTER, limit=2000)
        found = await begun(lines)
        await asyncio.to_thread(kafka.delete_records, topic, {0: 1500, 1: 3000})
    finally:
        os.kill(worker, signal.SIGCONT)
    async for line in lines:
        found.take(line)
    lost = offsets(found.end["lost_ranges"])
    assert lost == {(0, offset) for offset in range(1500)} | {(1, offset) for offset in range(3000)}
    assert found.scanned == every - lost
    assert set(found.found) == matching(read) & found.scanned
    assert (found.end["reason"], found.end["cursor"]) == ("complete", None)


async def test_through_a_restart_of_the_broker_nothing_is_missed(
    product: tuple[Kafka, Installation, Process, dict[str, str]], client: httpx.AsyncClient
) -> None:
    kafka, _, web, topics = product
    topic = topics["restart"]
    read, every = await asyncio.to_thread(plain, kafka, topic)
    await search(client, topic, limit=1)
    (worker,) = workers(web)
    os.kill(worker, signal.SIGSTOP)
    lines = lines_of(client, topic, filter=FILTER, limit=2000)
    found = await begun(lines)
    await asyncio.to_thread(kafka.kill)
    os.kill(worker, signal.SIGCONT)
    restarting = asyncio.create_task(asyncio.to_thread(kafka.start))
    async for line in lines:
        found.take(line)
    await restarting
    searches, cursor = [found], found.end["cursor"]
    deadline = asyncio.get_running_loop().time() + BACK_SECONDS
    while cursor is not None:
        assert searches[-1].end["reason"] in {"away", "bound"}
        assert asyncio.get_running_loop().time() < deadline
        answer = await client.post(
            f"/api/topics/{topic}/search", json={"filter": FILTER, "limit": 2000, "cursor": cursor}
        )
        if answer.status_code == 503:
            await asyncio.sleep(0.2)
            continue
        more = Found()
        for text in answer.text.splitlines():
            more.take(json.loads(text))
        searches.append(more)
        cursor = more.end["cursor"]
    assert set().union(*(each.scanned for each in searches)) == every
    assert sorted(place for each in searches for place in each.found) == sorted(matching(read))


async def test_a_search_of_a_topic_that_is_made_anew_ends_and_its_cursor_is_refused(
    product: tuple[Kafka, Installation, Process, dict[str, str]], client: httpx.AsyncClient
) -> None:
    kafka, _, web, topics = product
    topic = topics["anew"]
    first = await search(client, topic, limit=10)
    cursor = first.end["cursor"]
    assert cursor["epoch"] == first.begin["epoch"]
    (worker,) = workers(web)
    os.kill(worker, signal.SIGSTOP)
    try:
        lines = lines_of(client, topic, filter=FILTER)
        found = await begun(lines)
        await asyncio.to_thread(kafka.delete_topic, topic)
        await asyncio.to_thread(kafka.create_topic, topic, partitions=PARTITIONS)
        await asyncio.to_thread(kafka_fill, kafka, topic, 30)
        async for line in lines:
            found.take(line)
    finally:
        os.kill(worker, signal.SIGCONT)
    assert (found.end["reason"], found.end["cursor"]) == ("epoch", None)

    async def refused() -> bool:
        answer = await client.post(f"/api/topics/{topic}/search", json={"cursor": cursor})
        return answer.status_code == 409 and answer.json()["code"] == "epoch"

    await until(refused, "the cursor is refused", BACK_SECONDS)
    again = await search(client, topic, limit=2000)
    assert again.begin["epoch"] != first.begin["epoch"]
    assert len(again.found) == 30 * PARTITIONS


# From the command line ------------------------------------------------------------------------------------------------


async def test_search_prints_what_matches_and_stops_when_nobody_reads(
    product: tuple[Kafka, Installation, Process, dict[str, str]],
) -> None:
    kafka, installation, _, topics = product
    read, _ = await asyncio.to_thread(plain, kafka, topics["holes"])
    done, refused, newest = await asyncio.gather(
        asyncio.to_thread(installation.run, "search", topics["holes"], FILTER),
        asyncio.to_thread(installation.run, "search", topics["holes"], "value.n = 1"),
        asyncio.to_thread(
            installation.run,
            "search",
            topics["holes"],
            FILTER,
            "--limit",
            "2",
            "--format",
            "csv",
            "--columns",
            "value.n",
        ),
    )
    assert done.returncode == 0, done.stderr
    printed = [json.loads(line) for line in done.stdout.splitlines()]
    assert {(record["partition"], record["offset"]) for record in printed} == matching(read)
    unknown = r"Of [\d,]+ records the filter failed with \d+: they are not among what was printed\.\n"
    assert re.fullmatch(unknown, done.stderr), done.stderr
    assert refused.returncode != 0
    assert "= means nothing here" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert newest.stdout.splitlines()[0] == "value.n"
    assert len(newest.stdout.splitlines()) == 3
    command = f"{sys.executable} manage.py search {topics['holes']} true | head -n 1; exit ${{PIPESTATUS[0]}}"
    cut = await asyncio.to_thread(
        subprocess.run,
        ["bash", "-c", command],
        env=installation.env,
        cwd=ROOT,
        capture_output=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    assert (cut.returncode, cut.stderr) == (0, b"")
    assert len(cut.stdout.splitlines()) == 1


async def test_tail_prints_the_newest_and_what_comes_until_it_is_asked_to_stop(
    product: tuple[Kafka, Installation, Process, dict[str, str]],
) -> None:
    kafka, installation, _, _ = product
    topic = await asyncio.to_thread(kafka.create_topic, partitions=PARTITIONS)
    await asyncio.to_thread(kafka_fill, kafka, topic, 14)
    command = (sys.executable, "manage.py", "tail", topic, "--last", "2", "--filter", FILTER, "--columns", "value.n")
    process = await asyncio.create_subprocess_exec(
        *command, env=installation.env, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(COMMAND_SECONDS):
        assert [json.loads(await process.stdout.readline()) for _ in range(2)] == [{"value.n": 5}] * 2
        await asyncio.to_thread(kafka.produce, topic, [value(18), value(19), value(31)], partition=1)
        assert [json.loads(await process.stdout.readline()) for _ in range(2)] == [{"value.n": 18}, {"value.n": 31}]
        process.send_signal(signal.SIGINT)
        rest, said = await process.communicate()
    assert (process.returncode, rest, said) == (0, b"", b"")


def waiting(end: int) -> int:
    """Bytes in a pipe that nobody has read yet."""
    return int.from_bytes(fcntl.ioctl(end, termios.FIONREAD, bytes(4)), sys.byteorder)


async def test_the_commands_end_when_nobody_reads_them_any_more_and_when_they_are_asked_to(
    product: tuple[Kafka, Installation, Process, dict[str, str]],
) -> None:
    _, installation, _, topics = product
    topic = topics["holes"]

    async def begun(*command: str, out: int) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *command, env=installation.env, cwd=ROOT, stdout=out, stderr=asyncio.subprocess.PIPE
        )

    tail = (sys.executable, "manage.py", "tail", topic, "--filter", "value.n < 0")
    closed, unread = os.pipe(), os.pipe()
    gone = await begun(*tail, out=closed[1])
    without = await begun("bash", "-c", 'exec "$@" >&-', "tail", *tail, out=asyncio.subprocess.DEVNULL)
    stuck = await begun(sys.executable, "manage.py", "search", topic, "true", "--oldest-first", out=unread[1])
    for end in (*closed, unread[1]):
        os.close(end)
    try:
        await until(lambda: waiting(unread[0]) >= 60_000, "its reader is behind", COMMAND_SECONDS)
        stuck.send_signal(signal.SIGTERM)
        async with asyncio.timeout(COMMAND_SECONDS):
            for process in (gone, without, stuck):
                assert (await process.communicate())[1] == b""
                assert process.returncode == 0
    finally:
        os.close(unread[0])
        for process in (gone, without, stuck):
            if process.returncode is None:
                process.kill()
                await process.wait()
