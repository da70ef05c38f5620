"""What the tests of the whole wire share: somebody who writes items without a pause, the end of it, and the passages
that hold with Redis and without."""

from __future__ import annotations

import asyncio
import random
import uuid
from types import TracebackType
from typing import Any, Self

import httpx

from tests.support.client import Follower
from tests.support.processes import CALL_SECONDS, Installation, Process
from tests.support.services import Kafka, Service
from tests.support.waiting import until

RETRY_SECONDS = 0.1  # between two tries while no web process answers
# Until everything flows again: a bridge that was killed keeps its partitions in the group for 10 s, on a calm machine.
RECOVERY_SECONDS = 90


class Writer:
    """Creates, changes and deletes items through the API of `urls` in turn, until it is left or `stop()`ped.

    written: calls that succeeded. refused: calls that did not, because a process was gone, or the database did not
    answer it in time. The truth about what was committed is the database's, as an answer may be lost after its commit.
    """

    def __init__(self, token: str, *urls: str) -> None:
        self.urls, self.written, self.refused = urls, 0, 0
        self._ids: list[int] = []
        self._client = httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=CALL_SECONDS)
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        else:
            await self.stop()
        await self._client.aclose()

    async def stop(self) -> None:
        """Ends after the call that is under way; raises what went wrong."""
        self._stopping = True
        assert self._task is not None
        await self._task

    async def more(self, count: int, timeout: float = 60) -> None:
        """Waits until `count` more calls have succeeded."""
        target = self.written + count

        def enough() -> bool:
            if self._task is not None and self._task.done():
                self._task.result()
            return self.written >= target

        await until(enough, f"{count} more writes ({self.written} so far, {self.refused} refused)", timeout)

    async def _run(self) -> None:
        turn = 0
        while not self._stopping:
            turn += 1
            try:
                is_written = await self._write(self.urls[turn % len(self.urls)])
            except httpx.TransportError:
                is_written = False
            if is_written:
                self.written += 1
            else:
                self.refused += 1
                await asyncio.sleep(RETRY_SECONDS)

    async def _write(self, url: str) -> bool:
        dice = random.random()
        if not self._ids or dice < 0.4:
            answer = await self._client.post(
                f"{url}/api/items/", json={"name": f"item {self.written}", "price": "1.50"}
            )
            if is_done(answer, 201):
                self._ids.append(answer.json()["item"]["id"])
                return True
            return False
        number = random.choice(self._ids)
        if dice < 0.9:
            change = {"price": f"{random.randint(0, 10**6)}.25"}
            return is_done(await self._client.patch(f"{url}/api/items/{number}", json=change), 200)
        self._ids.remove(number)  # whatever comes of it: nobody asks for it again
        # 404: an earlier try was committed, and its answer lost.
        return is_done(await self._client.delete(f"{url}/api/items/{number}"), 204, 404)


def is_done(answer: httpx.Response, *statuses: int) -> bool:
    """Whether it was done; a database that does not answer in time is told, with when to come back."""
    if answer.status_code == 503:
        assert int(answer.headers["Retry-After"]) > 0, answer.text
        return False
    assert answer.status_code in statuses, answer.text
    return True


async def everything_arrived(installation: Installation, *followers: Follower, timeout: float = 60) -> None:
    """Waits until each follower has seen every committed version of every item, and checks order and losses."""
    committed: dict[str, int] = await asyncio.to_thread(installation.committed)
    assert committed
    for follower in followers:
        await follower.until(lambda f=follower: f.has(committed), f"all of {len(committed)} items", timeout)
        follower.check(committed)


async def until_it_answers(client: httpx.AsyncClient, path: str) -> None:
    """Waits until the path answers with 200."""

    async def answers() -> bool:
        return (await client.get(path)).status_code == 200

    await until(answers, f"{path} answers")


async def create_item(url: str, token: str, **fields: Any) -> dict[str, Any]:
    """Creates one item through the API, once the database answers in time, and returns it."""
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": uuid.uuid4().hex}
    async with httpx.AsyncClient(headers=headers, timeout=CALL_SECONDS) as client:

        async def created() -> dict[str, Any] | None:
            answer = await client.post(f"{url}/api/items/", json={"name": "an item", "price": "12.50", **fields})
            return dict(answer.json()["item"]) if is_done(answer, 201) else None

        item: dict[str, Any] | None = await until(created, "the item is created", CALL_SECONDS)
    assert item is not None
    return item


# Passages -----------------------------------------------------------------------------------------------------------


async def kill_9_of_a_web_process(installation: Installation, first: Process, second: Process) -> None:
    """Somebody on each of two web processes while events flow; the first is killed and returns."""
    async with (
        Follower(first.url, installation.token, installation.items_topic) as on_first,
        Follower(second.url, installation.token, installation.items_topic) as on_second,
    ):
        await on_first.subscribed()
        await on_second.subscribed()
        async with Writer(installation.token, first.url, second.url) as writer:
            await writer.more(20)
            first.kill()
            await writer.more(20)
            first.start()
            await writer.more(20)
        await everything_arrived(installation, on_first, on_second, timeout=RECOVERY_SECONDS)
        assert on_first.sockets > 1
        assert not on_first.gaps
        assert not on_first.unrecovered


async def kafka_away_and_back(installation: Installation, web: Process, kafka: Kafka) -> None:
    """The API goes on, clients and /readyz are told, and afterwards nothing is missing."""
    async with Follower(web.url, installation.token, installation.items_topic) as follower:
        await follower.subscribed()
        await create_item(web.url, installation.token)
        await everything_arrived(installation, follower, timeout=RECOVERY_SECONDS)
        kafka.kill()
        async with Writer(installation.token, web.url) as writer:
            await writer.more(20)
        await follower.until(
            lambda: follower.links[-1:] == ["down"], "a heartbeat with the link down", RECOVERY_SECONDS
        )
        await follower.until(lambda: (follower.waiting or 0) > 0, "how many events wait")

        async def is_ready() -> bool:
            ready = await asyncio.to_thread(web.get, "/readyz")
            return ready.status_code == 200 and "kafka: down since" in ready.text

        await until(is_ready, "it is ready without Kafka, and says so")
        kafka.start()
        await everything_arrived(installation, follower, timeout=RECOVERY_SECONDS)
        await follower.until(lambda: follower.links[-1] == "live", "the link is live again", RECOVERY_SECONDS)
        await until(lambda: "kafka: live" in web.readyz(), "readyz tells it", RECOVERY_SECONDS)
        assert not follower.gaps


async def absent_at_the_start(installation: Installation, web: Process, service: Service) -> None:
    """An item that was written while the service was away is the first that a client sees."""
    item = await create_item(web.url, installation.token)
    service.start()
    async with Follower(web.url, installation.token, installation.items_topic, {"last": 100}) as follower:
        await everything_arrived(installation, follower, timeout=RECOVERY_SECONDS)
        assert follower.records[0][1]["key"] == str(item["id"])
        await create_item(web.url, installation.token)
        await everything_arrived(installation, follower, timeout=RECOVERY_SECONDS)
