"""What was seen that is not on the pages (docs/protocol.md, docs/interface.md), of all clients of a run together."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

TOLD = 5  # of the frames that broke the page in one way


@dataclass
class Findings:
    """What all witnesses of a run saw together. broken: how many frames broke the page, by kind; told: the first ones.

    deliveries: records applied. streams: how many have begun; joins: those of newcomers, who do not come back.
    refused: sockets, subscriptions and searches that did not come to be. filtered: of the streams and of the
    deliveries, those with a filter. names: by the text of a filter, how the server writes it and names its streams.
    searches: that were answered to the end; broken_off: those that were not; found: records, by the former.
    """

    deliveries: int = 0
    streams: int = 0
    joins: int = 0
    refused: int = 0
    duplicates: int = 0
    searches: int = 0
    broken_off: int = 0
    found: int = 0
    filtered: Counter[str] = field(default_factory=Counter)
    names: dict[str, tuple[str, str]] = field(default_factory=dict)
    broken: Counter[str] = field(default_factory=Counter)
    told: list[str] = field(default_factory=list)

    def break_(self, kind: str, text: str) -> None:
        self.broken[kind] += 1
        if self.broken[kind] <= TOLD:
            self.told.append(f"{kind}: {text}")
