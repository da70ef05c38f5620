"""From nodes to functions over a record, which are in streams/filters/running.py. What is known to be no condition, or
never to hold, is refused here."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import re2

from streams.filters import values
from streams.filters.bad_filter import BadFilter
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
    count,
)
from streams.filters.running import (
    Run,
    computing,
    counting,
    equals,
    equals_constant,
    gathering,
    looking,
    lowering,
    matching,
    no_field,
    not_a_condition,
    ordering,
    ordering_number,
    placed,
    rounds_of,
    testing,
)
from streams.filters.seen import Seen
from streams.filters.times import Length, Moment
from streams.filters.work import ERROR, Failed, Work, finding
from streams.filters.writing import write

PATTERNS = 8  # of one filter
PATTERN_MEMORY = 256 * 1024  # bytes, of each
PATTERN_SIZE = 1500  # instructions, of each
WORDS = 16  # of one text(…)

# What a part is, as far as it is known before there is a record; None where it is not.
NAMES: dict[str, type | None] = {
    "value": None, "key": None, "headers": dict, "topic": str, "partition": int, "offset": int, "timestamp": None,
    "size": int, "format": str,
}  # fmt: skip
# Each with what it takes and what it gives.
CONVERSIONS: dict[str, tuple[Callable[[Any, Work], Any], set[type], type]] = {
    "int": (values.to_int, {int, float, str, Moment}, int),
    "double": (values.to_double, {int, float, str}, float),
    "string": (values.to_string, {str, bool, int, float, Moment, Length}, str),
    "timestamp": (values.to_moment, {Moment, int, str}, Moment),
    "duration": (values.to_length, {Length, str}, Length),
    "size": (values.size, {str, list, dict}, int),
}
SUMS: dict[str, Callable[..., Any]] = {
    "+": values.add, "-": values.subtract, "*": values.multiply, "/": values.divide, "%": values.remainder,
}  # fmt: skip
ORDERS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
TESTS: dict[str, Callable[[str, str], bool]] = {
    "startsWith": str.startswith, "endsWith": str.endswith, "contains": str.__contains__,
}  # fmt: skip
# One of each kind: what can be done with them can be done with all of it, as far as kinds tell.
SAMPLES: dict[type, Any] = {
    str: "a", int: 1, float: 1.0, bool: True, type(None): None, list: [], dict: {}, Moment: Moment(0),
    Length: Length(0),
}  # fmt: skip
LONGEST_SAID = 60  # characters of a filter's part in a message


def compiled(node: Node) -> Run:
    """The function that gives a filter's answer to a record: true or false, where its parts are what they have to be.

    It raises Failed, or TooMuch, for a record. Raises BadFilter for what can never be an answer.
    """
    compiler = _Compiler()
    run, kind = compiler.part(node)
    if kind not in {bool, None}:
        raise BadFilter(f"A filter is a condition, true or false; this is {_word(kind)}.", node.at)
    return run


@lru_cache(maxsize=2048)
def _possible(sign: str, one: type | None, other: type | None) -> tuple[type | None, str]:
    """What a sign gives between two kinds, None where that depends; or a message that says why it gives nothing."""
    given: set[type] = set()
    message = ""
    for a in SAMPLES.values() if one is None else [SAMPLES[one]]:
        for b in SAMPLES.values() if other is None else [SAMPLES[other]]:
            try:
                given.add(type(SUMS[sign](a, b, Work()) if sign in SUMS else bool(values.ordered(a, b, Work()))))
            except Failed as failed:
                message = message or str(failed)
    if not given:
        return None, message
    return (next(iter(given)) if len(given) == 1 else None), ""


def _word(kind: type | None) -> str:
    return "unknown" if kind is None else values.KINDS[kind]


def _said(node: Node) -> str:
    text = write(node)
    return text if len(text) <= LONGEST_SAID else text[: LONGEST_SAID - 1] + "…"


class _Compiler:
    """One filter's. scope: the names of the loops around, and which of them each is."""

    def __init__(self) -> None:
        self._scope: dict[str, int] = {}
        self._loops = 0
        self._patterns = 0
        self._ways: dict[type[Node], Callable[[Any], tuple[Run, type | None]]] = {
            Constant: self._constant, Name: self._name, Field: self._field, Has: self._has, Index: self._index,
            Unary: self._unary, Binary: self._binary, Joined: self._joined, Choice: self._choice, ListOf: self._list,
            Call: self._call, Loop: self._loop,
        }  # fmt: skip

    def part(self, node: Node) -> tuple[Run, type | None]:
        """What gives a part's value, and its kind, as far as that is known."""
        return self._ways[type(node)](node)

    def _constant(self, node: Constant) -> tuple[Run, type | None]:
        value = node.value
        return (lambda seen: value), type(value)

    def _list(self, node: ListOf) -> tuple[Run, type | None]:
        runs = [self.part(part)[0] for part in node.parts]
        return (lambda seen: [run(seen) for run in runs]), list

    def _condition(self, node: Node, where: str) -> Run:
        run, kind = self.part(node)
        if kind not in {bool, None}:
            raise BadFilter(f"{where} takes conditions; this is {_word(kind)}.", node.at)
        return run

    # Names and fields -------------------------------------------------------------------------------------------------

    def _name(self, node: Name) -> tuple[Run, type | None]:
        name = node.name
        if name in self._scope:
            place = self._scope[name]
            return (lambda seen: seen.each[place]), None
        if name not in NAMES:
            raise BadFilter(f"There is no {name}. There are {', '.join(NAMES)}; a field is value.{name}.", node.at)
        return operator.attrgetter(name), NAMES[name]

    def _is_record(self, node: Node, name: str) -> bool:
        """Whether a node is a record's name, and not a loop's of the same spelling."""
        return isinstance(node, Name) and node.name == name and name not in self._scope

    def _field(self, node: Field) -> tuple[Run, type | None]:
        of, kind = self.part(node.of)
        name, at, said = node.name, node.at, _said(node)
        if kind not in {dict, None}:
            raise BadFilter(f"{_said(node.of)} is {_word(kind)} and has no fields.", at)

        def field(seen: Seen) -> Any:
            whole = of(seen)
            if type(whole) is dict:
                try:
                    return whole[name]
                except KeyError:
                    pass
            raise no_field(whole, said, at)

        def field_of_value(seen: Seen) -> Any:  # the usual one, without a call
            whole = seen.value
            if type(whole) is dict:
                try:
                    return whole[name]
                except KeyError:
                    pass
            raise no_field(whole, said, at)

        kind = list if self._is_record(node.of, "headers") else None
        return (field_of_value if self._is_record(node.of, "value") else field), kind

    def _has(self, node: Has) -> tuple[Run, type | None]:
        of, kind = self.part(node.of)
        name, at, said = node.name, node.at, _said(node.of)
        if kind not in {dict, None}:
            raise BadFilter(f"{said} is {_word(kind)} and has no fields.", at)

        def has(seen: Seen) -> bool:
            whole = of(seen)
            if type(whole) is not dict:
                raise Failed(f"{said} is {values.kind(whole)} and has no fields.", at)
            return name in whole

        return has, bool

    def _index(self, node: Index) -> tuple[Run, type | None]:
        (of, kind), (index, index_kind) = self.part(node.of), self.part(node.index)
        at, said = node.at, _said(node)
        if kind not in {dict, list, None}:
            raise BadFilter(f"{_said(node.of)} is {_word(kind)} and has no parts.", at)
        if index_kind not in {int, float, str, None}:
            raise BadFilter(f"An index is a number or a text; this is {_word(index_kind)}.", node.index.at)

        def at_index(seen: Seen) -> Any:
            whole, place = of(seen), index(seen)
            if type(whole) is list and type(place) in {int, float}:
                if place == (whole_place := int(place) if abs(place) < 2**62 else -1) and 0 <= whole_place < len(whole):
                    return whole[whole_place]
            elif type(whole) is dict and type(place) is str and place in whole:
                return whole[place]
            raise Failed(f"There is no {said}.", at)

        return at_index, None

    # Signs ------------------------------------------------------------------------------------------------------------

    def _unary(self, node: Unary) -> tuple[Run, type | None]:
        at = node.at
        if node.sign == "!":
            condition = self._condition(node.of, "!")

            def negated(seen: Seen) -> bool:
                held = condition(seen)
                if held is True or held is False:
                    return not held
                raise placed(not_a_condition(held), at)

            return negated, bool
        of, kind = self.part(node.of)
        if kind not in {int, float, None}:
            raise BadFilter(f"- stands before numbers; this is {_word(kind)}.", node.of.at)

        def minus(seen: Seen) -> Any:
            value = of(seen)
            try:
                return values.negate(value, seen)
            except Failed as failed:
                raise placed(failed, at)  # noqa: B904  (the same one)

        return minus, kind

    def _binary(self, node: Binary) -> tuple[Run, type | None]:
        (left, one), (right, other) = self.part(node.left), self.part(node.right)
        if node.sign in {"==", "!="}:
            _check_equal(node, one, other)
            if isinstance(node.left, Constant):
                left, right = right, left
                constant: Node = node.left
            else:
                constant = node.right
            run = equals_constant(left, constant.value) if isinstance(constant, Constant) else equals(left, right)
            return (run if node.sign == "==" else lambda seen: not run(seen)), bool
        if node.sign == "in":
            if other not in {list, dict, None}:
                raise BadFilter(f"in looks into a list or an object; this is {_word(other)}.", node.right.at)
            return computing(values.is_in, left, right, node.at), bool
        kind, message = _possible(node.sign, one, other)
        if message:
            raise BadFilter(message, node.at)
        if node.sign in SUMS:
            return computing(SUMS[node.sign], left, right, node.at), kind
        number = node.right.value if isinstance(node.right, Constant) else None
        if isinstance(number, int | float) and not isinstance(number, bool):
            return ordering_number(ORDERS[node.sign], left, number, node.at), bool
        return ordering(ORDERS[node.sign], left, right, node.at), bool

    def _joined(self, node: Joined) -> tuple[Run, type | None]:
        runs = [self._condition(part, node.sign) for part in node.parts]
        decides = node.sign == "||"  # the answer that one of them can give for all
        rests = not decides

        def joined(seen: Seen) -> bool:
            failed: Failed | None = None
            for run in runs:
                try:
                    held = run(seen)
                except Failed as error:
                    failed = failed or error
                    seen.spend(ERROR)
                    continue
                if held is decides:
                    return not rests
                if held is not rests:
                    failed = failed or placed(not_a_condition(held), node.at)
            if failed is not None:
                raise failed
            return rests

        return joined, bool

    def _choice(self, node: Choice) -> tuple[Run, type | None]:
        condition = self._condition(node.condition, "?")
        (yes, one), (no, other) = self.part(node.yes), self.part(node.no)

        def choice(seen: Seen) -> Any:
            held = condition(seen)
            if held is True:
                return yes(seen)
            if held is False:
                return no(seen)
            raise placed(not_a_condition(held), node.at)

        return choice, one if one is other else None

    # Functions --------------------------------------------------------------------------------------------------------

    def _call(self, node: Call) -> tuple[Run, type | None]:
        if node.function in CONVERSIONS:
            return self._conversion(node)
        if node.function == "text":
            return _words(node), bool
        of, kind = self.part(node.parts[0])
        if kind not in {str, None}:
            raise BadFilter(f"{node.function} looks at a text; this is {_word(kind)}.", node.parts[0].at)
        if node.function == "lowerAscii":
            return lowering(of, node.at), str
        if node.function == "matches":
            self._patterns += 1
            if self._patterns > PATTERNS:
                raise BadFilter(f"A filter has at most {PATTERNS} patterns.", node.at)
            return matching(of, _pattern(node), node.at), bool
        part, part_kind = self.part(node.parts[1])
        if part_kind not in {str, None}:
            raise BadFilter(f"{node.function} takes a text; this is {_word(part_kind)}.", node.parts[1].at)
        return testing(TESTS[node.function], of, part, node), bool

    def _conversion(self, node: Call) -> tuple[Run, type | None]:
        convert, takes, gives = CONVERSIONS[node.function]
        of, kind = self.part(node.parts[0])
        if kind is not None and kind not in takes:
            raise BadFilter(f"{node.function} cannot be made of {values.KINDS[kind]}.", node.parts[0].at)
        at = node.at

        def converted(seen: Seen) -> Any:
            value = of(seen)
            try:
                return convert(value, seen)
            except Failed as failed:
                raise placed(failed, at)  # noqa: B904  (the same one)

        if isinstance(node.parts[0], Constant):  # the same for every record
            try:
                value = convert(node.parts[0].value, Work())
            except Failed as failed:
                raise BadFilter(str(failed), node.parts[0].at) from failed
            return (lambda seen: value), gives
        return converted, gives

    # Loops ------------------------------------------------------------------------------------------------------------

    def _loop(self, node: Loop) -> tuple[Run, type | None]:
        over, kind = self.part(node.over)
        if kind not in {list, dict, None}:
            raise BadFilter(f"{node.kind} goes through a list or an object; this is {_word(kind)}.",
                            node.over.at)  # fmt: skip
        if node.name in NAMES and node.name not in self._scope:
            raise BadFilter(f"{node.name} is a record's name; give each of them another one.", node.at)
        outer, place = dict(self._scope), self._loops
        self._scope[node.name] = place
        self._loops += 1
        condition = None if node.condition is None else self._condition(node.condition, node.kind)
        gives = None if node.gives is None else self.part(node.gives)[0]
        self._scope = outer
        self._loops -= 1
        cost = 1 + sum(count(part) for part in (node.condition, node.gives) if part is not None)
        rounds = rounds_of(over, place, cost, node)
        if node.kind in {"exists", "all"}:
            return looking(rounds, condition or over, node.kind == "exists", node.at), bool
        if node.kind == "exists_one":
            return counting(rounds, condition or over, node.at), bool
        return gathering(rounds, condition, gives, node.at), list


def _check_equal(node: Binary, one: type | None, other: type | None) -> None:
    """Raises BadFilter where two kinds are never the same."""
    numbers = {int, float}
    if one is None or other is None or one is other or type(None) in {one, other}:
        return
    if (one in numbers and other in numbers | {Moment}) or (other in numbers and one is Moment):
        return
    hint = " A header may come more than once: add [0]." if {one, other} == {list, str} else ""
    raise BadFilter(f"{values.KINDS[one].capitalize()} is never {values.KINDS[other]}.{hint}", node.at)


def _pattern(node: Call) -> Any:
    """The pattern of a `matches`: a text as it stands there, so that it is compiled once. Raises BadFilter."""
    part = node.parts[1]
    if not isinstance(part, Constant) or not isinstance(part.value, str):
        raise BadFilter('matches takes a pattern that stands there in quotes, as in value.name.matches("^A").', part.at)
    options = re2.Options()
    options.max_mem, options.log_errors, options.never_capture = PATTERN_MEMORY, False, True
    try:
        pattern = re2.compile(part.value, options)
    except re2.error as error:
        told = error.args[0]
        said = told.decode(errors="replace") if isinstance(told, bytes) else str(told)
        raise BadFilter(f"This pattern cannot be used: {said}.", part.at) from error
    if pattern.programsize > PATTERN_SIZE:
        raise BadFilter("This pattern is too large; repeat less.", part.at)
    return pattern


def _words(node: Call) -> Run:
    part = node.parts[0]
    if not isinstance(part, Constant) or not isinstance(part.value, str):
        raise BadFilter('text takes words in quotes, as in text("two words").', part.at)
    words = part.value.lower().split()
    if not 1 <= len(words) <= WORDS:
        raise BadFilter(f"text takes 1 to {WORDS} words.", part.at)

    def has_words(seen: Seen) -> bool:
        searched = seen.searched()
        for word in words:
            seen.spend(finding(len(searched), len(word)))
            if word not in searched:
                return False
        return True

    return has_words
