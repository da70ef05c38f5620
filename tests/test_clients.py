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
from functools import partial
from typing import Any

import pytest
import uvloop
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from tests.bench import load
from tests.faults.findings import Findings
from tests.faults.frames import Broken
from tests.faults.searcher import Answer, Question
from tests.faults.truth import ALL_BY_HEX, KEYED, TENTH, Account, Truth
from tests.faults.websocket import MAGIC
from tests.faults.witness import Witness
from tests.support.client import Follower
from tests.support.waiting import until

Frame = dict[str, Any]
SILENT_SECONDS = 20.0  # a client that has said nothing for so long has nothing to say; a machine may stand still
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

    def __init__(self, *answers: list[Frame], cursor: Frame | None = None, begun: Frame | None = None) -> None:
        """begun: of `subscribed` what is not as usual."""
        self.answers, self.cursor, self.begun = list(answers), cursor, begun or {}
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
        if "filter" in request:
            begun |= {"stream": f"{TOPIC}?f", "filter": request["filter"]}
        begun |= self.begun
        frames = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [begun, *frames]


class Held(Truth):
    """A truth that has read the numbers 0, 1, 2 … up to `count`, of one partition."""

    def __init__(self, count: int) -> None:
        super().__init__("127.0.0.1:1", TOPIC, 1)
        for number in range(count):
            self.put(0, number, number, 1)


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


# Filters --------------------------------------------------------------------------------------------------------------


def _has_all(witness: Witness, findings: Findings) -> bool:
    return bool(findings.broken) or witness.positions == {0: 35}


async def filtered_witness_finds(frame: Frame, *streams: str) -> list[str]:
    """What witnesses of a run that have a filter find, each at a server that names the stream so."""
    findings = Findings()
    for stream in streams:
        async with (
            Script([{**frame, "stream": stream}], begun={"stream": stream}).serving() as script,
            Witness(
                "w", [script.url], "token", {"cursor": CURSOR}, truth=Held(40), findings=findings, wanted=TENTH
            ) as witness,
        ):
            await until(partial(_has_all, witness, findings), "it has all")
            witness.look()
        assert [each["filter"] for each in script.heard if each["type"] == "subscribe"] == [TENTH.text]
    return findings.told


@pytest.mark.parametrize(
    ("offsets", "streams", "words"),
    [
        ((13, 23, 33), ["numbers?a", "numbers?a"], None),
        ((13, 33), ["numbers?a"], f"2 records that match {TENTH.text} instead of 3"),
        ((13, 23, 33, 34), ["numbers?a"], f"4 records that match {TENTH.text} instead of 3"),
        ((13, 23, 34), ["numbers?a"], "others"),
        ((13, 23, 33), [TOPIC], "is ('value % 10 == 3', 'numbers')"),
        ((13, 23, 33), ["numbers?a", "numbers?b"], "and was ('value % 10 == 3', 'numbers?a')"),
    ],
    ids=["none", "a match is left out", "one too many", "another one", "the name of all", "two names"],
)
async def test_a_witness_with_a_filter_finds_what_it_is_not_given_right(
    offsets: tuple[int, ...], streams: list[str], words: str | None
) -> None:
    told = await filtered_witness_finds(records(5, 35, *offsets), *streams)
    assert told == [] if words is None else words in told[0], told


@pytest.mark.parametrize(
    ("form", "told", "words"),
    [
        ("hex", {"value_format": "hex"}, None),
        ("json", {"value_format": "hex"}, "records of all by hex by {''}"),
        ("hex", {"value_format": "text"}, "is told as {'value_format': 'text'}"),
        ("hex", {}, "is told as {}"),
    ],
    ids=["none", "as the topic has them", "another one is told", "none is told"],
)
async def test_a_witness_that_reads_by_another_format_finds_what_is_not_so(
    form: str, told: dict[str, str], words: str | None
) -> None:
    findings, stream = Findings(), f"{TOPIC}?h"
    frame = records(5, 35, stream=stream)
    if form == "hex":
        for each in frame["ranges"][0]["records"]:
            each |= {"encoding": "text", "format": "hex", "value": str(each["value"]).encode().hex()}
    async with (
        Script([frame], begun={"stream": stream, **told}).serving() as script,
        Witness(
            "w", [script.url], "token", {"cursor": CURSOR}, truth=Held(40), findings=findings, wanted=ALL_BY_HEX
        ) as witness,
    ):
        await until(partial(_has_all, witness, findings), "it has all")
        witness.look()
    assert {each["value_format"] for each in script.heard if each["type"] == "subscribe"} == {"hex"}
    assert findings.told == [] if words is None else words in findings.told[0], findings.told


async def test_a_witness_changes_its_filter_where_it_stands() -> None:
    findings = Findings()
    first, second = [records(5, 20, 13)], [records(20, 30, 27, stream=f"{TOPIC}?f")]
    async with Script(first, second).serving() as script:
        witness = Witness("w", [script.url], "token", {"cursor": CURSOR}, truth=Held(40), findings=findings)
        async with witness:
            await until(lambda: witness.positions == {0: 20}, "it has the first part")
            witness.change(KEYED)
            await until(lambda: witness.positions == {0: 30}, "it has the second part")
            witness.look()
    subscribes = [each for each in script.heard if each["type"] == "subscribe"]
    assert [each.get("filter") for each in subscribes] == [None, KEYED.text]
    assert subscribes[1]["start"] == {"cursor": {"epoch": "e", "positions": {"0": 20}}}
    assert findings.told == ["wrong: w: partition 0 from 5 to 20: 1 records instead of 15"]


# Searchers ------------------------------------------------------------------------------------------------------------


def line(kind: str, **content: Any) -> str:
    return json.dumps({"type": kind, **content})


def part(start: int, end: int) -> Frame:
    return {"partition": 0, "from": start, "to": end}


def found(*offsets: int) -> str:
    (given,) = records(0, 100, *offsets)["ranges"]
    return line("records", partition=0, records=given["records"])


def counts(matched: int, **others: int) -> dict[str, int]:
    usual = {"scanned": 40, "failed": 0, "unchecked": 0, "undecodable": 0, "skipped": 0, "bytes": 80}
    return {**usual, "matched": matched, **others}


def ends(reason: str, matched: int, scanned: list[Frame], left: list[Frame], **others: Any) -> str:
    cursor = {"epoch": "e", "ranges": left} if left else None
    return line("end", reason=reason, scanned_ranges=scanned, cursor=cursor, **counts(matched), **others)


def question(**others: Any) -> Question:
    asked: dict[str, Any] = {"partitions": [0], "from": {"positions": {"0": 0}}, "to": {"positions": {"0": 40}}}
    usual: dict[str, Any] = {
        "wanted": TENTH, "newest_first": True, "limit": 3, "asked": asked, "partitions": [0], "ends": {0: 40},
        "starts": {0: 0}, "to": {0: 40},
    }  # fmt: skip
    return Question(**{**usual, **others})


BEGIN = line("begin", epoch="e", ranges=[part(0, 40)], offsets=40, filter=TENTH.text)
ALL = ends("complete", 4, [part(0, 40)], [])
CUT = ends("limit", 3, [part(13, 40)], [part(0, 13)])


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([line("waiting", place=1), BEGIN, line("progress", done=0.5, **counts(0)), found(33, 23, 13), CUT], None),
        ([BEGIN, found(33, 23, 23), CUT], "behind 23"),
        ([BEGIN, found(33), found(33), CUT], "behind 33"),
        ([BEGIN, found(33, 24, 13), CUT], "does not match"),
        ([BEGIN, found(43), CUT], "beside"),
        ([BEGIN, found(33, 23, 13, 3), ALL], "3 were wanted"),
        ([BEGIN, found(33, 23), CUT], "3 matches, and 2 came"),
        ([BEGIN, ends("limit", 0, [part(13, 40)], [part(0, 13)])], "fewer than 3"),
        ([BEGIN, ends("complete", 0, [part(0, 39)], [])], "ended for complete"),
        ([BEGIN, ends("bound", 0, [part(13, 40)], [part(0, 12)])], "not what is left"),
        ([BEGIN, ends("bound", 0, [part(13, 41)], [part(0, 13)])], "not to be looked at"),
        ([BEGIN, ends("bound", 0, [part(13, 30), part(29, 40)], [part(0, 13)])], "twice"),
        ([BEGIN, ends("complete", 0, [part(0, 39)], [], lost_ranges=[part(39, 40)])], "retention"),
        ([BEGIN, ends("forbidden", 0, [], [])], "ended for forbidden"),
        ([BEGIN, ends("away", 0, [], [part(0, 40)])], "without a sentence"),
        ([BEGIN, line("progress", done=0.5, **counts(0, failed=1))], "can be asked"),
        ([found(33)], "wrong moment"),
        ([BEGIN, BEGIN], "wrong moment"),
        ([line("begin", epoch="e", ranges=[part(0, 39)], offsets=39, filter=TENTH.text)], "from 0 to 39"),
        ([line("begin", epoch="f", ranges=[part(0, 40)], offsets=40, filter=TENTH.text)], "another epoch"),
    ],
)  # fmt: skip
def test_a_searcher_finds_the_line_that_breaks_the_page(lines: list[str], words: str | None) -> None:
    answer = Answer(question(), "e")
    said = ""
    try:
        for text in lines:
            answer.take(text)
    except Broken as error:
        said = str(error)
    assert said == "" if words is None else words in said, said


@pytest.mark.parametrize("offsets", [(33, 23, 13), (33, 13)])
def test_a_searcher_finds_the_match_that_is_left_out(offsets: tuple[int, ...]) -> None:
    answer, account = Answer(question(limit=9), "e"), Account()
    for text in (BEGIN, found(*offsets), ends("bound", len(offsets), [part(13, 40)], [part(0, 13)])):
        answer.take(text)
    for given in answer.given():
        account.give(*given, wanted=TENTH)
    assert account.settle(Held(40))
    assert account.wrong == [
        f"partition 0 from 13 to 40: 2 records that match {TENTH.text} instead of 3"
    ] * (len(offsets) < 3)  # fmt: skip


def test_a_searcher_goes_on_only_where_the_last_search_ended() -> None:
    asked = question(left=[(0, 0, 13)], cursor={})
    with pytest.raises(Broken, match="are left"):
        Answer(asked, "e").take(BEGIN)
    Answer(asked, "e").take(line("begin", epoch="e", ranges=[part(0, 13)], offsets=13, filter=TENTH.text))


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
