"""Rows `search` and `export`: a million records of a real Kafka through a whole web process and its process that
searches, beside a program that reads the topic with librdkafka and looks for a text, as kcat and grep do.

Row `long-export`: the memory of both processes while a million and ten million small records are exported.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx

from tests.bench.kafka import pinned_services
from tests.bench.measure import CLIENT_CORE, ROOT, SERVER_CORE, Series, cpu_seconds, pin, rss_bytes
from tests.bench.run import Line, Run, log
from tests.support import processes, services

READ = 1_000_000  # records of the topic
PARTITIONS = 4
NOTE = "x" * 200  # so that one has 290 bytes
PRODUCED = 50_000  # at once: the producer's queue holds twice as many
WAIT_S = 60.0
LENGTHS = (1_000_000, 10_000_000)  # records of the topics of `long-export`
FLUSH_S = 60.0
SAMPLE_S = 0.1  # between two looks at memory
MIB = 1024 * 1024
LIVE_RATE, LIVE_S = 100, 4.0
PEOPLE = 4

MORE_PEOPLE = """
from django.contrib.auth.models import User
from django.core.management import call_command
for number in range(%d):
    User.objects.create_superuser(f"searcher{number}")
    call_command("createtoken", f"searcher{number}")
"""


def value(number: int) -> bytes:
    name = {0: "needle-old", READ // PARTITIONS - 1: "needle-new"}.get(number, f"sensor-{number % 97}")
    return json.dumps({"n": number, "name": name, "at": 1_700_000_000_000 + number, "note": NOTE}).encode()


def fill(kafka: services.Kafka, topic: str, records: int) -> None:
    """Writes so many small records, as many to each partition, in large compressed batches."""
    from confluent_kafka import Producer

    options = {"linger.ms": 50, "compression.type": "lz4", "queue.buffering.max.messages": 1_000_000, "log_level": 0}
    producer, began = Producer({"bootstrap.servers": kafka.address, **options}), time.perf_counter()
    for number in range(records):
        while True:
            try:
                producer.produce(topic, b'{"n":%d}' % number, key=b"1", partition=number % PARTITIONS)
                break
            except BufferError:
                producer.poll(SAMPLE_S)
    left = producer.flush(FLUSH_S)
    assert left == 0, left
    log(f"  {records:,} records are written in {time.perf_counter() - began:.0f} s")


class Searched:
    """A product on a Kafka with a topic of READ records, or with small ones of `lengths` in its place, and tokens of
    PEOPLE. long: the topics of these lengths."""

    def __init__(self, run: Run, kafka: services.Kafka, lengths: Sequence[int] = ()) -> None:
        self.kafka = kafka
        self.live = kafka.create_topic(partitions=1)
        self.long = {length: kafka.create_topic(partitions=PARTITIONS) for length in lengths}
        for length, topic in self.long.items():
            fill(kafka, topic, length)
        self.topic = self.long[lengths[0]] if lengths else self._filled()
        settings = {"KAFKA_BOOTSTRAP_SERVERS": kafka.address, "KAFKA_ITEMS_TOPIC": kafka.create_topic()}
        self.installation = processes.make_installation(run.folder, None, settings)
        for topic in {self.topic, self.live, *self.long.values()}:
            self.installation.watch(topic)
        printed = self.installation.manage("shell", "--no-imports", "--command", MORE_PEOPLE % PEOPLE)
        self.tokens = printed.split()
        self.web = self.installation.web()
        pin(self.web.pid, SERVER_CORE)
        self.client = self.of(0)
        self._wait()

    def _filled(self) -> str:
        """The name of a topic of READ records."""
        topic = self.kafka.create_topic(partitions=PARTITIONS)
        for partition in range(PARTITIONS):
            for first in range(0, READ // PARTITIONS, PRODUCED):
                numbers = range(first, min(first + PRODUCED, READ // PARTITIONS))
                self.kafka.produce(topic, map(value, numbers), key=b"1", partition=partition)
        return topic

    def of(self, person: int) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.tokens[person]}"}
        return httpx.Client(base_url=self.web.url, headers=headers, timeout=WAIT_S)

    def _wait(self) -> None:
        deadline = time.monotonic() + WAIT_S
        while self.client.get(f"/api/topics/{self.topic}/newest?limit=1").status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        self.search(limit=1)  # the process is there
        for pid in services.children(self.web.pid):
            pin(pid, SERVER_CORE)

    def search(self, client: httpx.Client | None = None, **asked: Any) -> tuple[dict[str, Any], float]:
        """The last line of a search, and how long it took."""
        began = time.perf_counter()
        answer = (client or self.client).post(f"/api/topics/{self.topic}/search", json=asked)
        took = time.perf_counter() - began
        last: dict[str, Any] = json.loads(answer.text.splitlines()[-1])
        return last, took

    def speed(self, **asked: Any) -> float:
        """Thousand records a second."""
        last, took = self.search(**asked)
        log(f"  {asked}: {last['scanned']:,} records in {took:.2f} s, {last['reason']}")
        return float(last["scanned"]) / took / 1000

    def needle(self, name: str) -> float:
        """Milliseconds until all PARTITIONS matches are found; a search that ends at its bounds goes on."""
        took, found, more = 0.0, 0, {}
        while found < PARTITIONS:
            last, part = self.search(filter=f'value.name == "{name}"', limit=PARTITIONS - found, **more)
            took, found, more = took + part, found + last["matched"], {"cursor": last["cursor"]}
            assert found == PARTITIONS or last["reason"] == "bound", last
        log(f"  {name}: {took * 1000:.0f} ms")
        return took * 1000

    @property
    def pids(self) -> tuple[int, int]:
        """The web process, and the one that searches."""
        return self.web.pid, max(services.children(self.web.pid), key=rss_bytes)

    def export(self, topic: str, form: str, columns: str = "") -> Exported:
        """Reads an export to its end, which has to be complete."""
        asked = {"format": form, **({"columns": columns} if columns else {})}
        size, last, before = 0, b"", [cpu_seconds(pid) for pid in self.pids]
        began = time.perf_counter()
        with self.client.stream("GET", f"/api/topics/{topic}/export", params=asked) as answer:
            for piece in answer.iter_raw():
                size, last = size + len(piece), (last + piece)[-400:]
        took = time.perf_counter() - began
        end = json.loads(last[last.rindex(b'{"type":"end"') :].partition(b"\n")[0])
        assert end["reason"] == "complete", end
        web, worker = (cpu_seconds(pid) - cpu for pid, cpu in zip(self.pids, before, strict=True))
        done = Exported(end["records"], size, took, web, worker)
        log(f"  {form}: {done}")
        return done


class Exported(NamedTuple):
    """size: bytes of the answer. took: seconds. web, worker: seconds of CPU of the two processes."""

    records: int
    size: int
    took: float
    web: float
    worker: float

    def __str__(self) -> str:
        web, worker = (1e6 * cpu / self.records for cpu in (self.web, self.worker))
        return (
            f"{self.records:,} rows, {self.size / 1e6:.0f} MB in {self.took:.2f} s;"
            f" CPU a row: {worker:.1f} µs of the process that searches, {web:.1f} of the web process"
        )


def grep(address: str, topic: str, text: str) -> float:
    """Milliseconds until librdkafka's consumer has given all records, PARTITIONS of them with this text: a console
    consumer's pipe into grep does not end before."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.searching", address, topic, text], cwd=ROOT, capture_output=True,
        text=True, check=True, preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CORE}),
    )  # fmt: skip
    return float(done.stdout) * 1000


@contextmanager
def searched(run: Run, lengths: Sequence[int] = ()) -> Iterator[Searched]:
    with pinned_services("kafka") as found:
        made = Searched(run, found["kafka"], lengths)  # type: ignore[arg-type]
        try:
            yield made
        finally:
            made.installation.close()


def search(run: Run) -> list[Line]:
    """Records a second, a needle at each end, and what four searches do to the live path."""
    with searched(run) as made:
        names = ("decoded", "literal", "new", "old", "grep", "alone", "beside")
        series = {name: Series() for name in names}
        for _ in range(run.rounds):
            series["decoded"].values.append(made.speed(filter="value.n < 0"))
            series["literal"].values.append(made.speed(filter='value.name == "nowhere"'))
            for end in ("new", "old"):
                series[end].values.append(made.needle(f"needle-{end}"))
            series["grep"].values.append(grep(made.kafka.address, made.topic, "needle-old"))
            series["alone"].values.append(live_p99(made))
            with searching_people(made):
                series["beside"].values.append(live_p99(made))
    return [
        Line("search: decoded and filtered", series["decoded"], "k records/s", form="{:.0f}",
             note="aim: 200 k/s"),
        Line("search: a text looked for first", series["literal"], "k records/s", form="{:.0f}",
             note="aim: 350 k/s"),
        Line("search: 4 needles at the newest end of 1 M", series["new"], "ms", "librdkafka and grep",
             series["grep"], more_is_better=False, form="{:.0f}", note="aim: 300 ms"),
        Line("search: … at the oldest end", series["old"], "ms", "librdkafka and grep", series["grep"], 1.5,
             more_is_better=False, form="{:.0f}"),
        Line("live path's p99 while 4 searches run", series["beside"], "ms", "without", series["alone"],
             more_is_better=False, form="{:.0f}"),
    ]  # fmt: skip


@contextmanager
def searching_people(made: Searched) -> Iterator[None]:
    """PEOPLE who search again and again."""
    stop = threading.Event()

    def again(person: int) -> None:
        with made.of(person) as client:
            while not stop.is_set():
                made.search(client, filter="value.n < 0")

    with ThreadPoolExecutor(PEOPLE) as threads:
        running = [threads.submit(again, person) for person in range(PEOPLE)]
        time.sleep(1)
        try:
            yield
        finally:
            stop.set()
    for each in running:
        each.result()


def live_p99(made: Searched) -> float:
    """Milliseconds from Kafka's acknowledgement of a record to its arrival at a client, 99 of 100."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.searching", made.kafka.address, made.live, "live", made.web.url,
         made.tokens[-1]],
        cwd=ROOT, capture_output=True, text=True, check=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {CLIENT_CORE}), env=processes.environment(),
    )  # fmt: skip
    found = float(done.stdout)
    log(f"  live path: p99 {found:.1f} ms")
    return found


def export(run: Run) -> list[Line]:
    """Rows a second of both formats, and the memory of the process that makes them."""
    with searched(run) as made:
        series = {name: Series() for name in ("ndjson", "csv", "memory")}
        for _ in range(run.rounds):
            for form, columns in (("ndjson", ""), ("csv", "offset,key,value.n,value.name")):
                series[form].values.append(READ / made.export(made.topic, form, columns).took / 1000)
            series["memory"].values.append(rss_bytes(made.pids[1]) / MIB)
    return [
        Line("export: NDJSON", series["ndjson"], "k rows/s", form="{:.0f}"),
        Line("export: CSV of 4 columns", series["csv"], "k rows/s", form="{:.0f}"),
        Line("export: memory of its process", series["memory"], "MiB", more_is_better=False, form="{:.0f}"),
    ]


def long_export(run: Run) -> list[Line]:
    """The memory of both processes while topics of LENGTHS are exported, one after the other by the same processes."""
    highest: dict[int, list[float]] = {}
    with searched(run, LENGTHS) as made:
        made.export(made.long[LENGTHS[0]], "ndjson")  # what the first export loads is not an export's
        for length, topic in made.long.items():
            with watched_memory(made) as sizes:
                done = made.export(topic, "ndjson")
            assert done.records == length
            highest[length] = [max(seen) / MIB for seen in zip(*sizes, strict=True)]
            log(f"  highest: web process {highest[length][0]:.0f} MiB, the other {highest[length][1]:.0f}")
    short, long = (highest[length] for length in LENGTHS)
    return [
        Line(f"export of {LENGTHS[1]:,} records: highest memory of {name}", Series([long[place]]), "MiB",
             f"{LENGTHS[0]:,} records", Series([short[place]]), 1.1, form="{:.0f}")
        for place, name in enumerate(("the web process", "the process that searches"))
    ]  # fmt: skip


@contextmanager
def watched_memory(made: Searched) -> Iterator[list[tuple[int, ...]]]:
    """Bytes of both processes, each SAMPLE_S while the block runs."""
    sizes: list[tuple[int, ...]] = []
    stop, pids = threading.Event(), made.pids

    def look() -> None:
        while not stop.wait(SAMPLE_S):
            sizes.append(tuple(rss_bytes(pid) for pid in pids))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield sizes
    finally:
        stop.set()
        looking.join()


# As programs ----------------------------------------------------------------------------------------------------------


def look_for(address: str, topic: str, text: str) -> float:
    """Seconds until all of a topic was read, and the text looked for in each record."""
    from confluent_kafka import Consumer, TopicPartition

    wanted, found, read = text.encode(), 0, 0
    began = time.perf_counter()
    consumer = Consumer({"bootstrap.servers": address, "group.id": "grep", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])
    while read < READ:
        for message in consumer.consume(10_000, 1.0):
            read += 1
            found += wanted in message.value()
    took = time.perf_counter() - began
    consumer.close()
    assert found == PARTITIONS
    return took


async def live(address: str, topic: str, url: str, token: str) -> float:
    """The 99th percentile of the ages at arrival, in milliseconds."""
    import asyncio

    from confluent_kafka import Producer

    from tests.support.client import Follower

    producer = Producer({"bootstrap.servers": address, "linger.ms": 0, "log_level": 0})
    ages: list[float] = []
    first = int(time.time() * 1000) * 1000
    async with Follower(url, token, topic, {"latest": True}) as follower:
        await follower.subscribed()
        for mark in range(first, first + int(LIVE_RATE * LIVE_S)):
            producer.produce(topic, b"%d" % mark)
            await asyncio.to_thread(producer.flush, 5)
            acknowledged = time.perf_counter()
            while not any(record["value"] == mark for _, record in follower.records[-5:]):
                await asyncio.sleep(0.0005)
            ages.append(time.perf_counter() - acknowledged)
            await asyncio.sleep(1 / LIVE_RATE)
    return statistics.quantiles(ages, n=100)[98] * 1000


def main() -> None:
    """Prints seconds until a text was found, or the live path's 99th percentile."""
    address, topic, text, *more = sys.argv[1:]
    if text == "live":
        import asyncio

        print(asyncio.run(live(address, topic, *more)))
    else:
        print(look_for(address, topic, text))


if __name__ == "__main__":
    main()
