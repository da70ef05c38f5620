"""The protocol at the socket itself, over both ways to a connection and on every kind of server."""

from __future__ import annotations

import asyncio
import base64
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from tests.conftest import Install
from tests.support.client import RIGHTS_SECONDS, Connection, Follower
from tests.support.processes import CALL_SECONDS, PASSWORD, Installation, Process, make_installation
from tests.support.waiting import until
from tests.support.wire import create_item

TOPIC = "items.v1"
SETTINGS = {
    "ALLOWED_HOSTS": "127.0.0.1,board.example",
    "CSRF_TRUSTED_ORIGINS": "http://trusted.example:8080,http://*.below.example",
}
SERVERS = ("transport", "uvicorn", "daphne")


@pytest.fixture(scope="module", params=SERVERS)
def product(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One running embedded product for the tests of this file, on one kind of server."""
    folder: Path = tmp_path_factory.mktemp(f"protocol-{request.param}")
    installation = make_installation(folder, None, SETTINGS)
    if request.param == "daphne":
        web = installation.daphne()
    else:
        web = installation.web(ws="websockets-sansio" if request.param == "uvicorn" else None)
    yield installation, web
    installation.close()


@pytest.fixture
def web(product: tuple[Installation, Process]) -> Process:
    return product[1]


@pytest.fixture
def token(product: tuple[Installation, Process]) -> str:
    return product[0].token


@pytest.fixture
async def socket(web: Process, token: str) -> AsyncIterator[Connection]:
    """A socket that was let in and has seen its first heartbeat."""
    async with Connection(web.url, token=token) as connection:
        assert (await connection.receive())["type"] == "welcome"
        assert (await connection.receive())["type"] == "heartbeat"
        await live(web, token)
        yield connection


async def live(web: Process, token: str) -> None:
    """Waits until the items topic can be subscribed to."""
    async with Follower(web.url, token, TOPIC) as follower:
        await follower.subscribed()


async def refused_with(connection: Connection) -> tuple[dict[str, Any], int | None]:
    async with connection:
        goodbye = await connection.receive()
        return goodbye, await connection.close_code()


async def session_cookie(url: str) -> str:
    """Signs in as alice through the form; returns the Cookie header."""
    async with httpx.AsyncClient(base_url=url, timeout=CALL_SECONDS) as client:
        await client.get("/accounts/login/")
        form = {"username": "alice", "password": PASSWORD, "csrfmiddlewaretoken": client.cookies["csrftoken"]}
        answer = await client.post("/accounts/login/", data=form)
        assert answer.status_code == 302, answer.text
        return f"sessionid={client.cookies['sessionid']}"


# Who is let in ----------------------------------------------------------------------------------------------------


async def test_the_first_frame_is_welcome_and_a_heartbeat_follows(web: Process, token: str) -> None:
    async with Connection(web.url, token=token) as connection:
        welcome = await connection.receive()
        heartbeat = await connection.receive()
        assert connection.socket is not None
        assert connection.socket.subprotocol == "streamboard.v1"
    assert welcome["type"] == "welcome"
    assert welcome["user"] == "alice"
    assert {"name": TOPIC, "label": "Items"} in welcome["topics"]
    assert set(welcome["limits"]) == {"streams", "frame_bytes"}
    assert heartbeat["type"] == "heartbeat"
    assert set(heartbeat) >= {"server_time", "link", "since", "waiting"}


async def test_without_a_token_and_without_an_origin_nobody_is_let_in(web: Process) -> None:
    goodbye, code = await refused_with(Connection(web.url))
    assert (goodbye["type"], goodbye["code"], code) == ("goodbye", 4501, 4501)


async def test_a_wrong_token_is_refused(web: Process) -> None:
    assert (await refused_with(Connection(web.url, token="wrong")))[1] == 4501


async def test_an_allowed_origin_without_a_session_is_not_signed_in(web: Process) -> None:
    assert (await refused_with(Connection(web.url, origin=web.url)))[1] == 4501


FOREIGN = ("https://evil.example", "http://board.example", "http://127.0.0.1:1", "https://{host}",
           "chrome-extension://{host}", "null")  # fmt: skip


@pytest.mark.parametrize("origin", FOREIGN)
async def test_a_foreign_origin_is_refused_in_the_handshake(web: Process, token: str, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refusal:
        async with Connection(web.url, token=token, origin=origin.format(host=web.url.removeprefix("http://"))):
            pass
    assert refusal.value.response.status_code == 403


async def test_a_trusted_origin_is_let_in(web: Process, token: str) -> None:
    for origin in ("http://trusted.example:8080", "http://one.below.example"):
        async with Connection(web.url, token=token, origin=origin) as connection:
            assert (await connection.receive())["type"] == "welcome"


@pytest.mark.parametrize("subprotocol", [None, "streamboard.v9"])
async def test_another_subprotocol_is_told_and_closed(web: Process, token: str, subprotocol: str | None) -> None:
    goodbye, code = await refused_with(Connection(web.url, token=token, subprotocol=subprotocol))
    assert (goodbye["code"], code) == (4500, 4500)


async def test_a_signed_in_browser_is_let_in_and_signed_out_it_is_told(web: Process) -> None:
    cookie = await session_cookie(web.url)
    async with Connection(web.url, cookie=cookie, origin=web.url) as connection:
        assert (await connection.receive())["user"] == "alice"
        async with httpx.AsyncClient(base_url=web.url, headers={"Cookie": cookie}, timeout=CALL_SECONDS) as client:
            await client.get("/items/")
            csrf = client.cookies["csrftoken"]
            await client.post(
                "/accounts/logout/",
                data={"csrfmiddlewaretoken": csrf},
                headers={"Cookie": f"{cookie}; csrftoken={csrf}", "Referer": web.url},
            )
        assert (await connection.receive_type("goodbye", timeout=RIGHTS_SECONDS))["code"] == 4003
        assert await connection.close_code() == 4003


async def test_a_session_without_an_origin_is_not_enough(web: Process) -> None:
    cookie = await session_cookie(web.url)
    assert (await refused_with(Connection(web.url, cookie=cookie)))[1] == 4501


# Requests ---------------------------------------------------------------------------------------------------------


async def test_what_cannot_be_understood_gets_an_error_and_the_socket_lives(socket: Connection) -> None:
    """One of each kind; tests/streams/socket/test_requests.py has the others."""
    assert socket.socket is not None
    malformed: list[Any] = [
        {"type": "subscribe", "id": 7, "topic": TOPIC, "start": {"last": 0}},
        {"type": "ack", "stream": TOPIC, "positions": {"0": -1}},
        {"type": "unsubscribe", "stream": 5},
        {"type": "dance"},
        [],
    ]
    for frame in malformed:
        await socket.socket.send(json.dumps(frame))
        error = await socket.receive_type("error")
        assert error["code"] == "bad_request", frame
        assert error["message"]
    await socket.send(type="subscribe", id=8, topic=TOPIC, start={"latest": True})
    assert (await socket.receive_type("subscribed"))["id"] == 8


async def test_a_topic_that_is_not_there_is_unknown(socket: Connection) -> None:
    await socket.send(type="subscribe", id=3, topic="nowhere", start={"latest": True})
    error = await socket.receive_type("error")
    assert (error["id"], error["code"]) == (3, "unknown_topic")


async def test_no_name_that_a_database_cannot_hold_ends_the_socket(socket: Connection) -> None:
    await socket.send(type="subscribe", id=3, topic="no\0where", start={"latest": True})
    assert (await socket.receive_type("error"))["code"] == "unknown_topic"


async def test_a_stream_that_is_ended_before_it_began_is_answered_first(socket: Connection) -> None:
    await socket.send(type="subscribe", id=4, topic=TOPIC, start={"latest": True})
    await socket.send(type="unsubscribe", stream=TOPIC)
    assert (await socket.receive_type("subscribed", "unsubscribed"))["id"] == 4
    assert (await socket.receive_type("unsubscribed"))["reason"] == "asked"


async def test_a_connection_holds_a_stream_once(socket: Connection) -> None:
    await socket.send(type="subscribe", id=1, topic=TOPIC, start={"latest": True})
    await socket.send(type="subscribe", id=2, topic=TOPIC, start={"latest": True})
    answers = [await socket.receive_type("subscribed", "error") for _ in range(2)]
    assert {answer["id"]: answer.get("code", answer["type"]) for answer in answers} == {1: "subscribed", 2: "duplicate"}
    await socket.send(type="unsubscribe", stream=TOPIC)
    assert (await socket.receive_type("unsubscribed"))["reason"] == "asked"
    await socket.send(type="subscribe", id=3, topic=TOPIC, start={"latest": True})
    assert (await socket.receive_type("subscribed"))["id"] == 3


async def test_what_a_client_tells_that_did_not_join_is_counted(web: Process, token: str, socket: Connection) -> None:
    def counted() -> float:
        text = httpx.get(f"{web.url}/metrics", timeout=CALL_SECONDS).text
        line = next(line for line in text.splitlines() if line.startswith("streamboard_client_jumps_total "))
        return float(line.split()[1])

    before = await asyncio.to_thread(counted)
    await socket.send(type="subscribe", id=1, topic=TOPIC, start={"latest": True}, jumps=-1)
    assert (await socket.receive_type("error"))["code"] == "bad_request"
    await socket.send(type="subscribe", id=2, topic=TOPIC, start={"latest": True}, jumps=3)
    await socket.receive_type("subscribed")
    assert await asyncio.to_thread(counted) - before == 3


async def test_acks_and_unsubscribes_of_streams_that_are_not_there_are_ignored(socket: Connection) -> None:
    await socket.send(type="ack", stream="nowhere", positions={"0": 3})
    await socket.send(type="ack")
    await socket.send(type="unsubscribe", stream="nowhere")
    await socket.send(type="subscribe", id=3, topic=TOPIC, start={"latest": True})
    assert (await socket.receive_type("subscribed", "error"))["type"] == "subscribed"


@pytest.mark.parametrize("data", ["x" * 70_000, b"x" * 70_000], ids=["text", "binary"])
async def test_a_frame_over_64_kib_closes_with_1009(
    socket: Connection, product: tuple[Installation, Process], data: str | bytes
) -> None:
    assert socket.socket is not None
    await socket.socket.send(data)
    # Daphne's library sends no other code of RFC 6455 than 1000.
    assert await socket.close_code() == (1000 if product[1].name.startswith("daphne") else 1009)


async def test_twenty_bad_requests_close_the_socket(socket: Connection) -> None:
    assert socket.socket is not None
    for _ in range(20):
        await socket.socket.send("nonsense")
    assert (await socket.receive_type("goodbye"))["code"] == 4500
    assert await socket.close_code() == 4500


# Starts -----------------------------------------------------------------------------------------------------------


async def test_the_four_starts(web: Process, token: str) -> None:
    first = await create_item(web.url, token)
    async with Follower(web.url, token, TOPIC, {"last": 2000}) as follower:
        await follower.until(lambda: str(first["id"]) in follower.versions(), "the first item")
        cursor = follower.cursor()
        moment = next(record["timestamp"] for _, record in follower.records if record["key"] == str(first["id"]))
    second = await create_item(web.url, token)
    newest = {"last": 100}  # a share of each partition; {"last": 1} would be one partition's newest, not the topic's
    for start in ({"cursor": cursor}, {"timestamp": moment + 1}, newest):
        async with Follower(web.url, token, TOPIC, start) as follower:
            await follower.until(lambda f=follower: str(second["id"]) in f.versions(), f"the second item from {start}")
            assert str(first["id"]) not in follower.versions() or start == newest
    async with Follower(web.url, token, TOPIC, {"latest": True}) as follower:
        await follower.subscribed()
        third = await create_item(web.url, token)
        await follower.until(lambda: follower.records, "the third item")
        assert list(follower.versions()) == [str(third["id"])]


async def test_a_cursor_of_another_epoch_starts_at_the_earliest_and_says_so(socket: Connection) -> None:
    await socket.send(type="subscribe", id=1, topic=TOPIC, start={"cursor": {"epoch": "gone", "positions": {"0": 3}}})
    answer = await socket.receive_type("subscribed")
    assert (answer["recovered"], answer["reason"]) == (False, "epoch")
    assert set(answer["cursor"]["positions"].values()) == {0}


async def test_a_partition_left_out_of_a_cursor_starts_at_0_and_an_unknown_one_is_ignored(
    web: Process, token: str
) -> None:
    item = await create_item(web.url, token)
    async with Follower(web.url, token, TOPIC, {"last": 1}) as follower:
        await follower.subscribed()
        epoch = follower.epoch
    async with Follower(web.url, token, TOPIC, {"cursor": {"epoch": epoch, "positions": {"99": 5}}}) as follower:
        await follower.until(lambda: str(item["id"]) in follower.versions(), "everything from 0")
        assert not follower.unrecovered
        assert 99 not in follower.positions


# The records API --------------------------------------------------------------------------------------------------


async def test_the_records_api_gives_what_the_stream_gave(web: Process, token: str) -> None:
    item = await create_item(web.url, token)
    async with Follower(web.url, token, TOPIC, {"last": 2000}) as follower:
        await follower.until(lambda: str(item["id"]) in follower.versions(), "the item")
        partition, record = next((part, each) for part, each in follower.records if each["key"] == str(item["id"]))
        epoch = follower.epoch
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=web.url, headers=headers, timeout=CALL_SECONDS) as client:
        one = await client.get(f"/api/topics/{TOPIC}/records/{partition}/{record['offset']}")
        whole = one.json()
        assert whole.pop("key_raw") == base64.b64encode(str(item["id"]).encode()).decode()
        assert len(base64.b64decode(whole.pop("raw"))) == record["size"]
        assert whole == record
        part = {"partition": partition, "from": record["offset"], "to": record["offset"] + 1}
        some = (await client.get(f"/api/topics/{TOPIC}/records", params=part)).json()
        assert some == {
            "epoch": epoch, "partition": partition, "from": part["from"], "to": part["to"], "records": [record],
            "next": None,
        }  # fmt: skip
        assert (await client.get(f"/api/topics/{TOPIC}/records/{partition}/999999")).status_code == 404
        assert (await client.get(f"/api/topics/{TOPIC}/records/99/0")).status_code == 404
        assert (await client.get("/api/topics/nowhere/records/0/0")).status_code == 404
        assert (await client.get(f"/api/topics/{TOPIC}/records")).status_code == 422
        backwards = {"partition": 0, "from": 5, "to": 3}
        nothing = (await client.get(f"/api/topics/{TOPIC}/records", params=backwards)).json()
        assert (nothing["records"], nothing["next"]) == ([], None)
    async with httpx.AsyncClient(base_url=web.url, timeout=CALL_SECONDS) as stranger:
        assert (await stranger.get("/api/topics/")).status_code == 401


# Leaving ----------------------------------------------------------------------------------------------------------


async def test_closing_twice_and_at_once_leaves_no_connection_behind(web: Process, token: str) -> None:
    for _ in range(5):
        async with Connection(web.url, token=token) as connection:
            await connection.receive()
            await connection.send(type="subscribe", id=1, topic=TOPIC, start={"latest": True})
            assert connection.socket is not None
            connection.socket.transport.abort()

    await until(lambda: gauge(web, "streamboard_connections") == 0, "no connection is left")


async def test_after_all_clients_have_gone_tasks_are_back_to_the_start(web: Process, token: str) -> None:
    await crowd(web, token)  # the first crowd also starts the readers of Kafka's history, which stay
    before = gauge(web, "streamboard_tasks")
    for _ in range(4):
        await crowd(web, token)
    # 40 clients came and went; a handful of tasks may belong to whatever the server is just doing.
    await until(lambda: gauge(web, "streamboard_tasks") <= before + 10, "the tasks of the sockets have ended")


async def crowd(web: Process, token: str) -> None:
    """Ten clients come, watch, and go without a word."""
    followers = [Follower(web.url, token, TOPIC, {"last": 50}, reconnect=False) for _ in range(10)]
    for follower in followers:
        await follower.__aenter__()
    for follower in followers:
        await follower.subscribed()
    for follower in followers:
        follower.drop()
        await follower.__aexit__(None, None, None)
    await until(lambda: gauge(web, "streamboard_connections") == 0, "no connection is left")


def gauge(web: Process, name: str) -> float:
    lines = web.get("/metrics").text.splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith(f"{name} ")))


async def test_a_polite_stop_says_goodbye_first(install: Install) -> None:
    installation = install()
    web = installation.web()
    async with Connection(web.url, token=installation.token) as connection:
        await connection.receive()
        web.terminate()
        goodbye = await connection.receive_type("goodbye")
        assert goodbye["code"] == 4001
        assert goodbye["retry_after_ms"] > 0
        await connection.close_code()
    assert await asyncio.to_thread(web.wait) in {0, -signal.SIGTERM}  # uvicorn ends by the signal it was sent
