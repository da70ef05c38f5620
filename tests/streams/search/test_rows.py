"""Columns of an export as people write them."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from streams.decoding.carried import Carried
from streams.kafka.undecodable import Polled
from streams.search.jobs import Job
from streams.search.looking import Looker
from streams.search.rows import COLUMNS, BadColumn, Rows, column_names, value_of
from streams.wire.records import Record, encode
from tests.streams.filters.test_needed import Made, records

CASES = Path(__file__).parents[2] / "support" / "export_cases.json"


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ("key", ["key"]),
        (" offset , value.a.b", ["offset", "value.a.b"]),
        ('value["a,b"],value[\'c"\'],value.items[0]', ['value["a,b"]', "value['c\"']", "value.items[0]"]),
        ("headers.source[0]", ["headers.source[0]"]),
    ],
)
def test_columns_stand_with_commas_between(asked: str, names: list[str]) -> None:
    assert column_names(asked) == names


@pytest.mark.parametrize(
    "name", ["", "values", "value.a + 1", "size(value)", "value[-1]", "value[key]", "value.", "'x'", "has(value.a)"]
)
def test_what_is_no_column_is_refused_in_a_sentence(name: str) -> None:
    with pytest.raises(BadColumn, match="is no column"):
        value_of(name)


def test_there_are_only_so_many() -> None:
    with pytest.raises(BadColumn, match="at most"):
        column_names(",".join(["key"] * (COLUMNS + 1)))


def rows_of(made: Polled, output: str, columns: list[str]) -> list[bytes]:
    job = Job("t", [], output=output, columns=columns)  # type: ignore[arg-type]  # it is one of them
    return [found.data for found in asyncio.run(Looker(job, Carried("t")).look(3, [made]))]


@settings(max_examples=300)
@given(records)
def test_a_row_is_the_whole_record_on_one_line_whichever_way_it_was_made(made: Made) -> None:
    (row,) = rows_of(made, "ndjson", [])
    long = encode(made.offset, made.timestamp, made.key, made.headers, made.value, whole=True, bytes_too=False)
    assert row == Rows("t", "ndjson", []).row(3, long)
    assert row.splitlines(keepends=True) == [row]
    assert json.loads(row) == {"partition": 3, **json.loads(long.data)}


def test_a_value_that_was_written_on_several_lines_stays_one_row() -> None:
    value = b'{\n  "a": "x\\ny",\r\n  "b": [1,\n2]\n}'
    for headers in ([], [("h", b"1")]):
        (found,) = rows_of(Made(value, headers=headers), "records", [])
        assert found.splitlines() == [found]
        assert json.loads(found)["value"] == {"a": "x\ny", "b": [1, 2]}
        (row,) = rows_of(Made(value, headers=headers), "ndjson", [])
        assert row.splitlines(keepends=True) == [row]
        assert json.loads(row)["value"] == {"a": "x\ny", "b": [1, 2]}
    for columns in (["value"], ["offset", "value"]):
        (row,) = rows_of(Made(value), "ndjson", columns)
        assert row.splitlines(keepends=True) == [row]
        assert json.loads(row)["value"] == {"a": "x\ny", "b": [1, 2]}


@pytest.mark.parametrize("column", ["key[0]", "value[0]", "value.name[0]", "value.list[0][0]", "headers.h[0][0]"])
def test_only_a_list_has_places(column: str) -> None:
    made = Made(b'{"name": "lamp", "list": ["first"]}', headers=[("h", b"said")])
    assert json.loads(rows_of(made, "ndjson", [column])[0]) == {column: None}
    of_list = column.removesuffix("[0]")
    if of_list.endswith("[0]"):
        assert json.loads(rows_of(made, "ndjson", [of_list])[0])[of_list] in {"first", "said"}


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (b'{"a": "x;=1+1;y"}', {"a": "x;'=1+1;y"}), (b'[";", "=1"]', [";", "=1"]), (b'{"a;":"-1"}', {"a;": "-1"}),
        (b'{"a;\'@b": 1}', {"a;''@b": 1}), (b'[\t-1,\n\t"=1"]', [-1, "=1"]), (b"-1.50", -1.5), (b"true", True),
    ],
)  # fmt: skip
def test_json_in_a_cell_is_no_formula_where_it_is_split_and_stays_json(value: bytes, cell: object) -> None:
    (row,) = rows_of(Made(value), "csv", ["value"])
    ((read,),) = csv.reader(io.StringIO(row.decode(), newline=""))
    assert json.loads(read) == cell
    assert not any(part.startswith(("=", "+", "@")) for part in re.split("[;\t]", read))
    if isinstance(cell, dict):
        (of_all,) = rows_of(Made(b'{"part": %b}' % value), "csv", ["value.part"])
        ((read,),) = csv.reader(io.StringIO(of_all.decode(), newline=""))
        assert json.loads(read) == cell


@settings(max_examples=300)
@given(records)
def test_cells_are_read_back_as_they_were(made: Made) -> None:
    (row,) = rows_of(made, "csv", ["offset", "value.a", "headers", "size"])
    ((offset, _, _, size),) = csv.reader(io.StringIO(row.decode(), newline=""))
    assert (offset, size) == ("7", str(len(made.value or b"")))


@pytest.mark.parametrize("case", json.loads(CASES.read_text()), ids=lambda case: case["name"])
def test_a_row_is_as_the_board_writes_it(case: dict[str, Any]) -> None:
    """The board's own export is held against the same table: tests/browser/unit/export.test.js."""
    record = Record(7, 5, 9, case["data"].encode())
    assert Rows("t", "csv", case["columns"]).row(3, record).decode() == case["csv"] + "\r\n"
    row = Rows("t", "ndjson", case["columns"]).row(3, record)
    assert row.splitlines(keepends=True) == [row]
    assert json.loads(row) == case["ndjson"]
