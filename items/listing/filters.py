"""What a list of items can be narrowed down to, and how an address says it. Never asks the database."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.http import QueryDict

from items.values import money
from items.values.moments import moment, written

SEARCH_LENGTH = 200  # characters
SEARCH_WORDS = 8  # each is looked for in every text; PostgreSQL took 40 s for 66 of them in 5,000 long items
OWNER_LENGTH = 150  # characters, as a username
TOO_MANY_WORDS = f"Look for {SEARCH_WORDS} words at most."


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
    """Reads `search`, `owner`, `price_min`, `price_max` and `changed_since`; others are not looked at.

    Of too many words the first are looked for, and a problem says so.
    """
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
    search = typed["search"][:SEARCH_LENGTH]
    words = search.split()
    if len(words) > SEARCH_WORDS:
        problems["search"] = f"{TOO_MANY_WORDS} These are the first of yours."
        search = " ".join(words[:SEARCH_WORDS])
    filters = Filters(
        search,
        typed["owner"][:OWNER_LENGTH],
        amounts.get("price_min"),
        amounts.get("price_max"),
        since,
    )
    return Asked(filters, typed, problems)
