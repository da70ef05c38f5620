"""Bodies of JSON: what is wrong with one is told in little, however much it is."""

from __future__ import annotations

import json

import pytest
from ninja.errors import ValidationError as InvalidRequest

from streams.board.search_api import PARTITIONS, SearchIn, _read
from streams.runtime import bodies


def problems(asked: object) -> list[dict[str, object]]:
    """What is wrong with a search."""
    with pytest.raises(InvalidRequest) as refused:
        _read(json.dumps(asked).encode())
    found: list[dict[str, object]] = refused.value.errors
    return found


def test_a_few_parts_that_are_wrong_are_named() -> None:
    found = problems({"partitions": ["a"] * 3, "limit": 0})
    assert [each["loc"] for each in found] == [("body", "partitions", n) for n in range(3)] + [("body", "limit")]


@pytest.mark.parametrize(
    "asked",
    [
        {"partitions": ["a"] * 70_000},
        {"from": {"positions": {f"p{number}": "a" for number in range(PARTITIONS)}}},
        {"cursor": {"epoch": "e", "ranges": [{}] * PARTITIONS}},
    ],
    ids=["partitions", "positions", "ranges"],
)
def test_of_very_many_it_is_only_said_that_there_are(asked: object) -> None:
    (found,) = problems(asked)
    assert (found["loc"], found["msg"]) == (("body",), f"More than {bodies.WRONG:,} parts of it are wrong.")


def test_a_cursor_has_so_many_ranges_at_most() -> None:
    ranges = [{"partition": 0, "from": 2 * number, "to": 2 * number + 1} for number in range(PARTITIONS + 1)]
    (found,) = problems({"cursor": {"epoch": "e", "ranges": ranges}})
    assert found["type"] == "too_long"
    asked = bodies.read(SearchIn, json.dumps({"cursor": {"epoch": "e", "ranges": ranges[1:]}}).encode(), 2**20,
                        parts=8 * PARTITIONS)  # fmt: skip
    assert asked.cursor is not None
