"""Filtered streams: for each filter of a topic a log of its own (streams/hub/filtered_log.py), which a sieve fills
(streams/hub/sieve.py). How many there may be, and why one ends (docs/decisions/0024).
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable

from streams import metrics
from streams.filters.filters import Filter
from streams.hub.filtered_log import SLICE_S, FilteredLog, Found, joined
from streams.hub.sieve import Sieve, Stint, look, opened_records
from streams.hub.topic_log import TopicLog
from streams.kafka.history import History
from streams.wire.ranges import Range

logger = logging.getLogger(__name__)

FILTERS_A_TOPIC = 32  # distinct ones, in one process
FILTERS = 64  # of all its topics
FILTERS_A_USER = 8  # of all topics too
EXPENSIVE, FAILED = "expensive", "failed"  # reasons of `unsubscribed`
NEW_LIFE, GONE, UNREAD = "epoch", "topic_gone", "unread"  # other reasons why the log of a filter ends


class TooManyFilters(Exception):
    """There is no room for one more filter; the message says of which."""


class FilterEnded(Exception):
    """The filter was ended while somebody waited for what it finds in the past. reason: of its log's end."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


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
        self._sieves: dict[TopicLog, Sieve] = {}
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
                sieve = self._sieves[whole] = Sieve(whole.topic, self._put, self._end_expensive, self._end_failed)
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
            fresh = self._sieves[opened] = Sieve(opened.topic, self._put, self._end_expensive, self._end_failed)
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
        stint, found = Stint(), Found()
        for _ in look(log, list(opened_records(log.topic, part)), found, stint, self._end_expensive):
            await asyncio.sleep(SLICE_S)
            stint.begin()
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
