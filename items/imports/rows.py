"""The rows of a file, one by one: every row that stands in it comes out, as cells or with the reason why it cannot be
read. Nothing is swallowed: what a broken quote hides is counted line by line.

Memory is bounded whatever the file is: no line over LINE_LENGTH is held, no row over ROW_LENGTH. Nothing here knows
Django, so that a file can be looked into by a small process.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

from items.imports.json_line import Twice, cell_of, object_of
from items.imports.lines import LINE_LENGTH, Lines, TooLong, opened, undecoded
from items.imports.names import NAME_LENGTH

SOURCE_LENGTH = 1_000  # characters of a row that cannot be read, kept to be shown
COLUMNS = 1_000  # at most

csv.field_size_limit(LINE_LENGTH)


class Unreadable(Exception):
    """The file as a whole cannot be imported; the text is a sentence for people."""


class Row(NamedTuple):
    """One row. line: where it begins, from 1. cells: column -> what stands there, None for JSON's null; a column that
    the row does not have is not among them. problem: why the row cannot be read, or "". source: its beginning, then.
    """

    line: int
    cells: dict[str, str | None]
    problem: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a file is. delimiter: of CSV; "" is NDJSON. preamble: lines before the one that names the columns.
    damaged: whether the file has bytes that its encoding does not know. titles: rows before the columns are named that
    are not empty; they are left out."""

    encoding: str
    delimiter: str
    columns: tuple[str, ...]
    preamble: int = 0
    damaged: bool = False
    titles: int = 0

    @property
    def words(self) -> str:
        """For people."""
        names = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
        kind = f"CSV with {names.get(self.delimiter, self.delimiter)}s" if self.delimiter else "NDJSON"
        known = {"utf-8-sig": "UTF-8", "utf-16": "UTF-16", "cp1252": "Windows-1252"}
        return f"{kind}, {known.get(self.encoding, self.encoding.upper())}"

    @property
    def left_out(self) -> str:
        """For people: what stands before the names of the columns, or ""."""
        if not self.titles:
            return ""
        return f"The columns are named on line {self.preamble + 1}; what stands before it is no row and is left out."


def read(path: Path, shape: Shape) -> Iterator[tuple[Row, int]]:
    """Each row with the position behind it, in bytes."""
    with _Counted(path.open("rb", buffering=0)) as raw, opened(raw, shape.encoding) as text:
        for row in rows(text, shape):
            yield row, raw.taken


class _Counted(io.BufferedReader):
    """Knows how many bytes were taken of it: asking the system for its place costs a call for each row."""

    taken = 0

    def read1(self, size: int = -1, /) -> bytes:
        data = super().read1(size)
        self.taken += len(data)
        return data


def rows(file: IO[str], shape: Shape) -> Iterator[Row]:
    """The rows of an open file, from its beginning."""
    return _Csv(file, shape).rows() if shape.delimiter else _ndjson(file, shape)


def text_of_cell(cell: str) -> str:
    """What a spreadsheet shows in the cell: Excel writes ="00123" so that a text of digits stays one."""
    if cell[:2] == '="' and cell[-1:] == '"' and len(cell) > 2:
        inner = cell[2:-1]
        if '"' not in inner.replace('""', ""):
            return inner.replace('""', '"')
    return cell


def text_of_raw_cell(cell: str) -> str:
    """What is meant by a cell, without the blanks around it. Files written by hand have a blank before a quote, which
    is then no quote to readers of CSV: in `A, "Lamp", 5` the second cell is Lamp."""
    text = cell.strip()
    if text[:1] == '"' and cell[:1] in {" ", "\t"} and text[-1:] == '"' and len(text) > 1:
        inner = text[1:-1]
        return text if '"' in inner.replace('""', "") else inner.replace('""', '"').strip()
    return text_of_cell(text)


def storable(text: str) -> str:
    """The text as databases and pages take it: without NUL and halves of characters. JSON can name those, and broken
    bytes are read as such."""
    if text.isascii() and "\x00" not in text:
        return text
    return text.replace("\x00", "�").encode("utf-8", "replace").decode()


class _Csv:
    """Reads strictly, and goes on behind what is broken."""

    def __init__(self, file: IO[str], shape: Shape) -> None:
        self._lines = Lines(file)
        self._shape = shape

    def rows(self) -> Iterator[Row]:
        lines, shape = self._lines, self._shape
        iterator = iter(lines)
        for _ in range(shape.preamble):
            next(iterator, None)
        lines.begin()
        header_seen = False
        width = len(shape.columns)
        while True:
            try:
                for cells in csv.reader(iterator, delimiter=shape.delimiter, strict=True):
                    if not cells:
                        pass  # an empty line
                    elif not header_seen:
                        header_seen = True
                    elif shape.damaged and (problem := self._undecoded()):
                        yield self._unread(problem)
                    elif len(cells) > width and any(cells[width:]):
                        yield self._unread(f"The row has {len(cells)} cells, but there are {width} columns.")
                    else:
                        yield Row(lines.start, dict(zip(shape.columns, cells, strict=False)))
                    lines.begin()
                return
            except (csv.Error, TooLong) as error:
                yield from self._broken(error)
                header_seen = True
            iterator = iter(lines)

    def _unread(self, problem: str) -> Row:
        return Row(self._lines.start, {}, problem, "".join(self._lines.kept)[:SOURCE_LENGTH])

    def _undecoded(self) -> str:
        for number, line in enumerate(self._lines.kept, self._lines.start):
            if problem := undecoded(line, number):
                return problem
        return ""

    def _broken(self, error: Exception) -> Iterator[Row]:
        """The rows of the lines since the broken row began. That row fails. Of the lines behind it only those are rows
        for certain that have as many cells as there are columns; the others fail each for itself."""
        lines = self._lines
        kept, start, end = list(lines.kept), lines.start, lines.number
        problem, why = self._reasons(error, kept, start, end)
        yield Row(start, {}, problem, kept[0][:SOURCE_LENGTH])
        too_long = isinstance(error, TooLong) and len(kept[-1]) >= LINE_LENGTH
        at_end = str(error).startswith("unexpected end")
        for number, line in enumerate(kept[1:], start + 1):
            if not line.strip("\r\n"):
                continue
            cells = None if too_long and number == end else self._alone(line)
            if cells is not None:
                bad = undecoded(line, number) if self._shape.damaged else ""
                yield Row(number, {} if bad else dict(zip(self._shape.columns, cells, strict=True)), bad)
            elif number == end and not too_long and not at_end:
                lines.again(line)  # it may begin a row of several lines
            else:
                sentence = f"The line is longer than {LINE_LENGTH:,} characters." if too_long and number == end else why
                yield Row(number, {}, sentence, line[:SOURCE_LENGTH])
        lines.begin()

    def _reasons(self, error: Exception, kept: list[str], start: int, end: int) -> tuple[str, str]:
        """What is wrong with the broken row, and with lines behind it that may belong to it."""
        if isinstance(error, TooLong) and len(kept) == 1:
            return f"The line is longer than {LINE_LENGTH:,} characters.", ""
        text = "".join(kept)
        opened_at = _open_quote(text, self._shape.delimiter)
        if opened_at is None:
            return f"The row cannot be read: {error}.", ""
        line = start + len(re.findall(r"\r\n|\r|\n", text[:opened_at]))
        why = f"It is not certain what this line is: the quote that was opened on line {line} is not closed rightly."
        if str(error).startswith("unexpected end"):
            return f"The quote that was opened on line {line} is never closed.", why
        if isinstance(error, TooLong) or "limit" in str(error):
            return f"The quote that was opened on line {line} is not closed within {end - start + 1} lines.", why
        return (
            f"The quote that was opened on line {line} is closed on line {end} in the middle of a cell. A quote inside"
            " of a quoted cell is written twice."
        ), why

    def _alone(self, line: str) -> list[str] | None:
        """The cells, when the line is a whole row by itself and can hardly be anything else."""
        width = len(self._shape.columns)
        try:
            found = list(csv.reader([line], delimiter=self._shape.delimiter, strict=True))
        except csv.Error:
            return None
        return found[0] if len(found) == 1 and len(found[0]) == width > 1 else None


def _open_quote(text: str, delimiter: str) -> int | None:
    """Where the quote was opened that is closed wrongly, or not at all."""
    position = 0
    while position < len(text):
        if text[position] == '"':
            end = _closing_quote(text, position + 1)
            if end is None:
                return position
            if text[end + 1 : end + 2] not in {delimiter, "\r", "\n", ""}:
                return position
            position = end + 2
        else:
            found = re.compile(rf"[{re.escape(delimiter)}\r\n]").search(text, position)
            if found is None:
                return None
            position = found.end()
    return None


def _closing_quote(text: str, position: int) -> int | None:
    while (found := text.find('"', position)) >= 0:
        if text[found + 1 : found + 2] != '"':
            return found
        position = found + 2
    return None


def _ndjson(file: IO[str], shape: Shape) -> Iterator[Row]:
    lines = Lines(file)
    iterator = iter(lines)
    while True:
        try:
            for line in iterator:
                if line.strip():
                    problem = undecoded(line, lines.start) if shape.damaged else ""
                    yield Row(lines.start, {}, problem, line[:SOURCE_LENGTH]) if problem else _object(lines.start, line)
                lines.begin()
            return
        except TooLong:
            yield Row(lines.start, {}, "The line is too long.", lines.kept[0][:SOURCE_LENGTH])
            lines.begin()
        iterator = iter(lines)


def _object(number: int, line: str) -> Row:
    source = line[:SOURCE_LENGTH]
    try:
        values = object_of(line)
    except (ValueError, RecursionError):
        return Row(number, {}, "The line is not JSON.", source)
    if not isinstance(values, dict):
        return Row(number, {}, "The line is not a JSON object.", source)
    if isinstance(values, Twice):
        return Row(number, {}, f"The name {storable(values.name[:NAME_LENGTH])} is there twice.", source)
    if len(values) > COLUMNS or any(len(name) > NAME_LENGTH for name in values):
        sentence = f"The line has more than {COLUMNS:,} names, or one that is longer than {NAME_LENGTH} characters."
        return Row(number, {}, sentence, source)
    cells = {name: cell_of(value) for name, value in values.items()}
    names = "".join(values) if r"\u" in line else ""  # otherwise they have nothing that could not be kept
    if names != storable(names):
        cells = {storable(name): cell for name, cell in cells.items()}
        if len(cells) < len(values):
            return Row(number, {}, "Two names differ in nothing but halves of characters.", source)
    return Row(number, cells)
