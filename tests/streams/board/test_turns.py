"""One person reads a few parts of history at once, however many are asked for; others read theirs."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from streams.board import api, filters_api, search_api, turns
from streams.board.asker import Asker
from streams.board.schemas import FormatsIn, PartIn
from streams.decoding import carried
from streams.filters.filters import Filter
from streams.hub import current
from streams.hub.topic_log import TopicLog
from streams.kafka.history import Bounds
from streams.rights.credentials import Credentials
from streams.runtime.away import Unavailable
from streams.wire.records import Record
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
    return asyncio.create_task(api.read_newest(request, TOPIC, api.Before(), FormatsIn()))


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
    assert not turns._turns


def request_of(person: int) -> Any:
    return SimpleNamespace(user=SimpleNamespace(pk=person))


async def test_filters_are_tried_in_a_persons_turns_too(history: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    """There are few places for it, and all of them would be one person's."""
    wanted = filters_api.CheckIn(filter="value.n > 1", topic=TOPIC)
    monkeypatch.setattr(filters_api, "_read", lambda request, asked: (wanted, Filter(wanted.filter)))
    asked: Any = b""

    def check(person: int) -> asyncio.Task[Any]:
        return asyncio.create_task(filters_api.check_filter(request_of(person), asked))

    of_one = [check(1) for _ in range(10)]
    await until(lambda: sum(task.done() for task in of_one) == 10 - turns.READS_EACH, "the others gave up")
    assert history.asked == turns.READS_EACH
    of_other = check(2)
    await until(lambda: history.asked == turns.READS_EACH + 1, "somebody else's is tried")
    history.let_go.set()
    assert {answer.status_code for answer in await asyncio.gather(of_other, *of_one)} == {503}


@pytest.mark.parametrize("what", [api.read_record, api.read_schema], ids=["record", "schema"])
async def test_what_is_opened_is_decoded_in_a_persons_turns_too(
    what: Any, history: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Opened:
        """What a topic carries; decoding waits as history does."""

        def read_as(self, *_: object) -> Opened:
            return self

        async def encode_whole(self, raw: object) -> Record:
            history.asked += 1
            await history.let_go.wait()
            return Record(0, 0, 0, b"{}")

        async def schema_of(self, *_: object) -> None:
            await self.encode_whole(None)

    async def found(*_: object) -> object:
        return object()

    monkeypatch.setattr(carried, "of", lambda topic: Opened())
    monkeypatch.setattr(api, "_one", found)

    def ask(person: int) -> asyncio.Task[Any]:
        asked = FormatsIn() if what is api.read_record else PartIn()
        return asyncio.create_task(what(request_of(person), TOPIC, 0, 0, asked))

    of_one = [ask(1) for _ in range(10)]
    await until(lambda: sum(task.done() for task in of_one) == 10 - turns.READS_EACH, "the others gave up")
    assert history.asked == turns.READS_EACH
    of_other = ask(2)
    await until(lambda: history.asked == turns.READS_EACH + 1, "somebody else opens one")
    history.let_go.set()
    statuses = Counter(answer.status_code for answer in await asyncio.gather(of_other, *of_one))
    assert statuses[503] == 10 - turns.READS_EACH


async def test_the_body_of_a_search_is_read_beside_the_event_loop(
    history: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    asker = Asker(Credentials(1), may_read=True, may_export=False, declared=None)
    readers: list[threading.Thread] = []

    def read(asked: object) -> search_api.SearchIn:
        readers.append(threading.current_thread())
        return search_api.SearchIn.model_validate({"cursor": {"epoch": "another", "ranges": []}})

    monkeypatch.setattr(search_api, "who_asks", lambda request, topic: asker)
    monkeypatch.setattr(search_api, "_read", read)
    asked: Any = b"{}"
    answer = await search_api.search_topic(request_of(1), TOPIC, asked)
    assert answer.status_code == 409
    assert threading.current_thread() not in readers
