"""The views of one topic, all by the same formats, at work: a record is parsed once for all of their filters, in short
slices with pauses between, so that the loop stays free. The dearest are ended where all of them together cannot follow
(docs/decisions/0024).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator

from streams.filters.seen import Seen, seen
from streams.filters.work import Failed, TooMuch
from streams.hub.topic_log import TopicLog
from streams.hub.view import View
from streams.hub.view_log import SLICE_MOST_S, SLICE_S, Found, ViewLog
from streams.wire.ranges import Positions, Range
from streams.wire.records import Record

logger = logging.getLogger(__name__)

# What was found is handed on when nothing waits any more, or after so long: a frame a slice would cost every reader
# more than the filters do.
HELD_S = 0.025
# Of a topic's records that wait for its filters; then, or after LATE_S, the dearest is ended; at twice as many all are.
WAITING_BYTES = 32 * 1024 * 1024
LATE_S = 10.0
STOOD_S = 1.0  # a slice so late, or so long, waited for a process that stood still: no record is late by that
PAUSE_S = 1.0  # between two that are ended for that


class Stint:
    """When others are to run again: by the clock, as they wait by it."""

    __slots__ = ("until",)

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """From now on there is a whole stint."""
        self.until = time.perf_counter() + SLICE_S


Opened = list[tuple[Record, Seen | None]]


def opened_records(topic: str, part: Range) -> Iterator[tuple[Record, Seen | None]]:
    """The records of a range, and what filters see of each."""
    whole = part.whole or {}
    for record in part.records:
        yield record, seen(topic, part.partition, record, whole.get(record.offset))


def _seen_by(logs: list[ViewLog], topic: str, part: Range) -> Iterator[tuple[Record, Seen | None]]:
    """The records of a range for these views; parsed where one of them has a filter."""
    if any(log.view.filter is not None for log in logs):
        return opened_records(topic, part)
    return ((record, None) for record in part.records) if logs else iter(())


def look(log: ViewLog, opened: Opened, found: Found, stint: Stint, end: Callable[[ViewLog], None]) -> Generator[None]:
    """Has a view's filter look at records. Pauses where the stint is over; stops where the view is."""
    if log.view.filter is None:
        found.matching += [record for record, _ in opened]
        return
    matches = log.view.filter.matches
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
        if time.perf_counter() >= stint.until:
            if log.account.charge(time.thread_time() - since, records):
                end(log)
            yield
            if log.is_over:
                return
            since, records = time.thread_time(), 0
    if log.account.charge(time.thread_time() - since, records):
        end(log)


class Sieve:
    """Views of one topic at work, of records as everybody sees them. logs: by the view's name.

    put: hands on what one holds. end: ends one that is too dear, fail: one that cannot go on.
    """

    def __init__(
        self,
        whole: TopicLog,
        put: Callable[[ViewLog], None],
        end: Callable[[ViewLog], None],
        fail: Callable[[ViewLog], None],
    ) -> None:
        self.logs: dict[str, ViewLog] = {}
        self._whole, self._topic, self._put, self._end, self._fail = whole, whole.topic, put, end, fail
        self._waiting: deque[tuple[float, Range]] = deque()  # since when
        self._bytes = 0  # of those
        self._working: Generator[None] | None = None
        self._stint = Stint()
        self._handed = 0.0  # when what was found was handed on last, or the first that waits came (the loop's clock)
        self._ended = float("-inf")  # when the dearest was ended last
        self._due = 0.0  # when the next slice is to begin
        self._loop = asyncio.get_running_loop()
        self._next: asyncio.Handle | None = None

    @property
    def positions(self) -> Positions:
        """Where a view begins that is made now."""
        return self._whole.positions

    def begin(self, view: View) -> ViewLog:
        """Has one more view at work, from here on."""
        log = self.logs[view.name] = ViewLog(self._whole, view, self.positions)
        return log

    def feed(self, ranges: Iterable[Range]) -> None:
        """Takes what the topic's log takes, to be looked at soon."""
        self._sift(ranges)

    def _sift(self, ranges: Iterable[Range]) -> None:
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
            self._end(max(self.logs.values(), key=lambda log: log.account.cost))

    def _run(self) -> None:
        """One slice."""
        self._next = None
        self._pardon(self._loop.time() - self._due)
        self._stint.begin()
        began = time.perf_counter()
        if self._working is None:
            self._working = self._work()
        try:
            is_done = next(self._working, self) is self
        except Exception:
            # What was being looked at is lost to them, and they would wait for it for ever: a client that begins again
            # with its cursor loses nothing.
            logger.exception("The views of %s failed; their streams are ended.", self._topic)
            self.close()
            for each in list(self.logs.values()):
                self._fail(each)
            return
        self._pardon(time.perf_counter() - began)
        now = self._loop.time()
        if is_done or now - self._handed > HELD_S:
            self._handed = now
            for each in list(self.logs.values()):
                if each.has_news:
                    self._put(each)
        if is_done:
            self._working = None
            self._rested()
            return
        if self._waiting and now - self._waiting[0][0] > LATE_S:
            self._end_dearest(now)
        # While the process stood still others did not work, either: they need no more of it than what a slice can take.
        pause = min(time.perf_counter() - began, SLICE_MOST_S)
        self._due = now + pause
        self._next = self._loop.call_later(pause, self._run)

    def _rested(self) -> None:
        """All that came is looked at."""

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
            for each in _seen_by(logs, self._topic, part):
                opened.append(each)
                if time.perf_counter() >= self._stint.until:
                    yield
            for log in logs:
                found = Found()
                yield from look(log, opened, found, self._stint, self._end)
                if not log.is_over:
                    log.count(found)
                    log.hold(part, found.matching)
