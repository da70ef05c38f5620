"""What a client may ask for over its socket: each malformed frame is told, and nothing else comes of it."""

from __future__ import annotations

import json
from collections.abc import Coroutine
from typing import Any

import pytest

from streams.hub.rights_watch import RightsWatch
from streams.socket.requests import Requests
from tests.support.readers import Client, opened

SUBSCRIBE = {"type": "subscribe", "id": 7, "topic": "t", "start": {"latest": True}}
ACK = {"type": "ack", "stream": "t", "positions": {"0": 1}}
MALFORMED: list[Any] = [
    {key: value for key, value in SUBSCRIBE.items() if key != "id"},
    {key: value for key, value in SUBSCRIBE.items() if key != "topic"},
    {key: value for key, value in SUBSCRIBE.items() if key != "start"},
    SUBSCRIBE | {"id": True},
    SUBSCRIBE | {"id": "7"},
    SUBSCRIBE | {"filter": "x"},
    SUBSCRIBE | {"start": {}},
    SUBSCRIBE | {"start": {"latest": True, "last": 3}},
    SUBSCRIBE | {"start": {"last": 0}},
    SUBSCRIBE | {"start": {"last": 2001}},
    SUBSCRIBE | {"start": {"timestamp": -1}},
    SUBSCRIBE | {"start": {"cursor": {"epoch": "x"}}},
    SUBSCRIBE | {"start": {"cursor": {"epoch": "x", "positions": {"a": 1}}}},
    ACK | {"positions": 3},
    ACK | {"positions": {"0": -1}},
    ACK | {"positions": {"0": 1.5}},
    ACK | {"positions": {"0": True}},
    ACK | {"positions": {"first": 1}},
    ACK | {"stream": 5},
    {"type": "unsubscribe"},
    {"type": "unsubscribe", "stream": 5},
    {"type": "dance"},
    [],
]


class Asking:
    """A client of a hub with the topic `t`, and what its requests started."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.started: list[object] = []
        self._requests = Requests(client.hub, RightsWatch(client.hub), client.connection, self._start)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self.started.append(work)
        work.close()

    def send(self, text: str) -> list[dict[str, Any]]:
        """The frames that answer it."""
        before = len(self.client.frames)
        self._requests.handle({"type": "websocket.receive", "text": text})
        return self.client.frames[before:]


@pytest.mark.parametrize("frame", MALFORMED, ids=json.dumps)
async def test_what_cannot_be_understood_gets_one_error_and_starts_nothing(frame: Any) -> None:
    hub, _ = await opened({0: 10})
    asking = Asking(Client(hub))
    [error] = asking.send(json.dumps(frame))
    assert (error["type"], error["code"]) == ("error", "bad_request")
    assert error["message"]
    assert error.get("id") == (frame["id"] if isinstance(frame, dict) and type(frame.get("id")) is int else None)
    assert not asking.started
    assert asking.client.is_there()
    assert asking.send(json.dumps(SUBSCRIBE)) == []
    assert len(asking.started) == 1
    await hub.close()


@pytest.mark.parametrize("text", ["", "nonsense", "{", '{"type": "ack"', "3", "null"])
async def test_what_is_no_json_object_gets_an_error(text: str) -> None:
    hub, _ = await opened({0: 10})
    [error] = Asking(Client(hub)).send(text)
    assert (error["code"], "id" in error) == ("bad_request", False)
    await hub.close()
