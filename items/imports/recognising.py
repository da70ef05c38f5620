"""Recognises what a file of rows is: CSV or NDJSON, its encoding, delimiter and columns."""

from __future__ import annotations

import codecs
import csv
from pathlib import Path

from items.imports.rows import LINE_LENGTH, SAMPLE_ROWS, Shape, Unreadable, sample

SCAN = 1 << 20  # bytes read at a time to recognise the encoding
DELIMITERS = (",", ";", "\t", "|")
COLUMNS = 1_000  # at most


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


def _names_of_objects(path: Path, encoding: str) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for row in sample(path, Shape(encoding, "", ())):
        names.update(dict.fromkeys(row.cells))
    if not names:
        raise Unreadable("None of the first lines is a JSON object.")
    return tuple(names)[:COLUMNS]
