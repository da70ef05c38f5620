"""A searcher: searches stretches of the numbered topic again and again, each one on with its cursor until nothing is
left, whatever breaks meanwhile, and believes nothing: it holds every line against docs/interface.md, "Searching".

What a search says that it looked at is compared with the truth: each offset is looked at once, each match found once.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.faults.findings import Findings
from tests.faults.frames import Broken, Message, need, number_of
from tests.faults.living import Living
from tests.faults.stage import Stage
from tests.faults.truth import VIEWS, Account, Positions, Truth, Wanted, fingerprint, total
from tests.support.processes import Process
from tests.support.waiting import TimeIsUp, until

# From docs/interface.md.
MOST_FOUND = 2000
TOLD_EVERY_SECONDS = 1.0  # a line while one waits, and while one is under way
SEARCH_SECONDS = 10.0  # of a search; a `bound` ends it
REASONS = {"complete", "limit", "bound", "away"}  # the others would be wrong here: nobody takes a right or a topic away
COUNTS = ("scanned", "matched", "failed", "unchecked", "undecodable", "skipped", "bytes")

LATE_SECONDS = 10.0  # of a machine that is loaded, beyond what the page allows
ANSWER_SECONDS = 10.0  # until an answer begins
AWAY_SECONDS = 30.0  # that Kafka, or the process that searches, may say nothing before a search says `away`
CONNECT_SECONDS = 20.0
AGAIN_SECONDS = (0.2, 1.0)  # until a search that was refused is tried again, unless it was said when
STOP_SECONDS = 30.0  # for a process that is asked to end; meanwhile answers break off
PAUSE_SECONDS = (0.5, 3.0)  # between two chases
STRETCH = (100, 10_000)  # offsets of a partition that a chase goes through
GO_ON = 8  # so often, at most, where not too much matches
AGO_SECONDS = 5.0
ONE_IN_FAR = 4  # answers that come through the proxies
TICK_SECONDS = 1.0
SHOWN = 300

Ranges = list[tuple[int, int, int]]  # partition, from, to


def ranges_of(given: Any) -> Ranges:
    """Ranges as the page writes them, in their order, those that touch made one. Raises Broken."""
    if not isinstance(given, list):
        raise Broken(f"ranges are {given!r}")
    found: Ranges = []
    for each in given:
        need(each, partition=int, **{"from": int, "to": int})
        if not 0 <= each["from"] < each["to"]:
            raise Broken(f"a range is {each}")
        found.append((each["partition"], each["from"], each["to"]))
    whole: Ranges = []
    for partition, start, end in sorted(found):
        if whole and whole[-1][0] == partition and start <= whole[-1][2]:
            if start < whole[-1][2]:
                raise Broken(f"offset {start} of partition {partition} twice in {str(given)[:SHOWN]}")
            whole[-1] = (partition, whole[-1][1], end)
        else:
            whole.append((partition, start, end))
    return whole


def without(ranges: Ranges, taken: Ranges) -> Ranges:
    """What is left of ranges. Raises Broken where what is taken does not lie in them."""
    left = list(ranges)
    for partition, start, end in taken:
        for place, (number, low, high) in enumerate(left):
            if number == partition and low <= start and end <= high:
                left[place : place + 1] = [(number, *part) for part in ((low, start), (end, high)) if part[0] < part[1]]
                break
        else:
            raise Broken(f"partition {partition} from {start} to {end} was not to be looked at")
    return left


@dataclass
class Question:
    """One chase: a stretch of the topic, and what is looked for. asked: how its first search says that.

    left: what was not looked at yet; None as long as it is not known up to where that is. ends: what the truth had read
    when it was asked; starts: where it begins, as far as that is known. cursor: of the last search.
    """

    wanted: Wanted | None
    newest_first: bool
    limit: int
    asked: Message
    partitions: list[int]
    ends: Positions
    starts: Positions
    to: Positions
    left: Ranges | None = None
    cursor: Message | None = None

    def body(self) -> Message:
        body: Message = {"newest_first": self.newest_first, "limit": self.limit}
        if self.wanted is not None:
            body |= self.wanted.asked
        return body | (self.asked if self.cursor is None else {"cursor": self.cursor})

    def begin(self, ranges: Ranges) -> None:
        """Holds the ranges of `begin` against what was asked for. Raises Broken."""
        if self.left is not None:
            if ranges != self.left:
                raise Broken(f"it goes on in {ranges}, and {self.left} are left")
            return
        given = {partition: (start, end) for partition, start, end in ranges}
        if len(given) != len(ranges) or not given.keys() <= set(self.partitions):
            raise Broken(f"{ranges} of the partitions {self.partitions}")
        for partition in self.partitions:
            first, last = self.starts.get(partition), self.to.get(partition)
            least = self.ends[partition] if last is None else last
            if partition not in given:
                if first is not None and first < least:
                    raise Broken(f"partition {partition} is left out of {ranges}")
                continue
            start, end = given[partition]
            if first not in {None, start} or last not in {None, end} or end < least:
                raise Broken(f"partition {partition} from {start} to {end}, not from {first} to {last} of {self.ends}")


@dataclass
class Answer:
    """One search, line by line. Raises Broken. found: of each partition offset and fingerprint, in the order told."""

    question: Question
    epoch: str
    begun_at: float | None = None
    ranges: Ranges = field(default_factory=list)
    found: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    end: Message | None = None
    scanned: Ranges = field(default_factory=list)
    _so_far: Message = field(default_factory=dict)

    @property
    def count(self) -> int:
        return sum(map(len, self.found.values()))

    def take(self, text: str) -> None:
        line = json.loads(text)
        if not isinstance(line, dict):
            raise Broken("a line is no object")
        need(line, type=str)
        if self.end is not None:
            raise Broken("something follows the end")
        match line["type"]:
            case "waiting" if self.begun_at is None:
                need(line, place=int)
            case "begin" if self.begun_at is None:
                self._begin(line)
            case "records" if self.begun_at is not None:
                self._records(line)
            case "progress" if self.begun_at is not None:
                self._count(line)
                need(line, done=(int, float))
                if not 0 <= line["done"] <= 1:
                    raise Broken(f"{line['done']} of it is done")
            case "restarted" if self.begun_at is not None:
                need(line, message=str)
            case "end":
                self._end(line)
            case kind:
                raise Broken(f"{kind} at the wrong moment")

    def _begin(self, line: Message) -> None:
        need(line, epoch=str, ranges=list, offsets=int, filter=(str, type(None)))
        self.begun_at = time.monotonic()
        self.ranges = ranges_of(line["ranges"])
        if line["epoch"] != self.epoch:
            raise Broken(f"another epoch than {self.epoch}")
        if line["offsets"] != sum(end - start for _, start, end in self.ranges):
            raise Broken(f"{line['offsets']} offsets in {self.ranges}")
        if (line["filter"] is None) != ("filter" not in self.question.body()):
            raise Broken(f"the filter is {line['filter']}")
        self.question.begin(self.ranges)

    def _records(self, line: Message) -> None:
        need(line, partition=int, records=list)
        partition, wanted = line["partition"], self.question.wanted
        form = "" if wanted is None else wanted.form
        found = self.found.setdefault(partition, [])
        for record in line["records"]:
            number, offset = number_of(record, form), record["offset"]
            if not any(part == partition and start <= offset < end for part, start, end in self.ranges):
                raise Broken(f"offset {offset} of partition {partition} beside {self.ranges}")
            if found and (offset >= found[-1][0] if self.question.newest_first else offset <= found[-1][0]):
                raise Broken(f"offset {offset} of partition {partition} behind {found[-1][0]}")
            if wanted is not None and not wanted.has(number):
                raise Broken(f"{number} does not match {wanted}")
            found.append((offset, fingerprint(partition, offset, number)))

    def _count(self, line: Message) -> None:
        need(line, **dict.fromkeys(COUNTS, int))
        if any(line[name] < self._so_far.get(name, 0) for name in COUNTS):
            raise Broken("a count goes down")
        if line["failed"] or line["unchecked"] or line["undecodable"]:
            raise Broken("every number can be asked")
        self._so_far = line

    def _end(self, line: Message) -> None:
        need(line, reason=str, scanned_ranges=list, cursor=(dict, type(None)))
        self._count(line)
        self.end = line
        self.scanned = ranges_of(line["scanned_ranges"])
        if self.begun_at is None:  # the server was to end while this one waited
            if line["reason"] != "away" or line["cursor"] is None or any(line[name] for name in COUNTS):
                raise Broken("it ended before it began, and not for its server's end")
            self.ranges = ranges_of(line["cursor"]["ranges"])
            self.question.begin(self.ranges)
        reason, cursor = line["reason"], line["cursor"]
        left = without(self.ranges, self.scanned)
        if line.get("lost_ranges"):
            raise Broken("retention took something, though there is none")
        if reason not in REASONS:
            raise Broken(f"it ended for {reason}")
        if reason == "away" and not (isinstance(line.get("message"), str) and line["message"].endswith(".")):
            raise Broken("away without a sentence")
        if (cursor is None) != (reason == "complete") or (cursor is None) != (not left):
            raise Broken(f"it ended for {reason}, and {left} are left")
        if cursor is not None and (cursor["epoch"] != self.epoch or ranges_of(cursor["ranges"]) != left):
            raise Broken(f"the cursor is not what is left: {left}")
        if line["matched"] != self.count or self.count > self.question.limit:
            raise Broken(f"{line['matched']} matches, and {self.count} came; {self.question.limit} were wanted")
        if reason == "limit" and self.count < self.question.limit:
            raise Broken(f"{self.count} matches are fewer than {self.question.limit}")

    def given(self) -> list[tuple[int, int, int, int, int]]:
        """Of each range that was looked at: partition, start, end, how many matches, and the sum of their fingerprints.
        Raises Broken where a match lies in none of them."""
        given = []
        for partition, start, end in self.scanned:
            marks = [mark for offset, mark in self.found.get(partition, ()) if start <= offset < end]
            given.append((partition, start, end, len(marks), total(marks)))
        if sum(each[3] for each in given) != self.count:
            raise Broken("a match lies where nothing was looked at")
        return given


class Searcher(Living):
    """Searches until `finish`, and then to the end of what it has begun."""

    def __init__(
        self, name: str, stage: Stage, token: str, *, truth: Truth, findings: Findings, epoch: str
    ) -> None:  # fmt: skip
        self.name, self.stage, self.token = name, stage, token
        self.truth, self.findings, self.epoch = truth, findings, epoch
        self.account = Account()
        # What was looked at, how many records that were told, and whether that is exact: where a limit or a bound ends
        # a search, it may have seen more, which whoever goes on looks at again.
        self._scanned: deque[tuple[Ranges, int, bool]] = deque()
        self._is_finishing = False
        self._question: Question | None = None
        self._line = ""

    def __str__(self) -> str:
        asked = self._question
        if asked is None:
            return self.name
        chosen = "all" if asked.wanted is None else str(asked.wanted)
        return f"{self.name} for {chosen}, limit {asked.limit}, newest first: {asked.newest_first}, left {asked.left}"

    def finish(self) -> None:
        """It begins nothing new."""
        self._is_finishing = True

    def look(self) -> bool:
        """Compares what can be compared with the truth. True: nothing is left to compare."""
        is_settled = self.account.settle(self.truth)
        for text in self.account.wrong:
            self.findings.break_("search", f"{self.name}: {text}")
        self.account.wrong.clear()
        for _ in range(len(self._scanned)):
            ranges, told, is_exact = self._scanned.popleft()
            held = [self.truth.between(*each) for each in ranges]
            count = sum(each[0] for each in held if each is not None)
            if None in held:
                self._scanned.append((ranges, told, is_exact))
            elif told < count or (is_exact and told > count):
                self.findings.break_("search", f"{self.name}: {told} records looked at instead of {count} in {ranges}")
        if self._task is not None and self._task.done() and not self._task.cancelled():
            self._task.result()  # a fault of its own
        return is_settled and not self._scanned

    def _break(self, text: str) -> None:
        self.findings.break_("search", f"{self}: {text}; the line: {self._line[:SHOWN]}")

    # Its life ---------------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        timeout = httpx.Timeout(None, connect=CONNECT_SECONDS)
        headers = {"Authorization": f"Bearer {self.token}"}
        async with httpx.AsyncClient(headers=headers, timeout=timeout) as client:
            while not self._is_finishing:
                self._question = self._ask()
                await self._chase(client, self._question)
                await asyncio.sleep(self.stage.some(PAUSE_SECONDS))

    def _ask(self) -> Question:
        dice, ends = self.stage.dice, self.truth.ends
        partitions = sorted(dice.sample(sorted(ends), dice.randint(1, len(ends))))
        wanted = dice.choice((None, *VIEWS))
        length = int(STRETCH[0] * (STRETCH[1] / STRETCH[0]) ** dice.random())
        starts = {partition: max(0, ends[partition] - int(length * dice.uniform(1, 2))) for partition in partitions}
        asked: Message = {"partitions": partitions, "from": {"positions": written(starts)}}
        to: Positions = {}
        if dice.random() < 1 / 2:
            to = {partition: min(ends[partition], starts[partition] + length) for partition in partitions}
            asked["to"] = {"positions": written(to)}
        elif dice.random() < 1 / 3:
            timestamp = int((time.time() - dice.uniform(0, AGO_SECONDS)) * 1000)
            asked["from"] = {"timestamp": timestamp}
            firsts = self.truth.first_at(timestamp)
            # Where the truth has read no record that is young enough, it may not have read far enough.
            starts = {p: at for p in partitions if (at := firsts[p]) is not None and at < ends[p]}
        return Question(
            wanted, newest_first=dice.random() < 2 / 3, limit=self._limit(wanted, starts, ends), asked=asked,
            partitions=partitions, ends=ends, starts=starts, to=to,
        )  # fmt: skip

    def _limit(self, wanted: Wanted | None, starts: Positions, ends: Positions) -> int:
        """So many that it takes a few searches to find all."""
        held = [self.truth.between(partition, start, ends[partition], wanted) for partition, start in starts.items()]
        matches = sum(each[0] for each in held if each is not None)
        return min(MOST_FOUND, 1 + matches // self.stage.dice.randint(1, GO_ON))

    async def _chase(self, client: httpx.AsyncClient, question: Question) -> None:
        """One search after another, until nothing is left. After one that was refused, or broke off, the next begins
        where that did: what it was told says nothing of where was looked."""
        while True:
            self._line = ""
            answer, wait = Answer(question, self.epoch), self.stage.dice.uniform(*AGAIN_SECONDS)
            try:
                wait = await self._search(client, answer) or wait
                if answer.end is not None:
                    self._keep(answer)
                    question.cursor, question.left = answer.end["cursor"], without(answer.ranges, answer.scanned)
                    if question.cursor is None:
                        return
                    # Whoever knows little when it asks takes too small a limit, and would be at it until the truth has
                    # forgotten what it looks at.
                    question.limit = min(MOST_FOUND, 2 * question.limit)
                    if answer.end["reason"] != "away":
                        continue
            except (Broken, KeyError, ValueError) as error:
                self._break(str(error) or repr(error))
                return
            await asyncio.sleep(wait)

    def _keep(self, answer: Answer) -> None:
        """Has what a search told compared with the truth."""
        assert answer.end is not None
        for given in answer.given():
            self.account.give(*given, wanted=answer.question.wanted)
        self._scanned.append((answer.scanned, answer.end["scanned"], answer.end["reason"] == "complete"))
        self.findings.searches += 1
        self.findings.found += answer.count

    async def _search(self, client: httpx.AsyncClient, answer: Answer) -> float | None:
        """One search. Returns the seconds to wait until the next, where the server said so. Raises Broken."""
        number = self.stage.dice.randrange(len(self.stage.webs))
        is_far = self.stage.dice.randrange(ONE_IN_FAR) == 0
        url, web = (self.stage.far_urls if is_far else self.stage.urls)[number], self.stage.webs[number]
        living = web.process
        try:
            request = client.build_request(
                "POST", f"{url}/api/topics/{self.truth.topic}/search", json=answer.question.body()
            )
            reply = await self._in_time(client.send(request, stream=True), ANSWER_SECONDS, "no answer")
        except httpx.TransportError:
            self.findings.refused += 1
            return None
        try:
            if reply.status_code != 200:
                return await self._refused(reply)
            await self._read(reply.aiter_lines(), answer)
        except httpx.TransportError:
            pass
        finally:
            await reply.aclose()
        if answer.end is None:
            self.findings.broken_off += 1
            if not is_far:
                await self._check_end(web, living)
        return None

    async def _read(self, lines: AsyncIterator[str], answer: Answer) -> None:
        while True:
            self._line = await self._in_time(anext(lines, ""), TOLD_EVERY_SECONDS, "no line")
            if not self._line:
                return
            answer.take(self._line)
            since = answer.begun_at
            if since is not None:
                self._check_time(since, SEARCH_SECONDS + AWAY_SECONDS, "a search is under way")

    async def _refused(self, reply: httpx.Response) -> float:
        """Returns the seconds after which it may be asked again. Raises Broken unless that is said."""
        body = (await reply.aread()).decode(errors="replace")
        if reply.status_code not in {429, 503} or not reply.headers.get("Retry-After", "").isdigit():
            raise Broken(f"answered {reply.status_code}: {body[:SHOWN]}")
        need(json.loads(body), detail=str)
        self.findings.refused += 1
        return float(reply.headers["Retry-After"])

    async def _check_end(self, web: Process, living: object) -> None:
        """An answer broke off: that is right only where its process did, too."""
        try:
            await until(lambda: web.process is not living or not web.running, "", STOP_SECONDS)
        except TimeIsUp:
            raise Broken("the answer broke off, and its process lives on") from None

    async def _in_time(self, work: Any, bound: float, what: str) -> Any:
        """Waits for an answer or a line. Raises Broken when it is late."""
        since = time.monotonic()
        task = asyncio.ensure_future(work)
        try:
            while not task.done():
                await asyncio.wait({task}, timeout=TICK_SECONDS)
                if not task.done():
                    self._check_time(since, bound, what)
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})
        return task.result()

    def _check_time(self, since: float, bound: float, what: str) -> None:
        waited = time.monotonic() - since
        if waited > bound + LATE_SECONDS and waited - self.stage.halted(since) > bound + LATE_SECONDS:
            raise Broken(f"{what} for {waited:.1f} s")


def written(positions: Positions) -> dict[str, int]:
    return {str(partition): position for partition, position in positions.items()}
