"""Searches and exports, as their clients read them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.support.processes import CALL_SECONDS, Process

Line = dict[str, Any]
Place = tuple[int, int]  # partition, offset


def searcher(web: Process, token: str) -> httpx.AsyncClient:
    """A client that has the token."""
    return httpx.AsyncClient(base_url=web.url, headers={"Authorization": f"Bearer {token}"}, timeout=CALL_SECONDS)


@dataclass
class Found:
    """All lines of a search. found: each record once, by its place, in the order in which they came."""

    lines: list[Line] = field(default_factory=list)
    found: dict[Place, Line] = field(default_factory=dict)

    def take(self, line: Line) -> None:
        self.lines.append(line)
        if line["type"] == "records":
            for record in line["records"]:
                place = line["partition"], record["offset"]
                assert place not in self.found, f"{place} came twice"
                self.found[place] = record

    @property
    def types(self) -> list[str]:
        return [line["type"] for line in self.lines]

    @property
    def begin(self) -> Line:
        return next(line for line in self.lines if line["type"] == "begin")

    @property
    def end(self) -> Line:
        assert self.lines, "nothing was told"
        assert self.lines[-1]["type"] == "end", self.lines[-1]
        return self.lines[-1]

    @property
    def scanned(self) -> set[Place]:
        """The offsets that the end says were looked at."""
        return offsets(self.end["scanned_ranges"])


def offsets(ranges: list[Line]) -> set[Place]:
    return {(each["partition"], offset) for each in ranges for offset in range(each["from"], each["to"])}


async def lines_of(client: httpx.AsyncClient, topic: str, **asked: Any) -> AsyncIterator[Line]:
    """The lines of a search, as they come."""
    async with client.stream("POST", f"/api/topics/{topic}/search", json=asked) as answer:
        if answer.status_code != 200:
            raise AssertionError(f"{answer.status_code}: {(await answer.aread()).decode()}")
        assert answer.headers["Content-Type"] == "application/x-ndjson"
        async for line in answer.aiter_lines():
            yield json.loads(line)


async def search(client: httpx.AsyncClient, topic: str, **asked: Any) -> Found:
    """A search, to its end."""
    found = Found()
    async for line in lines_of(client, topic, **asked):
        found.take(line)
    return found


async def search_all(client: httpx.AsyncClient, topic: str, **asked: Any) -> list[Found]:
    """A search and those that go on with its cursor, until nothing is left."""
    searches = [await search(client, topic, **asked)]
    while (cursor := searches[-1].end["cursor"]) is not None:
        more = {name: value for name, value in asked.items() if name not in {"from", "to", "partitions"}}
        searches.append(await search(client, topic, **more, cursor=cursor))
    return searches
