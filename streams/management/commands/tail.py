"""`manage.py tail TOPIC`: prints what comes, as it comes."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from streams.search import printing
from streams.search.jobs import Job, Part
from streams.search.looking import Looker, known
from streams.search.places import spans_between
from streams.search.scan import LOOK_RECORDS, Scan
from streams.wire.records import Record

MOST_LAST = 10_000  # that are kept, to be printed in their order


class Command(BaseCommand):
    help = "Prints the records of a Kafka topic as they come, a line each, until it is stopped."

    def add_arguments(self, parser: CommandParser) -> None:
        printing.add_arguments(parser)
        parser.add_argument("--filter", type=printing.filter_argument, metavar="FILTER", help="Only what matches.")
        parser.add_argument(
            "--last",
            type=int,
            default=0,
            metavar="N",
            help=f"First the newest N that are there; {MOST_LAST:,} at most.",
        )

    def handle(self, *_: Any, topic: str, **given: Any) -> None:
        if not 0 <= given["last"] <= MOST_LAST:
            raise CommandError(f"--last is 0 to {MOST_LAST}.")

        async def work(place: printing.Place) -> None:
            job = Job(
                topic, [], given["filter"], output=given["format"], columns=given["columns"],
                read_as=printing.formats_of(given),
            )  # fmt: skip
            if given["last"]:
                spans = await spans_between(place.history, topic, place.bounds, None, None)
                newest = replace(job, spans=spans, limit=given["last"])
                await place.printer.print(b"".join(await _newest(place, newest)))
            await self._follow(place, job)

        printing.run(topic, given, work)

    async def _follow(self, place: printing.Place, job: Job) -> None:
        looker = Looker(job, await known(job.topic, None))
        async with place.sources.lent() as source, contextlib.aclosing(
            source.follow(job.topic, place.bounds.ends)
        ) as coming:  # fmt: skip
            async for partition, chunk in coming:
                if chunk.is_lost:
                    self.stderr.write(f"Retention took {job.topic} {partition} from {chunk.start} to {chunk.end}.")
                place.printer.look()
                for start in range(0, len(chunk.polled), LOOK_RECORDS):
                    found = await looker.look(partition, chunk.polled[start : start + LOOK_RECORDS])
                    if found:
                        await place.printer.print(b"".join([record.data for record in found]))


async def _newest(place: printing.Place, job: Job) -> list[bytes]:
    """The rows of the newest records, the oldest of them first."""
    kept: list[tuple[int, Record]] = []

    async def tell(part: Part) -> None:
        place.printer.look()
        kept.extend((part.span.partition, record) for record in part.found)

    ended = await Scan(place.sources, job, tell).run()
    if ended.reason == "away":
        raise CommandError(ended.message)
    return [record.data for _, record in sorted(kept, key=lambda each: (each[1].timestamp, each[0], each[1].offset))]
