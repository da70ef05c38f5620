"""What somebody sees of a topic: those of its records that a filter lets through, read by chosen formats."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from streams.decoding.formats import OWN, Formats
from streams.filters.filters import HASH_DIGITS, Filter


class View(NamedTuple):
    """filter: None where all records are wanted. formats: by which they are read; the filter sees them so, too."""

    filter: Filter | None = None
    formats: Formats = OWN

    @property
    def is_whole(self) -> bool:
        """Whether that is the topic as everybody sees it."""
        return self.filter is None and self.formats == OWN

    @property
    def name(self) -> str:
        """The same for everybody who wants the same: a hash, and of the whole topic "" (docs/protocol.md)."""
        if self.formats == OWN:
            return "" if self.filter is None else self.filter.name
        told = ["" if self.filter is None else self.filter.normalised, *(each or "" for each in self.formats)]
        return hashlib.sha256("\0".join(told).encode()).hexdigest()[:HASH_DIGITS]

    def told(self) -> dict[str, str]:
        """What it is, as in `subscribed`."""
        return {**({} if self.filter is None else {"filter": self.filter.normalised}), **self.formats.told()}


def stream_of(topic: str, view: View) -> str:
    """The name of a stream: the topic's, and behind that of a view."""
    return topic if view.is_whole else f"{topic}?{view.name}"
