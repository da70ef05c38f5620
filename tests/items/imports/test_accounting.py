"""Rows in = created + updated + unchanged + failed + skipped, for any file."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections import Counter
from itertools import pairwise
from pathlib import Path

from django.contrib.auth.models import User
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from items.imports import mapping as import_mapping
from items.imports import recognising, running
from items.imports import rows as import_rows
from items.imports.rows import Row, Shape, Unreadable
from items.imports.running import Failure, Progress
from tests.support.examples import examples

COLUMNS = ("sku", "name", "price", "description")
HEADER = ",".join(COLUMNS) + "\n"
CELLS = st.one_of(
    st.sampled_from(["", "A", "5", "x", "-1", "12.50", ' "', '"', "a,b", "two\nlines", "\r", "\r\n", '="7"', "é"]),
    # Without marks of byte order: before a row they are none of it.
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff"), max_size=8),
)
TABLES = st.lists(st.lists(CELLS, min_size=1, max_size=6), max_size=12)
# Any sequence of what CSV is made of: quotes in the middle, never closed, closed twice.
RUINS = st.lists(
    st.sampled_from(['"', '""', ",", "\n", "\r\n", "A", "B-1", "5", "x y", " ", ",,,", 'a"b']), max_size=60
)
# JSON can name what no text has: halves of characters, and NUL, which databases do not take.
JSON_TEXTS = st.text(st.one_of(st.characters(), st.sampled_from("\ud800\udfff\x00")), max_size=5)
JSON_LINES = st.lists(
    st.one_of(
        st.dictionaries(
            st.sampled_from([*COLUMNS, "tax", "other", "half \ud800", "half \udfff"]),
            st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), JSON_TEXTS, st.lists(st.integers())),
        ).map(json.dumps),
        st.sampled_from(["", "  ", "nonsense", "[1]", '{"a": 1, "a": 2}', "{", "7", '{"name": "x"']),
        st.sampled_from(["A", "B\ud800", "C\x00"]).map(lambda sku: json.dumps({"sku": sku, "name": "n", "price": 1})),
    ),
    max_size=12,
)


def strict_rows(text: str) -> int | None:
    """How many rows a strict reader sees behind the first one, character by character; None when it refuses the text.

    An empty line is no row.
    """
    rows = 0
    position = 0
    while position < len(text):
        if text[position] in "\r\n":
            position += 1
            continue
        rows += 1
        while True:
            if text[position : position + 1] == '"':
                position += 1
                while text[position : position + 1] not in {'"', ""} or text[position : position + 2] == '""':
                    position += 2 if text[position] == '"' else 1
                if text[position : position + 1] != '"':
                    return None
                position += 1
                if text[position : position + 1] not in {",", "\r", "\n", ""}:
                    return None
            while text[position : position + 1] not in {",", "\r", "\n", ""}:
                position += 1
            if text[position : position + 1] != ",":
                break
            position += 1
    return rows - 1


def read(text: str, shape: Shape) -> list[Row]:
    return list(import_rows.rows(io.StringIO(text, newline=""), shape))


class ReadingTests(TestCase):
    shape = Shape("utf-8-sig", ",", COLUMNS)

    @given(TABLES)
    def test_of_right_csv_as_many_rows_are_read_as_stand_in_it(self, table: list[list[str]]) -> None:
        written = io.StringIO(newline="")
        csv.writer(written).writerows(table)
        text = HEADER + written.getvalue()
        expected = strict_rows(text)
        self.assertIsNotNone(expected)
        rows = read(text, self.shape)
        self.assertEqual(len(rows), expected)
        for row, cells in zip(rows, [cells for cells in table if cells], strict=True):
            if not row.problem:
                self.assertEqual(list(row.cells.values()), cells[: len(COLUMNS)])

    @given(RUINS)
    def test_of_any_text_each_line_is_part_of_a_row(self, pieces: list[str]) -> None:
        text = HEADER + "".join(pieces)
        rows = read(text, self.shape)
        expected = strict_rows(text)
        if expected is not None:
            self.assertEqual(len(rows), expected)
        lines = text.splitlines(keepends=True)
        starts = [row.line for row in rows]
        self.assertEqual(starts, sorted(set(starts)))
        for start, end in zip(starts, [*starts[1:], len(lines) + 1][: len(starts)], strict=True):
            row = rows[starts.index(start)]
            between = "".join(lines[start - 1 : end - 1])
            if row.problem:  # one line, and then nothing but empty ones: nothing else is swallowed
                self.assertTrue(strict_rows("h\n" + between) is not None or not "".join(lines[start : end - 1]).strip())
            else:
                self.assertEqual(strict_rows("h\n" + between), 1)

    def test_a_quote_that_is_never_closed_is_named_and_what_is_certain_behind_it_is_read(self) -> None:
        rows = read(HEADER + 'Q1,Lamp,5,"15 inch\nQ2,Chair,6,wood\nnot, a row\n\nQ3,Table,7,oak\n', self.shape)
        self.assertEqual(
            [(row.line, row.cells.get("sku")) for row in rows], [(2, None), (3, "Q2"), (4, None), (6, "Q3")]
        )
        self.assertEqual(rows[0].problem, "The quote that was opened on line 2 is never closed.")
        self.assertIn("opened on line 2", rows[2].problem)

    def test_a_quote_that_is_closed_in_the_middle_of_a_later_row_hides_none(self) -> None:
        text = HEADER + 'Q1,Lamp,5,"15 inch\nQ2,Chair,6,wood\nQ3,"Big, round",7,oak\nQ4,"two\nlines",8,ash\n'
        rows = read(text, self.shape)
        self.assertEqual([row.cells.get("sku") for row in rows], [None, "Q2", "Q3", "Q4"])
        self.assertIn("opened on line 2 is closed on line 4", rows[0].problem)

    def test_a_broken_row_costs_its_own_lines_only_however_many_there_are(self) -> None:
        text = HEADER + 'x","y\n' * 20_000 + "Q,Lamp,5,oak\n"
        rows = read(text, self.shape)
        self.assertEqual(rows[-1].cells.get("sku"), "Q")


class RunTests(TestCase):
    """The whole way, as a dry run."""

    def account(self, content: bytes) -> tuple[Progress, list[Failure]] | None:
        """What came of the rows; None when the file as a whole is refused."""
        owner, _ = User.objects.get_or_create(username="ruth", defaults={"is_superuser": True})
        failures: list[Failure] = []
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "file"
            path.write_bytes(content)
            try:
                survey = recognising.survey(path)
            except Unreadable:
                return None
            columns = survey.shape.columns
            mapping = import_mapping.guess(survey) | {"name": columns[0], "price": columns[-1]}
            progress = running.run(
                path, survey, mapping, owner, dry_run=True, on_failure=failures.append, on_chunk=lambda _: True
            )
            self.assertEqual(progress.counts["rows"], survey.rows)
        return progress, failures

    def assert_adds_up(self, progress: Progress, failures: list[Failure]) -> None:
        counts = Counter(progress.counts)
        rows = counts.pop("rows", 0)
        self.assertEqual(sum(counts.values()), rows)
        self.assertEqual(len({failure.line for failure in failures}), counts["failed"])
        self.assertEqual(sum(progress.skipped.values()), counts["skipped"])

    def test_long_rows_are_written_in_fewer_at_a_time(self) -> None:
        owner = User.objects.create(username="ruth", is_superuser=True)
        ends: list[int] = []

        def note(progress: Progress) -> bool:
            ends.append(progress.position)
            return True

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "file"
            row = "x" * 900_000
            path.write_text(HEADER + "".join(f"{number},Lamp,5,{row}\n" for number in range(20)))
            survey = recognising.survey(path)
            mapping = import_mapping.guess(survey)
            running.run(
                path, survey, mapping, owner, dry_run=True, on_failure=lambda _: None, on_chunk=note
            )  # fmt: skip
            self.assertEqual(ends[-1], path.stat().st_size)
        steps = [end - start for start, end in pairwise([0, *ends])]
        self.assertLess(max(steps), running.CHUNK_BYTES + 2 * len(row))

    @settings(max_examples=examples(60), deadline=None)
    @given(TABLES)
    def test_the_counts_of_right_csv_are_the_rows_of_a_strict_reader(self, table: list[list[str]]) -> None:
        written = io.StringIO(newline="")
        csv.writer(written).writerows(table)
        text = HEADER + written.getvalue()
        if "\x00" in text[:4096]:
            return
        found = self.account(text.encode())
        assert found is not None
        self.assert_adds_up(*found)
        self.assertEqual(found[0].counts["rows"], strict_rows(text))

    @settings(max_examples=examples(60), deadline=None)
    @given(RUINS, st.sampled_from(["utf-8", "utf-16", "cp1252", "utf-8-sig"]))
    def test_the_counts_of_any_csv_add_up(self, pieces: list[str], encoding: str) -> None:
        found = self.account((HEADER + "".join(pieces)).encode(encoding))
        if found is not None:
            self.assert_adds_up(*found)

    @settings(max_examples=examples(60), deadline=None)
    @given(st.binary(max_size=60))
    def test_the_counts_of_any_bytes_add_up(self, content: bytes) -> None:
        found = self.account(HEADER.encode() + b"A,\xc3\xa9,5,x\n" + content)
        if found is not None:
            self.assert_adds_up(*found)

    @settings(max_examples=examples(60), deadline=None)
    @given(JSON_LINES)
    def test_the_counts_of_any_ndjson_are_its_lines_that_are_not_empty(self, lines: list[str]) -> None:
        found = self.account("\n".join(['{"sku": "Z", "name": "n", "price": 1}', *lines]).encode())
        assert found is not None
        self.assert_adds_up(*found)
        self.assertEqual(found[0].counts["rows"], 1 + sum(bool(line.strip()) for line in lines))
