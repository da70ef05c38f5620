"""The clients that watch the product, against a server that breaks docs/protocol.md on purpose: each of them holds it
against the server, also where a client can mend it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
import uvloop
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from tests.bench import load
from tests.faults.truth import Truth
from tests.faults.witness import MAGIC, Findings, Witness
from tests.support.client import Follower
from tests.support.waiting import until

Frame = dict[str, Any]
SILENT_SECONDS = 5.0  # a client that has said nothing for so long has nothing to say
TOPIC = "numbers"
CURSOR = {"epoch": "e", "positions": {"0": 5}}
WELCOME = {
    "type": "welcome", "connection": "c", "user": "ada", "server_time": 1, "heartbeat_seconds": 25,
    "limits": {"streams": 16, "frame_bytes": 65536}, "topics": [{"name": TOPIC, "label": TOPIC}],
}  # fmt: skip
HEARTBEAT = {"type": "heartbeat", "server_time": 1, "link": "live", "since": 1, "waiting": 0}


def records(start: int, end: int, *offsets: int, stream: str = TOPIC) -> Frame:
    found: list[Frame] = [
        {"offset": each, "timestamp": 1, "key": None, "headers": {}, "size": len(str(each)), "encoding": "json",
         "value": each}
        for each in offsets or range(start, end)
    ]  # fmt: skip
    return {
        "type": "records",
        "stream": stream,
        "ranges": [{"partition": 0, "from": start, "to": end, "records": found}],
    }


def gap(start: int, end: int) -> Frame:
    ranges = [{"partition": 0, "from": start, "to": end}]
    return {"type": "gap", "stream": TOPIC, "ranges": ranges, "reason": "retention"}


class Script:
    """A server that answers each `subscribe` with the next of `answers`, the last of them for ever."""

    def __init__(self, *answers: list[Frame], cursor: Frame | None = None) -> None:
        self.answers, self.cursor = list(answers), cursor
        self.heard: list[Frame] = []
        self.url = ""
        self.port = 0

    @property
    def subscribes(self) -> int:
        return sum(frame["type"] == "subscribe" for frame in self.heard)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[Script]:
        async with serve(self._serve, "127.0.0.1", 0, subprotocols=["streamboard.v1"]) as server:  # type: ignore[list-item]  # a NewType of str
            self.port = next(iter(server.sockets)).getsockname()[1]
            self.url = f"http://127.0.0.1:{self.port}"
            yield self

    async def _serve(self, peer: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            for frame in (WELCOME, HEARTBEAT):
                await peer.send(json.dumps(frame, separators=(",", ":")))
            async for text in peer:
                request = json.loads(text)
                self.heard.append(request)
                for frame in self._answers(request):
                    await peer.send(json.dumps(frame, separators=(",", ":")))

    def _answers(self, request: Frame) -> list[Frame]:
        if request["type"] == "unsubscribe":
            return [{"type": "unsubscribed", "stream": TOPIC, "reason": "asked"}]
        if request["type"] != "subscribe":
            return []
        cursor = self.cursor or request["start"].get("cursor") or CURSOR
        begun = {
            "type": "subscribed", "id": request["id"], "stream": TOPIC, "topic": TOPIC, "cursor": cursor,
            "recovered": True, "reason": None,
        }  # fmt: skip
        frames = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [begun, *frames]


class Nothing(Truth):
    """A truth that has read nothing yet."""

    def __init__(self) -> None:
        super().__init__("127.0.0.1:1", TOPIC, 1)


async def follower_finds(script: Script, subscribes: int = 1) -> list[str]:
    start = {"cursor": CURSOR} if script.cursor else None
    follower = Follower(script.url, "token", TOPIC, start)
    with pytest.raises(AssertionError, match=r"break docs/protocol\.md"):
        async with follower:
            await follower.until(
                lambda: follower.broken and follower.positions and script.subscribes >= subscribes,
                f"it is found, and the {subscribes} subscribes are sent",
            )
    return follower.broken


async def witness_finds(script: Script, subscribes: int = 1) -> list[str]:
    findings = Findings()
    start = {"cursor": CURSOR} if script.cursor else {"latest": True}
    async with Witness("w", [script.url], "token", start, truth=Nothing(), findings=findings):
        await until(
            lambda: findings.broken.total() and script.subscribes >= subscribes,
            f"it is found, and the {subscribes} subscribes are sent",
        )
    return findings.told


async def load_client_finds(script: Script) -> list[str]:
    client, command = (
        load.Client(),
        {"pool": "p", "kind": "streamboard", "port": script.port, "topic": TOPIC, "count": 1},
    )
    await client.handle({"do": "connect", **command})

    async def broken() -> list[str]:
        return list((await client.handle({"do": "report", "pool": "p"}))["broken"])

    found = await until(broken, "it is found")
    await client.handle({"do": "close", "pool": "p"})
    return found


PLANTED: dict[str, tuple[str, list[Frame]]] = {
    "a jump": ("jump", [records(5, 7), records(8, 9)]),
    "a gap that begins elsewhere": ("gap", [records(5, 7), gap(9, 12)]),
    "a gap that covers another range": ("jump", [gap(5, 7), records(8, 9)]),
    "records out of order": ("order|offset", [records(5, 9, 7, 6)]),
    "records beside their range": ("beside|offset", [records(5, 6, 8)]),
    "a stream that is not there": ("stream", [records(5, 6, stream="another")]),
    "a reset without a new life": ("reset", [{"type": "reset", "stream": TOPIC, "reason": "epoch", "cursor": CURSOR}]),
}
FINDERS: dict[str, Callable[..., Coroutine[Any, Any, list[str]]]] = {
    "follower": follower_finds, "witness": witness_finds,
}  # fmt: skip


@pytest.mark.parametrize("finder", FINDERS)
@pytest.mark.parametrize("planted", PLANTED)
async def test_a_frame_that_breaks_the_page_is_held_against_the_server(planted: str, finder: str) -> None:
    words, frames = PLANTED[planted]
    async with Script(frames, []).serving() as script:
        told = await FINDERS[finder](script)
    assert any(word in text for text in told for word in words.split("|")), told


@pytest.mark.parametrize("finder", FINDERS)
async def test_a_cursor_that_is_changed_without_a_word_is_held_against_the_server(finder: str) -> None:
    async with Script([], cursor={"epoch": "e", "positions": {"0": 9}}).serving() as script:
        assert "cursor" in (await FINDERS[finder](script))[0]


@pytest.mark.parametrize("planted", ["a jump", "a gap that begins elsewhere", "a gap that covers another range"])
async def test_the_load_client_finds_what_moves_positions_wrongly(planted: str) -> None:
    words, frames = PLANTED[planted]
    async with Script(frames, []).serving() as script:
        assert words in (await load_client_finds(script))[0]


@pytest.mark.parametrize("finder", FINDERS)
async def test_a_jump_is_mended_with_the_cursor_told_to_the_server_and_counts_all_the_same(finder: str) -> None:
    async with Script([records(5, 7), records(8, 9)], [records(7, 9)]).serving() as script:
        assert len(await FINDERS[finder](script, subscribes=2)) == 1
    again = [frame for frame in script.heard if frame["type"] == "subscribe"][1]
    assert again["start"] == {"cursor": {"epoch": "e", "positions": {"0": 7}}}
    assert again["jumps"] == 1


async def test_a_server_that_keeps_to_the_page_is_blamed_for_nothing() -> None:
    findings = Findings()
    frames = [records(5, 7), records(6, 8), gap(8, 9), records(9, 12, 9, 11)]
    async with Script(frames).serving() as script:
        witness = Witness("w", [script.url], "token", {"latest": True}, truth=Nothing(), findings=findings)
        async with Follower(script.url, "token", TOPIC) as follower, witness:
            await follower.until(lambda: follower.positions == {0: 12}, "the follower is at the end")
            await until(lambda: witness.positions == {0: 12}, "the witness is at the end")
    assert [record["offset"] for _, record in follower.records] == [5, 6, 7, 9, 11]
    assert (findings.deliveries, findings.duplicates) == (5, 1)
    assert list(findings.broken) == ["gap"]  # in a fault run there is none: Kafka has everything


class Prompt(threading.Thread):
    """A server in a thread of its own that answers handshakes at once, with the whole greeting in one piece. heard: how
    many bytes of each socket followed the handshake."""

    def __init__(self, sockets: int) -> None:
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.sockets, self.heard = sockets, list[int]()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def run(self) -> None:
        greeting = b"".join(framed(json.dumps(frame).encode()) for frame in (WELCOME, HEARTBEAT))
        for _ in range(self.sockets):
            peer, _ = self.listener.accept()
            peer.settimeout(SILENT_SECONDS)
            head = peer.recv(65536).decode()
            key = next(line.split(": ")[1] for line in head.split("\r\n") if line.startswith("Sec-WebSocket-Key"))
            accept = base64.b64encode(hashlib.sha1(key.encode() + MAGIC).digest()).decode()
            answer = [
                "HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
                f"Sec-WebSocket-Accept: {accept}", "Sec-WebSocket-Protocol: streamboard.v1", "", "",
            ]  # fmt: skip
            peer.sendall("\r\n".join(answer).encode() + greeting)
            try:
                self.heard.append(len(peer.recv(65536)))
            except TimeoutError:
                self.heard.append(0)
            peer.close()
        self.listener.close()


def framed(payload: bytes) -> bytes:
    length = bytes([len(payload)]) if len(payload) < 126 else b"\x7e" + len(payload).to_bytes(2, "big")
    return b"\x81" + length + payload


def test_a_witness_on_a_busy_machine_asks_for_its_stream_however_soon_it_is_greeted() -> None:
    """Each round of its loop takes longer than the server: the greeting is there as soon as the socket is."""
    server = Prompt(sockets=5)
    server.start()

    async def meet() -> None:
        loop = asyncio.get_running_loop()

        def be_busy() -> None:
            time.sleep(0.02)
            if server.is_alive():
                loop.call_soon(be_busy)

        be_busy()
        async with Witness("w", [server.url], "token", {"latest": True}, truth=Nothing(), findings=Findings()):
            await until(lambda: not server.is_alive(), "all sockets were met")

    uvloop.run(meet())
    assert len(server.heard) == server.sockets
    assert all(server.heard), server.heard
