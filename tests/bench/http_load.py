"""The HTTP load client: connections that each send the next request as soon as the last one is answered.

Every POST has a name and a SKU of its own, every PATCH the version that its connection read last. Commands are lines of
JSON on standard input, each answered by one: see `load`.
"""

from __future__ import annotations

import asyncio
import collections
import itertools
import json
import secrets
import sys
import time
from collections.abc import Iterator
from typing import Any

import httptools
import orjson
import uvloop

LATE_S = 30.0  # for an answer, once the measuring is over
GOOD = range(200, 300)
DESCRIPTION = "Three seasons, 2.1 kg. " * 4


def new_item(mark: str, number: int) -> bytes:
    """The body of a POST; no two have the same SKU."""
    return orjson.dumps(
        {
            "name": f"Tent {number}", "description": DESCRIPTION, "price": "249.00", "tax": "39.76",
            "link": f"https://example.com/tents/{number}", "sku": f"{mark}-{number}",
        }
    )  # fmt: skip


class Asked:
    """What one connection asks, one request after the other. options: those of `load`."""

    def __init__(self, mark: str, numbers: Iterator[int], options: dict[str, Any]) -> None:
        self.mark, self.numbers, self.options = mark, numbers, options
        lines = ["Host: 127.0.0.1", *(f"{name}: {value}" for name, value in options.get("headers", {}).items())]
        self.common = "".join(line + "\r\n" for line in lines).encode()

    def next(self) -> bytes:
        raise NotImplementedError

    def answered(self, status: int, headers: dict[bytes, bytes]) -> None:
        """Hears of the answer before `next` is called again."""

    def request(self, method: bytes, path: bytes, body: bytes = b"", headers: bytes = b"") -> bytes:
        told = b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(body) if body else b""
        return b"%b %b HTTP/1.1\r\n%b%b%b\r\n%b" % (method, path, self.common, told, headers, body)


class Get(Asked):
    """GET of the path."""

    def next(self) -> bytes:
        return self.request(b"GET", self.options["path"].encode())


class Create(Asked):
    """POST of a new item."""

    def next(self) -> bytes:
        return self.request(b"POST", self.options["path"].encode(), new_item(self.mark, next(self.numbers)))


class CreateOnce(Asked):
    """POST of a new item with an Idempotency-Key of its own."""

    def next(self) -> bytes:
        number = next(self.numbers)
        key = b"Idempotency-Key: %b-%d\r\n" % (self.mark.encode(), number)
        return self.request(b"POST", self.options["path"].encode(), new_item(self.mark, number), key)


class Change(Create):
    """A new item first, then PATCH of its price with If-Match."""

    def __init__(self, mark: str, numbers: Iterator[int], options: dict[str, Any]) -> None:
        super().__init__(mark, numbers, options)
        self.item = self.version = b""

    def next(self) -> bytes:
        if not self.item:
            return super().next()
        body = b'{"price":"%d.50"}' % (next(self.numbers) % 1_000_000)
        return self.request(b"PATCH", self.item, body, b"If-Match: %b\r\n" % self.version)

    def answered(self, status: int, headers: dict[bytes, bytes]) -> None:
        self.version = headers.get(b"etag", self.version)
        self.item = self.item or headers.get(b"location", b"")


KINDS: dict[str, type[Asked]] = {"get": Get, "create": Create, "create once": CreateOnce, "change": Change}


class Seen:
    """The answers of the time that counts. latencies: in seconds, of the good ones."""

    def __init__(self) -> None:
        self.began = self.ends = float("inf")
        self.latencies: list[float] = []
        self.statuses: collections.Counter[str] = collections.Counter()

    def note(self, sent: float, status: str, *, good: bool) -> None:
        now = time.perf_counter()
        if self.began <= now < self.ends:
            self.statuses[status] += 1
            if good:
                self.latencies.append(now - sent)

    def report(self) -> dict[str, Any]:
        """rate: good answers a second. bad: how many others there were, by status or by what happened."""
        ordered = sorted(self.latencies)
        at = {f"p{q}": 1000 * ordered[len(ordered) * q // 100] if ordered else None for q in (50, 99)}
        bad = {status: count for status, count in self.statuses.items() if not _is_good(status)}
        return {"rate": len(ordered) / (self.ends - self.began), "bad": bad, **at}


def _is_good(status: str) -> bool:
    return status.isdecimal() and int(status) in GOOD


class Connection(asyncio.Protocol):
    """One connection; it connects again when the server ends it."""

    transport: asyncio.Transport

    def __init__(self, asked: Asked, seen: Seen) -> None:
        self.asked, self.seen = asked, seen
        self.sent = 0.0
        self.waits = False  # for an answer
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.parser = httptools.HttpResponseParser(self)
        self.headers: dict[bytes, bytes] = {}
        self._send()

    def _send(self) -> None:
        if time.perf_counter() >= self.seen.ends:
            self.transport.close()
            return
        request = self.asked.next()
        self.sent, self.waits = time.perf_counter(), True
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.lower()] = value

    def on_message_complete(self) -> None:
        status = self.parser.get_status_code()
        self.waits = False
        self.seen.note(self.sent, str(status), good=status in GOOD)
        self.asked.answered(status, self.headers)
        self.headers = {}
        if self.parser.should_keep_alive():
            self._send()
        else:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.waits:
            self.seen.note(self.sent, "connection lost", good=False)
        self.closed.set_result(None)


async def load(command: dict[str, Any]) -> dict[str, Any]:
    """Keeps a server busy: `kind` (of KINDS), `port`, `path`, `headers`, `connections`; for `warm` seconds nothing is
    counted, then `seconds` are."""
    loop = asyncio.get_running_loop()
    seen, numbers, mark = Seen(), itertools.count(1), secrets.token_hex(6)

    async def one() -> None:
        asked = KINDS[command["kind"]](mark, numbers, command)
        while time.perf_counter() < seen.ends:
            _, connection = await loop.create_connection(lambda: Connection(asked, seen), "127.0.0.1", command["port"])
            await connection.closed

    running = [asyncio.create_task(one()) for _ in range(command["connections"])]
    await asyncio.sleep(command["warm"])
    seen.began = time.perf_counter()
    seen.ends = seen.began + command["seconds"]
    _, late = await asyncio.wait(running, timeout=command["seconds"] + LATE_S)
    for task in late:
        task.cancel()
    answer = seen.report()
    if late:
        answer["bad"]["no answer"] = len(late)
    failed = [error for task in running if task not in late and (error := task.exception())]
    if failed:
        answer["bad"][f"not connected ({failed[0]})"] = len(failed)
    return answer


async def main() -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        sys.stdout.write(json.dumps(await load(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(main())
