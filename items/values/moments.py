"""Points in time, as people write them and as JSON and addresses say them."""

from __future__ import annotations

from datetime import UTC, datetime

from django.utils.dateparse import parse_date, parse_datetime


def iso(time: datetime) -> str:
    """ISO 8601 in UTC with microseconds, for example 2025-03-01T09:30:00.000000Z."""
    return time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


NO_MOMENT = "Give a date such as 2025-03-01, or a time such as 2025-03-01T09:30."


def moment(text: str) -> datetime:
    """A date or a time in ISO 8601; without a zone it is UTC. Raises ValueError with a sentence for people."""
    try:
        found = parse_datetime(text)
        day = None if found else parse_date(text)
    except ValueError as error:  # it looks like one, but there is no such day or hour
        raise ValueError(NO_MOMENT) from error
    if day is not None:
        found = datetime(day.year, day.month, day.day, tzinfo=UTC)
    if found is None:
        raise ValueError(NO_MOMENT)
    if found.tzinfo is None:
        return found.replace(tzinfo=UTC)
    try:
        return found.astimezone(UTC)
    except OverflowError:  # in UTC it is in the year 0 or 10,000; no item is so old or so young
        return datetime.min.replace(tzinfo=UTC) if found.year == 1 else datetime.max.replace(tzinfo=UTC)


def written(time: datetime) -> str:
    """As short as it can be said in an address and in a field of the type datetime-local."""
    return time.isoformat(timespec="auto" if time.microsecond or time.second else "minutes").removesuffix("+00:00")
