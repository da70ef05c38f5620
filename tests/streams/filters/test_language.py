"""What a filter says, what it answers, and how what is wrong with it is told."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.filters.bad_filter import BadFilter
from streams.filters.filters import Filter
from streams.filters.parsing import parse
from streams.filters.seen import Seen, seen
from streams.filters.work import Failed
from streams.filters.writing import write
from streams.wire.ranges import WHOLE_BYTES
from streams.wire.records import Shown, encode
from tests.support.examples import examples

AT_MS = 1_767_225_600_123
ORDER = {
    "id": 9007199254740993, "price": 12.5, "paid": True, "note": None, "name": "A lamp", "a-b": 1, "in": 2,
    "items": [{"sku": "L-1", "count": 2}, {"sku": "B-7", "count": 1}], "at": AT_MS, "big": 2**63,
}  # fmt: skip

NO_X = (
    "There is no x. There are value, key, headers, topic, partition, offset, timestamp, size, format;"
    " a field is value.x."
)
NO_PATTERN = 'matches takes a pattern that stands there in quotes, as in value.name.matches("^A").'


def looked_at(value: Any = ORDER, **more: Any) -> Seen:
    given: dict[str, Any] = {"key": b"k7", "headers": [("type", b"order"), ("type", b"paid"), ("none", None)]} | more
    data = value if isinstance(value, bytes | None) else orjson.dumps(value)
    found = seen("orders", 3, encode(7, AT_MS, given["key"], given["headers"], data))
    assert found is not None
    return found


def holds(text: str, value: Any = ORDER, **more: Any) -> bool:
    return Filter(text).matches(looked_at(value, **more))


@pytest.mark.parametrize(
    "text",
    [
        'value.name == "A lamp" && value.price > 12',
        "value.id == 9007199254740993 && value.id != 9007199254740992.0",  # exactly: CEL's own rounds
        "value.big > 9223372036854775807",
        "value.big == 9223372036854775808u && value.big < 18446744073709551615u && 0x2U == 2",
        "value.price == 12.5 && value.items[0].count == 2.0",
        'value["a-b"] == 1 && value["in"] == 2',
        'value.items.exists(item, item.sku == "B-7" && item.count < 2)',
        "value.items.all(item, item.count > 0) && value.items.exists_one(item, item.count == 1)",
        'value.items.map(item, item.count > 1, item.sku) == ["L-1"]',
        'value.items.filter(item, item.sku.startsWith("L")).size() == 1',
        'value.exists(name, name == "paid") && "paid" in value && !("sold" in value)',
        "value.note == null && has(value.note) && !has(value.sold)",
        'key == "k7" && topic == "orders" && partition == 3 && offset == 7 && format == "json"',
        'headers.type == ["order", "paid"] && headers["none"][0] == null && "paid" in headers.type',
        'timestamp > timestamp("2026-01-01T00:00:00.122Z") && timestamp < timestamp("2026-01-01T01:00:00.124+01:00")',
        f"timestamp == {AT_MS} && timestamp > {AT_MS - 1} && timestamp <= {AT_MS}",  # a number is milliseconds there
        'value.at == timestamp && value.at > timestamp("2026-01-01T00:00:00Z")',
        'timestamp - timestamp("2025-12-31T00:00:00Z") > duration("24h") && string(timestamp).endsWith(":00.123Z")',
        "size > 100 && size(value.name) == 6",
        r'value.name.matches("^A\\s") && matches(value.name, r"l.mp$") && !value.name.matches("^lamp")',
        'value.name.lowerAscii().contains("a lamp")',
        'int("12") + int(2.9) == 14 && double("1.5") == 1.5 && string(1.5) == "1.5"',
        "value.paid ? value.price > 12 : value.sold > 12",
        "value.sold > 1 || value.paid",
        "!(value.sold > 1 && value.note != null)",
        '"\\x41\\u00e4\\101\\n" == "AäA\\n" && r"\\n" == "\\\\n" && \'\'\'a"\'b\'\'\' == "a\\"\'b"',
        'value.name == "A lamp" // what follows is not looked at',
        'text("LAMP b-7") && text("order") && text("k7") && text("12.5") && !text("lamp chair") && text("sku:L-1")',
    ],
)  # fmt: skip
def test_these_match(text: str) -> None:
    assert holds(text)


@pytest.mark.parametrize(
    ("text", "said", "at"),
    [
        ("value.sold > 1", "There is no value.sold.", 6),
        ("value.name.first == 1", "There is no value.name.first: what is before the dot is a text.", 11),
        ("value.note > 1", "Null and a number have no order.", 11),
        ("value.name > timestamp", "A text and a time have no order: write timestamp(…) around the text.", 11),
        ("value.price + 1 == 13.5", "+ takes two numbers of one kind: write double(…) around the whole one.", 12),
        ("value.items[2].sku == ''", "There is no value.items[2].", 11),
        ("value.price", "A condition is true or false, not a number.", None),
        ("value.price && value.paid", "A condition is true or false, not a number.", 12),
        ("value.items.exists(item, item.weight > 1)", "There is no item.weight.", 30),
        ("value.big + 1 == 2", "A whole number became too large.", 10),
        ("value.price.matches('1')", "matches takes a text, not a number.", 12),
    ],
)
def test_what_cannot_be_evaluated_is_no_match_and_says_why(text: str, said: str, at: int | None) -> None:
    with pytest.raises(Failed) as failed:
        holds(text)
    assert (str(failed.value), failed.value.at) == (said, at)
    assert Filter(text).why_not(looked_at()) == said


@pytest.mark.parametrize(
    ("text", "at", "said"),
    [
        ("", 0, "There is no condition."),
        ("value.a = 1", 8, "= means nothing here: == compares."),
        ("value.a == 1 and value.b == 2", 13, "&&, || or the end was expected, not and."),
        ("value.a ==", 10, "A name, a text, a number or ( was expected, but the filter ends."),
        ("value.name == “a”", 14, '“ means nothing here: texts stand in straight quotes, "…".'),
        ("value.name == 'a", 14, "The text that begins here lacks its ' at the end."),
        ("😀", 0, "😀 means nothing here."),
        ("key == '😀' && x == 1", 14, NO_X),
        ("value.price + 1", 12, "A filter is a condition, true or false; this is a number."),
        ("topic", 0, "A filter is a condition, true or false; this is a text."),
        ("partition == 'a'", 10, "A number is never a text."),
        ("headers.type == 'order'", 13, "A list is never a text. A header may come more than once: add [0]."),
        ("topic > 5", 6, "A text and a number have no order."),
        ("topic.startswith('o')", 6, "There is no function startswith; startsWith is meant?"),
        ("value.a.matches(value.b)", 22, NO_PATTERN),
        ("value.a.matches('(')", 16, "This pattern cannot be used: missing ): (."),
        ("timestamp > timestamp('2026-01-01')", 22, "The text is no time such as 2026-01-31T12:00:00Z."),
        ("[1].exists(value, value == 1)", 4, "value is a record's name; give each of them another one."),
        ("value.in == 1", 6, 'A name was expected behind the dot, not in; such a name is written ["in"].'),
        ("-5u == 5", 1, f"Whole numbers with a u lie between 0 and {2**64 - 1}."),
        ("1.5u == 5", 3, "A number ends before u; a text needs quotes."),
        ("{'a': 1}.a == 1", 0, "{ means nothing here: objects cannot be written in a filter."),
        ("value.a == 9223372036854775808", 11, f"Whole numbers lie between {-2**63} and {2**63 - 1}."),
        ("text('')", 5, "text takes 1 to 16 words."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_character(text: str, at: int, said: str) -> None:
    with pytest.raises(BadFilter) as bad:
        Filter(text)
    assert (str(bad.value), bad.value.at) == (said, at)


@pytest.mark.parametrize(
    ("written", "normalised"),
    [
        ("value.a==1&&( value['b'] >2 )", "value.a == 1 && value.b > 2"),
        ("(key == 'a' && topic == \"b\") && size > 1", 'key == "a" && topic == "b" && size > 1'),
        ("value.a || (value.b || value.c)", "value.a || value.b || value.c"),
        ("(value.a || value.b) && value.c", "(value.a || value.b) && value.c"),
        ("1-(2-3)==0x10", "1 - (2 - 3) == 16"),
        ("-(1) < - - 2", "-(1) < -(-2)"),
        ("value.a in [7u, 0xffffffffffffffffU]", "value.a in [7, 18446744073709551615u]"),
        ("matches(key, 'a')", 'key.matches("a")'),
        ("value.l.existsOne(x, x == .5)", "value.l.exists_one(x, x == 0.5)"),
        ("value['a b'].c == \"\\t\\x00ä\"", 'value["a b"].c == "\\t\\u0000ä"'),
    ],
)
def test_filters_that_differ_in_spelling_alone_are_one(written: str, normalised: str) -> None:
    one = Filter(written)
    assert one.normalised == normalised
    assert one.name == Filter(normalised).name
    assert one.name != Filter(f"!({normalised})").name


def test_a_time_that_no_calendar_has_can_be_compared_and_has_no_text() -> None:
    """Some write microseconds or nanoseconds where Kafka has milliseconds."""
    for at in (AT_MS * 1_000, AT_MS * 1_000_000, 2**63 - 1):
        record = seen("orders", 3, encode(7, at, b"k7", [], b"{}"))
        assert record is not None
        assert Filter(f'timestamp > timestamp("9999-12-31T23:59:59Z") && timestamp == {at}').matches(record)
        with pytest.raises(Failed, match="years 1 to 9999"):
            Filter('string(timestamp) != ""').matches(record)


def test_a_filter_sees_whole_values_up_to_their_bound_and_says_when_it_cannot() -> None:
    value = orjson.dumps({"filling": "ä" * 15_000, "last": "here"})
    record = encode(7, AT_MS, b"k", [], value)
    assert seen("orders", 3, record) is None  # it travels cut, and its value did not come along
    whole = seen("orders", 3, record, value)
    assert whole is not None
    assert Filter('value.last == "here" && text("HERE")').matches(whole)
    assert Filter('format == "json"').matches(whole)  # it is what it would be were it not cut
    large = b'"%b"' % (b"x" * WHOLE_BYTES)
    assert seen("orders", 3, encode(7, AT_MS, b"k", [], large), large) is None
    assert seen("orders", 3, encode(7, AT_MS, b"k" * 2000, [], b"1")) is None


@pytest.mark.parametrize("filling", ["", "ä" * 6_000])
@pytest.mark.parametrize(
    ("name", "encoding", "value"),
    [
        ("avro", "json", {"a": 1}), ("text", "text", '{"a": 1}'), ("hex", "text", "3132"), ("base64", "base64", "MTI="),
    ],
)  # fmt: skip
def test_a_decoded_value_is_seen_as_its_format_has_it_cut_or_not(
    name: str, encoding: Any, value: Any, filling: str
) -> None:
    if isinstance(value, dict):
        data = orjson.dumps(value := value | {"filling": filling})
    elif encoding == "text":
        data = (value := value + filling).encode()
    else:
        data = b"12" + filling.encode()
        value = base64.b64encode(data).decode()
    shown = Shown(data, encoding, b',"format":"%b"' % name.encode())
    record = encode(7, AT_MS, b"k", [], b"bytes", shown=shown)
    found = seen("orders", 3, record, data)
    assert found is not None
    assert (found.value, found.format) == (value, name)
    assert (b'"truncated"' in record.data) == bool(filling)


def test_the_digits_of_a_decoded_value_are_found_as_they_are_shown() -> None:
    more = b',"format":"avro","schema":{"id":1,"name":"A"},"key_format":"int64"'
    for problem in ("", 'A problem, told as ,"format": and so on.'):
        shown = Shown(b'{"format":"a","price":12.5000,"problem":""}', "json", more, problem)
        found = seen("orders", 3, encode(7, AT_MS, b"k", [], b"bytes", shown=shown))
        assert found is not None
        assert Filter('text("12.5000") && format == "avro"').matches(found)
        assert not Filter('text("schema")').matches(found)


def test_values_that_are_no_json_are_seen_as_they_are_shown() -> None:
    assert holds('value == "a lamp" && format == "text" && text("LAMP")', b"a lamp")
    assert holds('value == "/w==" && format == "base64"', b"\xff")
    assert holds('value == null && format == "none" && size == 0', None)
    assert holds('headers.h[0] == "/w==" && key == null', b"1", key=None, headers=[("h", b"\xff")])


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)


@settings(max_examples=examples(300), deadline=None)
@given(st.recursive(
    st.sampled_from(["value", "key", "value.a", 'value["a b"]', "true", "null", "-1", "1.5", "1e-7"])
    | TEXTS.map(lambda text: orjson.dumps(text).decode()),
    lambda part: st.one_of(
        st.tuples(part, st.sampled_from(["==", "<", "in", "&&", "||", "+", "-", "*", "%"]), part).map(
            lambda drawn: f"({drawn[0]} {drawn[1]} {drawn[2]})"
        ),
        part.map(lambda inner: f"!({inner})"), part.map(lambda inner: f"-({inner})"),
        st.tuples(part, part, part).map(lambda drawn: f"({drawn[0]} ? {drawn[1]} : {drawn[2]})"),
        st.tuples(part, part).map(lambda drawn: f"({drawn[0]}).exists(x, {drawn[1]})"),
        st.tuples(part, part).map(lambda drawn: f"[{drawn[0]}, {drawn[1]}]"),
        part.map(lambda inner: f"({inner})[{inner}].b"), part.map(lambda inner: f"size({inner})"),
    ),
    max_leaves=8,
))  # fmt: skip
def test_what_is_written_out_means_the_same(text: str) -> None:
    try:
        node = parse(text)
    except BadFilter:  # more loops in each other than may be, for example
        return
    again = write(node)
    assert parse(again) == node
    assert write(parse(again)) == again


@pytest.mark.parametrize("text", ["-(1.5)", "-(1.5[0].b)", "!(-(2[1]))", "--(1.5[0])"])
def test_a_sign_before_what_begins_with_a_number_stays_outside(text: str) -> None:
    assert write(parse(text)) == text


@settings(max_examples=examples(500), deadline=None)
@given(st.text(st.sampled_from("value.()[]&|=!<>'\"\\ 1a,?:-+*/%😀\n")) | st.text())
def test_any_text_is_a_filter_or_said_to_be_none(text: str) -> None:
    try:
        made = Filter(text)
    except BadFilter as bad:
        at, said = bad.at, str(bad)
    else:
        at, said = 0, "."
        assert Filter(made.normalised).name == made.name
    assert 0 <= at <= len(text)
    assert said.endswith((".", "?"))
