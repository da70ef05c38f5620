"""How much a filter may be, and how much it may do with one record. Work is counted, not timed."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from streams.filters.bad_filter import BadFilter
from streams.filters.filters import Filter
from streams.filters.parsing import CHARACTERS, DEPTH, NODES
from streams.filters.seen import Seen, seen
from streams.filters.work import UNITS, Failed, TooMuch
from streams.wire.records import encode


def of(value: Any) -> Seen:
    data = orjson.dumps(value)
    found = seen("t", 0, encode(0, 0, b"k", [], data), data)
    assert found is not None
    return found


NUMBERS = list(range(12_000))
TEXT = "ab" * 30_000
# Each is the worst of its kind that we could think of, with a record made for it.
WORST: dict[str, tuple[str, Any]] = {
    "loops in loops": ("value.all(x, value.all(y, x + y >= 0))", NUMBERS),
    "a list in lists": ("value.all(x, !(-1 in value))", NUMBERS),
    "lists that are the same": ("value.a.all(x, value.b == value.c)", {"a": NUMBERS[:2000], "b": NUMBERS[:2000],
                                                                       "c": NUMBERS[:2000]}),
    "lists that grow": ("value.map(x, value + value + value).size() > 0", NUMBERS),
    "texts that grow": (f"value.l.all(x, {'+'.join(['value.s'] * 20)} != '')", {"l": [1] * 900, "s": TEXT}),
    "a long part in a long text": ("value.l.exists(x, value.s.contains(value.p))",
                                   {"l": [1] * 900, "s": "a" * 29_000, "p": "a" * 5000 + "b" + "a" * 5000}),
    "a short part in a long text": ("value.l.exists(x, value.s.contains('bb'))", {"l": [1] * 900, "s": TEXT}),
    "patterns": ("value.l.exists(x, value.s.matches('(x+x+)+y'))", {"l": [1] * 900, "s": "x" * 60_000}),
    "one large pattern": ("value.matches('(a?){200}a{200}c')", "a" * 60_000),
    "patterns that are begun": ("value.exists(x, x.matches('b'))", ["a"] * 12_000),
    "errors": ("value.exists(x, x.a.b || x.c.d || x.e.f)", [{}] * 12_000),
    "numbers in texts": ("value.exists(x, int(x) == 2 || double(x) == 2.0)", ["1"] * 12_000),
    "texts of numbers": ("value.exists(x, string(x) == 'a')", [1.5] * 12_000),
    "times": ("value.exists(x, timestamp(x) == timestamp)", ["2026-01-31T12:00:00.123456789+01:00"] * 1500),
    "small letters": ("value.l.exists(x, value.s.lowerAscii() == 'a')", {"l": [1] * 900, "s": "Ä" * 30_000}),
    "words among many parts": ("text('b')", [{"a": 1}] * 8000),
    "words, again and again": ("value.l.exists(x, text('none of these'))", {"l": [1] * 900, "s": TEXT}),
    "objects that are the same": ("value.l.all(x, value.a == value.b)", {"l": [1] * 900} | {
        name: {f"n{i}": i for i in range(2000)} for name in "ab"}),
}  # fmt: skip


@pytest.mark.parametrize("name", WORST)
def test_the_worst_filter_of_its_kind_is_stopped_by_its_work(name: str) -> None:
    text, value = WORST[name]
    record = of(value)
    with pytest.raises(TooMuch):
        Filter(text).matches(record)
    assert record.left < 0


def test_nothing_steps_over_too_much_work() -> None:
    record = of(NUMBERS)
    with pytest.raises(TooMuch):
        Filter("value.all(x, value.all(y, x + y >= 0)) || true").matches(record)


def test_each_filter_has_all_of_the_work_and_pays_for_what_another_began() -> None:
    record = of({"name": "a lamp", "l": list(range(50))})
    spent = []
    for _ in range(2):
        assert Filter("text('lamp') && value.l.all(x, x >= 0)").matches(record)
        spent.append(UNITS - record.left)
    assert spent[0] == spent[1] > 200


def test_what_is_usual_takes_little_work() -> None:
    record = of({"name": "a lamp", "price": 12.5, "items": [{"sku": f"L-{i}"} for i in range(20)]})
    text = "value.price > 12 && value.name.contains('lamp') && value.items.exists(x, x.sku == 'L-19')"
    assert Filter(text).matches(record)
    assert UNITS - record.left < 200


def test_the_largest_filters_are_taken_and_larger_ones_are_refused() -> None:
    conditions = " || ".join(["value.a"] * 99)  # 99 times two parts, and what joins them
    assert Filter(f"{conditions}").normalised == conditions
    with pytest.raises(BadFilter, match=f"at most {NODES} parts"):
        Filter(conditions + " || value.a")
    deep = "!" * (DEPTH - 2) + "value.a"
    assert Filter(deep).normalised == deep
    with pytest.raises(BadFilter, match=f"at most {DEPTH} parts deep"):
        Filter("!" + deep)
    long = f'value.a == "{"x" * (CHARACTERS - 12)}"'
    assert len(long) == CHARACTERS + 1
    assert Filter(long.replace("x", "", 1)).normalised == long.replace("x", "", 1)
    with pytest.raises(BadFilter, match=r"at most 2,000 characters; this one has 2,001"):
        Filter(long)


@pytest.mark.parametrize("text", ["(" * 1999, "[" * 1999, "!" * 1999, "-" * 1999, "a." * 999, "a[" * 999, "a?" * 999,
                                  "f(" * 999, "a+" * 999, "a.map(x," * 249, "'" * 1999])  # fmt: skip
def test_whatever_is_piled_up_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(BadFilter):
        Filter(text)


def test_loops_stand_in_each_other_only_twice() -> None:
    Filter("value.all(x, x.all(y, y > 1)) && value.filter(x, x > 1).map(y, y + 1).exists(z, z > 1)")
    with pytest.raises(BadFilter, match="At most 2 loops"):
        Filter("value.all(x, x.all(y, y.all(z, z > 1)))")


@pytest.mark.parametrize("pattern", ["a{1001}", "(a{100}){100}", r"\\pL{500}", "((((a{10}){10}){10}){10})"])
def test_patterns_that_are_too_large_are_refused(pattern: str) -> None:
    with pytest.raises(BadFilter, match="This pattern"):
        Filter(f'value.matches("{pattern}")')
    with pytest.raises(BadFilter, match="at most 8 patterns"):
        Filter(" || ".join(['value.matches("a")'] * 9))


def test_a_failure_is_one_even_where_its_record_is_large() -> None:
    with pytest.raises(Failed):
        Filter("value.all(x, x.a > 1)").matches(of([1] * 500))
