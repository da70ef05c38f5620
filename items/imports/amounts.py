"""How the amounts of one column are written, from the evidence of the whole column.

1,234 alone may be 1234 or 1.234. Beside 12,50 or 1.234.567 it is clear, beside 12.50 too; without such a cell it is
not, and then its row fails. What an amount is says items/values/money.py; here only separators are understood.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

from items.imports.json_line import JsonNumber
from items.values import money

CELL_LENGTH = money.LENGTH  # characters; a longer cell is no amount
PATIENCE = 200  # filled cells without one number; behind them only those are looked at that may be one
DISTINCT = 12  # different values remembered
CURRENCIES = 5  # remembered
LINKS = frozenset({"http", "HTTP", "Http"})  # how a cell with a link begins

# Rates of VAT and sales tax in per cent: a column that holds nothing else is hardly one of amounts.
RATES = frozenset(
    "0 3 4 4.8 5 5.5 6 7 7.5 7.7 8 8.1 8.5 9 9.5 10 11 12 13 13.5 14 15 16 17 18 19 20 21 22 23 24 25 25.5 27".split()  # noqa: SIM905  (a list would take forty lines)
)

# No thousands stand behind a 0: of 0.500 and 0,500 it is known what the separator means.
_GROUP = re.compile(r"[1-9][0-9]{0,2}([.,])[0-9]{3}")
_GROUPS = re.compile(r"[1-9][0-9]{0,2}(?:([.,])[0-9]{3})(?:\1[0-9]{3})+")
_BOTH = re.compile(rf"[0-9]{{1,3}}(?:([.,’'{money.BLANK}])[0-9]{{3}})+([.,])[0-9]+")
_FRACTION = re.compile(r"[0-9]+([.,])[0-9]+")
_DECIMALS = re.compile(r"[0-9]{1,9}\.[0-9]{1,2}")  # which means the same whatever the column is like
_COMMA_FRACTION = re.compile(r"[0-9]+,[0-9]+")
_SHORTENED = re.compile(r"[0-9](?:[.,][0-9]{1,9})?E\+[0-9]{2}")  # 4.00638E+12: what Excel shows of a long number
_NUMERAL = re.compile(rf"[0-9][0-9.,’'{money.BLANK}]*")
# What stands around the currency of a cell that is an amount or a rate; and what is left without it.
_AROUND = "0123456789.,’'%=\" \t\r\n" + money.BLANK
_LEFT = frozenset({"", "E+", *money.SIGNS, *(code.replace("\\", "").strip(_AROUND) for code in money.CODES.split("|"))})


def may_be_number(cell: str) -> bool:
    """Whether the cell, as it stands in the file, may be an amount or a rate. Quick: it is asked of each cell of a
    column of texts."""
    return cell.strip(_AROUND) in _LEFT or isinstance(cell, JsonNumber)


def unquoted(cell: str) -> str:
    """Without the quote before digits by which a spreadsheet keeps a number as it was typed: '12.50."""
    return cell[1:] if cell[0] == "'" and cell[1:2].isdigit() else cell


@dataclass(slots=True)
class Evidence:
    """What the cells of one column show. Counts are cells; of a column without numbers only its first are counted.
    watched: whether every filled cell is to be looked at; otherwise those that `may_be_number`. comma_usual: whether
    the file is from a place where a comma stands before decimals, as its delimiter shows."""

    filled: int = 0
    numbers: int = 0
    percents: int = 0
    links: int = 0
    point_decimals: int = 0  # 12.50, 1,234.50
    comma_decimals: int = 0  # 12,50, 1.234,50
    point_groups: int = 0  # 1.234.567
    comma_groups: int = 0  # 1,234,567
    point_unclear: int = 0  # 1.234
    point_fine: int = 0  # … that cannot be an amount if the point stands before decimals
    comma_unclear: int = 0  # 1,234
    shortened: int = 0  # 4.00638E+12
    currencies: list[str] = field(default_factory=list)
    distinct: list[str] = field(default_factory=list)
    watched: bool = True
    comma_usual: bool = False

    def look(self, cell: str) -> None:
        """Takes a cell that is not empty into account."""
        self.filled += 1
        is_link = cell[:4] in LINKS
        is_known = is_link and cell[-1] != "%" and len(self.distinct) >= DISTINCT
        if not is_known and (len(cell) <= CELL_LENGTH or isinstance(cell, JsonNumber)):
            self._number(cell)
        if is_link:
            self.links += 1
        if self.filled >= PATIENCE:
            self.watched = self.numbers > 0 or self.links > 0 or self.percents > 0

    def unusual(self, cells: list[str]) -> list[str]:
        """Those of the cells, as they stand in a CSV file, that are to be looked at one by one. The others are taken
        into account: what most of an export are, whose meaning is clear at once."""
        if not self.watched:
            return list(filter(may_be_number, cells))
        if len(self.distinct) < DISTINCT:
            return cells
        others = [cell for cell in cells if not _DECIMALS.fullmatch(cell)]
        amounts = len(cells) - len(others)
        rest = [cell for cell in others if cell[:4] not in LINKS or cell.rstrip()[-1] == "%"]
        self.numbers += amounts
        self.point_decimals += amounts
        self.links += len(others) - len(rest)
        self.filled += len(cells) - len(rest)
        return rest

    def _number(self, cell: str) -> None:
        if len(self.distinct) < DISTINCT and cell not in self.distinct:
            self.distinct.append(cell)
        if isinstance(cell, JsonNumber) or (cell.isascii() and cell.isdigit()):
            self.numbers += 1
            return
        if cell[0] == "%" or cell[-1] == "%":
            self.percents += 1
            return
        bare = cell
        if not _NUMERAL.fullmatch(cell):
            if not may_be_number(cell):  # most of what comes here are texts, and `bare` is slow
                return
            if _SHORTENED.fullmatch(cell):
                self.shortened += 1
                return
            bare = money.bare(unquoted(cell))
            if not _NUMERAL.fullmatch(bare):
                return
            sign = money.currency(cell)
            if sign and sign not in self.currencies and len(self.currencies) < CURRENCIES:
                self.currencies.append(sign)
        self.numbers += 1
        self._separators(bare)

    def _separators(self, bare: str) -> None:
        if bare[-3:-2] == "." and bare[:-3].isdigit():
            self.point_decimals += 1  # what most are
        elif found := _GROUP.fullmatch(bare):
            self._count(found[1], "unclear")
            self.point_fine += found[1] == "." and bare[-1] != "0"
        elif found := _GROUPS.fullmatch(bare):
            self._count(found[1], "groups")
        elif found := _BOTH.fullmatch(bare):
            self._count(found[2], "decimals")
        elif found := _FRACTION.fullmatch(bare):
            self._count(found[1], "decimals")

    def _count(self, separator: str, what: str) -> None:
        name = f"{'point' if separator == '.' else 'comma'}_{what}"
        setattr(self, name, getattr(self, name) + 1)

    @property
    def style(self) -> str:
        """What stands before decimals: "point", "comma", "" (nothing speaks for one), "both" (they contradict)."""
        point = self.point_decimals or self.comma_groups
        comma = self.comma_decimals or self.point_groups
        return "both" if point and comma else "point" if point else "comma" if comma else ""

    @property
    def is_point_unclear(self) -> bool:
        """Whether the point of 12.500 may stand between thousands: others such as 1.234 show that it may, or the file
        is from where that is usual, and nothing speaks against it."""
        return self.style in {"", "both"} and (self.point_fine > 0 or (self.comma_usual and self.point_unclear > 0))

    @property
    def rates(self) -> bool:
        """Whether all the values are such as rates in per cent are."""
        if self.percents:
            return True
        plain = {value.rstrip("0").rstrip(".") if "." in value else value for value in self.distinct}
        return self.numbers > 1 and self.numbers == self.filled and plain <= RATES

    @property
    def words(self) -> str:
        """How amounts are read, for people; "" when there is nothing to say."""
        said = []
        if self.style == "comma":
            said.append("a comma stands before decimals (12,50)")
        elif self.style == "point" and self.comma_unclear:
            said.append("a comma stands between thousands (1,234)")
        elif self.style == "both":
            said.append("commas and points both stand before decimals, so amounts such as 1,234 fail")
        elif self.comma_unclear:
            said.append("nothing shows whether the comma stands before decimals, so amounts such as 1,234 fail")
        elif self.is_point_unclear:
            said.append("nothing shows whether the point stands before decimals, so amounts such as 1.234 fail")
        elif self.point_unclear and not self.style:
            said.append("a point stands before decimals (12.500 is 12.50)")
        if len(self.currencies) > 1:
            said.append(f"{', '.join(self.currencies)} are not kept: are these amounts of different currencies?")
        elif self.currencies:
            said.append(f"{self.currencies[0]} is not kept")
        return "; ".join(said)

    def as_object(self) -> dict[str, Any]:
        """What was seen, as JSON can carry it."""
        return asdict(self)


class Amounts:
    """Reads the amounts of one column."""

    def __init__(self, evidence: Evidence | None) -> None:
        evidence = evidence or Evidence()
        self._style = evidence.style
        self._point_unclear = evidence.is_point_unclear

    def read(self, cell: str) -> Decimal:
        """The amount. Raises ValueError with a sentence for people."""
        if isinstance(cell, JsonNumber):
            return money.amount(_decimal(cell))
        if (exact := money.exact(cell)) is not None:  # what most are
            return exact
        cell = unquoted(cell)
        if not ("," in cell or "." in cell) or _DECIMALS.fullmatch(cell):
            return money.amount(cell)
        bare = money.bare(cell)
        if self._style == "comma" and _COMMA_FRACTION.fullmatch(bare):
            return money.amount(bare.replace(",", "."))
        found = _GROUP.fullmatch(bare)
        if found is not None:
            if self._style == ("comma" if found[1] == "." else "point"):
                return money.amount(bare.replace(found[1], ""))
            if found[1] == "." and self._point_unclear:
                raise money.Unclear(bare)
        return money.amount(cell)


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except ArithmeticError as error:  # an exponent beyond all bounds
        raise ValueError(money.ABOVE) from error
