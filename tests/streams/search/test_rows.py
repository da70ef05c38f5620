"""Columns of an export as people write them."""

from __future__ import annotations

import pytest

from streams.search.rows import COLUMNS, BadColumn, column_names, value_of


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
