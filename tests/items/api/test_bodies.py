"""The bounds of a body: met exactly it is read, and what is one too many is refused there, whatever comes behind."""

from __future__ import annotations

import json

import pytest
from ninja.errors import ValidationError as InvalidRequest

from items.api import bodies


def names(count: int) -> str:
    return "{" + ", ".join(f'"n{number}": 1' for number in range(count)) + "}"


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def text(length: int) -> str:
    return json.dumps("x" * length)


WITHIN = {
    "names": names(bodies.NAMES),
    "names of two objects": f"[{names(bodies.NAMES)}, {names(bodies.NAMES)}]",
    "depth": nested(bodies.DEPTH),
    "parts": "[" + "1," * bodies.PARTS + "1]",
    "a text": text(bodies.TEXT),
}
BEYOND = {
    "names": (names(bodies.NAMES + 1), "too_many_names"),
    "names of the second object": (f"[{names(1)}, {names(bodies.NAMES + 1)}]", "too_many_names"),
    "depth": (nested(bodies.DEPTH + 1), "too_deep"),
    "parts": ("[" + "1," * (bodies.PARTS + 1) + "1]", "too_long"),
    "a text": (text(bodies.TEXT + bodies.STEP + 2), "too_long"),
    "a run of blanks": ("[1," + " " * bodies.STEP + "1]", "too_long"),
}


@pytest.mark.parametrize("within", WITHIN)
def test_a_body_that_meets_its_bounds_is_read(within: str) -> None:
    assert bodies.parsed(WITHIN[within].encode()) == json.loads(WITHIN[within])


@pytest.mark.parametrize("beyond", BEYOND)
def test_one_too_many_is_refused_before_what_follows_is_looked_at(beyond: str) -> None:
    body, kind = BEYOND[beyond]
    for given in (body, body + " this is no JSON"):
        with pytest.raises(InvalidRequest) as refused:
            bodies.parsed(given.encode())
        assert [entry["type"] for entry in refused.value.errors] == [kind]


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ('{"price": 1, "name": "a", "price": 2}', "price"),
        ('[{"a": 1}, {"b": {"c": 1, "c": 1}}]', "c"),
        (r'{"half \ud800": 1, "half \ud800": 2}', "half ?"),
    ],
)
def test_a_name_that_is_twice_in_an_object_is_refused(body: str, name: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        bodies.parsed(body.encode())
    assert [entry["msg"] for entry in refused.value.errors] == [f"The name {name} is there twice."]
    assert bodies.parsed(b'[{"a": 1}, {"a": {"a": 2}}]') == [{"a": 1}, {"a": {"a": 2}}]
