"""What the parts of a filter do with a record: the functions that streams/filters/compiling.py puts together. They
raise Failed, with the place in the filter, and TooMuch."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from streams.filters import values
from streams.filters.nodes import Call, Loop
from streams.filters.seen import Seen
from streams.filters.times import MILLISECOND, Moment
from streams.filters.work import ERROR, PATTERN, Failed, TooMuch, Work, finding

Run = Callable[[Seen], Any]
Rounds = Callable[[Seen], Iterable[Any]]


def not_a_condition(value: Any) -> Failed:
    """What is raised where true or false was needed."""
    return Failed(f"A condition is true or false, not {values.kind(value)}.")


def placed(failed: Failed, at: int) -> Failed:
    """The same failure, with where it happened."""
    if failed.at is None:
        failed.at = at
    return failed


def no_field(whole: Any, said: str, at: int) -> Failed:
    """What is raised where a value has no such field. said: the field as the filter writes it."""
    if type(whole) is dict:
        return Failed(f"There is no {said}.", at)
    return Failed(f"There is no {said}: what is before the dot is {values.kind(whole)}.", at)


def equals(left: Run, right: Run) -> Run:
    """`==` of two parts."""
    return lambda seen: values.equal(left(seen), right(seen), seen)


def equals_constant(left: Run, constant: Any) -> Run:
    """`==` of a part and what stands there, the usual case without a call."""
    if type(constant) is str:
        return lambda seen: bool(left(seen) == constant)  # only a text is equal to a text
    if constant is None or type(constant) is bool:
        return lambda seen: left(seen) is constant

    def equals_number(seen: Seen) -> bool:
        value = left(seen)
        if type(value) is int or type(value) is float:
            return bool(value == constant)
        return type(value) is Moment and bool(value.ns == constant * MILLISECOND)

    return equals_number


def computing(compute: Callable[[Any, Any, Work], Any], left: Run, right: Run, at: int) -> Run:
    """A sign between two values, or `in`. at: its place in the filter."""

    def computed(seen: Seen) -> Any:
        a, b = left(seen), right(seen)
        try:
            return compute(a, b, seen)
        except Failed as failed:
            raise placed(failed, at)  # noqa: B904  (the same one)

    return computed


def ordering(compare: Callable[[Any, Any], Any], left: Run, right: Run, at: int) -> Run:
    """`<`, `<=`, `>` and `>=`. at: its place in the filter."""

    def ordered(seen: Seen) -> bool:
        a, b = left(seen), right(seen)
        try:
            return bool(compare(*values.ordered(a, b, seen)))
        except Failed as failed:
            raise placed(failed, at)  # noqa: B904  (the same one)

    return ordered


def ordering_number(compare: Callable[[Any, Any], Any], left: Run, number: float, at: int) -> Run:
    """The same with a number that stands there, which is the usual case."""

    def ordered(seen: Seen) -> bool:
        value = left(seen)
        if type(value) is int or type(value) is float:
            return bool(compare(value, number))
        try:
            return bool(compare(*values.ordered(value, number, seen)))
        except Failed as failed:
            raise placed(failed, at)  # noqa: B904  (the same one)

    return ordered


def testing(test: Callable[[str, str], bool], of: Run, part: Run, node: Call) -> Run:
    """`startsWith`, `endsWith` and `contains`."""
    function, at = node.function, node.at
    is_finding = function == "contains"

    def tested(seen: Seen) -> bool:
        text, wanted = of(seen), part(seen)
        if type(text) is not str or type(wanted) is not str:
            other = text if type(text) is not str else wanted
            raise Failed(f"{function} takes texts, not {values.kind(other)}.", at)
        seen.spend(finding(len(text), len(wanted)) if is_finding else 1 + (len(wanted) >> 10))
        return test(text, wanted)

    return tested


def lowering(of: Run, at: int) -> Run:
    """`lowerAscii`. at: its place in the filter."""

    def lowered(seen: Seen) -> str:
        text = of(seen)
        if type(text) is not str:
            raise Failed(f"lowerAscii takes a text, not {values.kind(text)}.", at)
        seen.spend(1 + (len(text) >> 6))
        return text.encode().lower().decode()  # of bytes only ASCII's letters change

    return lowered


def matching(of: Run, pattern: Any, at: int) -> Run:
    """`matches`. pattern: a compiled one of re2. at: its place in the filter."""
    size = pattern.programsize

    def matched(seen: Seen) -> bool:
        text = of(seen)
        if type(text) is not str:
            raise Failed(f"matches takes a text, not {values.kind(text)}.", at)
        encoded = text.encode()
        seen.spend(PATTERN + (len(encoded) * size >> 10))
        return pattern.search(encoded) is not None

    return matched


# Loops --------------------------------------------------------------------------------------------------------------


def rounds_of(over: Run, place: int, cost: int, node: Loop) -> Rounds:
    """What a loop goes through. Each round is paid for, and known by the loop's name."""
    at = node.at

    def rounds(seen: Seen) -> Iterable[Any]:
        whole = over(seen)
        if type(whole) is not list and type(whole) is not dict:
            raise Failed(f"{node.kind} goes through a list or an object, not {values.kind(whole)}.", at)
        each = seen.each
        for part in whole:
            seen.left -= cost
            if seen.left < 0:
                raise TooMuch("This record takes more work than a filter may do.")
            each[place] = part
            yield part

    return rounds


def looking(rounds: Rounds, condition: Run, decides: bool, at: int) -> Run:
    """`exists` and `all`: the first that decides ends it; a failure counts only when none does."""
    rests = not decides

    def looked(seen: Seen) -> bool:
        failed: Failed | None = None
        for _ in rounds(seen):
            try:
                held = condition(seen)
            except Failed as error:
                failed = failed or error
                seen.spend(ERROR)
                continue
            if held is decides:
                return not rests
            if held is not rests:
                failed = failed or placed(not_a_condition(held), at)
        if failed is not None:
            raise failed
        return rests

    return looked


def _holds(condition: Run, seen: Seen, at: int) -> bool:
    held = condition(seen)
    if held is True or held is False:
        return bool(held)
    raise placed(not_a_condition(held), at)


def counting(rounds: Rounds, condition: Run, at: int) -> Run:
    """`exists_one`. at: its place in the filter."""
    return lambda seen: sum([_holds(condition, seen, at) for _ in rounds(seen)]) == 1


def gathering(rounds: Rounds, condition: Run | None, gives: Run | None, at: int) -> Run:
    """`filter` and `map`."""

    def gathered(seen: Seen) -> list[Any]:
        return [
            part if gives is None else gives(seen)
            for part in rounds(seen)
            if condition is None or _holds(condition, seen, at)
        ]

    return gathered
