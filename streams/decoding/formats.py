"""By which formats somebody wants to look at a topic, instead of its own; nobody else sees it so."""

from __future__ import annotations

from typing import NamedTuple


class Formats(NamedTuple):
    """The names of both formats, as a topic has them; None: the topic's own. Called as in requests."""

    value_format: str | None = None
    key_format: str | None = None

    def told(self) -> dict[str, str]:
        """Those that are not the topic's own, by their names."""
        return {name: chosen for name, chosen in self._asdict().items() if chosen is not None}


OWN = Formats()  # as the topic has them


class BadFormat(ValueError):
    """A topic cannot be read by that format; the message says why, and what to do. field: as in `Formats`."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
