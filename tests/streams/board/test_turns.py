"""One person reads a few parts of history at once, however many are asked for; others read theirs."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from streams.board import api, turns
from streams.hub import current
from streams.hub.topic_log import TopicLog
from streams.kafka.history import Bounds
from streams.runtime.away import Unavailable
from tests.support.waiting import until

TOPIC = "prices"


class Slow:
    """A history whose every question waits until the test lets go. asked: how many wait."""

    def __init__(self) -> None:
        self.asked = 0
        self.let_go = asyncio.Event()

    async def bounds(self, topic: str, partitions: Any) -> Bounds:
        self.asked += 1
        await self.let_go.wait()
        raise Unavailable


@pytest.fixture
def history(monkeypatch: pytest.MonkeyPatch) -> Slow:
    slow = Slow()
    process = SimpleNamespace(history=slow, hub=SimpleNamespace(logs={TOPIC: TopicLog(TOPIC, "e", {0: 0})}))
    monkeypatch.setattr(current, "current", lambda: process)
    monkeypatch.setattr(api, "_readable", lambda request: {TOPIC: ""})
    monkeypatch.setattr(turns, "WAIT_S", 0.2)
    return slow


def ask(person: int) -> asyncio.Task[Any]:
    request: Any = SimpleNamespace(user=SimpleNamespace(pk=person))
    return asyncio.create_task(api.read_newest(request, TOPIC, api.Before()))


async def test_a_person_has_so_many_turns_and_others_have_theirs(history: Slow) -> None:
    of_one = [ask(1) for _ in range(10)]
    await until(lambda: sum(task.done() for task in of_one) == 10 - turns.READS_EACH, "the others gave up")
    assert history.asked == turns.READS_EACH
    refused = [task.result() for task in of_one if task.done()]
    assert {(answer.status_code, answer["Retry-After"]) for answer in refused} == {(503, "2")}
    assert "several parts" in json.loads(refused[0].content)["detail"]

    of_other = ask(2)
    await until(lambda: history.asked == turns.READS_EACH + 1, "somebody else reads")
    history.let_go.set()
    answers = await asyncio.gather(of_other, *of_one)
    assert Counter("Kafka is away" in answer.content.decode() for answer in answers)[True] == turns.READS_EACH + 1


async def test_a_turn_comes_when_another_one_ends(history: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "WAIT_S", 60)
    of_one = [ask(1) for _ in range(4)]
    await until(lambda: history.asked == turns.READS_EACH, "the first ones read")
    history.let_go.set()
    await asyncio.gather(*of_one)
    assert history.asked == 4
    assert not turns._each
