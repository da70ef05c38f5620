"""What a client asks for over its socket (streams/socket/asked.py): subscribe, unsubscribe, ack; done and answered."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, cast

from django.db import Error as DatabaseError

from streams import metrics
from streams.decoding import carried
from streams.decoding.formats import BadFormat
from streams.hub.connection import STREAMS
from streams.hub.hub import Hub
from streams.hub.rights_watch import RightsWatch
from streams.hub.subscription import Client, Subscription
from streams.hub.topic_log import TopicLog
from streams.hub.topic_views import EXPENSIVE, TooManyViews, ViewEnded
from streams.hub.view_log import ViewLog
from streams.rights.topics import not_readable
from streams.runtime.away import Unavailable
from streams.runtime.tasks import is_asked
from streams.socket import starts
from streams.socket.asked import (
    BadRequest,
    Wanted,
    bad_format,
    is_too_long,
    parsed,
    positions_in,
    stream_named,
    wanted_by,
)
from streams.socket.starts import Beginning
from streams.wire.frames import frame_of

log = logging.getLogger(__name__)

SUBSCRIBE_TIMEOUT_S = 9.0  # `subscribed` or an error comes within 10 s
BAD_REQUESTS = 20  # refused ones, in BAD_REQUESTS_S, close the socket
BAD_REQUESTS_S = 60.0
RETRY_AWAY_MS = 2000  # Kafka is away
RETRY_MISSING_MS = 5000  # Kafka has no such topic yet
RETRY_OPENING_MS = 1000  # the process has not opened it yet: topics are opened one after the other
RETRY_NEW_LIFE_MS = 500


class Pending:
    """A `subscribe` that is not answered yet: where it begins is being looked up.

    view: the log of a view that it holds meanwhile, to be given back. is_leaving: it was unsubscribed from already.
    is_late: it was answered that Kafka is away, since it took too long.
    """

    __slots__ = ("is_late", "is_leaving", "view", "wanted")

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.view: ViewLog | None = None
        self.is_leaving = self.is_late = False


class Requests:
    """Answers one connection. start: runs a coroutine as a task of the connection.

    pending: by the name of its stream, each `subscribe` that is not answered yet.
    """

    __slots__ = ("_bad", "_connection", "_has_told", "_hub", "_loop", "_rights", "_start", "pending")

    def __init__(
        self,
        hub: Hub,
        rights: RightsWatch,
        connection: Client,
        start: Callable[[Coroutine[Any, Any, None]], Any],
    ) -> None:
        self._hub, self._rights, self._connection, self._start = hub, rights, connection, start
        self._loop = asyncio.get_running_loop()
        self._bad: deque[float] | None = None  # when bad requests came; made with the first one
        self._has_told = False  # whether the log has a line of jumps
        self.pending: dict[str, Pending] = {}

    def handle(self, message: dict[str, Any]) -> None:
        """Takes one ASGI `websocket.receive` message. Never waits."""
        self._connection.heard(self._loop.time())
        text = message.get("text")
        if is_too_long(text if text is not None else message.get("bytes") or b""):
            self._connection.close(1009)
            return
        try:
            request = parsed(text)
            match request["type"]:
                case "ack":
                    self._ack(request)
                case "subscribe":
                    self._subscribe(request)
                case "unsubscribe":
                    self._unsubscribe(request)
        except BadRequest as error:
            self._answer(error)

    def _answer(self, error: BadRequest) -> None:
        answer: dict[str, Any] = {"type": "error", "code": error.code, "message": str(error)}
        if isinstance(error.number, int) and not isinstance(error.number, bool):
            answer["id"] = error.number
        if error.retry_after_ms is not None:
            answer["retry_after_ms"] = error.retry_after_ms
        if error.at is not None:
            answer["at"] = error.at
        now = self._loop.time()
        self._connection.send(answer, now)
        if error.retry_after_ms is None:  # what may be tried again is no fault of the client
            self._count_bad(now)

    def _count_bad(self, now: float) -> None:
        if self._bad is None:
            self._bad = deque(maxlen=BAD_REQUESTS)
        self._bad.append(now)
        if len(self._bad) == BAD_REQUESTS and now - self._bad[0] < BAD_REQUESTS_S:
            self._connection.goodbye(4500, now, 0)

    def _ack(self, request: dict[str, Any]) -> None:
        positions = positions_in(request.get("positions", {}))
        if "stream" in request:
            reader = self._connection.streams.get(stream_named(request))
            if reader is not None:
                self._hub.delivery.ack(reader, positions)

    def _unsubscribe(self, request: dict[str, Any]) -> None:
        stream = stream_named(request)
        if (pending := self.pending.get(stream)) is not None:
            pending.is_leaving = True  # once its `subscribe` is answered
        elif (reader := self._connection.streams.get(stream)) is not None:
            self._hub.leave(reader, "asked")

    def _subscribe(self, request: dict[str, Any]) -> None:
        wanted = wanted_by(request)
        if wanted.jumps:
            metrics.CLIENT_JUMPS.inc(wanted.jumps)
            self._tell_of_jumps(wanted)
        taken = {*self._connection.streams, *self.pending}
        if wanted.stream in taken:
            raise BadRequest("duplicate", f"This connection reads {wanted.stream} already.", wanted.number)
        if len(taken) >= STREAMS:
            raise BadRequest("too_many", f"A connection has at most {STREAMS} streams.", wanted.number)
        # At once, so that a second subscribe on its heels is a duplicate.
        self.pending[wanted.stream] = pending = Pending(wanted)
        self._start(self._begin(pending))

    def _tell_of_jumps(self, wanted: Wanted) -> None:
        """Once a connection, and of topics that it may read: what clients say must not fill the log."""
        if not self._has_told and wanted.topic in self._connection.topics:
            self._has_told = True
            what = "Connection %s met %d ranges of %s that did not join; others of it are only counted."
            log.error(what, self._connection.name, wanted.jumps, wanted.topic)

    async def _begin(self, pending: Pending) -> None:
        """Looks up where the stream begins, says so, and lets it go."""
        task = cast("asyncio.Task[None]", asyncio.current_task())
        late = self._loop.call_later(SUBSCRIBE_TIMEOUT_S, self._give_up, pending, task)
        try:
            answer = await self._look_up_and_check(pending)
        except asyncio.CancelledError:
            if not pending.is_late:
                raise
        else:
            if not pending.is_late:
                self._tell(pending, answer)
        finally:
            late.cancel()
            self._forget(pending)

    def _tell(self, pending: Pending, answer: tuple[TopicLog, Beginning] | BadRequest) -> None:
        if isinstance(answer, BadRequest):
            self._answer(answer)
        elif not self._connection.closed and self._connection in self._hub.connections:
            self._let_go(pending, *answer)

    def _give_up(self, pending: Pending, task: asyncio.Task[None]) -> None:
        """Answers now, and has the client ask again: what it waits for may take long to end, or pass over that."""
        pending.is_late = True
        self._forget(pending)
        task.cancel()
        self._answer(_away(pending.wanted))

    def _forget(self, pending: Pending) -> None:
        """Safe to call twice."""
        if self.pending.get(pending.wanted.stream) is pending:
            del self.pending[pending.wanted.stream]
        if pending.view is not None:
            self._hub.views.release(pending.view, self._connection.username)
            pending.view = None

    async def _look_up_and_check(self, pending: Pending) -> tuple[TopicLog, Beginning] | BadRequest:
        """What is found, if it counts still; or what the client is told instead."""
        wanted = pending.wanted
        try:
            topic_log, beginning = await self._look_up(pending)
        except BadRequest as error:
            return error
        except ViewEnded as error:
            return _ended(error, wanted)
        except DatabaseError:
            message = "The database does not answer; try again."
            return BadRequest("unavailable", message, wanted.number, RETRY_AWAY_MS)
        except (Unavailable, TimeoutError):
            return _away(wanted)
        except asyncio.CancelledError:
            if is_asked():
                raise
            return _away(wanted)  # a library's own, of what it gave up
        if wanted.topic not in self._connection.topics:  # taken away while Kafka was asked
            return BadRequest("unknown_topic", not_readable(wanted.topic), wanted.number)
        if self._hub.logs.get(wanted.topic) is not topic_log:
            message = "The topic has just begun a new life; try again."
            return BadRequest("unavailable", message, wanted.number, RETRY_NEW_LIFE_MS)
        if pending.view is not None and pending.view.is_over:
            return _ended(ViewEnded(pending.view.over), wanted)
        return topic_log, beginning

    async def _look_up(self, pending: Pending) -> tuple[TopicLog, Beginning]:
        """The topic's log, and where the stream begins; what has to be given back is in `pending`."""
        wanted = pending.wanted
        await self._check_right(wanted)
        topic_log = self._open_log(wanted)
        if wanted.view.is_whole:
            return topic_log, await self._beginning(topic_log, wanted)
        try:
            carried.of(wanted.topic).check(wanted.view.formats)
            pending.view = self._hub.views.reserve(topic_log, wanted.view, self._connection.username)
        except BadFormat as error:
            raise bad_format(error, wanted.number) from error
        except TooManyViews as error:
            raise BadRequest("too_many", str(error), wanted.number) from error
        return topic_log, await self._beginning(pending.view, wanted)

    async def _beginning(self, chosen_log: TopicLog, wanted: Wanted) -> Beginning:
        return await starts.begin(self._hub, chosen_log, wanted.form, wanted.value, self._connection.username)

    def _let_go(self, pending: Pending, topic_log: TopicLog, beginning: Beginning) -> None:
        wanted, now = pending.wanted, self._loop.time()
        chosen_log = topic_log if pending.view is None else pending.view
        reader = Subscription(self._connection, wanted.stream, chosen_log)
        self._connection.hold(reader)
        self._connection.send(
            {
                "type": "subscribed",
                "id": wanted.number,
                "stream": reader.stream,
                "topic": wanted.topic,
                "cursor": {
                    "epoch": topic_log.epoch,
                    "positions": {str(partition): position for partition, position in beginning.positions.items()},
                },
                "ends": {str(partition): position for partition, position in topic_log.positions.items()},
                "recovered": beginning.recovered,
                "reason": beginning.reason,
                **({} if beginning.last is None else {"last": beginning.last}),
                **wanted.view.told(),
            },
            now,
        )
        if wanted.form == "cursor":
            metrics.RESUMES.labels(beginning.reason or "recovered").inc()
        if pending.is_leaving:
            self._hub.leave(reader, "asked")
            return
        for gap in beginning.gaps:
            self._connection.write(frame_of(reader.stream, (gap,)), now)
        self._hub.delivery.join(reader, beginning.behind_gaps)

    async def _check_right(self, wanted: Wanted) -> None:
        """Raises BadRequest. What is known is not asked again; who asks for something else joins the next look."""
        if wanted.topic in self._connection.topics:
            return
        if wanted.topic not in (await self._rights.ask(self._connection.credentials) or {}):
            raise BadRequest("unknown_topic", not_readable(wanted.topic), wanted.number)

    def _open_log(self, wanted: Wanted) -> TopicLog:
        topic_log = self._hub.logs.get(wanted.topic)
        if topic_log is not None:
            return topic_log
        if self._hub.link.state == "down":
            raise BadRequest("unavailable", "Kafka is away; try again.", wanted.number, RETRY_AWAY_MS)
        if wanted.topic in self._hub.missing:
            message = f"Kafka has no topic {wanted.topic} yet."
            raise BadRequest("unknown_topic", message, wanted.number, RETRY_MISSING_MS)
        message = f"The topic {wanted.topic} is about to be opened; try again."
        raise BadRequest("unavailable", message, wanted.number, RETRY_OPENING_MS)


def _away(wanted: Wanted) -> BadRequest:
    return BadRequest("unavailable", "Kafka is away; try again.", wanted.number, RETRY_AWAY_MS)


def _ended(error: ViewEnded, wanted: Wanted) -> BadRequest:
    """What is told of a view that ended while it looked through the past: only a dear one is the client's to mend."""
    if error.reason != EXPENSIVE:
        message = "What the past was looked at by has just ended; try again."
        return BadRequest("unavailable", message, wanted.number, RETRY_NEW_LIFE_MS)
    if wanted.view.filter is None:
        message = "To read this topic by that format takes too much of the server's time; choose another one."
        return BadRequest("bad_format", message, wanted.number)
    message = "This filter takes too much of the server's time; make it smaller."
    return BadRequest("bad_filter", message, wanted.number, at=0)
