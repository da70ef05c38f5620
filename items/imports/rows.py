"""Reading a file of rows: what it is (CSV or NDJSON, encoding, delimiter) is recognised, and rows come one by one.

Memory is bounded whatever the file is: no line over LINE_LENGTH is held, and no cell over it.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

LINE_LENGTH = 1_000_000  # characters; an item has 23,000 at most
SAMPLE_ROWS = 20  # looked at to find the delimiter, and shown in a preview

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


def _lines(file: IO[str]) -> Iterator[str]:
    """Lines; one that is longer than LINE_LENGTH comes in pieces, so that it is not held whole."""
    while line := file.readline(LINE_LENGTH):
        yield line


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
