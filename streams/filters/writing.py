"""From nodes back to text: the one way to write a filter, so that equal ones are known by it."""

from __future__ import annotations

import re

from streams.filters.nodes import (
    Binary,
    Call,
    Choice,
    Constant,
    Field,
    Has,
    Index,
    Joined,
    ListOf,
    Loop,
    Name,
    Node,
    Unary,
)
from streams.filters.parsing import FUNCTIONS, LARGEST, PRODUCTS, RELATIONS, RESERVED, SUMS

# How close each binds; what stands in something closer needs parentheses.
CHOICE, OR, AND, RELATION, SUM, PRODUCT, UNARY, MEMBER = range(8)
LEVELS = (
    {"||": OR, "&&": AND}
    | dict.fromkeys(RELATIONS, RELATION)
    | dict.fromkeys(SUMS, SUM)
    | dict.fromkeys(PRODUCTS, PRODUCT)
)
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
ESCAPED = re.compile(r'["\\\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]')
SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def write(node: Node) -> str:
    """The text of a node; parsed again it is an equal one."""
    return _write(node)[0]


def _in(node: Node, level: int) -> str:
    """The text of a part that has to bind at least as close as `level`."""
    text, binds = _write(node)
    return text if binds >= level else f"({text})"


def _write(node: Node) -> tuple[str, int]:
    """The text of a node, and how close it binds."""
    match node:
        case Constant(_, value):
            return _constant(value)
        case Unary(_, sign, of):
            return _unary(sign, of), UNARY
        case Binary(_, sign, left, right):
            level = LEVELS[sign]
            return f"{_in(left, level)} {sign} {_in(right, level + 1)}", level
        case Joined(_, sign, parts):
            level = LEVELS[sign]
            return f" {sign} ".join(_in(part, level + 1) for part in parts), level
        case Choice(_, condition, yes, no):
            return f"{_in(condition, OR)} ? {_in(yes, OR)} : {_in(no, CHOICE)}", CHOICE
    return _member(node), MEMBER


def _member(node: Node) -> str:
    """The text of a node that binds closest."""
    match node:
        case Name(_, name):
            return name
        case Field(_, of, name):
            return _in(of, MEMBER) + _field(name)
        case Has(_, of, name):
            return f"has({_in(of, MEMBER)}{_field(name)})"
        case Index(_, of, index):
            return f"{_in(of, MEMBER)}[{_in(index, CHOICE)}]"
        case ListOf(_, parts):
            return f"[{_list(parts)}]"
        case Call(_, function, parts):
            return _call(function, parts)
        case Loop():
            return _loop(node)
    raise TypeError(f"{node} is of no kind of node.")


def _unary(sign: str, of: Node) -> str:
    is_same = isinstance(of, Unary) and of.sign == sign
    text = _in(of, UNARY if is_same else MEMBER)
    # `-1` is one number, also where something of it follows (`-1.5[0]`): `-` before it is another sign.
    return f"{sign}({text})" if sign == "-" and text[0].isdigit() else f"{sign}{text}"


def _constant(value: float | str | bool | None) -> tuple[str, int]:
    if isinstance(value, str):
        return _quoted(value), MEMBER
    if value is None or isinstance(value, bool):
        return {True: "true", False: "false", None: "null"}[value], MEMBER
    text = f"{value}u" if type(value) is int and value > LARGEST else repr(value)
    return text, UNARY if text.startswith("-") else MEMBER


def _quoted(text: str) -> str:
    return '"' + ESCAPED.sub(lambda found: SHORT.get(found[0]) or f"\\u{ord(found[0]):04x}", text) + '"'


def _field(name: str) -> str:
    return f".{name}" if PLAIN.fullmatch(name) and name not in RESERVED[:4] else f"[{_quoted(name)}]"


def _list(parts: tuple[Node, ...]) -> str:
    return ", ".join(_in(part, CHOICE) for part in parts)


def _call(function: str, parts: tuple[Node, ...]) -> str:
    if function in FUNCTIONS and function != "matches":
        return f"{function}({_list(parts)})"
    return f"{_in(parts[0], MEMBER)}.{function}({_list(parts[1:])})"


def _loop(loop: Loop) -> str:
    said = [loop.name, *(_in(part, CHOICE) for part in (loop.condition, loop.gives) if part is not None)]
    return f"{_in(loop.over, MEMBER)}.{loop.kind}({', '.join(said)})"
