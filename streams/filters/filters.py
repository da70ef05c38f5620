"""A filter: what a person typed, checked, and asked of records one by one."""

from __future__ import annotations

import hashlib
from functools import lru_cache

from streams.filters.bad_filter import BadFilter
from streams.filters.compiling import compiled
from streams.filters.parsing import CHARACTERS, parse
from streams.filters.running import not_a_condition
from streams.filters.seen import Seen
from streams.filters.work import UNITS, Failed, TooMuch
from streams.filters.writing import write

HASH_DIGITS = 16  # of a filter's name: two filters of one topic never share it
KEPT = 128  # filters that were compiled: many clients come with the same


class Filter:
    """normalised: the one way to write it. name: a hash of that, shared by all that are written so."""

    __slots__ = ("_run", "name", "normalised")

    def __init__(self, text: str) -> None:
        node = parse(text)
        self._run = compiled(node)
        self.normalised = write(node)
        if len(self.normalised) > CHARACTERS:
            raise BadFilter(f"Written out, this filter has over {CHARACTERS:,} characters.", len(text))
        self.name = hashlib.sha256(self.normalised.encode()).hexdigest()[:HASH_DIGITS]

    def matches(self, seen: Seen) -> bool:
        """Whether a record matches. Raises Failed or TooMuch where that cannot be told; then it is no match."""
        seen.left = UNITS
        held = self._run(seen)
        if held is True or held is False:
            return bool(held)
        raise not_a_condition(held)

    def why_not(self, seen: Seen) -> str | None:
        """In a sentence, why it cannot be told whether a record matches; None where it can."""
        try:
            self.matches(seen)
        except (Failed, TooMuch) as error:
            return str(error)
        return None


@lru_cache(maxsize=KEPT)
def filter_of(text: str) -> Filter:
    """The filter that was typed. Raises BadFilter."""
    return Filter(text)
