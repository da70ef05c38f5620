"""What Kafka holds of the numbered topic, read all along beside the product, and accounts of what clients were given,
of all records or of those that a filter means, which is said here in Python.

Neither keeps every record of a run: the truth keeps the newest KEPT of each partition, an account keeps counts and sums
of fingerprints. Records of one range are in order and lie within it (each client sees to that), so that as many records
with the same sum are the same records.
"""

from __future__ import annotations

import threading
import time
from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, TopicPartition

KEPT = 100_000  # records of a partition: at 1,000 a second over four partitions more than six minutes; 2.4 MB
ROUNDS = 1 << 64  # sums of fingerprints are kept to so many
TAKEN_AT_ONCE = 1000
WAIT_SECONDS = 0.1
ANSWER_SECONDS = 30

Positions = dict[int, int]


def fingerprint(partition: int, offset: int, number: int) -> int:
    """A number that stands for this record at this place."""
    return hash((partition, offset, number)) % ROUNDS


@dataclass(frozen=True, slots=True)
class Wanted:
    """Some of the numbers, or all of them seen otherwise. text: the filter that means them, as docs/protocol.md says
    how to write one; "" for none. has: the same in Python; the product's filters have no part in it. form: by which
    format values are to be read, "" for the topic's own."""

    text: str
    has: Callable[[int], bool]
    form: str = ""

    def __str__(self) -> str:
        return f"{self.text or 'all'}{f' by {self.form}' if self.form else ''}"

    @property
    def asked(self) -> dict[str, str]:
        """What `subscribe` and a search say of it."""
        return {**({"filter": self.text} if self.text else {}), **({"value_format": self.form} if self.form else {})}


# The harness gives number n to the partition n % 4, with the key n % 1000 as text (tests/faults/harness.py).
TENTH = Wanted("value % 10 == 3", lambda number: number % 10 == 3)
NONE = Wanted("value < 0", lambda number: number < 0)
KEYED = Wanted(
    'key.endsWith("7") && partition != 1', lambda number: str(number % 1000).endswith("7") and number % 4 != 1
)
FILTERS = (TENTH, NONE, KEYED)
ALL_BY_HEX = Wanted("", lambda _: True, "hex")
TENTH_BY_HEX = Wanted(f'value.endsWith("{b"3".hex()}")', TENTH.has, "hex")
VIEWS = (*FILTERS, ALL_BY_HEX, TENTH_BY_HEX)


class TooOld(AssertionError):
    """What was asked for lies before everything that is kept."""


class Shelf:
    """The newest records of one partition. sums, counts are of everything before them, too."""

    def __init__(self) -> None:
        self.end = 0  # the next offset
        self._offsets, self._sums, self._times = array("q"), array("Q"), array("q")
        self._total = self._dropped = 0

    def put(self, partition: int, offset: int, number: int, timestamp: int) -> None:
        self._offsets.append(offset)
        self._sums.append(self._total)
        self._times.append(timestamp)
        self._total = (self._total + fingerprint(partition, offset, number)) % ROUNDS
        self.end = offset + 1
        if len(self._offsets) > 2 * KEPT:
            self._dropped += KEPT
            for column in (self._offsets, self._sums, self._times):
                del column[:KEPT]

    def below(self, position: int) -> tuple[int, int]:
        """How many records lie below a position that was read up to, and the sum of their fingerprints."""
        place = bisect_left(self._offsets, position)
        if place == 0 and self._dropped:
            raise TooOld(f"offset {position} is before the newest {len(self._offsets)} records")
        total = self._sums[place] if place < len(self._sums) else self._total
        return self._dropped + place, total

    def first_at(self, timestamp: int) -> int | None:
        """The first kept offset that is not older; None where no kept record tells."""
        place = bisect_left(self._times, timestamp)
        if place == 0 and self._dropped:
            return None
        return self._offsets[place] if place < len(self._offsets) else self.end


class Truth:
    """Reads the topic in a thread of its own, at the address that no proxy stands before.

    ends: how far it has read. Use it as a context; it ends with that.
    """

    def __init__(self, address: str, topic: str, partitions: int) -> None:
        self.topic, self.partitions = topic, partitions
        self._shelves = [Shelf() for _ in range(partitions)]
        self._chosen = {wanted: [Shelf() for _ in range(partitions)] for wanted in VIEWS}
        self._lock = threading.Lock()
        self._settings = {
            "bootstrap.servers": address, "group.id": "truth", "enable.auto.commit": False, "log_level": 0,
            "auto.offset.reset": "error", "reconnect.backoff.max.ms": 500,
        }  # fmt: skip
        self._ending = threading.Event()
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="truth", daemon=True)

    def __enter__(self) -> Truth:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join(ANSWER_SECONDS)

    @property
    def ends(self) -> Positions:
        if self._failed is not None:
            raise self._failed
        return {number: shelf.end for number, shelf in enumerate(self._shelves)}

    @property
    def records(self) -> int:
        """How many records the topic has held so far."""
        with self._lock:
            return sum(shelf.below(shelf.end)[0] for shelf in self._shelves)

    def between(self, partition: int, start: int, end: int, wanted: Wanted | None = None) -> tuple[int, int] | None:
        """Count and sum of the records from `start` to below `end`, or of those of them that are wanted; None as long
        as it has not read so far. Raises TooOld."""
        whole = self._shelves[partition]
        shelf = whole if wanted is None else self._chosen[wanted][partition]
        with self._lock:
            if whole.end < end:
                return None
            (low, before), (high, upto) = shelf.below(start), shelf.below(end)
        return high - low, (upto - before) % ROUNDS

    def first_at(self, timestamp: int) -> Mapping[int, int | None]:
        """Of each partition the first offset that is not older than `timestamp` (ms), as far as it has read."""
        with self._lock:
            return {number: shelf.first_at(timestamp) for number, shelf in enumerate(self._shelves)}

    def final_ends(self) -> Positions:
        """Kafka's ends now. Blocks for a moment."""
        consumer = Consumer({**self._settings, "group.id": "ends"})
        try:
            return {
                number: consumer.get_watermark_offsets(TopicPartition(self.topic, number), timeout=ANSWER_SECONDS)[1]
                for number in range(self.partitions)
            }
        finally:
            consumer.close()

    def _run(self) -> None:
        consumer = Consumer(self._settings)
        try:
            consumer.assign([TopicPartition(self.topic, number, 0) for number in range(self.partitions)])
            while not self._ending.is_set():
                for message in consumer.consume(TAKEN_AT_ONCE, WAIT_SECONDS):
                    if message.error() is None:  # else Kafka is away, which it may be
                        self._put(message)
        except BaseException as error:  # noqa: BLE001  (told to whoever asks)
            self._failed = error
        finally:
            consumer.close()

    def _put(self, message: Any) -> None:
        self.put(message.partition(), message.offset(), int(message.value()), message.timestamp()[1])

    def put(self, partition: int, offset: int, number: int, timestamp: int) -> None:
        """Takes in a record that Kafka holds."""
        with self._lock:
            assert offset >= self._shelves[partition].end, f"Kafka itself gave {partition}:{offset} twice"
            self._shelves[partition].put(partition, offset, number, timestamp)
            for wanted, shelves in self._chosen.items():
                if wanted.has(number):
                    shelves[partition].put(partition, offset, number, timestamp)


@dataclass
class Stretch:
    """What a client was given of one partition in a while, without a break. wanted: its filter."""

    partition: int
    start: int
    end: int
    wanted: Wanted | None = None
    count: int = 0
    total: int = 0


class Account:
    """What one client was given of the topic, in stretches that are compared with the truth as soon as that has read
    as far, and then forgotten. wrong: what did not agree."""

    def __init__(self) -> None:
        self.wrong: list[str] = []
        self._open: dict[int, Stretch] = {}
        self._waiting: deque[Stretch] = deque()

    def give(
        self, partition: int, start: int, end: int, count: int, total: int, *, wanted: Wanted | None = None
    ) -> None:  # fmt: skip
        """The client had everything below `start`, and was given so much up to `end` of what it wanted."""
        stretch = self._open.get(partition)
        if stretch is None or stretch.end != start or stretch.wanted != wanted:
            if stretch is not None:
                self._waiting.append(stretch)
            stretch = self._open[partition] = Stretch(partition, start, start, wanted)
        stretch.end = end
        stretch.count += count
        stretch.total = (stretch.total + total) % ROUNDS

    def settle(self, truth: Truth) -> bool:
        """Compares what can be compared. True: nothing is left to compare."""
        self._waiting.extend(self._open.values())
        self._open.clear()
        for _ in range(len(self._waiting)):
            stretch = self._waiting.popleft()
            held = truth.between(stretch.partition, stretch.start, stretch.end, stretch.wanted)
            if held is None:
                self._waiting.append(stretch)
            elif held != (stretch.count, stretch.total):
                self.wrong.append(
                    f"partition {stretch.partition} from {stretch.start} to {stretch.end}: {stretch.count} records "
                    f"{f'that match {stretch.wanted} ' if stretch.wanted else ''}"
                    f"instead of {held[0]}{', others' if stretch.count == held[0] else ''}"
                )
        return not self._waiting


def read_up_to(truth: Truth, ends: Positions, seconds: float) -> bool:
    """Blocks until the truth has read so far; False when it has not within `seconds`."""
    deadline = time.monotonic() + seconds
    while any(truth.ends[partition] < end for partition, end in ends.items()):
        if time.monotonic() > deadline:
            return False
        time.sleep(WAIT_SECONDS)
    return True


def total(fingerprints: Iterable[int]) -> int:
    return sum(fingerprints) % ROUNDS
