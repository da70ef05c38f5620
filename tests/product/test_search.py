"""Searching over the API of a running product with the embedded broker: what comes, for whom, and when it ends."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from confluent_kafka import Producer

from tests.support.processes import CALL_SECONDS, Installation, Process, command_line, make_installation
from tests.support.searching import Found, lines_of, search, search_all, searcher
from tests.support.services import children
from tests.support.waiting import until

TOPIC = "measured"
RECORDS = 400
PARTITIONS = 4


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Installation, Process]]:
    """One running embedded product for the tests of this file, with a topic of RECORDS records."""
    installation = make_installation(tmp_path_factory.mktemp("search"), None, {})
    installation.watch(TOPIC)
    web = installation.web()
    producer = Producer({"bootstrap.servers": web.broker(), "log_level": 0})
    for number in range(RECORDS):
        value = b'{"n": %d, "name": "sensor-%d", "even": %b}' % (
            number,
            number % 7,
            b"false" if number % 2 else b"true",
        )
        producer.produce(
            TOPIC, value, key=b"%d" % (number % 10), partition=number % PARTITIONS, timestamp=1000 + number
        )
    assert producer.flush(CALL_SECONDS) == 0
    yield installation, web
    installation.close()


@pytest.fixture
async def client(product: tuple[Installation, Process]) -> AsyncIterator[httpx.AsyncClient]:
    installation, web = product
    async with searcher(web, installation.token) as made:
        await until(lambda: opened(made), "the topic is open")
        yield made


async def opened(client: httpx.AsyncClient) -> bool:
    answer = await client.get(f"/api/topics/{TOPIC}/newest?limit=500")
    return answer.status_code == 200 and sum(len(part["records"]) for part in answer.json()["ranges"]) == RECORDS


def numbers(found: Found) -> list[int]:
    return [record["value"]["n"] for record in found.found.values()]


async def test_everything_that_matches_comes_and_the_ranges_say_where_it_was_looked_for(
    client: httpx.AsyncClient,
) -> None:
    found = await search(client, TOPIC, filter="value.n % 50 == 3", limit=1_000_000)
    assert found.types[0] == "begin"
    assert found.begin["offsets"] == RECORDS
    assert found.begin["filter"] == "value.n % 50 == 3"
    assert sorted(numbers(found)) == list(range(3, RECORDS, 50))
    assert found.end["reason"] == "complete"
    assert found.end["cursor"] is None
    assert found.scanned == {(number % PARTITIONS, number // PARTITIONS) for number in range(RECORDS)}
    assert [found.end[name] for name in ("scanned", "matched", "failed", "undecodable")] == [RECORDS, 8, 0, 0]


async def test_the_newest_come_first_over_all_partitions_and_a_cursor_goes_on(client: httpx.AsyncClient) -> None:
    searches = await search_all(client, TOPIC, filter="value.even", limit=30)
    assert sorted(numbers(searches[0])) == list(range(RECORDS - 60, RECORDS, 2))
    assert [each.end["reason"] for each in searches] == ["limit"] * (len(searches) - 1) + ["complete"]
    every = [number for each in searches for number in numbers(each)]
    assert sorted(every) == list(range(0, RECORDS, 2))
    assert len(set(every)) == len(every)
    scanned = [place for each in searches for place in each.scanned]
    assert len(scanned) == len(set(scanned)) == RECORDS
    for each in searches:
        for line in each.lines:
            if line["type"] == "records":
                offsets = [record["offset"] for record in line["records"]]
                assert offsets == sorted(offsets, reverse=True)


async def test_straight_on_the_oldest_of_a_partition_come_first(client: httpx.AsyncClient) -> None:
    searches = await search_all(client, TOPIC, newest_first=False, limit=70, partitions=[1, 3])
    assert [len(each.found) for each in searches] == [70, 70, 60]
    places = [place for each in searches for place in each.found]
    assert places == [(number, offset) for number in (1, 3) for offset in range(RECORDS // PARTITIONS)]


async def test_by_time_the_oldest_of_all_partitions_come_first(client: httpx.AsyncClient) -> None:
    searches = await search_all(client, TOPIC, newest_first=False, by_time=True, limit=70)
    assert [len(each.found) for each in searches] == [70] * (RECORDS // 70) + [RECORDS % 70]
    assert [number for each in searches for number in sorted(numbers(each))] == list(range(RECORDS))


async def test_a_search_keeps_to_times_and_positions(client: httpx.AsyncClient) -> None:
    timed = await search(
        client, TOPIC, **{"from": {"timestamp": 1100}, "to": {"timestamp": 1200}}, limit=2000
    )  # fmt: skip
    assert sorted(numbers(timed)) == list(range(100, 200))
    placed = await search(
        client, TOPIC, **{"from": {"positions": {"0": 90}}, "to": {"positions": {"1": 5}}}, limit=2000
    )
    assert {place for place in placed.found if place[0] == 0} == {(0, offset) for offset in range(90, 100)}
    assert {place for place in placed.found if place[0] == 1} == {(1, offset) for offset in range(5)}
    assert (await search(client, TOPIC, **{"from": {"timestamp": 10**12}})).end["scanned_ranges"] == []


async def test_what_cannot_be_searched_is_said(client: httpx.AsyncClient) -> None:
    async def status(topic: str = TOPIC, **asked: Any) -> tuple[int, Any]:
        answer = await client.post(f"/api/topics/{topic}/search", json=asked)
        return answer.status_code, answer.json()

    assert (await status("nowhere"))[0] == 404
    code, said = await status(filter="value.n = 3")
    assert (code, said["code"], said["at"]) == (422, "bad_filter", 8)
    wrongs: list[dict[str, Any]] = [
        {"limit": 0},
        {"limit": 1_000_001},
        {"limit": "5"},
        {"from": [1]},
        {"to": 5},
        {"partitions": {}},
        {"cursor": {}},
    ]
    for wrong in wrongs:
        assert (await status(**wrong))[0] == 422, wrong
    assert (await client.post(f"/api/topics/{TOPIC}/search", json=[None])).status_code == 422
    assert (await status(partitions=[9]))[0] == 404
    code, said = await status(cursor={"epoch": "another", "ranges": []})
    assert (code, said["code"]) == (409, "epoch")
    is_json = {"Content-Type": "application/json"}
    broken = await client.post(f"/api/topics/{TOPIC}/search", content=b"{", headers=is_json)
    assert broken.status_code == 400
    async with httpx.AsyncClient(base_url=client.base_url, timeout=CALL_SECONDS) as stranger:
        assert (await stranger.post(f"/api/topics/{TOPIC}/search", json={})).status_code == 401


# The process that does the work ---------------------------------------------------------------------------------------


def workers(web: Process) -> list[int]:
    """The processes that search for a web process."""
    return [pid for pid in children(web.pid) if b"streams.search.worker" in command_line(pid)]


def restarts(web: Process) -> float:
    """How many of them were lost so far, in whatever tests ran before."""
    name, lines = "streamboard_search_worker_restarts_total ", web.get("/metrics").text.splitlines()
    return float(next(line.removeprefix(name) for line in lines if line.startswith(name)))


async def test_one_niced_process_does_the_work_and_another_one_goes_on_when_it_is_killed(
    product: tuple[Installation, Process], client: httpx.AsyncClient
) -> None:
    _, web = product
    await search(client, TOPIC, limit=1)
    (worker,) = workers(web)
    before = restarts(web)
    assert os.getpriority(os.PRIO_PROCESS, worker) > os.getpriority(os.PRIO_PROCESS, web.pid)
    os.kill(worker, signal.SIGSTOP)
    found = Found()
    async for line in lines_of(client, TOPIC, limit=2000):
        found.take(line)
        if line["type"] == "begin":
            os.kill(worker, signal.SIGKILL)
    assert "restarted" in found.types
    assert found.end["reason"] == "complete"
    assert sorted(numbers(found)) == list(range(RECORDS))
    assert workers(web) != [worker]
    assert restarts(web) == before + 1


async def test_a_client_that_goes_away_ends_its_search(
    product: tuple[Installation, Process], client: httpx.AsyncClient
) -> None:
    _, web = product
    await search(client, TOPIC, limit=1)
    (worker,) = workers(web)
    os.kill(worker, signal.SIGSTOP)  # the search would take as long as anybody waits
    try:
        async for line in lines_of(client, TOPIC):
            if line["type"] == "progress":
                break
        await until(lambda: 'searches_running{kind="search"} 0.0' in web.get("/metrics").text, "nothing runs on")
    finally:
        os.kill(worker, signal.SIGCONT)
    assert (await search(client, TOPIC, limit=2000)).end["reason"] == "complete"


async def test_one_search_of_a_person_runs_and_the_others_are_told_their_place(
    product: tuple[Installation, Process], client: httpx.AsyncClient
) -> None:
    installation, web = product
    await search(client, TOPIC, limit=1)
    (worker,) = workers(web)
    os.kill(worker, signal.SIGSTOP)
    try:
        async with searcher(web, installation.tokens["bob"]) as bob:
            first = lines_of(client, TOPIC, limit=1)
            assert (await anext(first))["type"] == "begin"
            second, third = lines_of(client, TOPIC, limit=1), lines_of(client, TOPIC, limit=1)
            assert await anext(second) == {"type": "waiting", "place": 1}
            assert await anext(third) == {"type": "waiting", "place": 2}
            others = lines_of(bob, TOPIC, limit=1)
            assert (await anext(others))["type"] == "begin"
            os.kill(worker, signal.SIGCONT)
            for lines in (first, second, third, others):
                rest = [line async for line in lines]
                assert rest[-1]["reason"] == "limit"
    finally:
        os.kill(worker, signal.SIGCONT)


# Rights ---------------------------------------------------------------------------------------------------------------

CLOSE = "UPDATE auth_user SET is_active = false WHERE username = 'bob'"
OPEN = "UPDATE auth_user SET is_active = true WHERE username = 'bob'"


async def test_a_right_taken_away_ends_a_search_that_is_under_way(
    product: tuple[Installation, Process], client: httpx.AsyncClient
) -> None:
    installation, web = product
    await search(client, TOPIC, limit=1)
    (worker,) = workers(web)
    os.kill(worker, signal.SIGSTOP)
    loop = asyncio.get_running_loop()
    try:
        async with searcher(web, installation.tokens["bob"]) as bob:
            lines = lines_of(bob, TOPIC)
            assert (await anext(lines))["type"] == "begin"
            installation.query(CLOSE)
            since = loop.time()
            rest = [line async for line in lines]
            assert loop.time() - since < 2 + 5  # what a machine may stand still comes on top
    finally:
        installation.query(OPEN)
        os.kill(worker, signal.SIGCONT)
    assert rest[-1]["reason"] == "forbidden"
    assert rest[-1]["message"]
    assert rest[-1]["cursor"] is None
