"""Texts that are looked for in bytes, and records that are parsed without being made: the same answers as by the long
way, whatever is in the record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.filters.filters import Filter, filter_of
from streams.filters.needed import Needs
from streams.filters.seen import Glance, Seen, seen
from streams.filters.work import Failed, TooMuch
from streams.wire.records import encode_raw
from tests.support.examples import examples


@dataclass
class Made:
    """A record, as Kafka's client gives it."""

    value: bytes | None
    key: bytes | None = b"k"
    offset: int = 7
    timestamp: int = 1_700_000_000_000
    headers: Sequence[tuple[str, bytes | None]] = field(default_factory=list)


WORDS = ("lamp", "LAMP", "la", "p", 'a"b', "a\\b", "ä", "K", "null", "x5", "7", "1e3", "", "true")
texts = st.one_of(st.sampled_from(WORDS), st.text(max_size=4))
parts = st.recursive(
    st.one_of(texts, st.integers(-9, 9), st.floats(allow_nan=False, allow_infinity=False), st.none(), st.booleans()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(st.sampled_from(["a", "b", "lamp"]), texts), inner)
    ),
    max_leaves=6,
)  # fmt: skip
json_values = st.one_of(
    parts.map(orjson.dumps),
    st.dictionaries(st.sampled_from(["a", "b"]), parts).map(orjson.dumps),
    st.dictionaries(st.sampled_from(["a", "b"]), texts).map(
        lambda value: orjson.dumps(value).replace(b"l", b"\\u006c").replace(b"a", b"a")
    ),
    st.integers(60, 70).map(lambda depth: b"[" * depth + b'"lamp"' + b"]" * depth),
)
values = st.one_of(json_values, texts.map(str.encode), st.binary(max_size=6), st.none())
keys = st.one_of(st.sampled_from([b"lamp", b"k", b"7", None]), st.binary(max_size=3), st.just(b"k" * 2000))
headers = st.sampled_from([[], [], [], [("lamp", b"x")], [("a", b"lamp"), ("a", None)]])
records = st.builds(Made, values, keys, st.just(7), st.sampled_from([1_700_000_000_000, -1]), headers)

FILTERS = (
    'value.a == "lamp"', '"lamp" == value.a', 'value["b"] in ["lamp", "x5"]', 'value.a.contains("amp")',
    'value.startsWith("la")', 'key == "lamp"', 'key.endsWith("mp") || value.a == "p"', 'text("lamp")',
    'text("LAMP x5")', 'text("null")', 'text("k")', 'text("a:lamp")', 'text("7")', 'text("1000.0")',
    'value.b.exists(each, each == "lamp")',
    'value.exists(name, name == "lamp")', 'value.b.exists(each, each.a == "p" && value.a == "lamp")',
    'value.a == "a\\"b"', 'value.a == "\\u00e4"', 'value.a == "lamp" && key == "k"', '!(value.a == "lamp")',
    'value.a == "lamp" || size > 3', 'has(value.a) && value.a == "lamp"', 'value.b.all(each, each == "lamp")',
    'value.a == ""', 'text("true")', 'value.a == "lamp" ? true : false', 'headers["a"].exists(each, each == "lamp")',
)  # fmt: skip


def looked_at(made: Made) -> Seen:
    found = seen("t", 0, encode_raw(made))
    assert found is not None or len(made.key or b"") > 1024
    return found if found is not None else seen_of_key(made)


def seen_of_key(made: Made) -> Seen:
    found = seen("t", 0, encode_raw(Made(made.value, b"k", headers=made.headers)))
    assert found is not None
    return found


# Made once: parsing and compiling all of them for each example was most of what this took.
PREPARED = [(text, Needs(text), filter_of(text)) for text in FILTERS]


def matches(asked: Filter, by: Seen) -> bool:
    try:
        return asked.matches(by)
    except (Failed, TooMuch):
        return False


@settings(max_examples=examples(400))
@given(records)
def test_what_lacks_a_text_does_not_match(made: Made) -> None:
    by = looked_at(made)
    for text, needs, asked in PREPARED:
        if needs.lacks(made):
            assert not matches(asked, by), text


@settings(max_examples=examples(300))
@given(st.lists(records, max_size=4))
def test_many_records_are_stepped_over_as_each_would_be(made: list[Made]) -> None:
    for text, needs, _ in PREPARED:
        assert needs.promising(made) == [each for each in made if not needs.lacks(each)], text


@settings(max_examples=examples(400))
@given(records, records)
def test_a_record_that_is_not_made_is_seen_as_one_that_is(before: Made, made: Made) -> None:
    glance = Glance("t")
    glance.at(1, before)
    glance.seen.searched()
    short = glance.at(0, made)
    if short is None:
        return
    long = looked_at(made)
    for name in ("topic", "partition", "offset", "size", "key", "value", "format", "headers", "timestamp"):
        assert getattr(short, name) == getattr(long, name), name
    assert short.searched() == long.searched()
    assert short.source() == long.source()


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ('value.a == "lamp"', [b"lamp"]), ('value.n > 5 && value.a == "lamp"', [b"lamp"]), ("value.n > 5", []),
        ('value.a == "lamp" || value.n > 5', []), ('value.a in ["x", "y"]', [b"x", b"y"]), ('topic == "lamp"', []),
        ('value.a == "p" && value.b == "lamp"', [b"lamp"]), ('text("old lamp")', [b"lamp"]), ('text("7")', []),
        ('string(value.a) == "7"', []), ('value.a.lowerAscii() == "lamp"', []), ('!(value.a == "lamp")', []),
    ],
)  # fmt: skip
def test_which_text_a_filter_needs(text: str, needed: list[bytes]) -> None:
    assert [each.text for each in Needs(text).texts] == needed


def test_most_records_without_the_text_are_stepped_over() -> None:
    needs = Needs('value.name == "lamp"')
    assert needs.lacks(Made(b'{"name": "chair"}'))
    assert not needs.lacks(Made(b'{"name": "lamp"}'))
    assert not needs.lacks(Made(b'{"name": "\\u006camp"}'))
    assert not needs.lacks(Made('{"name": "ä"}'.encode()))
