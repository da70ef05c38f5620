"""From the cells of a row to the fields of an item: which column is which field, from what that was guessed, and how
its text is understood. What is not certain is not guessed, and said."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from html import unescape

from django.core.exceptions import ValidationError

from items.imports.amounts import Amounts, Evidence, may_be_number
from items.imports.formats import OWN, Format, Rows, Skip, Values, format_of, short_sku
from items.imports.html import text_of
from items.imports.json_line import JsonOther
from items.imports.names import GUESSES, plain_name
from items.imports.recognising import Survey
from items.imports.rows import Row, text_of_raw_cell
from items.models.item import AMOUNTS, FIELDS, REQUIRED
from items.services.changes import ItemFields
from items.values.cells import plain, plain_of_others

RATE = "it may be a rate in per cent, which is no amount; choose it as Tax if it holds amounts"
STOCK = "it may be a stock, which is no price; choose it as Price if it holds prices"
OTHER_PRICE = "it is another amount than the price; choose it as Price if it is the one you want"
SHORTENED = "some are as 4.00638E+12: a spreadsheet has shortened long numbers, and their digits are lost"
SPREADSHEET_ERRORS = frozenset({
    "#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!", "#SPILL!", "#CALC!", "#ERROR!",
})  # fmt: skip
END = "\x1a"  # with which files of DOS end
_RATE_WORDS = frozenset({"vat", "tax", "gst", "mwst", "ust", "rate", "duty"})
_STOCK_WORDS = frozenset({"amount", "quantity", "qty", "stock", "inventory", "count", "units", "pieces", "menge"})
_PRICE_WORDS = frozenset({"price", "cost", "msrp", "rrp", "total", "sum", "value", "preis", "prix"})


@dataclass(frozen=True, slots=True)
class Fate:
    """What will happen to a column. position: from 1. used_as: its field, or "". why: for people."""

    column: str
    position: int
    used_as: str
    why: str


def guess(survey: Survey) -> dict[str, str]:
    """field -> column, for the fields that a column speaks for: by its name, and by what stands in it."""
    columns = survey.shape.columns
    known = format_of(columns)
    if known is not None:
        by_name = {plain_name(column): column for column in reversed(columns)}
        found = {field: by_name[name] for field, name in known.fields.items() if name in by_name}
        return {field: column for field, column in found.items() if field in FIELDS}
    found = {}
    for field in FIELDS:
        column, _ = _guessed(field, survey)
        if column:
            found[field] = column
    return found


def _guessed(field: str, survey: Survey) -> tuple[str, str]:
    """The column for the field, or "" and what speaks against the one that has its name."""
    names = _plain_names(survey)
    for word in GUESSES[field]:
        columns = [column for column, name in names.items() if name == word]
        if len(columns) > 1:
            return "", f"{len(columns)} columns have this name; say which of them is the {field}"
        if columns:
            doubt = _doubt(field, word, survey.evidence.get(columns[0]) or Evidence())
            return ("", doubt) if doubt else (columns[0], "")
    return "", ""


def _plain_names(survey: Survey) -> dict[str, str]:
    """column -> its name in the file, plain."""
    names = dict(zip(survey.shape.columns, survey.names, strict=False))
    return {column: plain_name(names.get(column, column)) for column in survey.shape.columns}


def _doubt(field: str, word: str, evidence: Evidence) -> str:
    """Why a column with the right name is not taken for the field, or ""."""
    if field == "tax" and evidence.rates:
        return RATE
    if field == "link" and word != "link" and evidence.filled and not evidence.links:
        return "none of its cells is an address that begins with http"
    return ""


def fates(survey: Survey, mapping: Mapping[str, str]) -> list[Fate]:
    """What will happen to each column, in their order, and why: what is not as it was guessed, a person chose."""
    known = format_of(survey.shape.columns)
    used: dict[str, list[str]] = {}
    for field, column in mapping.items():
        used.setdefault(column, []).append(field)
    names = _plain_names(survey)
    guessed = guess(survey)
    return [
        Fate(
            column,
            position,
            " and ".join(used.get(column, [])),
            _why_used(survey, column, known, used[column], guessed)
            if column in used
            else _why_not(survey, column, names, mapping, known),
        )
        for position, column in enumerate(survey.shape.columns, 1)
    ]


def _why_used(survey: Survey, column: str, known: Format | None, fields: list[str], guessed: Mapping[str, str]) -> str:
    evidence = survey.evidence.get(column)
    if any(guessed.get(field) != column for field in fields):
        why = "as you chose"
    elif known is not None:
        why = f"so it is in {known.name}"
    else:
        why = "guessed from its name"
    if evidence is not None and evidence.shortened and "sku" in fields:
        return f"{why}; {SHORTENED}"
    how = evidence.words if evidence is not None and evidence.numbers else ""
    return f"{why}; {how}" if how else why


def _why_not(
    survey: Survey, column: str, names: Mapping[str, str], mapping: Mapping[str, str], known: Format | None
) -> str:
    name = names[column]
    evidence = survey.evidence.get(column) or Evidence()
    if not name:
        return "it has no name"
    if list(names.values()).count(name) > 1:
        return "several columns have this name, so it is not certain which one is meant"
    for field, words in GUESSES.items():
        if name in words and field in mapping:
            return f"{mapping[field]} is used as {field}"
        if name in words and (doubt := _doubt(field, name, evidence)):
            return doubt
    if known is not None:
        return known.helps.get(name, f"{known.name} has nothing of an item in it")
    words_of_name = set(name.replace("%", " % ").replace("(", " ").replace(")", " ").replace("-", " ").split())
    if "price" in words_of_name:
        return OTHER_PRICE
    if words_of_name & _RATE_WORDS or "%" in words_of_name:
        return RATE
    if words_of_name & _STOCK_WORDS:
        return STOCK
    if words_of_name & _PRICE_WORDS:
        return OTHER_PRICE
    return "its name is none that an item's field is known by" if evidence.filled else "it is empty"


def problem_of(mapping: Mapping[str, str], survey: Survey) -> str:
    """Why the mapping cannot be used, or ""."""
    known = set(survey.shape.columns)
    for name, column in mapping.items():
        if name not in FIELDS:
            return f"There is no field {name}; the fields are {', '.join(FIELDS)}."
        if column not in known:
            return f"There is no column {column!r} for {name}."
    for name in REQUIRED:
        if name not in mapping:
            return f"Say which column holds the {name}.{_hint(name, survey)}"
    return ""


def unclear_of(mapping: Mapping[str, str], survey: Survey) -> str:
    """Of a field that is not mapped because several columns have its name: its name, or ""."""
    if format_of(survey.shape.columns) is not None:
        return ""
    names = list(_plain_names(survey).values())
    return next(
        (name for name in FIELDS if name not in mapping and any(names.count(word) > 1 for word in GUESSES[name])), ""
    )


def _hint(field: str, survey: Survey) -> str:
    """What speaks for none, or for several: a sentence, or ""."""
    names = _plain_names(survey)
    for word in GUESSES[field]:
        same = [column for column, name in names.items() if name == word]
        if len(same) > 1:
            return f" Several have the name {word}: {', '.join(same)}."
    if field == "price":
        of_price = {one.why: one for one in reversed(fates(survey, {}))}
        fate = of_price.get(OTHER_PRICE) or of_price.get(STOCK)
        if fate is not None:
            return f" {fate.column} was not taken: {fate.why}."
    if any(may_be_number(name) for name in names.values() if name):
        return " The first line has to name the columns, and here it looks like a row."
    return ""


class Mapper:
    """Understands the rows of one file in their order: a variant of a Shopify product looks back at its product."""

    def __init__(self, survey: Survey, mapping: Mapping[str, str]) -> None:
        columns = survey.shape.columns
        self.mapping = dict(mapping)
        self._csv = bool(survey.shape.delimiter)
        known = format_of(columns)
        self._is_own = known is OWN
        self._plain = plain if self._is_own else plain_of_others
        self._rows: Rows | None = known.reader() if known is not None and not self._is_own else None
        self._plain_names = {column: plain_name(column) for column in columns} if self._rows else {}
        # How the text of a field is understood, of those that are not kept as they stand there.
        self._read: dict[str, Callable[[str], object]] = {
            field: Amounts(survey.evidence.get(column)).read for field, column in mapping.items() if field in AMOUNTS
        }
        described = plain_name(mapping.get("description", ""))
        is_html = "html" in described.replace("(", " ").replace(")", " ").split()
        if is_html or (known is not None and described in known.html):
            self._read["description"] = lambda text: _line_breaks(text_of(str(text)))
        elif not self._is_own:  # which has line breaks as they are kept: it changes nothing when it comes back
            self._read["description"] = _line_breaks
        if known is not None and plain_name(mapping.get("name", "")) in known.html:
            self._read["name"] = lambda text: unescape(str(text))  # it has no tags, but WordPress keeps & as &amp;
        self._names = dict(zip(columns, survey.names, strict=False)) if self._csv else {}
        named = self._names.get(mapping.get("price", ""), "")
        self._price_name = "" if may_be_number(named) else named

    def fields(self, row: Row) -> ItemFields:
        """The fields as services take them; what the row does not name is not among them.

        Raises ValidationError by field, and Skip.
        """
        cells = row.cells
        values: Values = {field: self._text(cells[column]) for field, column in self.mapping.items() if column in cells}
        if (sku := values.get("sku")) and sku[0] == "'":
            values["sku"] = self._number_in(sku)
        if not any(text and text != END for text in values.values()) and all(
            cell is None or cell.strip() in {"", END} for cell in cells.values()
        ):
            raise Skip("the row is empty")
        if self._price_name and values.get("price") == self._price_name and self._names_columns(cells):
            raise Skip("the row names the columns once more")
        if self._rows is not None:
            named = {self._plain_names[column]: self._text(cell) or "" for column, cell in cells.items()}
            self._rows.complete(named, values)
        return self._understood(values)

    def _names_columns(self, cells: Mapping[str, str | None]) -> bool:
        """Whether the row is the first line again, as in files that were put together."""
        return all((cell or "").strip() == self._names[column] for column, cell in cells.items())

    def texts(self, row: Row) -> dict[str, str]:
        """The texts for the fields that the row has, as they stand in it: for a person to mend."""
        cells = row.cells
        return {
            field: self._number_in(text) if field == "sku" else text
            for field, column in self.mapping.items()
            if column in cells
            for text in [str(self._text(cells[column]) or "")]
        }

    def _number_in(self, sku: str) -> str:
        """Without the quote before its digits, by which spreadsheets and shops keep a number as it is: '00123."""
        is_kept_so = self._csv and not self._is_own and sku[:1] == "'" and sku[1:].isascii() and sku[1:].isdigit()
        return sku[1:] if is_kept_so else sku

    def _text(self, cell: str | None) -> str | None:
        """As it is meant: without blanks around it, and without what programs wrap around a text."""
        if cell is None:
            return None
        text = cell.strip()
        if not self._csv:
            return type(cell)(text) if type(cell) is not str else text
        if text[:1] in {"=", '"'}:  # hardly any cell has what both undo: no call for each of the others
            text = text_of_raw_cell(cell)
        return self._plain(text) if "'" in text else text

    def _understood(self, values: Values) -> ItemFields:
        fields: dict[str, object] = {}
        errors: dict[str, list[str]] = {}
        read_of = self._read
        for field, text in values.items():
            try:
                if not text:
                    fields[field] = _nothing_in(field)
                elif isinstance(text, JsonOther):
                    raise ValueError("Give a text or a number.")
                elif text[0] == "#" and self._csv and not self._is_own and text in SPREADSHEET_ERRORS:
                    raise ValueError(f"The spreadsheet had an error in this cell ({text}).")
                else:
                    read = read_of.get(field)
                    fields[field] = str(text) if read is None else read(text)
            except ValueError as error:
                errors[field] = [str(error)]
        if errors:
            raise ValidationError(errors)
        return fields  # type: ignore[return-value]  # the keys are those of FIELDS


def _nothing_in(field: str) -> str | None:
    """What an empty cell means. Raises ValueError with a sentence."""
    if field in REQUIRED:
        raise ValueError("This is required.")
    return None if field == "tax" else ""


def _line_breaks(text: str) -> str:
    """With those that are kept."""
    return str(text).replace("\r\n", "\n")


def known_as(columns: Iterable[str]) -> tuple[str, str]:
    """The name of the program that the columns are known by and what is special about its rows; or two times ""."""
    known = format_of(columns)
    return (known.name, known.notes) if known is not None else ("", "")


__all__ = [
    "FIELDS",
    "REQUIRED",
    "Fate",
    "Mapper",
    "Skip",
    "fates",
    "guess",
    "known_as",
    "problem_of",
    "short_sku",
    "unclear_of",
]
