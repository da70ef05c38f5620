"""Reading a file of rows: what it is (CSV or NDJSON, encoding, delimiter) is recognised, and rows come one by one.

Memory is bounded whatever the file is: no line over LINE_LENGTH is held, and no cell over it.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

LINE_LENGTH = 1_000_000  # characters; an item has 23,000 at most
SAMPLE_ROWS = 20  # looked at to find the delimiter, and shown in a preview
SCAN = 1 << 20  # bytes read at a time to recognise the encoding
DELIMITERS = (",", ";", "\t", "|")
COLUMNS = 1_000  # at most

csv.field_size_limit(LINE_LENGTH)


class Unreadable(Exception):
    """The file as a whole cannot be imported; the text is a sentence for people."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row. line: where it begins, from 1. cells: column -> text. problem: why the row cannot be read, or ""."""

    line: int
    cells: dict[str, str]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a file is. delimiter: of CSV; "" is NDJSON."""

    encoding: str
    delimiter: str
    columns: tuple[str, ...]

    @property
    def words(self) -> str:
        """For people."""
        names = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
        kind = f"CSV with {names.get(self.delimiter, self.delimiter)}s" if self.delimiter else "NDJSON"
        known = {"utf-8-sig": "UTF-8", "utf-16": "UTF-16", "cp1252": "Windows-1252"}
        return f"{kind}, {known.get(self.encoding, self.encoding.upper())}"


def recognise(path: Path) -> Shape:
    """Looks into the file. Raises Unreadable."""
    encoding = _encoding(path)
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        start = file.read(LINE_LENGTH)
    first = start.lstrip()[:1]
    if not first:
        raise Unreadable("The file is empty.")
    if first == "[":
        raise Unreadable("This is a JSON array. Write one object on each line (NDJSON).")
    if "\x00" in start[:4096]:
        raise Unreadable("This is not a text file. Export it as CSV.")
    if first == "{":
        return Shape(encoding, "", _names_of_objects(path, encoding))
    delimiter, columns = _delimiter(start)
    if len(columns) > COLUMNS:
        raise Unreadable(f"The file has more than {COLUMNS} columns.")
    if not any(columns):
        raise Unreadable("The first line has to name the columns.")
    return Shape(encoding, delimiter, columns)


def read(path: Path, shape: Shape) -> Iterator[tuple[Row, int]]:
    """Each row with the position behind it, in bytes."""
    with path.open("rb") as raw:
        text = io.TextIOWrapper(raw, shape.encoding, errors="replace", newline="")
        rows = _csv(text, shape) if shape.delimiter else _ndjson(text)
        for row in rows:
            yield row, raw.tell()


def sample(path: Path, shape: Shape) -> list[Row]:
    """The first rows."""
    found: list[Row] = []
    for row, _ in read(path, shape):
        found.append(row)
        if len(found) == SAMPLE_ROWS:
            break
    return found


def _encoding(path: Path) -> str:
    """By the mark at the beginning, by the zeros of UTF-16, by whether the whole is UTF-8; otherwise Windows-1252."""
    decode = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        start = file.read(SCAN)
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        for encoding, zeros in (("utf-16-le", start[1:1000:2]), ("utf-16-be", start[0:1000:2])):
            if (
                len(start) > 3
                and zeros.count(0) > len(zeros) // 2
                and start[:1000].count(0) < len(start[:1000]) * 2 // 3
            ):
                return encoding
        try:
            while start:
                decode.decode(start)
                start = file.read(SCAN)
            decode.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8-sig"


def _lines(file: IO[str]) -> Iterator[str]:
    """Lines; one that is longer than LINE_LENGTH comes in pieces, so that it is not held whole."""
    while line := file.readline(LINE_LENGTH):
        yield line


def _delimiter(start: str) -> tuple[str, tuple[str, ...]]:
    """The delimiter that cuts the first rows into the most columns, as many in each, and the names of the columns."""
    lines = start.splitlines(keepends=True)
    if lines[0].strip().lower().startswith("sep=") and len(lines[0].strip()) == 5:  # Excel's own hint
        candidates: tuple[str, ...] = (lines[0].strip()[4],)
        lines = lines[1:]
    else:
        candidates = DELIMITERS
    best: tuple[float, str, tuple[str, ...]] = (-1.0, ",", ())
    for delimiter in candidates:
        rows = []
        try:
            for row in csv.reader(iter(lines), delimiter=delimiter):
                if row:
                    rows.append(row)
                if len(rows) > SAMPLE_ROWS:
                    break
        except csv.Error:
            pass  # the sample ends inside of a quoted cell, or this is not the delimiter: the rows before it tell
        if rows:
            width = len(rows[0])
            regular = sum(len(row) == width for row in rows) / len(rows)
            score = (width - 1) * regular
            if score > best[0]:
                best = (score, delimiter, tuple(name.strip() for name in rows[0]))
    return best[1], best[2]


def _csv(file: IO[str], shape: Shape) -> Iterator[Row]:
    reader = csv.reader(_lines(file), delimiter=shape.delimiter)
    line, header_seen = 1, False
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if header_seen:
                yield Row(line, {}, f"The row cannot be read: {error}.")
            line = reader.line_num + 1
            continue
        if not any(cells) or (not header_seen and len(cells) <= 2 and cells[0].lower().startswith("sep=")):
            pass  # an empty line, or Excel's hint
        elif not header_seen:
            header_seen = True
        elif len(cells) > len(shape.columns) and any(cells[len(shape.columns) :]):
            yield Row(line, {}, f"The row has {len(cells)} cells, but there are {len(shape.columns)} columns.")
        else:
            yield Row(line, {name: cell for name, cell in zip(shape.columns, cells, strict=False) if name})
        line = reader.line_num + 1


def _ndjson(file: IO[str]) -> Iterator[Row]:
    cut = False
    number = 0
    for line in _lines(file):
        beginning = not cut
        cut = not line.endswith("\n") and len(line) >= LINE_LENGTH
        number += beginning
        if not beginning or (not line.strip() and not cut):
            continue
        if cut:
            yield Row(number, {}, "The line is too long.")
            continue
        yield _object(number, line)


def _object(number: int, line: str) -> Row:
    try:
        values = json.loads(line, parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        return Row(number, {}, "The line is not JSON.")
    if not isinstance(values, dict):
        return Row(number, {}, "The line is not a JSON object.")
    return Row(number, {str(name): _text(value) for name, value in values.items()})


def _text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _names_of_objects(path: Path, encoding: str) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for row in sample(path, Shape(encoding, "", ())):
        names.update(dict.fromkeys(row.cells))
    if not names:
        raise Unreadable("None of the first lines is a JSON object.")
    return tuple(names)[:COLUMNS]
