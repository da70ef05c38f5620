"""Looking into a file before it is imported: what it is, and what stands in its columns. The whole of it is looked at,
in bounded memory; what is found can be kept beside the file, so that no page has to look again.

`python -m items.imports.recognising FILE RESULT` does it in a process of its own, for files that would hold the
interpreter of a web process for too long.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

from items.imports.amounts import Evidence, may_be_number
from items.imports.encoding import encoding_of
from items.imports.json_line import JsonNumber, JsonOther, object_of
from items.imports.lines import LINE_LENGTH, MARK, opened
from items.imports.names import NAME_LENGTH, are_known
from items.imports.rows import COLUMNS, Row, Shape, Unreadable, read, storable, text_of_raw_cell

SCAN = 1 << 20  # characters to rank the delimiters
DELIMITERS = (",", ";", "\t", "|")
RANKED_ROWS = 200  # looked at to rank the delimiters; then the whole file decides whether the first one is right
REGULAR = 0.9  # of the rows have as many cells as there are columns, else the other delimiters are tried on the whole
BLANK = " \t,;|\ufeff"  # what a line may consist of and still name no column
JSON_LINES = 100  # looked at to see whether a file is NDJSON
BLOCK = 200  # rows looked at together; fewer when they are long
SAMPLE_ROWS = 8  # kept to be shown
SAMPLE_LENGTH = 30_000  # characters of each of them at most
TITLES = 20  # rows at the beginning among which the one that names the columns is looked for
NULS = 0.01  # of the characters may be NUL: a fault of their rows; more, and it is no text

_SEP = re.compile(r'("?)sep=(.)\1[,;|\t ]*', re.IGNORECASE | re.DOTALL)
_JSON_ARRAY = re.compile(r"\[\s*(?:[{\]]|$)")
_JSON_LIKE = re.compile(r"""\{\s*["'][^"']*["']\s*:""")
# What programs that "export to Excel" write, and what people save from a browser, whatever the file is called.
_MARKUP = re.compile(r"<(?:\?xml|!doctype|html|head|meta|body|style|table|script|div)\b", re.IGNORECASE)


@dataclass(slots=True)
class Survey:
    """What a file is and what was seen in it. rows: how many it has. names: of each column, as its first line writes
    them ("" where it has none); the shape's columns are unique. sample: its first rows, cut."""

    shape: Shape
    rows: int = 0
    names: tuple[str, ...] = ()
    evidence: dict[str, Evidence] = field(default_factory=dict)
    sample: list[Row] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """Writes what was seen to a file, as JSON."""
        shape = self.shape
        path.write_text(
            json.dumps({
                "shape": [
                    shape.encoding, shape.delimiter, list(shape.columns), shape.preamble, shape.damaged, shape.titles,
                ],
                "rows": self.rows,
                "names": list(self.names),
                "evidence": {column: seen.as_object() for column, seen in self.evidence.items()},
                "sample": [[row.line, _kinds(row.cells), row.problem] for row in self.sample],
            }),
            encoding="utf-8",
        )  # fmt: skip

    @classmethod
    def kept(cls, path: Path) -> Survey:
        """What `write` kept. Raises OSError, and ValueError for what another version kept: it may have names in it that
        no page can show."""
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            encoding, delimiter, columns, preamble, damaged, titles = kept["shape"]
            if any(name != storable(name) for name in (*columns, *kept["names"])):
                raise ValueError(f"{path} is from another version")
            return cls(
                Shape(encoding, delimiter, tuple(columns), preamble, damaged, titles),
                kept["rows"],
                tuple(kept["names"]),
                {column: Evidence(**seen) for column, seen in kept["evidence"].items()},
                [Row(line, _of_kinds(cells), problem) for line, cells, problem in kept["sample"]],
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"{path} is from another version") from error


_KINDS: dict[str, type[str]] = {"text": str, "number": JsonNumber, "other": JsonOther}


def _kinds(cells: dict[str, str | None]) -> dict[str, Any]:
    """Cells as JSON that keeps what they were in JSON. Each is cut, so that a row stays within SAMPLE_LENGTH."""
    most = max(20, SAMPLE_LENGTH // max(1, len(cells)))
    kinds = {kind: name for name, kind in _KINDS.items()}
    return {
        name: None if cell is None else [kinds[type(cell)], cell if len(cell) <= most else cell[: most - 1] + "…"]
        for name, cell in cells.items()
    }


def _of_kinds(cells: dict[str, Any]) -> dict[str, str | None]:
    return {name: None if cell is None else _KINDS[cell[0]](cell[1]) for name, cell in cells.items()}


def survey(path: Path) -> Survey:
    """Looks through the whole file. Raises Unreadable, and OSError."""
    encoding, damaged = encoding_of(path)
    with path.open("rb") as raw, opened(raw, encoding) as text:
        start = text.read(SCAN)
    if not start.strip():
        raise Unreadable("The file is empty." if len(start) < SCAN else "The file begins with a million blanks.")
    if start[:4096].count("\x00") > NULS * len(start[:4096]):
        raise Unreadable("This is not a text file. Export it as CSV.")
    if _MARKUP.match(start.lstrip(MARK + " \t\r\n")):
        raise Unreadable(
            "This is a web page or other markup (HTML, XML), whatever its name ends with. Open it in a spreadsheet,"
            " save the sheet as CSV and upload that."
        )
    if _is_ndjson(start):
        return _survey_ndjson(path, Shape(encoding, "", (), damaged=damaged))
    candidates = list(_candidates(start, encoding, damaged))
    if not candidates:
        raise Unreadable("The first line has to name the columns.")
    found = _survey_csv(path, candidates[0])
    if found.regular < REGULAR * found.survey.rows:
        for other in candidates[1:]:
            another = _survey_csv(path, other)
            if another.share > found.share:
                found = another
    return found.survey


# What kind ----------------------------------------------------------------------------------------------------------


def _is_ndjson(start: str) -> bool:
    """Whether the lines are JSON objects; the first character alone says nothing. Raises Unreadable for other JSON."""
    read = (line.lstrip(MARK) for line in islice(io.StringIO(start, newline=""), 2 * JSON_LINES))
    lines = [line for line in read if line.strip()][:JSON_LINES]
    kinds = [_json_kind(line) for line in lines]
    looks_so = _JSON_LIKE.match(lines[0].strip()) is not None
    if kinds[0] == "object" or 2 * kinds.count("object") > len(kinds) or (looks_so and "object" in kinds):
        return True
    if kinds[0] == "array" or _JSON_ARRAY.match(start.lstrip()[:100]):
        raise Unreadable("This is a JSON array. Write one object on each line (NDJSON).")
    if lines[0].strip() == "{":
        raise Unreadable("This is one JSON object over several lines. Write each object on one line (NDJSON).")
    if looks_so:
        raise Unreadable(
            "The first line looks like JSON and is none. Write one object on each line, with nothing behind it"
            " (NDJSON)."
        )
    return False


def _json_kind(line: str) -> str:
    if line.lstrip()[:1] not in {"{", "["}:
        return ""
    try:
        found = object_of(line)
    except (ValueError, RecursionError):
        return ""
    return "object" if isinstance(found, dict) else "array"


# CSV ----------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Csv:
    """regular: rows with as many cells as there are columns."""

    survey: Survey
    regular: int = 0

    @property
    def share(self) -> float:
        return self.regular / self.survey.rows if self.survey.rows else 0.0


def hint_of(line: str) -> str:
    """The delimiter that Excel's first line names (sep=;), or "". It may be quoted, and padded by delimiters."""
    found = _SEP.fullmatch(line.strip("\r\n "))
    return found[2] if found and not (found[2].isalnum() or found[2] in '"\r\n') else ""


def _candidates(start: str, encoding: str, damaged: bool) -> Iterator[Shape]:
    """The shapes that the file may have, the likeliest first. Raises Unreadable."""
    lines = [line.lstrip(MARK) for line in islice(io.StringIO(start, newline=""), 2 * RANKED_ROWS)]
    hint = hint_of(lines[0])
    skipped = 1 if hint else 0
    ranked = []
    for delimiter in dict.fromkeys([*hint, *DELIMITERS]):
        header, preamble, titles, share = _header(lines[skipped:], delimiter)
        if header:
            header = header[: COLUMNS + 1]  # one more is too many already
            shape = Shape(encoding, delimiter, _unique(header), skipped + preamble, damaged, titles)
            points = share * share * (len(header) - 1)
            ranked.append((delimiter == hint and len(header) > 1, points, len(header), shape))
    ranked.sort(key=lambda one: one[:3], reverse=True)
    for _, points, _, shape in ranked:
        if points > 0 or shape is ranked[0][3]:
            if len(shape.columns) > COLUMNS:
                raise Unreadable(f"The file has more than {COLUMNS:,} columns.")
            if any(len(name) > NAME_LENGTH + 20 for name in shape.columns):
                raise Unreadable(
                    f"The name of a column is longer than {NAME_LENGTH} characters. The first line has to name the"
                    " columns; is a quote never closed there?"
                )
            yield shape


def _header(lines: list[str], delimiter: str) -> tuple[list[str], int, int, float]:
    """The row that names the columns, how many lines and how many titles are before it, and the share of rows that are
    as wide; what is empty behind the last column does not count: some end each row with a delimiter."""
    reader = csv.reader(iter(lines), delimiter=delimiter)
    header: list[str] = []
    preamble = titles = wide = count = 0
    before = 0
    with contextlib.suppress(csv.Error):  # a broken cell, or this is not the delimiter: the rows before it tell
        for number, row in enumerate(reader):
            filled = [cell for cell in row if cell.strip(BLANK)]
            if not header or (number < TITLES and _is_title(header) and are_known(filled)):
                if filled:
                    titles = count + 1 if header else 0
                    header, preamble, wide, count = row, before, 0, 0
            else:
                count += bool(row)
                wide += len(row) == len(header) or (len(row) > len(header) and not any(row[len(header) :]))
            before = reader.line_num
    return header, preamble, titles, wide / count if count else 1.0


def _is_title(row: list[str]) -> bool:
    """Whether the row may be a title, a date, a remark: with one column no item can be read."""
    return sum(bool(cell.strip(BLANK)) for cell in row) == 1


def _unique(header: list[str]) -> tuple[str, ...]:
    """Names for the columns, each of them once: `name (column 4)` where several have the same, `column 4` for none."""
    names = _written(header)
    found: list[str] = []
    for number, name in enumerate(names, 1):
        label = name or f"column {number}"
        if not name or names.count(name) > 1:
            label = f"{name} (column {number})" if name else label
            while label in names or label in found:
                label += "'"
        found.append(label)
    return tuple(found)


def _written(header: list[str]) -> list[str]:
    """The names of the columns as they stand there, or as much of them as can be kept and shown."""
    return [storable(text_of_raw_cell(cell).strip()) for cell in header]


def _survey_csv(path: Path, shape: Shape) -> _Csv:
    found = _Csv(Survey(shape))
    columns = shape.columns
    seen = [Evidence(comma_usual=shape.delimiter == ";") for _ in columns]
    survey = found.survey
    for block in _blocks(path, shape):
        survey.rows += len(block)
        survey.sample += block[: SAMPLE_ROWS - len(survey.sample)]
        found.regular += sum(len(row.cells) == len(columns) for row in block)
        for evidence, cells in zip(seen, zip_longest(*(row.cells.values() for row in block)), strict=False):
            for cell in evidence.unusual(list(filter(None, cells))):
                evidence.look(text_of_raw_cell(cell) or " ")
    survey.evidence = dict(zip(columns, seen, strict=True))
    survey.names = _names_of(path, shape)
    return found


def _blocks(path: Path, shape: Shape) -> Iterator[list[Row]]:
    """The rows, some together: most of a column can be looked at at once."""
    block: list[Row] = []
    start = 0
    for row, position in read(path, shape):
        block.append(row)
        if len(block) == BLOCK or position - start > SCAN:
            yield block
            block, start = [], position
    yield block


def _names_of(path: Path, shape: Shape) -> tuple[str, ...]:
    """The first line's names, as they stand there."""
    with path.open("rb") as raw, opened(raw, shape.encoding) as text:
        for _ in range(shape.preamble):
            text.readline(LINE_LENGTH)
        lines = iter(lambda: text.readline(LINE_LENGTH).lstrip(MARK), "")
        header = next(csv.reader(lines, delimiter=shape.delimiter), [])
    return tuple(_written(header))


# NDJSON -------------------------------------------------------------------------------------------------------------


def _survey_ndjson(path: Path, shape: Shape) -> Survey:
    """Every name of every line is a column: one that is first seen far behind is one, too."""
    survey = Survey(shape)
    seen: dict[str, Evidence] = {}
    for row, _ in read(path, shape):
        survey.rows += 1
        if len(survey.sample) < SAMPLE_ROWS:
            survey.sample.append(row)
        for name, cell in row.cells.items():
            evidence = seen.get(name)
            if evidence is None:
                evidence = seen[name] = Evidence()
                if len(seen) > COLUMNS:
                    raise Unreadable(f"The lines have more than {COLUMNS:,} different names.")
            if cell and (evidence.watched or may_be_number(cell)):
                evidence.look(cell if isinstance(cell, JsonNumber) else cell.strip() or " ")
    if not seen:
        raise Unreadable("None of the lines is a JSON object with names.")
    survey.shape = Shape(shape.encoding, "", tuple(seen), damaged=shape.damaged)
    survey.names, survey.evidence = survey.shape.columns, seen
    return survey


def main(arguments: Iterable[str]) -> int:
    """Writes the survey, or the sentence that says why there is none. Exit code 0, or 1 for a sentence."""
    source, result = map(Path, arguments)
    try:
        survey(source).write(result)
    except Unreadable as error:
        result.write_text(str(error), encoding="utf-8")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
