"""Calls of the items API that came together, answered together: one look for their tokens, one for what they read, one
transaction for all that they write. Each gets its own answer; what cannot be written beside others is called alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, Self

from django.db import InterfaceError, OperationalError, transaction
from django.http import HttpRequest, HttpResponse

from items import services
from items.api import answers, idempotency
from items.listing import queries
from items.services import rights
from items.services.together import Alone, Saved, Write

if TYPE_CHECKING:
    from django.contrib.auth.models import User


class SignIn(Protocol):
    """How to find out who calls: `request.auth`, put there by project/api/auth.py."""

    def __call__(self) -> User:
        """Who calls. Asks the database, unless it was looked up. Raises what the caller is told."""

    @classmethod
    def look_up(cls, some: Sequence[Self]) -> list[User]:
        """Asks the database for all of these at once. Returns whom it found, each user object once."""

    def forget(self) -> None:
        """What was looked up, or asked, does not count any more."""


@dataclass(frozen=True, slots=True)
class Writing:
    """What an operation is going to write, how it answers then, and its Idempotency-Key, if it came with one."""

    write: Write
    answer: Callable[[Saved], HttpResponse]
    key: idempotency.Key | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A call of an operation. given: what stands in its address and headers. plan: signs in, asks what the operation
    needs, reads the body, and returns what is to be written."""

    request: HttpRequest
    given: Mapping[str, Any]
    plan: Callable[[], Writing]


def answer_alone(call: Call) -> HttpResponse:
    """Does what was called for, in a transaction of its own. Raises what is wrong."""
    planned = call.plan()

    def perform() -> HttpResponse:
        return planned.answer(services.write(planned.write))

    if planned.key is None:
        return perform()
    return idempotency.once(planned.key, partial(answers.settled, perform))


def answer_together(calls: list[Call]) -> list[HttpResponse | Exception]:
    """The answer of each call, or what is wrong with it; `Alone` for those that have to be called alone.

    Raises what concerns all of them: the database is away, and nothing was written. Any other error may come from one
    of them: tried alone, that one gets it, and the others get their answers.
    """
    try:
        return _answered(calls)
    except Exception as error:
        if not services.concerns_one(error):
            raise
        return [Alone()] * len(calls)


def _answered(calls: list[Call]) -> list[HttpResponse | Exception]:
    outcomes: list[HttpResponse | Exception] = [Alone()] * len(calls)
    planned: dict[int, Writing] = {}
    with _looked_up(calls):
        for number, call in enumerate(calls):
            try:
                planned[number] = call.plan()
            except (OperationalError, InterfaceError):
                raise
            except Exception as error:  # noqa: BLE001  (whatever it is, it is that call's answer)
                outcomes[number] = error
    fresh = idempotency.fresh({one.key for one in planned.values() if one.key})
    for number, one in list(planned.items()):
        if one.key is not None and one.key not in fresh:
            del planned[number]  # it came before, or somebody is at it
        fresh.discard(one.key)
    if planned:
        _write(planned, outcomes)
    return outcomes


def _write(planned: dict[int, Writing], outcomes: list[HttpResponse | Exception]) -> None:
    """Puts the outcomes of what was planned to their places. All of them stay `Alone` after an error of one."""
    came: dict[int, HttpResponse | Exception] = {}
    try:
        with transaction.atomic():
            results = services.write_together([one.write for one in planned.values()])
            for (number, one), result in zip(planned.items(), results, strict=True):
                came[number] = one.answer(result) if isinstance(result, Saved) else result
            _remember(planned, came)
    except Exception as error:
        if not services.concerns_one(error):
            raise
        return
    for number, outcome in came.items():
        outcomes[number] = outcome


def _remember(planned: dict[int, Writing], came: dict[int, HttpResponse | Exception]) -> None:
    given = []
    for number, one in planned.items():
        outcome = came[number]
        if one.key is not None and isinstance(outcome, HttpResponse):
            given.append((one.key, outcome))
        elif one.key is not None:
            came[number] = Alone()  # a refusal is remembered, too
    idempotency.remember(given)


@contextmanager
def _looked_up(calls: Sequence[Call]) -> Iterator[None]:
    """Inside the block the calls find who calls, what they may do, and the items of their addresses, read together."""
    ids = {call.given["item_id"] for call in calls if "item_id" in call.given}
    by_way: dict[type[SignIn], list[SignIn]] = {}
    for call in calls:
        by_way.setdefault(type(call.request.auth), []).append(call.request.auth)  # type: ignore[attr-defined]
    try:
        found = queries.items(ids) if ids else {}
        for call in calls:
            if "item_id" in call.given:
                call.request.item_read = found.get(call.given["item_id"])  # type: ignore[attr-defined]
        rights.look_up([user for way, some in by_way.items() for user in way.look_up(some)])
        yield
    finally:
        for call in calls:
            call.request.__dict__.pop("item_read", None)
