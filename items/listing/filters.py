"""What a list of items can be narrowed down to, and how an address says it. Never asks the database."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from django.http import QueryDict
from django.utils.dateparse import parse_date, parse_datetime

from items.values import money

SEARCH_LENGTH = 200  # characters
OWNER_LENGTH = 150  # characters, as a username
NO_MOMENT = "Give a date such as 2025-03-01, or a time such as 2025-03-01T09:30."


@dataclass(frozen=True, slots=True)
class Filters:
    """search: words; each must be in the name, description or SKU. owner: a username. changed_since: inclusive, as the
    price range is. Empty or None: everything."""

    search: str = ""
    owner: str = ""
    price_min: Decimal | None = None
    price_max: Decimal | None = None
    changed_since: datetime | None = None

    def __bool__(self) -> bool:
        return self != NO_FILTERS

    def query(self) -> dict[str, str]:
        """As an address says it; only what is given."""
        parts = {
            "search": self.search,
            "owner": self.owner,
            "price_min": "" if self.price_min is None else money.written(self.price_min),
            "price_max": "" if self.price_max is None else money.written(self.price_max),
            "changed_since": "" if self.changed_since is None else written(self.changed_since),
        }
        return {name: value for name, value in parts.items() if value}


NO_FILTERS = Filters()


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address asks for: what could be understood, what was typed, and a sentence for what could not be."""

    filters: Filters
    typed: dict[str, str] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)


def read(query: QueryDict) -> Asked:
    """Reads `search`, `owner`, `price_min`, `price_max` and `changed_since`; others are not looked at."""
    typed = {name: query.get(name, "").replace("\x00", "").strip() for name in Filters.__dataclass_fields__}
    problems: dict[str, str] = {}
    amounts: dict[str, Decimal | None] = {}
    for name in ("price_min", "price_max"):
        try:
            amounts[name] = money.amount(typed[name]) if typed[name] else None
        except ValueError as error:
            problems[name] = str(error)
    since = None
    if typed["changed_since"]:
        try:
            since = moment(typed["changed_since"])
        except ValueError as error:
            problems["changed_since"] = str(error)
    filters = Filters(
        typed["search"][:SEARCH_LENGTH],
        typed["owner"][:OWNER_LENGTH],
        amounts.get("price_min"),
        amounts.get("price_max"),
        since,
    )
    return Asked(filters, typed, problems)


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
