"""A second client of the live protocol, written from docs/protocol.md alone. It shares no code with
tests/support/client.py, not even a library: it frames WebSocket (RFC 6455) itself (tests/faults/websocket.py). And it
believes nothing: it holds every frame against that page (tests/faults/frames.py), and what breaks the page is a fault
of the server, whether the client can mend it or not.

Cheap enough for a hundred of them in one process: what many are sent byte for byte the same is decoded once.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from tests.faults.findings import Findings
from tests.faults.frames import Broken, Message, Part, decoded, is_offset, need
from tests.faults.living import Living
from tests.faults.truth import Account, Positions, TooOld, Truth, Wanted, total
from tests.faults.websocket import Wire

# From docs/protocol.md.
ACK_BYTES, ACK_SECONDS = 256 * 1024, 2.0
ANSWER_SECONDS = 10.0  # of `subscribed`
HEARTBEAT_SPREAD = 1.2
BACKOFF = (0.5, 20.0)  # s
LINKS = {"live", "catching_up", "down"}
CODES = {4001, 4002, 4003, 4008, 4009, 4013, 4500, 4501, 4503, 4504}
SLOW, SILENT, SERVER_ERROR, FINAL = 4008, 4009, 4002, 4500
GAP_REASONS = {"retention", "slow", "limit", "unavailable"}
LAST_STOPPED = {"enough", "beginning", "bound"}

LATE_SECONDS = 10.0  # of a machine that is loaded, beyond what the page allows
CONNECT_SECONDS = 20.0
SHOWN = 400  # characters of a frame that is told


class Witness(Living):
    """Follows the numbered topic from `start`, or what a filter means of it, and checks every frame.

    wanted: the filter. urls: of the web processes; each socket goes to one of them. halted: for a moment (monotonic, s)
    how many seconds since then a web process may have been stopped on purpose, which bounds of time then allow for.
    positions: what it has. following: whether its stream has begun. sockets: how many it has opened.
    """

    def __init__(
        self, name: str, urls: list[str], token: str, start: Message, *, truth: Truth, findings: Findings,
        halted: Callable[[float], float] = lambda since: 0.0, reconnect: bool = True, wanted: Wanted | None = None,
    ) -> None:  # fmt: skip
        self.name, self.urls, self.token, self.start, self.wanted = name, urls, token, start, wanted
        self.truth, self.findings, self.halted, self.reconnect = truth, findings, halted, reconnect
        self.account = Account()
        self.positions: Positions = {}
        self.epoch: str | None = None
        self.following = False
        self.sockets = self.begun = 0
        self._wire: Wire | None = None
        self._state = "away"  # welcome, greeted, asked, following, leaving, farewell
        self._number = 0  # of the last `subscribe`
        self._untold = 0  # jumps that the server has not heard of
        self._asked: Message = {}  # its start
        self._asked_at = 0.0
        self._asked_ends: Positions = {}  # what the truth had read when it was sent
        self._stream = ""
        self._reads = wanted  # the filter of the stream that was asked for last
        self._heartbeat_seconds = 25.0
        self._farewell: Message | None = None
        self._moved: set[int] = set()
        self._acked_at = self._sent_at = 0.0
        self._acked_size = 0
        self._told_late = False
        self._frame = b""
        self._refusals = 0  # of `subscribe` on this socket
        self._refusal = ""  # the last of them

    def __str__(self) -> str:
        refused = f", refused {self._refusals} times: {self._refusal}" if self._state == "asked" else ""
        chosen = f" of {self._reads}" if self._reads is not None else ""
        return f"{self.name}{chosen} at {self.positions} ({self._state}, {self.sockets} sockets{refused})"

    @property
    def is_connected(self) -> bool:
        """Whether it has a socket, on which the server owes it a word."""
        return self._wire is not None

    def drop(self) -> None:
        """Ends the socket without a word."""
        if self._wire is not None:
            self._wire.abort()

    def change(self, wanted: Wanted | None) -> None:
        """Has another filter, or none, from its next stream on, which begins where the one under way ends: now, or when
        it is back."""
        self.wanted = wanted
        if self._wire is not None and self._state == "following":
            self._unsubscribe()

    def leave(self) -> None:
        """Ends the stream, then the socket, and does not come back."""
        self.reconnect = False
        if self._wire is not None and self._state == "following":
            self._unsubscribe()
        elif self._wire is not None:
            self._wire.close()

    def look(self) -> None:
        """To be called every second: acks what is due, and looks whether the server is late. Settles the account."""
        self.account.settle(self.truth)
        for text in self.account.wrong:
            self.findings.break_("wrong", f"{self.name}: {text}")
        self.account.wrong.clear()
        wire, now = self._wire, time.monotonic()
        if wire is None:
            return
        if self._moved and now - self._acked_at >= ACK_SECONDS:
            self._ack()
        bound = self._heartbeat_seconds * HEARTBEAT_SPREAD + LATE_SECONDS
        self._is_in_time(wire.heard_at, bound, "nothing, not even a heartbeat")
        if self._state == "asked":
            self._is_in_time(self._asked_at, ANSWER_SECONDS + LATE_SECONDS, "no answer to subscribe")

    def _is_in_time(self, since: float, bound: float, what: str) -> None:
        waited = time.monotonic() - since
        if waited > bound and waited - self.halted(since) > bound and not self._told_late:
            self._told_late = True
            self._break("late", f"{what} for {waited:.1f} s")

    def _break(self, kind: str, text: str) -> None:
        shown = self._frame[:SHOWN].decode(errors="replace")
        self.findings.break_(kind, f"{self}: {text}; the frame: {shown}")

    # Its life ---------------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        failures = 0
        while True:
            self._farewell = None
            try:
                wire = await self._connect()
                if wire is None:
                    failures += 1
                    self.findings.refused += 1
                else:
                    failures = 0
                    self._say_how_it_ended(await wire.ended)
            finally:
                # However it ended: on a socket that is left nobody waits for a word, to find the server late.
                if self._wire is not None:
                    self._wire.abort()
                self._wire, self._state, self.following = None, "away", False
            if not self.reconnect:
                return
            await asyncio.sleep(self._backoff(failures))

    def _backoff(self, failures: int) -> float:
        if self._farewell is not None:
            return float(self._farewell["retry_after_ms"]) / 1000 * random.uniform(1, 2)
        return random.uniform(0, min(BACKOFF[1], BACKOFF[0] * 2.0**failures))

    async def _connect(self) -> Wire | None:
        url = urlsplit(random.choice(self.urls))
        assert url.hostname is not None
        assert url.port is not None
        host, port = url.hostname, url.port
        head = ["GET /ws/live/ HTTP/1.1", f"Host: {url.netloc}", f"Authorization: Bearer {self.token}"]
        self.sockets += 1
        self._state, self._told_late, self._frame = "welcome", False, b""
        self._refusals, self._refusal = 0, ""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                # On a busy machine all of the server's greeting is here before this returns: it needs the wire by then.
                _, wire = await asyncio.get_running_loop().create_connection(
                    lambda: Wire(head, self._hold, self._take, lambda text: self._break("framing", text)), host, port
                )
                status = await wire.opened
        except (OSError, TimeoutError):
            status = 0
        if status == 101:
            return wire
        if 0 < status < 500:
            self._break("refused", f"the handshake was answered with {status}")
        return None

    def _hold(self, wire: Wire) -> None:
        self._wire = wire

    def _say_how_it_ended(self, code: int | None) -> None:
        """The close code against the goodbye before it."""
        if code is None or code < 4000:
            return  # a network that went, a process that was killed, or what is not listed
        if self._farewell is None or self._farewell["code"] != code:
            self._break("goodbye", f"closed with {code} after the goodbye {self._farewell}")
        if code == SILENT and time.monotonic() - self._sent_at > 2 * self._heartbeat_seconds:
            return
        if code >= FINAL or code in {SLOW, SILENT} or (code == SERVER_ERROR and self.begun and self.following):
            self._break("sent away", f"closed with {code}")
        elif not self.following:
            self.findings.refused += 1

    # What it says -----------------------------------------------------------------------------------------------------

    def _send(self, **message: Any) -> None:
        assert self._wire is not None
        self._sent_at = time.monotonic()
        self._wire.send(json.dumps(message).encode())

    def _subscribe(self) -> None:
        if self.epoch is None:
            self._asked = self.start
        else:
            positions = {str(partition): position for partition, position in self.positions.items()}
            self._asked = {"cursor": {"epoch": self.epoch, "positions": positions}}
        self._number += 1
        self._reads = self.wanted
        self._state, self._asked_at, self._asked_ends = "asked", time.monotonic(), self.truth.ends
        more: Message = {"jumps": self._untold} if self._untold else {}
        if self._reads is not None:
            more |= self._reads.asked
        self._untold = 0
        self._send(type="subscribe", id=self._number, topic=self.truth.topic, start=self._asked, **more)

    def _subscribe_again(self, wire: Wire) -> None:
        if self._wire is wire and self._state == "asked":
            self._subscribe()

    def _unsubscribe(self) -> None:
        self._state, self.following = "leaving", False
        self._send(type="unsubscribe", stream=self._stream)

    def _ack(self) -> None:
        positions = {str(partition): self.positions[partition] for partition in self._moved}
        self._send(type="ack", stream=self._stream, positions=positions)
        self._moved.clear()
        self._acked_at = time.monotonic()
        self._acked_size = self._wire.received if self._wire is not None else 0

    # What it is sent --------------------------------------------------------------------------------------------------

    def _take(self, payload: bytes) -> None:
        self._frame = payload
        try:
            message, parts = decoded(payload)
            if self._farewell is not None:
                raise Broken("something follows a goodbye")
            kind = message["type"]
            if self._state == "welcome" and kind not in {"welcome", "goodbye"}:
                raise Broken("the first frame is no welcome")
            if self._state == "greeted" and kind not in {"heartbeat", "goodbye"}:
                raise Broken("no heartbeat follows the welcome")
            take = self._kinds.get(kind)
            if take is not None:
                take(self, message, parts)
        except Broken as error:
            self._break("frame", str(error))
        except Exception as error:  # noqa: BLE001  (a frame of another shape than the page's ends here)
            self._break("frame", repr(error))

    def _welcome(self, message: Message, _: tuple[Part, ...]) -> None:
        need(
            message, connection=str, user=str, server_time=int, heartbeat_seconds=(int, float), limits=dict, topics=list
        )
        need(message["limits"], streams=int, frame_bytes=int)
        if self._state != "welcome":
            raise Broken("a second welcome")
        if self.truth.topic not in {topic["name"] for topic in message["topics"]}:
            raise Broken("a welcome without the topic")
        self._heartbeat_seconds = message["heartbeat_seconds"]
        self._state = "greeted"

    def _heartbeat(self, message: Message, _: tuple[Part, ...]) -> None:
        need(message, server_time=int, link=str, since=int, waiting=(int, type(None)))
        if message["link"] not in LINKS:
            raise Broken("a link of no known state")
        if self._state == "following":
            self._ack()
        else:
            self._send(type="ack")
        if self._state == "greeted":
            self._subscribe()

    def _subscribed(self, message: Message, _: tuple[Part, ...]) -> None:
        need(message, id=int, stream=str, topic=str, cursor=dict, recovered=bool)
        need(message["cursor"], epoch=str, positions=dict)
        if self._state != "asked" or message["id"] != self._number or message["topic"] != self.truth.topic:
            raise Broken(f"subscribed, where {self._number} was asked for and the state is {self._state}")
        epoch = message["cursor"]["epoch"]
        positions = {int(partition): position for partition, position in message["cursor"]["positions"].items()}
        self._state, self._stream, self._moved = "following", message["stream"], set()
        self._acked_at, self._acked_size = time.monotonic(), self._wire.received if self._wire is not None else 0
        self.following = True
        self.begun += 1
        self.findings.streams += 1
        self.findings.filtered["streams"] += self._reads is not None
        self.findings.joins += not self.reconnect
        was, self.positions, self.epoch = (self.epoch, self.positions), positions, epoch
        self._check_name(message)
        self._check_beginning(message, was, epoch, positions)

    def _check_name(self, message: Message) -> None:
        """The stream's name and its filter as the server writes it: the same for all who want the same."""
        stream, written = message["stream"], message.get("filter")
        if self._reads is None:
            if stream != self.truth.topic or written is not None:
                raise Broken(f"the stream of all records is {stream} with the filter {written}")
            return
        told = {name: message.get(name) for name in ("filter", "value_format", "key_format") if name in message}
        if told.keys() != self._reads.asked.keys() or told.get("value_format", "") != self._reads.form:
            raise Broken(f"{self._reads} is told as {told}")
        now = (str(written), stream)
        known = self.findings.names.setdefault(str(self._reads), now)
        if not stream.startswith(f"{self.truth.topic}?") or known != now:
            raise Broken(f"{self._reads} is {now}, and was {known}")

    def _check_beginning(
        self, message: Message, was: tuple[str | None, Positions], epoch: str, positions: Positions
    ) -> None:
        """The cursor of `subscribed` against the start that was asked for. Nothing is taken away in these runs."""
        if not message["recovered"] or message.get("reason") is not None:
            raise Broken(f"a cursor is not honoured though all is there: {message.get('reason')}")
        if set(positions) != set(range(self.truth.partitions)) or not all(map(is_offset, positions.values())):
            raise Broken("subscribed does not name every partition")
        if was[0] not in (None, epoch):
            raise Broken(f"another epoch than {was[0]}")
        ends = self._asked_ends
        match self._asked:
            case {"cursor": cursor}:
                given = {partition: cursor["positions"].get(str(partition), 0) for partition in positions}
                if positions != given or epoch != cursor["epoch"]:
                    raise Broken(f"the cursor was {cursor}")
            case {"latest": True}:
                if any(positions[partition] < end for partition, end in ends.items()):
                    raise Broken(f"latest begins before the ends {ends}")
            case {"last": count}:
                self._check_last(message, count, ends, positions)
            case {"timestamp": timestamp}:
                self._check_timestamp(timestamp, ends, positions)

    def _check_last(self, message: Message, count: int, ends: Positions, positions: Positions) -> None:
        """ends: up to there at least Kafka had records when it was asked."""
        need(message, last=dict)
        need(message["last"], records=int, stopped=str)
        told, stopped = message["last"]["records"], message["last"]["stopped"]
        wanted = self._reads
        held = sum(self._held(number, at, ends[number]) for number, at in positions.items() if at < ends[number])
        if stopped not in LAST_STOPPED or told > count or (stopped == "enough" and told < count):
            raise Broken(f"of the last {count} {message['last']}")
        if held > told:
            raise Broken(f"{held} records instead of the last {told} of {ends}")
        if stopped == "beginning" and any(self._held(number, 0, at) for number, at in positions.items()):
            raise Broken(f"{'records' if wanted is None else wanted} before the beginning")

    def _held(self, partition: int, start: int, end: int) -> int:
        """How many records of its stream the truth has there; 0 where it cannot tell."""
        try:
            held = self.truth.between(partition, start, end, self._reads)
        except TooOld:
            return 0
        return 0 if held is None else held[0]

    def _check_timestamp(self, timestamp: int, ends: Positions, positions: Positions) -> None:
        for partition, first in self.truth.first_at(timestamp).items():
            # Where the truth has read no record that is young enough, it may not have read far enough.
            if first is not None and first < ends[partition] and positions[partition] != first:
                raise Broken(f"partition {partition}: the first one not older than {timestamp} is {first}")

    def _records(self, message: Message, parts: tuple[Part, ...]) -> None:
        if self._state == "leaving":
            return
        if self._state != "following" or message["stream"] != self._stream:
            raise Broken(f"records of the stream {message['stream']} in the state {self._state}")
        for part in parts:
            if not self._apply(part):
                self._unsubscribe()
                return
        wire = self._wire
        if wire is not None and (
            wire.received - self._acked_size >= ACK_BYTES or time.monotonic() - self._acked_at >= ACK_SECONDS
        ):
            self._ack()

    def _apply(self, part: Part) -> bool:
        """What a client does with a range. False: something was lost."""
        if not part.forms <= {"" if self._reads is None else self._reads.form}:
            raise Broken(f"records of {self._reads or 'all'} by {set(part.forms)}")
        mine = self.positions.get(part.partition, 0)
        if part.start > mine:
            self._untold += 1
            self._break("jump", f"partition {part.partition} from {mine} to {part.start}")
            return False
        records, sum_ = part.records, part.total
        if part.start < mine:
            self.findings.duplicates += 1
            if part.end <= mine:
                return True
            records = tuple(record for record in records if record[0] >= mine)
            sum_ = total(mark for _, mark in records)
        self.account.give(part.partition, mine, part.end, len(records), sum_, wanted=self._reads)
        self.findings.deliveries += len(records)
        if self._reads is not None:
            self.findings.filtered["deliveries"] += len(records)
        self.positions[part.partition] = part.end
        self._moved.add(part.partition)
        return True

    def _gap(self, message: Message, _: tuple[Part, ...]) -> None:
        need(message, stream=str, ranges=list, reason=str)
        if self._state == "leaving":
            return
        for part in message["ranges"]:
            need(part, partition=int, **{"from": int, "to": int})
            mine = self.positions.get(part["partition"], 0)
            if part["from"] != mine or part["to"] < mine:
                raise Broken(f"a gap that does not begin at {mine}")
            self.positions[part["partition"]] = part["to"]
            self._moved.add(part["partition"])
        if message["reason"] not in GAP_REASONS:
            raise Broken("a gap of no known reason")
        self._break("gap", "though Kafka has everything and this client is quick")

    def _reset(self, message: Message, _: tuple[Part, ...]) -> None:
        need(message, stream=str, reason=str, cursor=dict)
        self.epoch = message["cursor"]["epoch"]
        self.positions = {int(partition): at for partition, at in message["cursor"]["positions"].items()}
        self._break("reset", "though the topic has one life")

    def _unsubscribed(self, message: Message, _: tuple[Part, ...]) -> None:
        need(message, stream=str, reason=str)
        if self._state != "leaving" or message["reason"] != "asked":
            self._break("ended", f"unsubscribed in the state {self._state}")
        self.following = False
        if self.reconnect:
            self._subscribe()
        elif self._wire is not None:
            self._wire.close()

    def _stats(self, message: Message, _: tuple[Part, ...]) -> None:
        need(message, stream=str, second=int, records=int, bytes=int)
        if self._state == "leaving" or self._reads is None or not self._reads.text:
            return
        if message["stream"] != self._stream:
            raise Broken(f"stats of the stream {message['stream']}")
        need(message, matched=int, failed=int, unchecked=int)
        if message["failed"] or message["unchecked"] or message["matched"] < 0:
            raise Broken(f"{self._reads} can be asked of each number")

    def _error(self, message: Message, _: tuple[Part, ...]) -> None:
        need(message, code=str, message=str)
        if self._state != "asked" or message.get("id") != self._number:
            raise Broken("an error that nobody asked for")
        if message["code"] not in {"unavailable", "unknown_topic"}:
            raise Broken("refused, what is right")
        self.findings.refused += 1
        self._refusals += 1
        self._refusal = message["message"]
        self._asked_at = time.monotonic()
        wait = (message.get("retry_after_ms") or 500) / 1000
        if self._wire is not None:
            asyncio.get_running_loop().call_later(wait, self._subscribe_again, self._wire)

    def _goodbye(self, message: Message, _: tuple[Part, ...]) -> None:
        need(message, code=int, reason=str, retry_after_ms=int)
        if message["code"] not in CODES:
            raise Broken("a goodbye with no known code")
        self._farewell = message

    _kinds = {
        "welcome": _welcome, "heartbeat": _heartbeat, "subscribed": _subscribed, "records": _records, "gap": _gap,
        "reset": _reset, "unsubscribed": _unsubscribed, "stats": _stats, "error": _error, "goodbye": _goodbye,
    }  # fmt: skip
