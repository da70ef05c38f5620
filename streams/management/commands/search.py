"""`manage.py search TOPIC FILTER`: prints what matches, the newest first."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from streams.search import printing
from streams.search.jobs import Counts, Ended, Job, Part
from streams.search.places import spans_between
from streams.search.scan import Scan


class Command(BaseCommand):
    help = "Prints the records of a Kafka topic that match a filter, a line each, the newest first."

    def add_arguments(self, parser: CommandParser) -> None:
        printing.add_arguments(parser)
        parser.add_argument("filter", type=printing.filter_argument, help='As in value.price > 12 && key == "7"')
        parser.add_argument(
            "--from", dest="start", type=printing.time_argument, metavar="TIME", help="From this time on."
        )
        parser.add_argument("--to", dest="end", type=printing.time_argument, metavar="TIME", help="Before this time.")
        parser.add_argument("--limit", type=int, metavar="N", help="As many are enough; without it: all of them.")
        parser.add_argument("--oldest-first", action="store_true", help="Straight on, one partition after another.")

    def handle(self, *_: Any, topic: str, filter: str, **given: Any) -> None:  # noqa: A002 - the argument's name
        if given["limit"] is not None and given["limit"] < 1:
            raise CommandError("--limit is 1 or more.")

        counts = Counts()

        async def work(place: printing.Place) -> Ended:
            spans = await spans_between(place.history, topic, place.bounds, given["start"], given["end"])
            job = Job(
                topic, spans, filter, newest_first=not given["oldest_first"], limit=given["limit"],
                output=given["format"], columns=given["columns"], read_as=printing.formats_of(given),
            )  # fmt: skip

            async def tell(part: Part) -> None:
                counts.add(part.counts)
                if part.found:
                    await place.printer.print(b"".join([record.data for record in part.found]))
                else:
                    place.printer.look()
                if part.is_lost:
                    self.stderr.write(f"Retention took {topic} {part.span.partition} up to {part.span.end}.")

            return await Scan(place.sources, job, tell).run()

        ended: Ended | None = printing.run(topic, given, work)
        if ended is not None and (said := printing.not_told(counts)):
            self.stderr.write(said)
        if ended is not None and ended.reason == "away":
            raise CommandError(f"Not everything was looked at: {ended.message}")
