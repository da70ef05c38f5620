"""What a filter is made of. Two nodes are equal when they mean the same, wherever they stand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

LoopKind = Literal["exists", "all", "exists_one", "filter", "map"]


@dataclass(frozen=True, slots=True)
class Node:
    """at: the character that an error in it is shown under."""

    at: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class Constant(Node):
    """A number, a text, true, false or null, as written."""

    value: int | float | str | bool | None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Constant) and type(self.value) is type(other.value) and self.value == other.value

    def __hash__(self) -> int:
        return hash((type(self.value), self.value))


@dataclass(frozen=True, slots=True)
class Name(Node):
    """One of a record's names, or a loop's."""

    name: str


@dataclass(frozen=True, slots=True)
class Field(Node):
    """`of.name`, or `of["name"]`."""

    of: Node
    name: str


@dataclass(frozen=True, slots=True)
class Has(Node):
    """`has(of.name)`."""

    of: Node
    name: str


@dataclass(frozen=True, slots=True)
class Index(Node):
    """`of[index]`."""

    of: Node
    index: Node


@dataclass(frozen=True, slots=True)
class Unary(Node):
    """`!of` or `-of`."""

    sign: str
    of: Node


@dataclass(frozen=True, slots=True)
class Binary(Node):
    """Two parts with a sign between, or `in`."""

    sign: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Joined(Node):
    """Conditions with `&&` or `||` between all of them."""

    sign: str
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice(Node):
    """`condition ? yes : no`."""

    condition: Node
    yes: Node
    no: Node


@dataclass(frozen=True, slots=True)
class ListOf(Node):
    """`[a, b]`."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Call(Node):
    """A function of its parts; of a method, the first is what it is called on."""

    function: str
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Loop(Node):
    """A macro: for each `name` in `over`. condition: of `map` perhaps None. gives: of `map` alone."""

    kind: LoopKind
    over: Node
    name: str
    condition: Node | None
    gives: Node | None


def parts_of(node: Node) -> tuple[Node, ...]:
    """The nodes that stand directly in a node."""
    match node:
        case Field(_, of) | Has(_, of) | Unary(_, _, of):
            return (of,)
        case Index(_, of, index):
            return (of, index)
        case Binary(_, _, left, right):
            return (left, right)
        case Choice(_, condition, yes, no):
            return (condition, yes, no)
        case Joined(_, _, parts) | ListOf(_, parts) | Call(_, _, parts):
            return parts
        case Loop(_, _, over, _, condition, gives):
            return tuple(part for part in (over, condition, gives) if part is not None)
    return ()


def count(node: Node) -> int:
    """How many nodes a node has, itself included."""
    return 1 + sum(map(count, parts_of(node)))
