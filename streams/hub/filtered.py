"""Filtered streams: for each filter of a topic a log of its own, with the topic's ranges and the records that match.

A record is parsed once for all filters of its topic, in short slices with pauses between, so that the loop stays free.
What a filter takes is measured: one that takes too much is ended, and so are the dearest ones where all of them
together cannot follow (docs/decisions/0024).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator

from streams import metrics
from streams.filters.filters import Filter
from streams.filters.seen import Seen, seen
from streams.filters.work import Failed, TooMuch
from streams.hub.topic_log import TopicLog
from streams.kafka.history import History
from streams.wire.ranges import RANGE_BYTES, Range
from streams.wire.records import Record

logger = logging.getLogger(__name__)

FILTERS_A_TOPIC = 32  # distinct ones, in one process
FILTERS = 64  # of all its topics
FILTERS_A_USER = 8  # of all topics too
FILTERED_BYTES = 1024 * 1024  # of records in the log of one filter, and of its frames
SLICE_S = 0.003  # filters run for so long, then as long as that others do
# What was found is handed on when nothing waits any more, or after so long: a frame a slice would cost every reader
# more than the filters do.
HELD_S = 0.025
SHARE = 0.05  # of a second (of CPU) that one filter may take …
RECORD_S = 20e-6  # … and for each record of that second at least so much: a burst of records is not a dear filter
# The longest that a slice can take of a filter: the work with its last record is bounded (filters/work.py). What it
# took beyond that was Python's collection of garbage, or a machine that stood still, and is nobody's fault.
SLICE_MOST_S = SLICE_S + 0.012
# Of a topic's records that wait for its filters; then, or after LATE_S, the dearest is ended; at twice as many all are.
WAITING_BYTES = 32 * 1024 * 1024
LATE_S = 10.0
STOOD_S = 1.0  # a slice that begins so late waited for a process that stood still: no record is late by that
PAUSE_S = 1.0  # between two that are ended for that
EXPENSIVE, FAILED = "expensive", "failed"  # reasons of `unsubscribed`
NEW_LIFE, GONE, UNREAD = "epoch", "topic_gone", "unread"  # other reasons why the log of a filter ends


class TooManyFilters(Exception):
    """There is no room for one more filter; the message says of which."""


class FilterEnded(Exception):
    """The filter was ended while somebody waited for what it finds in the past. reason: of its log's end."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class FilteredLog(TopicLog):
    """The log of one filter of a topic.

    pending: username -> how many of theirs look up where to begin. over: why nothing comes any more, "" while it does.
    matched, failed, unchecked: records since they were told last.
    """

    def __init__(self, whole: TopicLog, chosen: Filter) -> None:
        super().__init__(whole.topic, whole.epoch, whole.positions)
        self.filter = chosen
        self.stream = stream_of(whole.topic, chosen)
        self.pending: Counter[str] = Counter()
        self.over = ""
        self.matched = self.failed = self.unchecked = 0
        self.cost = self._spent = 0.0  # seconds of CPU: in the last second and this one, in this one
        self._second = self._records = 0
        self._held: list[Range] = []  # what was looked at and is not in the log yet; a range a partition
        self._taken = dict(whole.positions)  # positions behind what is held

    @property
    def is_over(self) -> bool:
        """Whether nothing comes any more."""
        return self.over != ""

    @property
    def most_bytes(self) -> int:
        """The bytes of records that are kept at most."""
        return FILTERED_BYTES

    @property
    def most_cached(self) -> int:
        """The bytes of frames that are kept at most."""
        return FILTERED_BYTES

    def add_partition(self, partition: int) -> None:
        """A partition was added to the topic: from its beginning."""
        super().add_partition(partition)
        self._taken.setdefault(partition, 0)

    def wants(self, part: Range) -> bool:
        """Whether a range is the next of its partition; what lies before was there when this log began."""
        return not self.is_over and part.start == self._taken.get(part.partition, 0)

    def hold(self, part: Range, matching: list[Record]) -> None:
        """Takes what was found in a range. It joins what is held of its partition, as far as that has no records."""
        self._taken[part.partition] = part.end
        found = Range(part.partition, part.start, part.end, tuple(matching), part.lost)
        self._held = joined([*self._held, found])

    @property
    def has_news(self) -> bool:
        """Whether what is held is more than positions."""
        return any(part.records or part.lost for part in self._held)

    def count(self, found: _Found) -> None:
        """Counts what was found at the live end."""
        self.matched += len(found.matching)
        self.failed += found.failed
        self.unchecked += found.unchecked
        found.count()

    def counted(self) -> dict[str, int]:
        """What was counted since this was asked last."""
        counts = {"matched": self.matched, "failed": self.failed, "unchecked": self.unchecked}
        self.matched = self.failed = self.unchecked = 0
        return counts

    def put(self, now: float) -> bool:
        """Puts what is held into the log. now: a monotonic clock's seconds. Returns whether there was anything."""
        held, self._held = self._held, []
        if held:
            self.append(held, now)
        return bool(held)

    def charge(self, seconds: float, records: int) -> bool:
        """Notes CPU that the filter took in a slice, for so many records. Returns whether that is too much for this
        second."""
        seconds = min(seconds, SLICE_MOST_S)
        second = int(time.monotonic())
        if second != self._second:
            self.cost, self._second, self._spent, self._records = self._spent, second, 0.0, 0
        self._spent += seconds
        self._records += records
        self.cost += seconds
        return self._spent > max(SHARE, self._records * RECORD_S)


def stream_of(topic: str, chosen: Filter | None) -> str:
    """The name of a stream: the topic's, and for a filter a hash of it."""
    return topic if chosen is None else f"{topic}?{chosen.name}"


def joined(ranges: Iterable[Range]) -> list[Range]:
    """Ranges in their order, those of a partition made one where that is not too large and nothing is lost."""
    found: list[Range] = []
    last: dict[int, int] = {}  # partition -> where its last range stands
    for part in ranges:
        place = last.get(part.partition)
        before = None if place is None else found[place]
        if (
            place is None or before is None or before.lost or part.lost
            or (before.records and before.size + part.size > RANGE_BYTES)
        ):  # fmt: skip
            last[part.partition] = len(found)
            found.append(part)
        else:
            found[place] = before._replace(end=part.end, records=before.records + part.records)
    return found


class _Turn:
    """When others are to run again: by the clock, as they wait by it."""

    __slots__ = ("until",)

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        self.until = time.perf_counter() + SLICE_S


class _Found:
    """What a filter found in a range."""

    __slots__ = ("failed", "matching", "unchecked")

    def __init__(self) -> None:
        self.matching: list[Record] = []
        self.failed = self.unchecked = 0

    def count(self) -> None:
        """Adds this to the metrics."""
        for outcome, records in (
            ("matched", len(self.matching)), ("failed", self.failed), ("unchecked", self.unchecked)
        ):  # fmt: skip
            if records:
                metrics.FILTERED.labels(outcome).inc(records)


Opened = list[tuple[Record, Seen | None]]


def _opened(topic: str, part: Range) -> Iterator[tuple[Record, Seen | None]]:
    """The records of a range, and what filters see of each."""
    whole = part.whole or {}
    for record in part.records:
        yield record, seen(topic, part.partition, record, whole.get(record.offset))


def _look(
    log: FilteredLog, opened: Opened, found: _Found, turn: _Turn, end: Callable[[FilteredLog], None]
) -> Generator[None]:
    """Has a filter look at records. Pauses where the turn is over; stops where the filter is."""
    matches = log.filter.matches
    since, records = time.thread_time(), 0
    for record, each in opened:
        records += 1
        if each is None:
            found.unchecked += 1
        else:
            try:
                if matches(each):
                    found.matching.append(record)
            except (Failed, TooMuch):
                found.failed += 1
        if time.perf_counter() >= turn.until:
            if log.charge(time.thread_time() - since, records):
                end(log)
            yield
            if log.is_over:
                return
            since, records = time.thread_time(), 0
    if log.charge(time.thread_time() - since, records):
        end(log)


class _Sieve:
    """The filters of one topic at work. put: hands on what one holds. end: ends one that is too dear, fail: one that
    cannot go on."""

    def __init__(
        self,
        topic: str,
        put: Callable[[FilteredLog], None],
        end: Callable[[FilteredLog], None],
        fail: Callable[[FilteredLog], None],
    ) -> None:
        self.logs: dict[str, FilteredLog] = {}  # by the filter's name
        self._topic, self._put, self._end, self._fail = topic, put, end, fail
        self._waiting: deque[tuple[float, Range]] = deque()  # since when
        self._bytes = 0  # of those
        self._working: Generator[None] | None = None
        self._turn = _Turn()
        self._handed = 0.0  # when what was found was handed on last, or the first that waits came (the loop's clock)
        self._ended = float("-inf")  # when the dearest was ended last
        self._due = 0.0  # when the next slice is to begin
        self._loop = asyncio.get_running_loop()
        self._next: asyncio.Handle | None = None

    def feed(self, ranges: Iterable[Range]) -> None:
        """Takes ranges to be looked at soon."""
        now = self._loop.time()
        for part in ranges:
            self._waiting.append((now, part))
            self._bytes += part.size
        if self._bytes > WAITING_BYTES:
            self._end_dearest(now)
        if self._bytes > 2 * WAITING_BYTES:
            for log in list(self.logs.values()):
                self._end(log)
            self._waiting.clear()
            self._bytes = 0
        if self._next is None:
            self._handed = self._due = now
            self._next = self._loop.call_soon(self._run)

    def close(self) -> None:
        """Looks at nothing any more. Safe to call twice."""
        if self._next is not None:
            self._next.cancel()
        self._waiting.clear()
        self._bytes = 0
        self._working = self._next = None

    def _end_dearest(self, now: float) -> None:
        if self.logs and now - self._ended > PAUSE_S:
            self._ended = now
            self._end(max(self.logs.values(), key=lambda log: log.cost))

    def _run(self) -> None:
        """One slice."""
        self._next = None
        self._pardon(self._loop.time() - self._due)
        self._turn.begin()
        began = time.perf_counter()
        if self._working is None:
            self._working = self._work()
        try:
            is_done = next(self._working, self) is self
        except Exception:
            # What was being looked at is lost to them, and they would wait for it for ever: a client that begins again
            # with its cursor loses nothing.
            logger.exception("The filters of %s failed; their streams are ended.", self._topic)
            self.close()
            for each in list(self.logs.values()):
                self._fail(each)
            return
        now = self._loop.time()
        if is_done or now - self._handed > HELD_S:
            self._handed = now
            for each in list(self.logs.values()):
                if each.has_news:
                    self._put(each)
        if is_done:
            self._working = None
            return
        if self._waiting and now - self._waiting[0][0] > LATE_S:
            self._end_dearest(now)
        pause = time.perf_counter() - began
        self._due = now + pause
        self._next = self._loop.call_later(pause, self._run)

    def _pardon(self, late: float) -> None:
        """Takes the seconds that the process stood still from the time that records have waited."""
        if late > STOOD_S:
            self._waiting = deque((since + late, part) for since, part in self._waiting)

    def _work(self) -> Generator[None]:
        while self._waiting:
            _, part = self._waiting.popleft()
            self._bytes -= part.size
            logs = [log for log in self.logs.values() if log.wants(part)]
            opened = []
            for each in _opened(self._topic, part) if logs else ():
                opened.append(each)
                if time.perf_counter() >= self._turn.until:
                    yield
            for log in logs:
                found = _Found()
                yield from _look(log, opened, found, self._turn, self._end)
                if not log.is_over:
                    log.count(found)
                    log.hold(part, found.matching)


class Filtered:
    """The filtered streams of one hub.

    readers: the names of the users who read a log. changed: a log has something new. end: ends every reader of a log,
    for a reason as in `unsubscribed`.
    """

    def __init__(
        self,
        readers: Callable[[TopicLog], Iterable[str]],
        changed: Callable[[TopicLog], None],
        end: Callable[[TopicLog, str], None],
    ) -> None:
        self._readers, self._changed, self._end = readers, changed, end
        self._sieves: dict[TopicLog, _Sieve] = {}
        self._past = asyncio.Lock()  # one part of the past is looked through at a time
        self._loop = asyncio.get_running_loop()

    def logs(self, whole: TopicLog | None = None) -> list[FilteredLog]:
        """The filtered logs of a topic's log, or of all of them."""
        sieves = self._sieves.values() if whole is None else [self._sieves[whole]] if whole in self._sieves else []
        return [each for sieve in sieves for each in sieve.logs.values()]

    def reserve(self, whole: TopicLog, chosen: Filter, username: str) -> FilteredLog:
        """The log of a filter, made where there is none. It stays at least until `release`. Raises TooManyFilters."""
        self.tidy()
        sieve = self._sieves.get(whole)
        existing = None if sieve is None else sieve.logs.get(chosen.name)
        self._check_user(existing, username)
        if existing is None:
            if sieve is not None and len(sieve.logs) >= FILTERS_A_TOPIC:
                raise TooManyFilters(f"{whole.topic} has {FILTERS_A_TOPIC} different filters at once already.")
            if len(self.logs()) >= FILTERS:
                raise TooManyFilters(f"This server has {FILTERS} different filters at once already.")
            if sieve is None:
                sieve = self._sieves[whole] = _Sieve(whole.topic, self._put, self._end_expensive, self._end_failed)
            existing = sieve.logs[chosen.name] = FilteredLog(whole, chosen)
            metrics.FILTERS.set(len(self.logs()))
        existing.pending[username] += 1
        return existing

    def _check_user(self, wanted: FilteredLog | None, username: str) -> None:
        theirs = [each for each in self.logs() if self._is_read(each, username)]
        if len(theirs) >= FILTERS_A_USER and wanted not in theirs:
            raise TooManyFilters(f"You have {FILTERS_A_USER} different filters at once already; end one of them first.")

    def _is_read(self, log: FilteredLog, username: str) -> bool:
        return log.pending[username] > 0 or username in self._readers(log)

    def release(self, log: FilteredLog, username: str) -> None:
        """Whoever reserved it reads it now, or has given up."""
        log.pending[username] -= 1
        log.pending += Counter()  # forgets who has none

    def tidy(self) -> None:
        """Forgets the filters that nobody reads any more."""
        for whole, sieve in list(self._sieves.items()):
            for name, log in list(sieve.logs.items()):
                if not log.pending and not any(True for _ in self._readers(log)):
                    log.over = UNREAD
                    del sieve.logs[name]
            if not sieve.logs:
                sieve.close()
                del self._sieves[whole]
        metrics.FILTERS.set(len(self.logs()))

    def begin_anew(self, ended: TopicLog, opened: TopicLog) -> list[tuple[FilteredLog, FilteredLog]]:
        """A topic begins a new life: each filtered log that ended, and the one that goes on for it."""
        pairs = []
        sieve = self._sieves.pop(ended, None)
        if sieve is not None:
            sieve.close()
            fresh = self._sieves[opened] = _Sieve(opened.topic, self._put, self._end_expensive, self._end_failed)
            for name, log in sieve.logs.items():
                log.over = NEW_LIFE
                fresh.logs[name] = FilteredLog(opened, log.filter)
                pairs.append((log, fresh.logs[name]))
        return pairs

    def forget(self, whole: TopicLog) -> list[FilteredLog]:
        """A topic has gone. Returns the filtered logs that it had."""
        sieve = self._sieves.pop(whole, None)
        if sieve is None:
            return []
        sieve.close()
        for log in sieve.logs.values():
            log.over = GONE
        return list(sieve.logs.values())

    def feed(self, whole: TopicLog, ranges: list[Range]) -> None:
        """Takes what a topic's log takes, and has its filters look at it soon."""
        sieve = self._sieves.get(whole)
        if sieve is not None:
            sieve.feed(ranges)

    def put_held(self) -> None:
        """Has positions told that moved without a match."""
        for log in self.logs():
            self._put(log)

    def _put(self, log: FilteredLog) -> None:
        if not log.is_over and log.put(self._loop.time()):
            self._changed(log)

    def _end_expensive(self, log: FilteredLog) -> None:
        logger.info("A filter of %s took too much time and is ended: %.0f ms of CPU.", log.topic, log.cost * 1000)
        metrics.FILTERS_ENDED.inc()
        self._end_one(log, EXPENSIVE)

    def _end_failed(self, log: FilteredLog) -> None:
        self._end_one(log, FAILED)

    def _end_one(self, log: FilteredLog, reason: str) -> None:
        log.over = log.over or reason
        for sieve in self._sieves.values():
            if sieve.logs.get(log.filter.name) is log:
                del sieve.logs[log.filter.name]
        self._end(log, reason)

    async def page(self, history: History, log: TopicLog, partition: int, start: int, end: int) -> list[Range]:
        """A page of history as a reader of this log gets it: as it is, or with the records that match. Raises
        Unavailable."""
        if not isinstance(log, FilteredLog):
            return await history.page(log.topic, partition, start, end)
        ranges = await history.whole_page(log.topic, partition, start, end)
        async with self._past:
            return joined([await self._sift(log, part) for part in ranges])

    async def _sift(self, log: FilteredLog, part: Range) -> Range:
        """A range of the past with the records that match. Raises FilterEnded."""
        turn, found = _Turn(), _Found()
        for _ in _look(log, list(_opened(log.topic, part)), found, turn, self._end_expensive):
            await asyncio.sleep(SLICE_S)
            turn.begin()
        if log.is_over:
            await asyncio.sleep(0)  # a reader that caught up ends here: it was told
            raise FilterEnded(log.over)
        found.count()
        return Range(part.partition, part.start, part.end, tuple(found.matching), part.lost)

    def close(self) -> None:
        """Has nothing looked at any more."""
        for sieve in self._sieves.values():
            sieve.close()
        self._sieves.clear()
