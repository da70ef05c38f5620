"""The names by which requests and command lines ask for other formats than a topic's own."""

from __future__ import annotations

from streams.decoding.formats import BadFormat, Formats
from streams.models import FormatName

NAMES = tuple(FormatName.values)


def formats_of(given: dict[str, object]) -> Formats:
    """The formats that a request names; null counts as left out. Raises BadFormat for what is none."""
    for field in Formats._fields:
        if given.get(field) is not None and given[field] not in NAMES:
            raise BadFormat(field, f"{field} must be one of {', '.join(NAMES)}; without it, the topic's own counts.")
    return Formats(*(given.get(field) for field in Formats._fields))  # type: ignore[arg-type]  # looked at above
