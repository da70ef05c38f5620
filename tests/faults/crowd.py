"""The clients of a run. Some stay: they follow the topic, or what a filter means of it, leave and come back at random,
often on the other web process. Many more come and go all the time. A few search. Each one checks what it is sent, and
what it was given is compared with what Kafka holds while it goes.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from tests.faults.findings import Findings
from tests.faults.frames import Message
from tests.faults.searcher import Searcher
from tests.faults.stage import PARTITIONS, Stage
from tests.faults.truth import NONE, VIEWS, Account, Positions, Truth, Wanted, fingerprint
from tests.faults.witness import Witness
from tests.support.client import Follower
from tests.support.waiting import TimeIsUp, until

STAY_SECONDS = (0.5, 8.0)  # between two partings of one client
AGAIN_SECONDS = 180.0  # for a client to be back, whatever is broken, before it leaves a second time
ONE_IN_FAR = 4  # clients whose way to the web leads through the proxies; all of them would keep a core busy
ONE_IN_FIRST = 5  # clients that are tests/support/client.py, which costs more; the others are witnesses
ONE_IN_NEW = 5  # clients that do not read from the beginning
ONE_IN_FILTERED, ONE_IN_CHANGING = 3, 6  # witnesses that have a filter; that change theirs again and again
SEARCHERS = ("alice", "alice", "bob")  # who searches: two of one person, by turns

VISIT_SECONDS = (0.3, 5.0)  # how long a newcomer stays
BEGIN_SECONDS = 25.0  # until a newcomer's stream has begun, or it goes
LEAVE_SECONDS = 5.0  # until a newcomer that leaves politely has gone
VISITORS = 250  # at once, at most: a web process that is stopped keeps many waiting
BACK = 500  # offsets of a partition that a newcomer's cursor may lie behind
ONE_IN_BACK = 60  # newcomers whose cursor lies before what the server keeps (60 s), as far as there is so much
FAR_BACK_SECONDS = 75.0
AGO_SECONDS = 3.0  # that a newcomer's timestamp may lie back
ONE_IN_FILTERED_NEW = 4  # newcomers that have a filter
LAST, LAST_MATCHING = 1000, 100  # records that a newcomer may ask for; with a filter it is looked through more
LOOK_SECONDS = 1.0
OWN_LATE_SECONDS = 0.5  # of a look: below that it matters to no bound
TICK_SECONDS = 0.02


class Client(Follower):
    """A follower whose records go into an account."""

    def __init__(self, stage: Stage, name: str, urls: list[str], start: Message, findings: Findings) -> None:
        super().__init__(urls, stage.installation.token, stage.topic, start)
        self.name, self.stage, self.findings = name, stage, findings
        self.account = Account()
        self._count = self._total = 0

    def keep(self, partition: int, record: Message) -> None:
        self._count += 1
        self._total += fingerprint(partition, record["offset"], record["value"])

    def passed(self, partition: int, start: int, end: int) -> None:
        self.account.give(partition, start, end, self._count, self._total)
        self.findings.deliveries += self._count
        self._count = self._total = 0

    def look(self) -> None:
        """Raises what its task ended with; otherwise one that is dead looks like one that is never told anything."""
        if self._task is not None and self._task.done() and not self._task.cancelled():
            self._task.result()

    def next_url(self) -> str:
        """More often than not the other web process: it does not know what this client had."""
        return super().next_url() if self.stage.dice.random() < 0.7 else self.stage.dice.choice(self.urls)

    def __str__(self) -> str:
        return f"{self.name}, {super().__str__()}"


class Items(Follower):
    """A follower of the items that remembers of their events the versions."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._versions: dict[str, list[int]] = {}

    def keep(self, partition: int, record: Message) -> None:
        seen = self._versions.setdefault(record["key"], [])
        if record["value"]["version"] not in seen:
            seen.append(record["value"]["version"])

    def versions(self) -> dict[str, list[int]]:
        return self._versions


class Crowd:
    """All clients of a run. followers, witnesses: those that stay; changing: of those, who change their filter.
    exploring: whether some have a filter, and whether some search."""

    def __init__(
        self, stage: Stage, truth: Truth, findings: Findings, epoch: str, count: int, *, exploring: bool = False
    ) -> None:
        self.stage, self.truth, self.findings, self.epoch = stage, truth, findings, epoch
        self.exploring = exploring
        self.followers: list[Client] = []
        self.witnesses: list[Witness] = []
        self.changing: list[Witness] = []
        self.searchers: list[Searcher] = []
        for number, user in enumerate(SEARCHERS if exploring else (), 1):
            token = stage.installation.tokens[user]
            one = Searcher(f"searcher {number}", stage, token, truth=truth, findings=findings, epoch=epoch)
            self.searchers.append(one)
        self.visitors: set[Witness] = set()
        self._gone: deque[Witness] = deque()  # newcomers whose accounts are not settled yet
        for number, start in enumerate(self._starts(count)):
            urls = stage.far_urls if number % ONE_IN_FAR == 0 else stage.urls
            if number % ONE_IN_FIRST == 0:
                self.followers.append(Client(stage, f"client {number}", urls, start, findings))
            else:
                self.witnesses.append(self._witness(f"witness {number}", urls, start))
        if exploring:
            for number, witness in enumerate(self.witnesses[::ONE_IN_FILTERED]):
                witness.wanted = VIEWS[number % len(VIEWS)]
            self.changing = self.witnesses[1::ONE_IN_CHANGING]

    def _witness(
        self, name: str, urls: list[str], start: Message, *, reconnect: bool = True, wanted: Wanted | None = None
    ) -> Witness:
        return Witness(
            name, urls, self.stage.installation.token, start, truth=self.truth, findings=self.findings,
            halted=self.stage.halted, reconnect=reconnect, wanted=wanted,
        )  # fmt: skip

    def _starts(self, count: int) -> list[Message]:
        """Most from the beginning; some from the end, or with the newest records."""
        beginning = self._cursor(dict.fromkeys(range(PARTITIONS), 0))
        return [
            self.stage.dice.choice([{"latest": True}, {"last": 500}]) if number % ONE_IN_NEW == 3 else beginning
            for number in range(count)
        ]

    def _cursor(self, positions: Positions) -> Message:
        return {"cursor": {"epoch": self.epoch, "positions": {str(p): at for p, at in positions.items()}}}

    @property
    def all(self) -> list[Client | Witness]:
        return [*self.followers, *self.witnesses]

    # Those that stay --------------------------------------------------------------------------------------------------

    async def wander(self, client: Client | Witness) -> None:
        """Leaves without a word again and again, connected or not; one time in three twice, with nothing in between."""
        dice = self.stage.dice
        while True:
            await asyncio.sleep(self.stage.some(STAY_SECONDS))
            if dice.random() < 1 / 3:
                await self._wait(lambda: follows(client), "it follows", client)
                await self._come_back(client)
            client.drop()

    async def keep_changing(self, witness: Witness) -> None:
        """Reads on with another filter, or without one, again and again."""
        while True:
            await asyncio.sleep(self.stage.some(STAY_SECONDS))
            witness.change(self.stage.dice.choice((None, *VIEWS)))

    async def _come_back(self, client: Client | Witness) -> None:
        begun = client.begun
        client.drop()
        await self._wait(lambda: client.begun > begun, "it is back", client)

    async def _wait(self, condition: Callable[[], bool], what: str, client: Client | Witness) -> None:
        """Raises TimeIsUp with how the client stands then."""
        try:
            await until(condition, what, AGAIN_SECONDS)
        except TimeIsUp as error:
            raise TimeIsUp(f"{error}: {client}") from None

    # Newcomers --------------------------------------------------------------------------------------------------------

    async def keep_coming(self, a_second: float) -> None:
        """So many newcomers a second, until it is cancelled."""
        began, come = time.monotonic(), 0
        async with asyncio.TaskGroup() as visits:
            while True:
                await asyncio.sleep(TICK_SECONDS)
                while come < (time.monotonic() - began) * a_second:
                    come += 1
                    if len(self.visitors) < VISITORS:
                        visits.create_task(self._visit(f"newcomer {come}"))

    async def _visit(self, name: str) -> None:
        dice = self.stage.dice
        urls = self.stage.far_urls if dice.random() < 1 / ONE_IN_FAR else self.stage.urls
        wanted = dice.choice(VIEWS) if self.exploring and dice.randrange(ONE_IN_FILTERED_NEW) == 0 else None
        witness = self._witness(name, urls, self._start(wanted), reconnect=False, wanted=wanted)
        self.visitors.add(witness)
        try:
            async with witness:
                deadline = time.monotonic() + BEGIN_SECONDS
                while not witness.following and not witness.ended and time.monotonic() < deadline:
                    await asyncio.sleep(TICK_SECONDS)
                if witness.following:
                    await asyncio.sleep(dice.uniform(*VISIT_SECONDS))
                    (witness.drop if dice.random() < 1 / 2 else witness.leave)()
                    deadline = time.monotonic() + LEAVE_SECONDS
                    while not witness.ended and time.monotonic() < deadline:
                        await asyncio.sleep(TICK_SECONDS)
        finally:
            self.visitors.discard(witness)
            self._gone.append(witness)

    def _start(self, wanted: Wanted | None) -> Message:
        """One of the four starts. Who wants none would have all of the past looked through for the last ones."""
        dice, now = self.stage.dice, int(time.time() * 1000)
        match dice.randrange(4):
            case 0:
                return {"latest": True}
            case 1 if wanted is not NONE:
                return {"last": dice.randint(1, LAST if wanted is None else LAST_MATCHING)}
            case 2:
                return {"timestamp": now - int(dice.uniform(0, AGO_SECONDS) * 1000)}
        if dice.randrange(ONE_IN_BACK // 4) == 0:
            long_ago = self.truth.first_at(now - int(FAR_BACK_SECONDS * 1000))
            return self._cursor({partition: at or 0 for partition, at in long_ago.items()})
        return self._cursor({p: max(0, end - dice.randint(0, BACK)) for p, end in self.truth.ends.items()})

    # Looking on -------------------------------------------------------------------------------------------------------

    def look(self) -> bool:
        """Every witness looks at the time, and every account is compared. True: nothing is left to compare."""
        for witness in (*self.witnesses, *self.visitors):
            witness.look()
        left = [client for client in self.all if not client.account.settle(self.truth)]
        searching = [searcher for searcher in self.searchers if not searcher.look()]
        for client in self.followers:
            client.look()
            for text in client.account.wrong:
                self.findings.break_("wrong", f"{client}: {text}")
            client.account.wrong.clear()
        for _ in range(len(self._gone)):
            witness = self._gone.popleft()
            witness.look()
            if not witness.account.settle(self.truth):
                self._gone.append(witness)
        return not left and not searching and not self._gone

    async def keep_looking(self) -> None:
        """Looks every second. When this process itself stood still, what arrived meanwhile has not been read yet: that
        time is nobody's silence."""
        while True:
            due = time.monotonic() + LOOK_SECONDS
            await asyncio.sleep(LOOK_SECONDS)
            if (now := time.monotonic()) - due > OWN_LATE_SECONDS:
                self.stage.stood_still(due, now)
                self.stage.say(f"the clients themselves stood still for {now - due:.1f} s")
            self.look()

    def broken(self) -> Iterator[str]:
        """Everything that any client holds against the server, a line each."""
        for kind, count in sorted(self.findings.broken.items()):
            yield f"{kind}: {count}"
        yield from self.findings.told
        for client in self.followers:
            yield from (f"{client.name}: {text}" for text in client.broken)
            if client.gaps or client.unrecovered or client.resets:
                yield f"{client}: gaps {client.gaps[:3]}, resets {client.resets[:3]}"

    @property
    def jumps(self) -> int:
        return self.findings.broken["jump"] + sum(client.jumps for client in self.followers)

    @property
    def duplicates(self) -> int:
        return self.findings.duplicates + sum(client.duplicates for client in self.followers)

    @property
    def sockets(self) -> int:
        return sum(client.sockets for client in self.all)


def follows(client: Client | Witness) -> bool:
    return client.following if isinstance(client, Witness) else client.stream is not None


def has_arrived(client: Client | Witness, ends: Positions) -> bool:
    return client.begun > 0 and all(client.positions.get(part, 0) >= end for part, end in ends.items())
