"""Exporting a topic over the API of a running product with the embedded broker."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from confluent_kafka import Producer

from tests.product.test_search import workers
from tests.support.processes import CALL_SECONDS, Installation, Process, make_installation
from tests.support.searching import searcher
from tests.support.waiting import until

TOPIC = "orders"
ADDRESS = f"/api/topics/{TOPIC}/export"
LONG = "x" * 100_000
VALUES = [
    b'{"n": 1.10, "name": "=1+1", "deep": {"list": [1, {"a-b": "-5"}]}}',
    b'{"n": -5, "name": "lamp, \\"old\\"\\nnew"}',
    b'{"n": 12345678901234567890123, "name": "a;=2"}',
    b'{"n": 4, "name": "%b"}' % LONG.encode(),
    b"\xff\x00",
    b"just text",
]
SETUP = """
from django.contrib.auth.models import Group, User
from django.core.management import call_command
group = Group.objects.create(name="accountants")
User.objects.create_user("carol")
call_command("addtopic", "orders", "--exporter", "accountants", stdout=open("/dev/null", "w"))
call_command("createtoken", "carol")
"""
CAROL = "(SELECT id FROM auth_user WHERE username = 'carol')"
JOIN = f"INSERT INTO auth_user_groups (user_id, group_id) SELECT {CAROL}, id FROM auth_group"
LEAVE = f"DELETE FROM auth_user_groups WHERE user_id = {CAROL}"


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Installation, Process, str]]:
    """One running embedded product for the tests of this file, and carol's token."""
    installation = make_installation(tmp_path_factory.mktemp("export"), None, {})
    token = installation.manage("shell", "--no-imports", "--command", SETUP).strip()
    web = installation.web()
    producer = Producer({"bootstrap.servers": web.broker(), "log_level": 0})
    for number, value in enumerate(VALUES):
        headers: list[tuple[str, str | bytes | None]] | None = [("h", "+1")] if number == 0 else None
        producer.produce(TOPIC, value, key=b"@k%d" % number, partition=0, timestamp=1000 + number, headers=headers)
    assert producer.flush(CALL_SECONDS) == 0
    yield installation, web, token
    installation.close()


@pytest.fixture
async def client(product: tuple[Installation, Process, str]) -> AsyncIterator[httpx.AsyncClient]:
    installation, web, _ = product

    async def opened() -> bool:
        answer = await made.get(f"/api/topics/{TOPIC}/newest")
        return answer.status_code == 200 and sum(len(part["records"]) for part in answer.json()["ranges"]) == len(
            VALUES
        )

    async with searcher(web, installation.token) as made:
        await until(opened, "the topic is open")
        yield made


async def test_whole_records_come_uncut_digit_for_digit_with_a_last_line(client: httpx.AsyncClient) -> None:
    answer = await client.get(ADDRESS)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    assert "attachment" in answer.headers["Content-Disposition"]
    *rows, last = answer.text.splitlines()
    assert json.loads(last) == {
        "type": "end", "reason": "complete", "records": 6, "failed": 0, "unchecked": 0, "undecodable": 0,
    }  # fmt: skip
    assert '"n": 1.10' in rows[0]
    assert "12345678901234567890123" in rows[2]
    records = [json.loads(row) for row in rows]
    assert [(record["partition"], record["offset"]) for record in records] == [(0, number) for number in range(6)]
    assert records[3]["value"]["name"] == LONG
    assert "raw" not in records[3]
    assert [record["encoding"] for record in records[4:]] == ["base64", "text"]


async def test_a_filter_times_and_columns_choose_what_is_exported(client: httpx.AsyncClient) -> None:
    columns = 'offset,value.n,value.deep.list[1]["a-b"],timestamp,headers'
    chosen = {"filter": "has(value.n) && value.n < 4", "columns": columns}
    *rows, last = (await client.get(ADDRESS, params=chosen)).text.splitlines()
    assert [json.loads(row) for row in rows] == [
        {"offset": 0, "value.n": 1.1, 'value.deep.list[1]["a-b"]': "-5", "timestamp": 1000, "headers": {"h": ["+1"]}},
        {"offset": 1, "value.n": -5, 'value.deep.list[1]["a-b"]': None, "timestamp": 1001, "headers": {}},
    ]
    assert json.loads(last)["failed"] == 2
    for times in (
        {"from": "1002", "to": "1004"},
        {"from": "1970-01-01T00:00:01.002Z", "to": "1970-01-01T01:00:01.004+01:00"},
        {"from": "1970-01-01T00:00:01.002", "to": "1004"},
    ):
        *rows, last = (await client.get(ADDRESS, params={**times, "columns": "offset"})).text.splitlines()
        assert [json.loads(row)["offset"] for row in rows] == [2, 3]


async def test_no_cell_is_a_formula_and_numbers_stay_numbers(client: httpx.AsyncClient) -> None:
    columns = 'key,value.n,value.name,value.deep.list[1]["a-b"],value'
    answer = await client.get(ADDRESS, params={"format": "csv", "columns": columns})
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    *rows, last = csv.reader(io.StringIO(answer.text, newline=""))
    assert rows[0] == ["key", "value.n", "value.name", 'value.deep.list[1]["a-b"]', "value"]
    assert rows[1] == ["'@k0", "1.1", "'=1+1", "'-5", VALUES[0].decode()]
    assert rows[2][:4] == ["'@k1", "-5", 'lamp, "old"\nnew', ""]
    assert rows[3][2] == "a;'=2"
    assert rows[4][2] == LONG
    assert answer.text.splitlines()[-1].startswith('# {"type":"end","reason":"complete"')
    assert last[0].startswith("# ")
    usual = (await client.get(ADDRESS, params={"format": "csv"})).text
    assert usual.startswith("partition,offset,timestamp,key,headers,size,format,value\r\n0,0,1000,'@k0,")


async def test_what_a_form_leaves_empty_counts_as_left_out(client: httpx.AsyncClient) -> None:
    empty = dict.fromkeys(("filter", "from", "to", "columns"), "")
    answer = await client.get(ADDRESS, params={"format": "ndjson", **empty})
    assert answer.status_code == 200, answer.text
    assert answer.text == (await client.get(ADDRESS)).text


async def test_what_cannot_be_exported_is_said(client: httpx.AsyncClient) -> None:
    async def refused(**asked: str) -> str:
        answer = await client.get(ADDRESS, params=asked)
        assert answer.status_code == 422
        return str(answer.json()["detail"][0]["loc"][-1])

    assert await refused(filter="value.n = 1") == "filter"
    long = (await client.get(ADDRESS, params={"filter": "x" * 2_001})).json()
    assert (long["code"], long["at"]) == ("bad_filter", 2_000)
    assert await refused(columns="value.n + 1") == "columns"
    assert await refused(columns="valu") == "columns"
    assert await refused(columns=",".join(["key"] * 101)) == "columns"
    assert await refused(format="xml") == "format"
    assert await refused(to="tomorrow") == "to"
    assert (await client.get("/api/topics/nowhere/export")).status_code == 404
    head = await client.head(ADDRESS)
    assert (head.status_code, head.content) == (200, b"")


async def test_the_right_to_export_is_one_of_its_own_and_taken_away_ends_an_export(
    product: tuple[Installation, Process, str], client: httpx.AsyncClient
) -> None:
    installation, web, token = product
    await client.get(ADDRESS)
    async with searcher(web, token) as carol:

        async def exportable() -> dict[str, bool]:
            return {topic["name"]: topic["export"] for topic in (await carol.get("/api/topics/")).json()["topics"]}

        assert await exportable() == {"items.v1": False, TOPIC: False}
        assert (await carol.get(ADDRESS)).status_code == 403
        installation.query(JOIN)
        assert await exportable() == {"items.v1": False, TOPIC: True}
        (worker,) = workers(web)
        os.kill(worker, signal.SIGSTOP)
        try:
            async with carol.stream("GET", ADDRESS) as answer:
                assert answer.status_code == 200
                installation.query(LEAVE)
                lines = [json.loads(line) async for line in answer.aiter_lines()]
        finally:
            os.kill(worker, signal.SIGCONT)
    assert [line["reason"] for line in lines] == ["forbidden"]


async def test_an_export_goes_on_with_a_new_process(
    product: tuple[Installation, Process, str], client: httpx.AsyncClient
) -> None:
    _, web, _ = product
    await client.get(ADDRESS)
    (worker,) = workers(web)
    os.kill(worker, signal.SIGSTOP)
    async with client.stream("GET", ADDRESS, params={"format": "csv", "columns": "offset"}) as answer:
        os.kill(worker, signal.SIGKILL)
        rows = [line async for line in answer.aiter_lines()]
    assert rows[:-1] == ["offset", *(str(number) for number in range(len(VALUES)))]
    assert '"complete"' in rows[-1]
