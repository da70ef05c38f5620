"""A client of the live protocol (docs/protocol.md), written from that page alone, which tests use to watch the product.

`Connection` is one socket. `Follower` follows one topic through any number of sockets, as a browser does: it applies
ranges by position, acks, notes gaps, and reconnects with its cursor. What breaks the page fails the test that leaves
the follower, whether the follower could mend it or not.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from collections import defaultdict
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.support.waiting import TimeIsUp, until

SUBPROTOCOL = "streamboard.v1"
ACK_BYTES = 256 * 1024
ACK_SECONDS = 2.0
FIRST_BACKOFF, LAST_BACKOFF = 0.5, 20.0  # s; the wait is a random part of it
ANSWER_SECONDS = 15  # `subscribed` has 10 s
OPEN_SECONDS = 60  # until a process has opened its topics, on a loaded machine
RIGHTS_SECONDS = 90  # until a change of rights is told: 2 s and a look, on a machine that may be busy with other things
FRAME_BYTES = 256 * 1024
SHOWN = 300  # characters of a frame that broke the page
GAP_REASONS = {"retention", "slow", "limit", "unavailable"}
CUT_REASONS = {"retention", "epoch", "limit"}  # of a cursor that was not honoured

Frame = dict[str, Any]


class Connection:
    """One socket. Use `async with Connection(url, token=…) as connection`."""

    def __init__(
        self, url: str, *, token: str | None = None, cookie: str | None = None, origin: str | None = None,
        subprotocol: str | None = SUBPROTOCOL, max_queue: int | None = 16,
    ) -> None:  # fmt: skip
        self.address = url.replace("http", "ws", 1) + "/ws/live/"
        self.headers = {}
        if token:
            self.headers["Authorization"] = f"Bearer {token}"
        if cookie:
            self.headers["Cookie"] = cookie
        self.origin, self.subprotocol, self.max_queue = origin, subprotocol, max_queue
        self.socket: ClientConnection | None = None
        self.received = 0  # characters, of all frames

    async def __aenter__(self) -> Self:
        self.socket = await connect(
            self.address,
            additional_headers=self.headers,
            origin=self.origin,  # type: ignore[arg-type]  # a NewType of str
            subprotocols=[self.subprotocol] if self.subprotocol else None,  # type: ignore[list-item]  # as above
            max_size=FRAME_BYTES,
            max_queue=self.max_queue,
            open_timeout=ANSWER_SECONDS,
            close_timeout=1,
            ping_interval=None,
            proxy=None,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self.socket is not None
        await self.socket.close()

    async def send(self, **frame: Any) -> None:
        assert self.socket is not None
        await self.socket.send(json.dumps(frame))

    async def receive(self, timeout: float = ANSWER_SECONDS) -> Frame:
        """The next frame. Raises websockets' ConnectionClosed."""
        assert self.socket is not None
        async with asyncio.timeout(timeout):
            text = await self.socket.recv()
        assert isinstance(text, str), "the protocol speaks text frames"
        self.received += len(text)
        frame = json.loads(text)
        assert isinstance(frame, dict)
        return frame

    async def receive_type(self, *kinds: str, timeout: float = ANSWER_SECONDS) -> Frame:
        """The next frame of one of these types; others are passed over."""
        async with asyncio.timeout(timeout):
            while True:
                frame = await self.receive(timeout)
                if frame["type"] in kinds:
                    return frame

    async def subscribe(self, **asked: Any) -> Frame:
        """Subscribes, again while Kafka is away or the server names a time for that, and returns `subscribed`."""
        async with asyncio.timeout(OPEN_SECONDS):
            while True:
                await self.send(type="subscribe", id=1, **asked)
                answer = await self.receive_type("subscribed", "error")
                if answer["type"] == "subscribed":
                    return answer
                assert answer["code"] == "unavailable" or "retry_after_ms" in answer, answer
                await asyncio.sleep(answer.get("retry_after_ms", 500) / 1000)

    async def close_code(self, timeout: float = ANSWER_SECONDS) -> int | None:
        """Reads to the end and returns the code the server closed with."""
        assert self.socket is not None
        with contextlib.suppress(ConnectionClosed):
            async with asyncio.timeout(timeout):
                while True:
                    await self.socket.recv()
        return self.socket.close_code


class Follower:
    """Follows one topic from `start`, perhaps by a `view`, fields of `subscribe`. Everything it saw stays readable
    while it runs and afterwards.

    records: (partition, record) in the order applied. gaps: the frames. positions, epoch: its cursor. began: the
    positions of its first stream.
    broken: each frame that breaks the page, and how; jumps: how many of them were ranges that began above the position
    without a gap. Leaving the follower raises AssertionError with them, unless a test has emptied the list.
    unrecovered: reasons of cursors that were not honoured in full.
    links: each state of the server's link to Kafka, as told. sockets: how many it has opened. begun: how many streams.
    """

    def __init__(
        self, url: str | list[str], token: str, topic: str, start: Frame | None = None, *, reconnect: bool = True,
        view: Frame | None = None,
    ) -> None:  # fmt: skip
        self.urls = [url] if isinstance(url, str) else url
        self.token, self.topic, self.reconnect = token, topic, reconnect
        self.start: Frame = start or {"latest": True}
        self.view: Frame = view or {}
        self.records: list[tuple[int, Frame]] = []
        self.gaps: list[Frame] = []
        self.resets: list[Frame] = []
        self.broken: list[str] = []
        self.jumps = self._untold = 0
        self.unrecovered: list[str] = []
        self.links: list[str] = []
        self.goodbyes: list[Frame] = []
        self.errors: list[str] = []
        self.waiting: int | None = None
        self.duplicates = 0
        self.sockets = self.begun = 0
        self.close_code: int | None = None
        self.epoch: str | None = None
        self.positions: dict[int, int] = {}
        self.began: dict[int, int] | None = None
        self.stream: str | None = None
        self._connection: Connection | None = None
        self._moved: set[int] = set()
        self._acked_at = 0.0
        self._acked_size = 0  # characters received at the last ack
        self._retry_ms: int | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        ended_early = self._task.done()
        self._task.cancel()
        (outcome,) = await asyncio.gather(self._task, return_exceptions=True)
        failure = outcome if ended_early and isinstance(outcome, Exception) else None
        if error is not None:
            if self.broken:
                error.add_note(f"Frames that break docs/protocol.md: {self.broken} {self}")
        elif self.broken:
            raise AssertionError(f"frames that break docs/protocol.md: {self.broken} {self}")
        elif failure is not None:
            raise failure

    # What a test asks.

    async def subscribed(self, timeout: float = 30) -> None:
        """Waits until the stream has begun."""
        await self.until(lambda: self.stream is not None, "subscribed", timeout)

    async def until(self, condition: Any, what: str, timeout: float = 30) -> None:
        """Waits for a condition on what was seen. A fault of the follower itself is raised at once."""

        def look() -> bool:
            if self._task is not None and self._task.done() and not self._task.cancelled() and self._task.exception():
                self._task.result()
            return bool(condition())

        try:
            await until(look, what, timeout)
        except TimeIsUp as error:
            raise TimeIsUp(f"{error} ({self})") from None

    def versions(self) -> dict[str, list[int]]:
        """Item events: the versions of each item (by its id as text), in the order in which they first arrived."""
        seen: dict[str, list[int]] = defaultdict(list)
        for _, record in self.records:
            version = record["value"]["version"]
            if version not in seen[record["key"]]:
                seen[record["key"]].append(version)
        return dict(seen)

    def has(self, committed: dict[str, int]) -> bool:
        """Whether every version of every committed item has arrived."""
        seen = self.versions()
        return all(len(seen.get(key, ())) >= version for key, version in committed.items())

    def check(self, committed: dict[str, int]) -> None:
        """Asserts the promise: every version of every committed item, each item's in order, and no silent loss.
        Versions written since `committed` was read may be there, too."""
        seen = self.versions()
        for key, version in committed.items():
            versions = seen.get(key, [])
            assert versions == list(range(1, len(versions) + 1)), f"item {key}: {versions} {self}"
            assert len(versions) >= version, f"item {key} to version {version}: {versions} {self}"
        assert not self.broken, self.broken

    def __str__(self) -> str:
        return (
            f"follower of {self.topic}: {len(self.records)} records, positions {self.positions}, epoch {self.epoch}, "
            f"{len(self.gaps)} gaps, broken {self.broken}, unrecovered {self.unrecovered}, {self.sockets} sockets, "
            f"links {self.links}, errors {self.errors[-3:]}, closed with {self.close_code}"
        )

    def drop(self) -> None:
        """Ends the socket without a word, as a lost network does; the follower then reconnects."""
        if self._connection is not None and self._connection.socket is not None:
            self._connection.socket.transport.abort()

    # How it works.

    async def _run(self) -> None:
        failures = 0
        while True:
            self._retry_ms = None
            try:
                self.sockets += 1
                async with Connection(self.next_url(), token=self.token) as self._connection:
                    await self._welcome()
                    failures = 0
                    await self._follow()
            except ConnectionClosed:
                await self._hear_goodbye()
            except (OSError, TimeoutError, InvalidHandshake):
                failures += 1
            finally:
                self.stream = None
            socket = self._connection.socket if self._connection else None
            self.close_code = socket.close_code if socket else None
            if not self.reconnect or 4500 <= (self.close_code or 0) < 5000:
                return
            await asyncio.sleep(self._backoff(failures))

    def next_url(self) -> str:
        """Where the next socket goes: to the addresses in turn."""
        return self.urls[(self.sockets - 1) % len(self.urls)]

    def _backoff(self, failures: int) -> float:
        """Seconds until the next try: what `goodbye` said, or full jitter."""
        if self._retry_ms is not None:
            return self._retry_ms / 1000 * (1 + random.random())
        return random.random() * min(LAST_BACKOFF, FIRST_BACKOFF * 2.0**failures)

    @property
    def connection(self) -> Connection:
        assert self._connection is not None
        return self._connection

    def cursor(self) -> Frame:
        return {"epoch": self.epoch, "positions": {str(part): offset for part, offset in self.positions.items()}}

    async def _welcome(self) -> None:
        frame = await self.connection.receive()
        if frame["type"] == "goodbye":
            self._goodbye(frame)
            return
        self._expect(frame["type"] == "welcome", "the first frame is no welcome", frame)
        frame = await self.connection.receive()
        if frame["type"] == "goodbye":
            self._goodbye(frame)
        elif frame["type"] == "heartbeat":
            self._heartbeat(frame)
        else:
            self._expect(False, "no heartbeat follows the welcome", frame)

    def _expect(self, holds: bool, what: str, frame: Frame) -> bool:
        """Writes down a frame that breaks the page."""
        if not holds:
            self.broken.append(f"{what}, at {self.positions} of epoch {self.epoch}: {json.dumps(frame)[:SHOWN]}")
        return holds

    async def _subscribe(self) -> None:
        """Subscribes, again and again while the server says that it cannot just now."""
        while True:
            start = {"cursor": self.cursor()} if self.epoch is not None else self.start
            told = {"jumps": self._untold} if self._untold else {}
            self._untold = 0
            await self.connection.send(type="subscribe", id=1, topic=self.topic, start=start, **self.view, **told)
            answer = await self.connection.receive_type("subscribed", "error", "goodbye", "heartbeat")
            while answer["type"] == "heartbeat":
                self._heartbeat(answer)
                answer = await self.connection.receive_type("subscribed", "error", "goodbye", "heartbeat")
            if answer["type"] == "goodbye":
                self._goodbye(answer)
                await self.connection.receive()  # raises ConnectionClosed
            if answer["type"] == "error":
                # Kafka is away, or does not know the topic yet.
                assert answer["code"] in {"unavailable", "unknown_topic"}, answer
                self.errors.append(answer["code"])
                await asyncio.sleep(min(answer.get("retry_after_ms") or 500, 1000) / 1000)
                continue
            self._check_cursor(start, answer)
            if not answer["recovered"]:
                self.unrecovered.append(answer["reason"])
            self._take_cursor(answer["cursor"])
            self.began = dict(self.positions) if self.began is None else self.began
            self.stream = answer["stream"]
            self.begun += 1
            return

    def _check_cursor(self, start: Frame, answer: Frame) -> None:
        """`subscribed` against the start that it answers."""
        given, begun = start.get("cursor"), answer["cursor"]
        if not answer["recovered"]:
            self._expect(answer["reason"] in CUT_REASONS, "a cursor is refused for no known reason", answer)
            self._expect(given is not None, "a start without a cursor is not recovered", answer)
        elif given is not None:
            honoured = {part: given["positions"].get(part, 0) for part in begun["positions"]}
            same = begun == {"epoch": given["epoch"], "positions": honoured}
            self._expect(same, f"recovered is true, and the cursor was {given}", answer)

    def _take_cursor(self, cursor: Frame) -> None:
        self.epoch = cursor["epoch"]
        self.positions = {int(part): offset for part, offset in cursor["positions"].items()}
        self._moved.clear()

    async def _follow(self) -> None:
        self._acked_at, self._acked_size = time.monotonic(), 0
        await self._subscribe()
        while True:
            left = self._acked_at + ACK_SECONDS - time.monotonic()
            try:
                frame = await self.connection.receive(max(left, 0.01) if self._moved else 120)
            except TimeoutError:
                assert self._moved, "no frame for 120 s, not even a heartbeat"
                await self._ack()
                continue
            await self._take(frame)
            size = self.connection.received - self._acked_size
            if self._moved and (size >= ACK_BYTES or time.monotonic() - self._acked_at >= ACK_SECONDS):
                await self._ack()

    async def _ack(self) -> None:
        positions = {str(part): self.positions[part] for part in self._moved}
        await self.connection.send(type="ack", stream=self.stream, positions=positions)
        self._moved.clear()
        self._acked_at, self._acked_size = time.monotonic(), self.connection.received

    async def _take(self, frame: Frame) -> None:
        kind = frame["type"]
        if kind == "heartbeat":
            self._heartbeat(frame)
            await (self._ack() if self._moved else self.connection.send(type="ack"))
        elif kind == "goodbye":
            self._goodbye(frame)
        elif kind == "error":
            raise AssertionError(f"{frame} {self}")
        elif kind in {"records", "gap", "reset", "unsubscribed"} and self._expect(
            frame["stream"] == self.stream, f"the only stream is {self.stream}", frame
        ):
            await self._take_from_stream(kind, frame)

    async def _take_from_stream(self, kind: str, frame: Frame) -> None:
        if kind == "records":
            for part in frame["ranges"]:
                if not self._apply(part):
                    await self._resubscribe()
                    return
        elif kind == "gap":
            self._step_over(frame)
        elif kind == "reset":
            self.resets.append(frame)
            new = frame["reason"] == "epoch" and frame["cursor"]["epoch"] != self.epoch
            self._expect(new, "a reset without a new life", frame)
            self._take_cursor(frame["cursor"])
        elif kind == "unsubscribed":
            self.stream = None
            await self._subscribe()

    def _step_over(self, gap: Frame) -> None:
        self.gaps.append(gap)
        self._expect(gap["reason"] in GAP_REASONS, "a gap of no known reason", gap)
        for part in gap["ranges"]:
            number, mine = part["partition"], self.positions.get(part["partition"], 0)
            self._expect(part["from"] == mine and part["to"] >= mine, f"partition {number}: a gap not from {mine}", gap)
            self.positions[number] = part["to"]
            self._moved.add(number)

    def keep(self, partition: int, record: Frame) -> None:
        """What becomes of each record, in the order applied."""
        self.records.append((partition, record))

    def passed(self, partition: int, start: int, end: int) -> None:
        """Called behind each range that was applied: its records, from where the client was, have been kept."""

    def _apply(self, part: Frame) -> bool:
        """The table of the protocol. False: something was lost."""
        number, mine = part["partition"], self.positions.get(part["partition"], 0)
        if part["to"] <= mine:
            self.duplicates += 1
            return True
        if part["from"] > mine:
            self.jumps += 1
            self._untold += 1
            return self._expect(False, f"a jump of partition {number} from {mine} to {part['from']}", part)
        offsets = [record["offset"] for record in part["records"]]
        self._expect(offsets == sorted(set(offsets)), "records out of order", part)
        self._expect(all(part["from"] <= offset < part["to"] for offset in offsets), "records beside their range", part)
        for record in part["records"]:
            if record["offset"] >= mine:
                self.keep(number, record)
        self.positions[number] = part["to"]
        self._moved.add(number)
        self.passed(number, mine, part["to"])
        return True

    async def _resubscribe(self) -> None:
        await self.connection.send(type="unsubscribe", stream=self.stream)
        await self.connection.receive_type("unsubscribed")
        self.stream = None
        await self._subscribe()

    def _heartbeat(self, frame: Frame) -> None:
        if not self.links or self.links[-1] != frame["link"]:
            self.links.append(frame["link"])
        self.waiting = frame["waiting"]

    async def _hear_goodbye(self) -> None:
        """One that came right behind a frame that could not be answered any more."""
        if self._connection is None:
            return  # the first one was lost before it could send its handshake
        with contextlib.suppress(ConnectionClosed):
            while True:
                frame = await self.connection.receive()
                if frame["type"] == "goodbye":
                    self._goodbye(frame)

    def _goodbye(self, frame: Frame) -> None:
        self.goodbyes.append(frame)
        self._retry_ms = frame["retry_after_ms"]
