"""A server that is asked to end while people search and export: each answer has its last line."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from confluent_kafka import Producer

from tests.product.test_search import workers
from tests.support.processes import CALL_SECONDS, make_installation
from tests.support.searching import Found, lines_of, search, searcher
from tests.support.waiting import until

pytestmark = pytest.mark.processes
TOPIC = "measured"
RECORDS = 20


async def test_the_searches_and_exports_under_way_are_told(tmp_path: Path) -> None:
    installation = make_installation(tmp_path, None, {})
    try:
        installation.watch(TOPIC)
        web = installation.web()
        producer = Producer({"bootstrap.servers": web.broker(), "log_level": 0})
        for number in range(RECORDS):
            producer.produce(TOPIC, b'{"n": %d}' % number, partition=0)
        assert producer.flush(CALL_SECONDS) == 0
        async with searcher(web, installation.token) as client:

            async def found() -> Found | None:
                answer = await client.get(f"/api/topics/{TOPIC}/newest?limit=500")
                return await search(client, TOPIC, limit=1) if answer.status_code == 200 else None

            await until(found, "the topic is open and there is a process that searches")
            (worker,) = workers(web)
            os.kill(worker, signal.SIGSTOP)  # what is begun now would take as long as anybody waits
            first, second = lines_of(client, TOPIC), lines_of(client, TOPIC)
            assert (await anext(first))["type"] == "begin"
            assert (await anext(second))["type"] == "waiting"
            async with client.stream("GET", f"/api/topics/{TOPIC}/export?format=csv&columns=offset") as answer:
                lines = answer.aiter_lines()
                assert await anext(lines) == "offset"
                web.terminate()
                (end,) = [json.loads(line.removeprefix("# ")) async for line in lines]
            begun = [line async for line in first][-1]
            waited = [line async for line in second][-1]
        assert [each["type"] for each in (begun, waited, end)] == ["end"] * 3
        assert [each["reason"] for each in (begun, waited, end)] == ["away"] * 3
        assert all("about to be started anew" in each["message"] for each in (begun, waited, end))
        for each in (begun, waited):
            assert [(part["partition"], part["from"], part["to"]) for part in each["cursor"]["ranges"]] == [
                (0, 0, RECORDS)
            ]
            assert (each["scanned_ranges"], each["scanned"], each["matched"]) == ([], 0, 0)
        assert web.wait() in {0, -signal.SIGTERM}  # uvicorn passes the signal on after its clean end
        assert "Cancel" not in web.log()  # uvicorn's word for answers that it cut off
    finally:
        installation.close()
