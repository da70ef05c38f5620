"""The load client: thousands of WebSockets in one process, so cheap that it is not what is measured.

It frames and parses WebSocket itself. What arrives byte for byte as it did at another socket is parsed once. It speaks
`streamboard` (docs/protocol.md: acks, heartbeats, positions compared), `centrifuge` (its JSON protocol) and `plain`
(reads only). Commands are lines of JSON on standard input, each answered by one: see `Client.handle`.
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import re
import resource
import sys
import time
from typing import Any

import orjson
import uvloop

ACK_BYTES = 256 * 1024  # docs/protocol.md, `ack`
ACK_S = 2.0
SAMPLE = 16  # of so many frames one is looked at for its latencies
TOLD = 10  # of the frames that broke the protocol
AT_ONCE = 100  # handshakes under way, unless told otherwise
FILTERS = 64  # of one pool at most
READY_S = 30.0  # for one of them to be ready, unless told otherwise
SENT = re.compile(rb'"sent":(\d+)')

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


def framed(payload: bytes, opcode: int = TEXT) -> bytes:
    """A client's frame: masked, with a mask of zeros, which leaves the payload as it is."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return bytes([0x80 | opcode]) + length + b"\0\0\0\0" + payload


class Parsed:
    """What bytes hold that begin and end at a frame's border. moves: (partition, from, to) of each range in order."""

    __slots__ = ("_payload", "_times", "control", "data", "frames", "moves", "records")

    def __init__(self, data: bytes, payloads: list[tuple[int, bytes]], kind: str) -> None:
        self.data = data
        self.frames = self.records = 0
        self.moves: list[tuple[int, int, int]] = []
        self.control: list[tuple[int, bytes]] = []
        self._payload = b""
        self._times: list[int] | None = None
        for opcode, payload in payloads:
            count = payload.count(b'"sent":') if opcode == TEXT else 0
            if not count and (opcode != TEXT or kind != "streamboard" or b'"type":"records"' not in payload[:20]):
                self.control.append((opcode, payload))
                continue
            if kind == "centrifuge" and b"{}" in payload.splitlines():  # its ping, in one frame with records
                self.control.append((TEXT, b"{}"))
            self.frames += 1
            self.records += count
            self._payload = payload
            if kind == "streamboard":
                ranges = orjson.loads(payload)["ranges"]
                self.moves += [(part["partition"], part["from"], part["to"]) for part in ranges]

    @property
    def times(self) -> list[int]:
        """When (µs since 1970) the records of the last frame were made."""
        if self._times is None:
            self._times = [int(sent) for sent in SENT.findall(self._payload)]
        return self._times


class Pool:
    """Sockets of one server, with their counters."""

    def __init__(self, kind: str, options: dict[str, Any]) -> None:
        self.kind, self.options = kind, options
        self.sockets: list[Socket] = []
        self.alive = self.ready = self.failed = 0
        self.joined_s = 0.0  # that the last `connect` took
        self.records = self.frames = self.bytes = self.gaps = 0
        self.jumps, self.broken = 0, list[str]()  # of all its time
        self.samples: list[tuple[int, Parsed]] = []
        self.closes: dict[str, int] = {}
        self._seen: dict[int, Parsed] = {}

    def parsed(self, data: bytes, socket: Socket) -> Parsed | None:
        """From the last bytes of the same length and filter when these are equal; None where a frame is cut."""
        shape = len(data) * FILTERS + socket.number % len(self.options.get("filters") or "-")
        known = self._seen.get(shape)
        if known is not None and known.data == data:
            return known
        payloads, end = socket.split(data)
        if end != len(data):
            return None
        made = Parsed(data, payloads, self.kind)
        self._seen[shape] = made
        return made

    def forget(self) -> None:
        """Begins to count anew."""
        self.records = self.frames = self.bytes = self.gaps = 0
        self.samples = []
        if len(self._seen) > 1000:
            self._seen.clear()

    def report(self) -> dict[str, Any]:
        latencies = sorted((at - sent) / 1000 for at, parsed in self.samples for sent in parsed.times)
        at = {f"p{q}": latencies[len(latencies) * q // 100] if latencies else None for q in (50, 99)}
        return {
            "alive": self.alive, "ready": self.ready, "failed": self.failed, "records": self.records,
            "frames": self.frames, "bytes": self.bytes, "gaps": self.gaps,
            "jumps": self.jumps if self.kind == "streamboard" else None, "broken": self.broken,
            "closes": self.closes, "joined_s": self.joined_s, **at,
        }  # fmt: skip


class Socket(asyncio.Protocol):
    """One WebSocket. number: which of its pool; it chooses one of the pool's `filters`."""

    transport: asyncio.Transport

    def __init__(self, pool: Pool, token: str, ready: asyncio.Future[None], number: int = 0) -> None:
        self.pool, self.token, self.ready, self.number = pool, token, ready, number
        self.upgraded = False
        self.rest = b""
        self.positions: dict[int, int] = {}
        self.stream = ""
        self.unacked = random.randrange(ACK_BYTES)  # real clients did not all join at the same byte
        self.acked_at = 0.0
        self.is_open = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        options = self.pool.options
        lines = [
            f"GET {options.get('path', '/ws/live/')} HTTP/1.1", f"Host: 127.0.0.1:{options['port']}",
            "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version: 13",
        ]  # fmt: skip
        if self.pool.kind == "streamboard":
            lines += ["Sec-WebSocket-Protocol: streamboard.v1", f"Authorization: Bearer {self.token}"]
        transport.write("\r\n".join([*lines, "", ""]).encode())

    def data_received(self, data: bytes) -> None:
        if not self.upgraded:
            self._handshake(data)
            return
        if self.rest:
            data = self.rest + data
            self.rest = b""
        parsed = self.pool.parsed(data, self)
        if parsed is None:
            _, end = self.split(data)
            self.rest = data[end:]
            if not end:
                return
            data = data[:end]
            parsed = self.pool.parsed(data, self)
            assert parsed is not None
        if parsed.control:
            for opcode, payload in parsed.control:
                self._control(opcode, payload)
        if parsed.frames:
            self._take(parsed, len(data))

    @staticmethod
    def split(data: bytes) -> tuple[list[tuple[int, bytes]], int]:
        """The whole frames at the beginning of `data`, and where they end."""
        found, place, size = [], 0, len(data)
        while place + 2 <= size:
            length, head = data[place + 1] & 0x7F, 2
            if length == 126:
                length, head = int.from_bytes(data[place + 2 : place + 4], "big"), 4
            elif length == 127:
                length, head = int.from_bytes(data[place + 2 : place + 10], "big"), 10
            if place + head + length > size:
                break
            found.append((data[place] & 0x0F, data[place + head : place + head + length]))
            place += head + length
        return found, place

    def _handshake(self, data: bytes) -> None:
        data = self.rest + data
        head, found, rest = data.partition(b"\r\n\r\n")
        if not found:
            self.rest = data
            return
        if b" 101 " not in head[:20]:
            self.transport.abort()
            return
        self.rest, self.upgraded = b"", True
        self.pool.alive += 1
        self.is_open = True
        if self.pool.kind == "centrifuge":
            asked = {"id": 1, "connect": {"data": {"DelayMs": self.pool.options.get("delay_ms", 0)}}}
            self.transport.write(framed(orjson.dumps(asked)))
        elif self.pool.kind == "plain":
            self._is_ready()
        if rest:
            self.data_received(rest)

    def _is_ready(self) -> None:
        self.pool.ready += 1
        if not self.ready.done():
            self.ready.set_result(None)
        if self.pool.options.get("stalled"):
            self.transport.pause_reading()

    def _take(self, parsed: Parsed, size: int) -> None:
        pool = self.pool
        pool.records += parsed.records
        pool.frames += parsed.frames
        pool.bytes += size
        if pool.frames % SAMPLE < parsed.frames:
            pool.samples.append((time.time_ns() // 1000, parsed))
        if not self.stream:
            return
        positions = self.positions
        for partition, start, end in parsed.moves:
            mine = positions.get(partition, 0)
            if start == mine:
                positions[partition] = end
            else:
                self._step(partition, mine, start, end)
        self.unacked += size
        if self.unacked >= ACK_BYTES or time.monotonic() - self.acked_at >= ACK_S:
            self._ack()

    def _step(self, partition: int, mine: int, start: int, end: int) -> None:
        """A range that does not begin where this client is: a duplicate, or a fault of the server."""
        if start > mine:
            self.pool.jumps += 1
            self.broke(f"partition {partition} jumps from {mine} to {start}")
        self.positions[partition] = max(mine, end)

    def broke(self, how: str) -> None:
        """A frame broke docs/protocol.md: whoever asks for the report hears of it, and fails."""
        if len(self.pool.broken) < TOLD:
            self.pool.broken.append(how)

    def _ack(self) -> None:
        self.unacked, self.acked_at = 0, time.monotonic()
        ends = {str(partition): position for partition, position in self.positions.items()}
        self.transport.write(framed(orjson.dumps({"type": "ack", "stream": self.stream, "positions": ends})))

    def _control(self, opcode: int, payload: bytes) -> None:
        if opcode == PING:
            self.transport.write(framed(payload, PONG))
        elif opcode == CLOSE:
            code = str(int.from_bytes(payload[:2], "big"))
            self.pool.closes[code] = self.pool.closes.get(code, 0) + 1
        elif opcode == TEXT and self.pool.kind == "streamboard":
            self._streamboard(orjson.loads(payload))
        elif opcode == TEXT and self.pool.kind == "centrifuge":
            for line in payload.splitlines():
                self._centrifuge(orjson.loads(line))

    def _streamboard(self, frame: dict[str, Any]) -> None:
        match frame["type"]:
            case "welcome":
                self._subscribe()
            case "subscribed":
                self.stream = frame["stream"]
                self.positions = {int(p): position for p, position in frame["cursor"]["positions"].items()}
                self.acked_at = time.monotonic() - random.random() * ACK_S
                self._is_ready()
            case "heartbeat":
                if self.stream:
                    self._ack()
                else:
                    self.transport.write(framed(b'{"type":"ack"}'))
            case "gap":
                self.pool.gaps += 1
                for part in frame["ranges"]:
                    if part["from"] != (mine := self.positions.get(part["partition"], 0)):
                        self.broke(f"a gap from {part['from']}, at {mine}")
                    self.positions[part["partition"]] = part["to"]
            case "records":
                self.broke("records that this client does not recognise by their beginning")
            case "error" if frame.get("retry_after_ms"):  # the server has just started
                asyncio.get_running_loop().call_later(frame["retry_after_ms"] / 1000, self._subscribe)
            case "error":
                self.transport.abort()

    def _subscribe(self) -> None:
        asked = {"type": "subscribe", "id": 1, "topic": self.pool.options["topic"], "start": {"latest": True}}
        if filters := self.pool.options.get("filters"):
            asked["filter"] = filters[self.number % len(filters)]
        self.transport.write(framed(orjson.dumps(asked)))

    def _centrifuge(self, message: dict[str, Any]) -> None:
        if not message:
            self.transport.write(framed(b"{}"))
        elif "connect" in message:
            self.transport.write(framed(b'{"id":2,"subscribe":{"channel":"bench"}}'))
        elif "subscribe" in message:
            self._is_ready()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.is_open:
            self.is_open = False
            self.pool.alive -= 1
        if not self.ready.done():
            self.ready.set_exception(exc or ConnectionError("closed before it was ready"))


class Client:
    """Carries out commands: `connect`, `forget` (counters), `report`, `close`, each with `pool`."""

    def __init__(self) -> None:
        self._pools: dict[str, Pool] = {}

    async def handle(self, command: dict[str, Any]) -> dict[str, Any]:
        name = command["pool"]
        match command["do"]:
            case "connect":
                pool = self._pools.setdefault(name, Pool(command["kind"], command))
                await self._connect(pool, command)
                gc.collect()
                gc.freeze()
            case "forget":
                self._pools[name].forget()
            case "close":
                pool = self._pools.pop(name)
                for socket in pool.sockets:
                    socket.transport.abort()
                await asyncio.sleep(0.1)
                return pool.report()
        return self._pools[name].report()

    async def _connect(self, pool: Pool, command: dict[str, Any]) -> None:
        loop = asyncio.get_running_loop()
        gate = asyncio.Semaphore(command.get("at_once", AT_ONCE))
        tokens = command.get("tokens") or [""]
        began = time.perf_counter()

        async def one(number: int) -> None:
            async with gate:
                ready: asyncio.Future[None] = loop.create_future()
                try:
                    async with asyncio.timeout(command.get("within", READY_S)):
                        socket = Socket(pool, tokens[number % len(tokens)], ready, number)
                        await loop.create_connection(lambda: socket, "127.0.0.1", command["port"])
                        pool.sockets.append(socket)
                        await ready
                except (OSError, TimeoutError):
                    pool.failed += 1

        await asyncio.gather(*(one(number) for number in range(command["count"])))
        pool.joined_s = time.perf_counter() - began


async def main() -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    client = Client()
    while line := await reader.readline():
        answer = await client.handle(json.loads(line))
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    uvloop.run(main())
