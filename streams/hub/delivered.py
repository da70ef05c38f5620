"""What was delivered, counted as it is written, and told to the metrics once a second.

Prometheus' own counters would cost more than the delivery.
"""

from __future__ import annotations

import time
from collections import Counter

from streams import metrics
from streams.wire.frames import Frame


class Tally:
    """Counts since the metrics were told: frames, and records of each topic."""

    def __init__(self) -> None:
        self._frames = 0
        self._records: Counter[str] = Counter()

    def note(self, topic: str, frame: Frame, readers: int) -> None:
        """Counts a frame that was written to so many readers."""
        self._frames += readers
        self._records[topic] += readers * frame.records
        if not frame.is_measured:
            frame.is_measured = True
            if frame.newest > 0:
                metrics.WRITTEN_AGE.observe(max(0.0, time.time() - frame.newest / 1000))

    def tell(self) -> None:
        """Adds what was counted since the last time to the metrics."""
        metrics.FRAMES_SENT.inc(self._frames)
        for topic, records in self._records.items():
            metrics.RECORDS_DELIVERED.labels(topic).inc(records)
        self._frames = 0
        self._records.clear()
