"""Records of Kafka, decoded as everywhere and asked the filter: which of them match, and how they are given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from streams.decoding import carried
from streams.decoding.carried import Carried, Declared
from streams.filters.filters import Filter, filter_of
from streams.filters.needed import Needs
from streams.filters.seen import Glance, Seen, seen
from streams.filters.work import Failed, TooMuch
from streams.kafka import undecodable
from streams.kafka.undecodable import Polled, Undecodable
from streams.search import rows
from streams.search.jobs import Counts, Job
from streams.wire.ranges import Wholes
from streams.wire.records import VALUE_BYTES, Raw, Record, encode_raw

EVALUATED = 1000  # the first records are evaluated in any case: a field that none of them has is then seen to fail


async def known(topic: str, declared: Declared | None) -> Carried:
    """What a topic carries, by what its row says; None: as far as it is known here."""
    found = carried.of(topic)
    if declared is not None and found.version != declared.formats_version:
        found = await carried.made(topic, declared)
        carried.put(found)
    return found


class Looker:
    """One job's eyes. carries: the topic, by its own formats.

    counts: of all that it looked at; who takes them begins new ones.
    """

    def __init__(self, job: Job, carries: Carried) -> None:
        self.counts = Counts()
        self._topic, self._carried = job.topic, carries.read_as(job.read_as)
        self._filter: Filter | None = None if job.filter is None else filter_of(job.filter)
        needs = None if job.filter is None else Needs(job.filter)
        self._needs = needs if needs is not None and needs.texts else None
        self._looked = 0
        self._glance = Glance(job.topic)
        self._given: Callable[[int, Raw, Record | None], Record] = self._as_record
        self._usual: Callable[[int, Raw], Record | None] | None = None  # gives most, where it costs less
        if job.output != "records":
            made = rows.Rows(job.topic, job.output, job.columns)
            self._given = partial(self._as_row, made)
            self._usual = None if made.has_columns else rows.usual_row

    def take_counts(self) -> Counts:
        """What was counted since the last time."""
        counts, self.counts = self.counts, Counts()
        return counts

    async def look(self, partition: int, polled: Sequence[Polled]) -> list[Record]:
        """Those that match, in their order, with what is given of each as their data."""
        raws: list[Raw] = [each for each in polled if not isinstance(each, Undecodable)]
        if len(raws) < len(polled):
            lost = [each for each in polled if isinstance(each, Undecodable)]
            self.counts.undecodable += sum(each.end - each.start for each in lost)
        self.counts.scanned += len(raws)
        self.counts.bytes += sum([len(raw.value or b"") + len(raw.key or b"") for raw in raws])
        self._looked += len(raws)
        if self._carried.is_plain or all(map(self._carried.shows_bytes, raws)):
            found = self._look_at_bytes(partition, raws)
        else:
            found = await self._look_at_decoded(partition, raws)
        self.counts.matched += len(found)
        return found

    def _look_at_bytes(self, partition: int, raws: Sequence[Raw]) -> list[Record]:
        usual, given = self._usual, self._given
        if self._filter is None:
            if usual is None:
                return [given(partition, raw, None) for raw in raws]
            return [usual(partition, raw) or given(partition, raw, None) for raw in raws]
        if self._needs is not None and self._looked > EVALUATED:
            promising = self._needs.promising(raws)
            self.counts.skipped += len(raws) - len(promising)
            raws = promising
        glance, matches = self._glance.at, self._filter.matches
        found: list[Record] = []
        for raw in raws:
            record = None
            looked_at = glance(partition, raw)
            if looked_at is None:
                wholes = Wholes()
                record = self._carried.encode(raw, is_last=True, wholes=wholes)
                looked_at = seen(self._topic, partition, record, wholes.values.get(raw.offset))
            try:  # not by `_matches`: a call for each record less
                if looked_at is None:
                    self.counts.unchecked += 1
                elif matches(looked_at):
                    found.append((usual and record is None and usual(partition, raw)) or given(partition, raw, record))
            except (Failed, TooMuch):
                self.counts.failed += 1
        return found

    async def _look_at_decoded(self, partition: int, raws: list[Raw]) -> list[Record]:
        wholes = Wholes()
        records = await undecodable.encoded(raws, partial(self._carried.encode_all, wholes=wholes))
        return [
            self._given(partition, raw, record)
            for raw, record in zip(raws, records, strict=True)
            if self._filter is None
            or self._matches(seen(self._topic, partition, record, wholes.values.get(raw.offset)))
        ]

    def _matches(self, looked_at: Seen | None) -> bool:
        if looked_at is None:
            self.counts.unchecked += 1
            return False
        if self._filter is None:
            return True
        try:
            return self._filter.matches(looked_at)
        except (Failed, TooMuch):
            self.counts.failed += 1
            return False

    def _as_record(self, _: int, raw: Raw, record: Record | None) -> Record:
        """As on the socket. record: None where it is shown as its bytes are."""
        made = encode_raw(raw) if record is None else record
        return made._replace(data=rows.on_one_line(made.data))

    def _as_row(self, made: rows.Rows, partition: int, raw: Raw, record: Record | None) -> Record:
        """As an export has it: uncut."""
        if record is None and made.has_columns and (looked_at := self._glance.at(partition, raw)) is not None:
            row = made.row_of(looked_at)
        else:
            if record is None or len(raw.value or b"") > VALUE_BYTES or rows.CUT in record.data:
                record = self._carried.encode_uncut(raw)
            row = made.row(partition, record)
        return tuple.__new__(Record, (raw.offset, raw.timestamp, 0, row))  # half of what Record() takes
