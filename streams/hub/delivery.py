"""Moves every reader on, once a tick: from the log's shared frames, or from Kafka where the log does not reach.

Never waits for a reader, and a reader costs no memory beyond its counters.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterable

import orjson

from streams import metrics
from streams.hub.catchup import CatchUp, Page
from streams.hub.delivered import Tally
from streams.hub.subscription import SLOW_AGAIN_S, Client, Fall, Subscription
from streams.hub.together import Readers
from streams.hub.topic_log import LOG_BYTES, TopicLog, trimmed
from streams.wire.frames import Frame, frame_of
from streams.wire.ranges import Positions, Range

TICK_S = 0.005  # the shortest pause between two ticks; it grows with the readers, so that half a core is left
LOGS_BYTES = 64 * 1024 * 1024  # of all topics together


class Delivery:
    """The readers of one hub.

    page: as CatchUp takes it. refresh: called when Kafka does not give what it should, to have topics looked up."""

    def __init__(self, page: Page, refresh: Callable[[], None]) -> None:
        # By the log itself, not by its topic: readers of a topic's former life are never moved on in the present one.
        self._readers: dict[TopicLog, Readers] = {}
        self._due: dict[TopicLog, None] = {}  # logs that have something new for this tick
        self._asides: list[tuple[TopicLog, Frame]] = []  # what moves no position, for this tick too
        self.tally = Tally()
        self._catch_up = CatchUp(page, refresh, self.tally, self._join_log)
        self._round_s = 0.0  # what a frame for every reader costs: the sum of their sinks' frame_s
        self._tick: asyncio.TimerHandle | None = None
        self._ticked = 0.0  # when the last tick ended
        self._loop = asyncio.get_running_loop()

    def readers(self, topic_log: TopicLog) -> list[Subscription]:
        """The readers of a log, in no order."""
        return list(self._readers.get(topic_log, ()))

    def join(self, reader: Subscription, positions: Positions) -> None:
        """Moves a reader on from `positions`: from the log where it reaches that far, else from Kafka first."""
        reader.begin(positions)
        readers = self._readers.get(reader.log)
        if readers is None:
            readers = self._readers[reader.log] = Readers(reader.log)
        readers.apart.add(reader)
        self._round_s += reader.connection.sink.frame_s
        if not self._join_log(reader, positions):
            self._catch_up.start(reader, positions)

    def discard(self, reader: Subscription) -> None:
        """Forgets a reader. Safe to call twice."""
        reader.stop()
        readers = self._readers.get(reader.log)
        if readers is not None and reader in readers:
            readers.discard(reader)
            if not readers:
                del self._readers[reader.log]
            self._round_s = max(0.0, self._round_s - reader.connection.sink.frame_s)

    def ack(self, reader: Subscription, positions: Positions) -> None:
        """Takes a reader's acknowledgement (partition -> next offset wanted). Moves it on if it waited for room."""
        newest = reader.ack(positions)
        if newest > 0:
            metrics.ACKED_AGE.observe(max(0.0, time.time() - newest / 1000))
        self._wake(reader)

    def _wake(self, reader: Subscription) -> None:
        """A reader may have room again."""
        readers = self._readers.get(reader.log)
        if readers is not None and reader in readers.blocked:
            self.schedule(reader.log)

    def schedule(self, topic_log: TopicLog) -> None:
        """Has the readers of a log moved on at the next tick."""
        self._due[topic_log] = None
        self._call_tick()

    def tell(self, topic_log: TopicLog, frame: Frame) -> None:
        """Sends a small frame that moves no position to every reader of a log, at the next tick.

        A transport that gets it there together with records makes one system call of both.
        """
        self._asides.append((topic_log, frame))
        self._call_tick()

    def _call_tick(self) -> None:
        if self._tick is None:
            due = self._ticked + max(TICK_S, self._round_s)
            self._tick = self._loop.call_at(max(self._loop.time(), due), self.run_tick)

    def run_tick(self) -> None:
        """One tick: moves the readers of each log that is due, then sends what moves no position."""
        self._tick = None
        now = self._loop.time()
        due, self._due = self._due, {}
        for topic_log in due:
            self.advance_all(topic_log, now)
        asides, self._asides = self._asides, []
        for topic_log, frame in asides:
            for reader in self.readers(topic_log):
                reader.connection.write_aside(frame, now)
        self._ticked = self._loop.time()

    def fill(self, connection: Client, is_full: bool) -> None:
        """Notes that a connection is full, or has room again. It is full when its sink says so."""
        for reader in connection.streams.values():
            if is_full:
                reader.step_aside()
                continue
            reader.resume()
            self._wake(reader)

    def advance_all(self, topic_log: TopicLog, now: float) -> None:
        """Moves every reader on to the log's end, as far as it may be sent something."""
        readers = self._readers.get(topic_log)
        if readers is None:
            return
        for frame, sent in readers.advance(now):
            self.tally.note(topic_log.topic, frame, sent)
        for reader in list(readers.apart):
            if reader.at is not None:
                self._advance(reader, now)

    def settle(self) -> None:
        """Tells each connection when it was sent something last."""
        for readers in self._readers.values():
            readers.settle()

    def trim(self, logs: Iterable[TopicLog]) -> None:
        """Drops what is too old or too much in each of these logs."""
        now = self._loop.time()
        for topic_log in logs:
            self._shorten(topic_log, min(LOG_BYTES, topic_log.most_bytes), now)

    def share_memory(self, logs: Collection[TopicLog]) -> None:
        """Drops from the largest of all logs what they have over LOGS_BYTES together."""
        now = self._loop.time()
        while (over := sum(topic_log.size for topic_log in logs) - LOGS_BYTES) > 0:
            largest = max(logs, key=lambda topic_log: topic_log.size)
            self._shorten(largest, max(0, largest.size - over), now)

    def _shorten(self, topic_log: TopicLog, limit: int, now: float) -> None:
        if topic_log.oldest_is_due(now, limit):
            self.advance_all(topic_log, now)  # whoever is behind after this is blocked
        while topic_log.oldest_is_due(now, limit):
            self.drop_oldest(topic_log)
        if topic_log.stream == topic_log.topic:
            metrics.LOG_BYTES.labels(topic_log.topic).set(topic_log.size)

    def drop_oldest(self, topic_log: TopicLog) -> None:
        """Drops the oldest chunk; a blocked reader that needed it has fallen off the log: its positions are kept."""
        readers = self._readers.get(topic_log)
        for reader in readers.blocked if readers is not None else ():
            if reader.at is not topic_log.first or reader.fallen is not None:
                continue
            ahead = dict(reader.ahead or {})
            if trimmed(topic_log.oldest.ranges, ahead):
                reader.fallen = Fall({**topic_log.base, **(reader.ahead or {})}, self._loop.time())
            else:  # it has all of it
                reader.pass_over(topic_log.first, topic_log.oldest.end)
                reader.ahead = ahead or None
        topic_log.drop_oldest()

    def start_new_life(self, ended: TopicLog, opened: TopicLog) -> None:
        """Tells every reader of the log that ended to forget its positions, and begins again with the new one."""
        cursor = {"epoch": opened.epoch, "positions": {str(p): at for p, at in opened.positions.items()}}
        message = {"type": "reset", "stream": opened.stream, "reason": "epoch", "cursor": cursor}
        frame = Frame(orjson.dumps(message))
        for reader in self.readers(ended):
            self.discard(reader)
            fresh = Subscription(reader.connection, reader.stream, opened)
            reader.connection.hold(fresh)
            reader.connection.write(frame, self._loop.time())
            self.join(fresh, dict(opened.positions))

    def close(self) -> None:
        """Cancels the tick that is due. Readers are discarded by who has them."""
        if self._tick is not None:
            self._tick.cancel()

    # One reader ---------------------------------------------------------------------------------------------------

    def _advance(self, reader: Subscription, now: float) -> None:
        topic_log = reader.log
        readers = self._readers.get(topic_log)
        if readers is None or reader not in readers:
            return  # it left; what is written to it from here on would come behind its `unsubscribed`
        while reader.at is not None and reader.at is not topic_log.end:
            if not reader.may_send():
                readers.blocked.add(reader)
                return
            if reader.fallen is not None:
                self._tell_slow(reader, reader.fallen, now)
                continue
            start, frame = reader.at, topic_log.frame(reader.at, reader.stream)
            if reader.ahead is not None and frame.end is not None:
                reader.pass_over(start, frame.end)
                self._write_trimmed(reader, reader.ahead, topic_log.chunks(start, frame.end), now)
            else:
                reader.stand_at(frame.end)
                self._write(reader, frame, now)
        readers.blocked.discard(reader)
        if reader.is_free:
            readers.gather(reader)

    def _write(self, reader: Subscription, frame: Frame, now: float) -> None:
        self.tally.note(reader.log.topic, frame, 1)
        reader.connection.write(frame, now)

    def _write_trimmed(
        self, reader: Subscription, ahead: Positions, chunks: Iterable[tuple[Range, ...]], now: float
    ) -> None:
        """For a reader that is ahead in some partition: these chunks without what it has.

        Accounted for one by one: the sum of its positions says nothing of a place in the log as long as it is ahead.
        """
        for ranges in chunks:
            kept = trimmed(ranges, ahead)
            if kept:
                frame = frame_of(reader.stream, tuple(kept))
                self.tally.note(reader.log.topic, frame, 1)
                reader.write_own(frame, now)
        reader.ahead = ahead or None

    def _tell_slow(self, reader: Subscription, fall: Fall, now: float) -> None:
        """A reader that fell off the log gets one gap and goes on from the newest; to fall again within a minute after
        its connection was told is too slow. Several streams that fell before they could be told are one stall."""
        connection, fallen = reader.connection, fall.positions
        metrics.SLOW_READERS.inc()
        if connection.last_slow < fall.then < connection.last_slow + SLOW_AGAIN_S:
            metrics.EVICTIONS.labels("slow").inc()
            connection.goodbye(4008, now)
            return
        connection.last_slow = now
        newest = reader.log.positions
        skipped = tuple(
            Range(p, fallen.get(p, 0), end, (), "slow") for p, end in newest.items() if end > fallen.get(p, 0)
        )
        ahead = {p: position for p, position in fallen.items() if position > newest.get(p, 0)}
        metrics.OFFSETS_SKIPPED.labels(reader.log.topic).inc(sum(part.end - part.start for part in skipped))
        reader.skip_to_end(ahead)
        if skipped:
            self._write(reader, frame_of(reader.stream, skipped), now)

    def _join_log(self, reader: Subscription, positions: Positions) -> bool:
        found = reader.log.find(positions)
        if found is None:
            return False
        reader.enter(*found)
        reader.catching_up = None
        self._advance(reader, self._loop.time())
        return True
