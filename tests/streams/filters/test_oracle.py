"""The filter language against an implementation of CEL that others rely on: the same answer for any filter and record.

Where both differ on purpose stands in docs/decisions/0024-filters.md; what is drawn here keeps away from it, and
test_language.py states it.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from streams.filters.bad_filter import BadFilter
from streams.filters.filters import Filter
from streams.filters.seen import seen
from streams.filters.work import Failed, TooMuch
from streams.wire.records import encode
from tests.support.examples import examples

EXAMPLES = int(os.environ.get("FILTER_EXAMPLES", examples(300)))
LONG = re.compile("[0-9]{16}")
AT_MS = 1_767_225_600_123

try:
    from cel_expr_python import cel
except ImportError:  # no wheel for this machine; everybody who merges has one
    if os.environ.get("CI"):
        raise
    pytest.skip("cel-expr-python has no wheel for this machine: pip install cel-expr-python", allow_module_level=True)

TYPES = {
    "value": cel.Type.DYN, "key": cel.Type.DYN, "headers": cel.Type.DYN, "topic": cel.Type.STRING,
    "partition": cel.Type.INT, "offset": cel.Type.INT, "timestamp": cel.Type.TIMESTAMP, "size": cel.Type.INT,
}  # fmt: skip
ENV = cel.NewEnv(variables=TYPES)

# Records --------------------------------------------------------------------------------------------------------------

NAMES = ("s", "i", "l", "a", "d-e")
TEXTS = st.sampled_from(["", "a", "b", "ab", "aB", "ä", "12", "1.5", "true", "1h", "2026-01-01T00:00:00Z", "😀b", "\\"])
INTEGERS = st.one_of(st.integers(-3, 3), st.sampled_from([2**63 - 1, -(2**63), 2**31, 2**53]))
DOUBLES = st.sampled_from([0.0, -0.0, 0.5, 1.0, 2.0, -1.5, 1e-7, 1e6, 1234567.25, 2.5])
SCALARS = st.one_of(TEXTS, INTEGERS, DOUBLES, st.booleans(), st.none())
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)

# Filters --------------------------------------------------------------------------------------------------------------


def literal(value: Any) -> str:
    if isinstance(value, str):
        return orjson.dumps(value).decode()
    if isinstance(value, float):
        return repr(value)
    return {None: "null", True: "true", False: "false"}[value] if value is None or type(value) is bool else str(value)


# Fields that hold, more often than not, what their name says.
FIELDS = {"text": "s", "int": "i", "double": "f", "list": "l", "object": "o", "any": "a"}
KINDS = st.sampled_from(["text", "int", "double", "list", "object", "any"])
SAME = st.sampled_from(["text", "text", "int", "int", "double", "number", "any", "time", "length"])
LITERALS = {"text": TEXTS, "int": INTEGERS, "double": DOUBLES, "any": SCALARS}
VALUES = JSON | st.fixed_dictionaries(
    {
        "s": TEXTS | JSON, "i": INTEGERS | JSON, "f": DOUBLES | JSON, "l": st.lists(SCALARS, max_size=4) | JSON,
        "o": st.dictionaries(st.sampled_from("sifa"), JSON, max_size=3) | JSON,
    },
    optional={"a": JSON},
)  # fmt: skip


@st.composite
def parts(draw: st.DrawFn, depth: int, scope: tuple[str, ...], kind: str) -> str:
    """A part of that kind, more often than not. `number`: of both kinds; `any`: no time, and no length of time."""
    if kind == "number":
        kind = draw(st.sampled_from(["int", "double"]))
    if draw(st.integers(0, 7)) == 0 and kind not in {"time", "length"}:
        kind = draw(KINDS)
    deep = depth > 0

    def of(other: str) -> str:
        return draw(parts(depth - 1, scope, other))

    if scope and draw(st.integers(0, 2)) == 0 and kind not in {"time", "length"}:
        return draw(st.sampled_from(scope))
    if deep and draw(st.integers(0, 9)) == 0:
        return f"({draw(conditions(depth - 1, scope))} ? {of(kind)} : {of(kind)})"
    if deep and draw(st.integers(0, 1)):
        return f"({draw(st.sampled_from(made_of(kind, of, draw, depth, scope)))()})"
    if kind == "time":
        return draw(st.sampled_from(["timestamp", 'timestamp("2026-01-01T00:00:00.5+01:00")']))
    if kind == "length":
        return draw(st.sampled_from(['duration("90s")', 'duration("-1h1.5ms")']))
    if kind in LITERALS and draw(st.integers(0, 2)) == 0:
        return literal(draw(LITERALS[kind]))
    around = draw(st.sampled_from(["value", "value", "value", "value.o"]))
    return {"int": "offset", "text": "key", "list": "headers.h"}[kind] if (
        kind in {"int", "text", "list"} and draw(st.integers(0, 9)) == 0
    ) else f"{around}.{FIELDS[kind]}"  # fmt: skip


def made_of(kind: str, of: Any, draw: st.DrawFn, depth: int, scope: tuple[str, ...]) -> list[Any]:
    """Ways to make something of a kind."""

    def sign(signs: str) -> str:
        return draw(st.sampled_from(signs.split()))

    def loop(macro: str) -> str:
        name, held = names(scope)
        body = conditions(depth - 1, held) if macro == "filter" else parts(depth - 1, held, draw(KINDS))
        return f"{of('list')}.{macro}({name}, {draw(body)})"

    anything = draw(KINDS)
    ways: dict[str, list[Any]] = {
        "int": [
            lambda: f"{of('int')} {sign('+ - * / %')} {of('int')}", lambda: f"-({of('int')})",
            lambda: f"size({of(sign('text list object'))})", lambda: f"{of(sign('text list'))}.size()",
            lambda: f"int({of(sign('text int double'))})",
        ],
        "double": [
            lambda: f"{of('double')} {sign('+ - * /')} {of('double')}", lambda: f"-({of('double')})",
            lambda: f"double({of(sign('text int double'))})",
        ],
        "text": [
            lambda: f"{of('text')} + {of('text')}", lambda: f"string({of(sign('text int double'))})",
            lambda: f"string({draw(conditions(depth - 1, scope))})", lambda: f"string({of(sign('time length'))})",
        ],
        "list": [
            lambda: f"{of('list')} + {of('list')}", lambda: f"[{of(anything)}, {of(anything)}]",
            lambda: loop("map"), lambda: loop("filter"),
        ],
        "object": [lambda: f"{of('list')}[{of('int')}]", lambda: "value.o"],
        "any": [lambda: f"{of('list')}[{of('int')}]", lambda: f"{of('object')}[{of('text')}]", lambda: of(anything)],
        "time": [lambda: f"{of('time')} {sign('+ -')} {of('length')}", lambda: f"timestamp({of(sign('text time'))})"],
        "length": [
            lambda: f"{of('length')} {sign('+ -')} {of('length')}", lambda: f"{of('time')} - {of('time')}",
            lambda: f"duration({of(sign('text length'))})",
        ],
    }  # fmt: skip
    return ways[kind]


def names(scope: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The name of a loop in others, and those that are known in it."""
    name = "xy"[len(scope) % 2]
    return name, (*scope[:1], name)


@st.composite
def conditions(draw: st.DrawFn, depth: int, scope: tuple[str, ...] = ()) -> str:
    """What is true or false, more often than not."""
    kinds = ["compare", "compare", "equal", "equal", "in", "has"]
    if depth > 0:
        kinds += ["joined", "joined", "not", "loop", "loop", "loop", "test", "test", "field", "pattern"]
    inner = conditions(depth - 1, scope)

    def of(kind: str) -> str:
        return draw(parts(depth - 1, scope, kind))

    match draw(st.sampled_from(kinds)):
        case "compare":
            kind = draw(SAME)
            return f"{of(kind)} {draw(st.sampled_from(['<', '<=', '>', '>=']))} {of(kind)}"
        case "equal":
            kind = draw(SAME | KINDS)
            return f"{of(kind)} {draw(st.sampled_from(['==', '!=']))} {of(kind)}"
        case "in":
            return f"{of('any')} in {of('list')}" if draw(st.booleans()) else f"{of('text')} in {of('object')}"
        case "has":
            return f"has({draw(st.sampled_from(['value', 'value.o']))}.{draw(st.sampled_from('sifla'))})"
        case "joined":
            sign = f" {draw(st.sampled_from(['&&', '||']))} "
            return sign.join(f"({each})" for each in draw(st.lists(inner, min_size=2, max_size=3)))
        case "not":
            return f"!({draw(inner)})"
        case "loop" if len(scope) < 2:
            name, held = names(scope)
            kind = draw(st.sampled_from(["exists", "all", "exists_one"]))
            over = draw(st.sampled_from(["list", "list", "object"]))
            return f"{of(over)}.{kind}({name}, {draw(conditions(depth - 1, held))})"
        case "test":
            function = draw(st.sampled_from(["startsWith", "endsWith", "contains"]))
            return f"{of('text')}.{function}({of('text')})"
        case "pattern":
            return f"{of('text')}.matches({literal(draw(st.sampled_from(['^a', 'b$', '[0-9]+', '^.$', ''])))})"
        case _:
            return of("any")


def answer(text: str, value: Any) -> bool | None:
    """Ours; None for a failure."""
    record = encode(7, AT_MS, b"ab", [("h", b"x"), ("h", b"y")], orjson.dumps(value))
    looked_at = seen("orders", 1, record)
    assert looked_at is not None
    try:
        return Filter(text).matches(looked_at)
    except (Failed, TooMuch):
        return None


def oracle(text: str, value: Any) -> bool | None:
    data = {
        "value": value, "key": "ab", "headers": {"h": ["x", "y"]}, "topic": "orders", "partition": 1, "offset": 7,
        "timestamp": datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=AT_MS), "size": len(orjson.dumps(value)),
    }  # fmt: skip
    given = ENV.compile(text, disable_check=True).eval(data=data)
    return given.plain_value() if given.type().name() == "BOOL" else None


@settings(max_examples=EXAMPLES, deadline=None)
@example("value.a || true", {"a": 1})
@example("value.l.exists(x, 1 / x == 1)", {"l": [0, 1]})
@given(conditions(3), VALUES)
def test_any_filter_answers_as_cel_does(text: str, value: Any) -> None:
    assume("double(" not in text or not LONG.search(f"{text} {value}"))  # CEL compares both as doubles
    try:
        ours = answer(text, value)
    except BadFilter:
        return  # refused before there is a record: too large, or never true
    assert ours == oracle(text, value), text
