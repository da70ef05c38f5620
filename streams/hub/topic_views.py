"""Views of topics: for each filter, formats or both a log of its own (streams/hub/view_log.py), which a sieve fills
(streams/hub/sieve.py). How many there may be, and why one ends (docs/decisions/0024, 0030).
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable

from streams import metrics
from streams.decoding.formats import OWN, Formats
from streams.hub.rereading import Rereading
from streams.hub.sieve import Sieve, Stint, look, opened_records
from streams.hub.topic_log import TopicLog
from streams.hub.view import View
from streams.hub.view_log import SLICE_S, Found, ViewLog, joined
from streams.kafka.history import History
from streams.wire.ranges import Range

logger = logging.getLogger(__name__)

VIEWS_A_TOPIC = 32  # distinct ones, in one process
VIEWS = 64  # of all its topics
VIEWS_A_USER = 8  # of all topics too
EXPENSIVE, FAILED = "expensive", "failed"  # reasons of `unsubscribed`
NEW_LIFE, GONE, UNREAD = "epoch", "topic_gone", "unread"  # other reasons why the log of a view ends


class TooManyViews(Exception):
    """There is no room for one more view; the message says of which."""


class ViewEnded(Exception):
    """The view was ended while somebody waited for what it has of the past. reason: of its log's end."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TopicViews:
    """The views of one hub.

    readers: the names of the users who read a log. changed: a log has something new. end: ends every reader of a log,
    for a reason as in `unsubscribed`.
    """

    def __init__(
        self,
        history: History,
        readers: Callable[[TopicLog], Iterable[str]],
        changed: Callable[[TopicLog], None],
        end: Callable[[TopicLog, str], None],
    ) -> None:
        self._history, self._readers, self._changed, self._end = history, readers, changed, end
        self._sieves: dict[TopicLog, dict[Formats, Sieve]] = {}
        self._past = asyncio.Lock()  # one part of the past is looked through at a time
        self._loop = asyncio.get_running_loop()

    def logs(self, whole: TopicLog | None = None) -> list[ViewLog]:
        """The logs of a topic's views, by its log, or of all views."""
        topics = self._sieves.values() if whole is None else [self._sieves.get(whole, {})]
        return [log for sieves in topics for sieve in sieves.values() for log in sieve.logs.values()]

    def reserve(self, whole: TopicLog, view: View, username: str) -> ViewLog:
        """The log of a view, made where there is none. It stays at least until `release`. Raises TooManyViews."""
        self.tidy()
        logs = self.logs(whole)
        existing = next((log for log in logs if log.view.name == view.name), None)
        self._check_user(existing, username)
        if existing is None:
            if len(logs) >= VIEWS_A_TOPIC:
                raise TooManyViews(f"{whole.topic} has {VIEWS_A_TOPIC} different filters and formats at once already.")
            if len(self.logs()) >= VIEWS:
                raise TooManyViews(f"This server has {VIEWS} different filters and formats at once already.")
            sieves = self._sieves.setdefault(whole, {})
            if view.formats not in sieves:
                sieves[view.formats] = self._sieve(whole, view.formats)
            existing = sieves[view.formats].begin(view)
            metrics.FILTERS.set(len(self.logs()))
        existing.pending[username] += 1
        return existing

    def _sieve(self, whole: TopicLog, formats: Formats) -> Sieve:
        if formats == OWN:
            return Sieve(whole, self._put, self._end_expensive, self._end_failed)
        once_more = self._history.once_more
        return Rereading(whole, self._put, self._end_expensive, self._end_failed, formats=formats, read=once_more)

    def _check_user(self, wanted: ViewLog | None, username: str) -> None:
        theirs = [each for each in self.logs() if self._is_read(each, username)]
        if len(theirs) >= VIEWS_A_USER and wanted not in theirs:
            raise TooManyViews(
                f"You have {VIEWS_A_USER} different filters and formats at once already; end one of them first."
            )

    def _is_read(self, log: ViewLog, username: str) -> bool:
        return log.pending[username] > 0 or username in self._readers(log)

    def release(self, log: ViewLog, username: str) -> None:
        """Whoever reserved it reads it now, or has given up."""
        log.pending[username] -= 1
        log.pending += Counter()  # forgets who has none

    def tidy(self) -> None:
        """Forgets the views that nobody reads any more."""
        for whole, sieves in list(self._sieves.items()):
            for formats, sieve in list(sieves.items()):
                for name, log in list(sieve.logs.items()):
                    if not log.pending and not any(True for _ in self._readers(log)):
                        log.over = UNREAD
                        del sieve.logs[name]
                if not sieve.logs:
                    sieve.close()
                    del sieves[formats]
            if not sieves:
                del self._sieves[whole]
        metrics.FILTERS.set(len(self.logs()))

    def begin_anew(self, ended: TopicLog, opened: TopicLog) -> list[tuple[ViewLog, ViewLog]]:
        """A topic begins a new life: each view's log that ended, and the one that goes on for it."""
        pairs = []
        for formats, sieve in self._sieves.pop(ended, {}).items():
            sieve.close()
            fresh = self._sieves.setdefault(opened, {})[formats] = self._sieve(opened, formats)
            for log in sieve.logs.values():
                log.over = NEW_LIFE
                pairs.append((log, fresh.begin(log.view)))
        return pairs

    def forget(self, whole: TopicLog) -> list[ViewLog]:
        """A topic has gone. Returns the logs of its views."""
        gone = self.logs(whole)
        for sieve in self._sieves.pop(whole, {}).values():
            sieve.close()
        for log in gone:
            log.over = GONE
        return gone

    def feed(self, whole: TopicLog, ranges: list[Range]) -> None:
        """Takes what a topic's log takes, and has its views look at it soon."""
        sieves = self._sieves.get(whole)
        if sieves is not None:
            for sieve in sieves.values():
                sieve.feed(ranges)

    def put_held(self) -> None:
        """Has positions told that moved without a match."""
        for log in self.logs():
            self._put(log)

    def _put(self, log: ViewLog) -> None:
        if not log.is_over and log.put(self._loop.time()):
            self._changed(log)

    def _end_expensive(self, log: ViewLog) -> None:
        spent = log.account.cost * 1000
        logger.info("A view of %s took too much time and is ended: %.0f ms of CPU for its filter.", log.topic, spent)
        metrics.FILTERS_ENDED.inc()
        self._end_one(log, EXPENSIVE)

    def _end_failed(self, log: ViewLog) -> None:
        self._end_one(log, FAILED)

    def _end_one(self, log: ViewLog, reason: str) -> None:
        log.over = log.over or reason
        for sieves in self._sieves.values():
            sieve = sieves.get(log.view.formats)
            if sieve is not None and sieve.logs.get(log.view.name) is log:
                del sieve.logs[log.view.name]
        self._end(log, reason)

    async def page(self, log: TopicLog, partition: int, start: int, end: int) -> list[Range]:
        """A page of history as a reader of this log gets it: as it is, or as the view has it. Raises Unavailable."""
        formats = log.view.formats if isinstance(log, ViewLog) else OWN
        if not isinstance(log, ViewLog) or log.view.filter is None:
            return await self._history.page(log.topic, partition, start, end, formats)
        ranges = await self._history.page(log.topic, partition, start, end, formats, whole=True)
        async with self._past:
            return joined([await self._sift(log, part) for part in ranges])

    async def _sift(self, log: ViewLog, part: Range) -> Range:
        """A range of the past with the records that match. Raises ViewEnded."""
        stint, found = Stint(), Found()
        for _ in look(log, list(opened_records(log.topic, part)), found, stint, self._end_expensive):
            await asyncio.sleep(SLICE_S)
            stint.begin()
        if log.is_over:
            await asyncio.sleep(0)  # a reader that caught up ends here: it was told
            raise ViewEnded(log.over)
        found.count()
        return Range(part.partition, part.start, part.end, tuple(found.matching), part.lost)

    def close(self) -> None:
        """Has nothing looked at any more."""
        for sieves in self._sieves.values():
            for sieve in sieves.values():
                sieve.close()
        self._sieves.clear()
