"""The one place that touches private parts of aiokafka 0.14, and why it has to."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Iterator
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import PartitionRecords

from streams import metrics
from streams.kafka.undecodable import Undecodable

log = logging.getLogger(__name__)


def ask_for_all_topics(client: AIOKafkaClient) -> None:
    """Makes the client's metadata requests name no topic (aiokafka 0.14 has no option against creating by asking)."""
    update = client._metadata_update

    async def update_all(cluster_metadata: Any, _topics: Any) -> Any:
        return await update(cluster_metadata, None)

    client._metadata_update = update_all


class _Batches:
    """A fetch's batches. current: the one that was taken last."""

    current: Any = None

    def __init__(self, batches: Any) -> None:
        self._batches = batches
        self.has_next = batches.has_next

    def next_batch(self) -> Any:
        self.current = self._batches.next_batch()
        return self.current


class ReadableRecords(PartitionRecords):  # type: ignore[misc]  # aiokafka carries no types
    """A fetch's records, with an `Undecodable` for the rest of each batch that cannot be decoded."""

    next_fetch_offset: int

    def __init__(self, tp: Any, records: Any, *more: Any) -> None:
        super().__init__(tp, _Batches(records), *more)
        # aiokafka's own iterator holds these records, and they hold it: a fetch that is not read to its end, 2 MiB with
        # each page of history, would stay until Python looks for cycles, which it seldom does here.
        self._records_iterator = ReadableRecords._unpack_records(weakref.proxy(self))

    def _unpack_records(self) -> Iterator[Any]:
        while True:
            try:
                yield from super()._unpack_records()
            except Exception as error:
                batch, start = self._records.current, self.next_fetch_offset
                if batch is None or batch.next_offset <= start:
                    raise
                log.error(
                    "%s %d: offsets %d to %d cannot be decoded, and are a gap: %r",
                    self._tp.topic, self._tp.partition, start, batch.next_offset - 1, error,
                )  # fmt: skip
                metrics.UNDECODABLE.inc()
                self.next_fetch_offset = batch.next_offset
                yield Undecodable(start, batch.next_offset)
            else:
                return


def install() -> None:
    """Has every consumer of this process read so. aiokafka offers no other place for it."""
    fetcher.PartitionRecords = ReadableRecords
