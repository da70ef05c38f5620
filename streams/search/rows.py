"""Rows of an export: NDJSON or CSV, of whole records or of chosen columns, in which no cell is a formula."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Literal

import orjson

from streams.filters.bad_filter import BadFilter
from streams.filters.compiling import NAMES
from streams.filters.nodes import Constant, Field, Index, Name, Node
from streams.filters.parsing import parse
from streams.filters.seen import Seen
from streams.filters.times import MILLISECOND, Moment
from streams.wire.records import ARRAY, JSON_DEPTH, KEY_BYTES, USUAL, VALUE_BYTES, Raw, Record

COLUMNS = 100  # of an export
CUT = b',"truncated":true'  # in a record of which something is left out
ROW = b'{"partition":%d,' + USUAL[1:] + b"\n"
# Of a CSV without chosen columns.
COLUMNS_OF_ALL = ("partition", "offset", "timestamp", "key", "headers", "size", "format", "value")
# Spreadsheets run what begins so as a formula, some of them full-width signs too, and behind a semicolon or a tab,
# where the file is opened with another delimiter (OWASP, "CSV Injection"). A quote before it makes it text.
FORMULA = re.compile(r"(?:\A|(?<=[;\t]))(?=['\"]*[=+\-@\t\r＝＋－＠])")
BEGINS = frozenset("=+-@\t\r＝＋－＠'\"")  # with which such a cell begins; looked for first, which is quicker
ENDS_OF_LINES = bytes.maketrans(b"\r\n", b"  ")
QUOTED = re.compile(r'[",\r\n]')

Value = Callable[[Seen], Any]


class BadColumn(ValueError):
    """What was asked for is no column."""


def column_names(asked: str) -> list[str]:
    """The columns that stand in an address, with commas between. Raises BadColumn."""
    names, quote = [""], ""
    for sign in asked:
        if sign == "," and not quote:
            names.append("")
            continue
        if sign in {'"', "'"} and quote in {"", sign}:
            quote = "" if quote else sign
        names[-1] += sign
    names = [name.strip() for name in names]
    if len(names) > COLUMNS:
        raise BadColumn(f"An export has at most {COLUMNS} columns; these are {len(names)}.")
    for name in names:
        value_of(name)
    return names


def value_of(name: str) -> Value:
    """What gives a column's value of a record. Raises BadColumn, and the value KeyError, IndexError or TypeError."""
    try:
        node = parse(name)
    except BadFilter as error:
        raise BadColumn(f"{name[:60]} is no column: {error}") from error
    return _value(node, name)


def _value(node: Node, name: str) -> Value:
    match node:
        case Name(_, "value"):
            return _whole_value
        case Name(_, root) if root in NAMES:
            return lambda seen: getattr(seen, root)
        case Field(_, Name(_, "value"), field):  # the usual one
            return lambda seen: seen.value[field]
        case Field(_, of, field):
            inner = _value(of, name)
            return lambda seen: inner(seen)[field]
        case Index(_, of, Constant(_, int() as place)) if place >= 0:
            inner = _value(of, name)
            return lambda seen: _in_list(inner(seen), place)
    raise BadColumn(f"{name[:60]} is no column: write one of {', '.join(NAMES)}, or a field as in value.items[0].sku.")


def _in_list(of: Any, place: int) -> Any:
    """What stands at a place of a list; a text has none, as in a filter. Raises IndexError and TypeError."""
    if type(of) is not list:
        raise TypeError
    return of[place]


def _whole_value(looked_at: Seen) -> Any:
    """Digit for digit, where it is JSON, and on one line; a field of it has the digits that a double has."""
    source = looked_at.source()
    return orjson.Fragment(on_one_line(source.encode())) if source else looked_at.value


class Rows:
    """Writes rows. columns: their names, none for whole records."""

    def __init__(self, topic: str, form: Literal["records", "ndjson", "csv"], columns: list[str]) -> None:
        self._topic = topic
        self._is_csv = form == "csv"
        names = columns or (list(COLUMNS_OF_ALL) if self._is_csv else [])
        self._columns = [(name, value_of(name)) for name in names]
        self._names = names
        self.has_columns = bool(names)

    def head(self) -> bytes:
        """What stands before the first row: the names of a CSV's columns."""
        return _line([_cell(name) for name in self._names]) if self._is_csv else b""

    def row(self, partition: int, record: Record) -> bytes:
        """The row of a record that is not cut, with its end of line."""
        if not self._columns:
            return on_one_line(b'{"partition":%d,%b' % (partition, record.data[1:])) + b"\n"
        return self.row_of(Seen(self._topic, partition, orjson.loads(record.data), record.data, None))

    def row_of(self, looked_at: Seen) -> bytes:
        """The row of chosen columns."""
        values: list[Any] = []
        for _, value in self._columns:
            try:
                values.append(value(looked_at))
            except (KeyError, IndexError, TypeError):
                values.append(None)  # the record has none
        if self._is_csv:
            return _line([_cell(value) for value in values])
        told = [value.ns // MILLISECOND if type(value) is Moment else value for value in values]
        return orjson.dumps(dict(zip(self._names, told, strict=True)), option=orjson.OPT_APPEND_NEWLINE)


def usual_row(partition: int, raw: Raw) -> Record | None:
    """The row of a whole record that is shown as its bytes are, in place of the record's JSON, and as `Rows.row` makes
    it: most have small JSON under a key of text, and no headers. None where it is another one.
    """
    key, value, timestamp = raw.key, raw.value, raw.timestamp
    if (
        key is None or value is None or len(key) > KEY_BYTES or (size := len(value)) > VALUE_BYTES or raw.headers
        or timestamp < 0
    ):  # fmt: skip
        return None
    try:
        orjson.loads(value)
        text = key.decode()
    except (ValueError, RecursionError):
        return None
    has_arrays = ARRAY in value
    is_flat = not has_arrays and value.find(b"{", 1) < 0
    if not is_flat and value.count(b"{") + (value.count(b"[") if has_arrays else 0) > JSON_DEPTH:
        return None
    if b"\n" in value or b"\r" in value:
        value = value.translate(ENDS_OF_LINES)
    offset = raw.offset
    row = ROW % (partition, offset, timestamp, orjson.dumps(text), size, value)
    return tuple.__new__(Record, (offset, timestamp, 0, row))  # half of what Record() takes


def on_one_line(json: bytes) -> bytes:
    """JSON whose value may have been written on several lines, which NDJSON does not allow: they end between its parts,
    never in a text."""
    return json.translate(ENDS_OF_LINES) if b"\n" in json or b"\r" in json else json


def _line(cells: list[str]) -> bytes:
    """A row of a CSV."""
    return (",".join(cells) + "\r\n").encode(errors="replace")


def _quoted(cell: str) -> str:
    """A cell of a CSV (RFC 4180)."""
    return '"' + cell.replace('"', '""') + '"' if QUOTED.search(cell) else cell


def _cell(value: Any) -> str:
    kind = type(value)
    if kind is str:
        return _quoted(_as_text(value))
    if kind is int:
        return str(value)
    if value is None:
        return ""
    if kind is Moment:  # in milliseconds, as in records
        return str(value.ns // MILLISECOND)
    # A tab stands between parts of JSON only, never in a text.
    said = orjson.dumps(value).decode().replace("\t", " ")
    is_number = said.startswith("-")  # the sign is part of it: no formula
    return said if is_number else _quoted(_as_text(said))


def _as_text(cell: str) -> str:
    """A cell that no spreadsheet runs."""
    is_suspect = cell[:1] in BEGINS or ";" in cell or "\t" in cell
    return FORMULA.sub("'", cell) if is_suspect else cell
