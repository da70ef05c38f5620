"""Who is searching, and who waits at which place."""

from __future__ import annotations

import asyncio

import pytest

from streams.search.turns import WAITING, WAITING_EACH, TooManyWaiting, Turn, Turns

AT_ONCE = 4


@pytest.fixture
def turns() -> Turns:
    return Turns("search", AT_ONCE)


def running(*turns: Turn) -> list[bool]:
    return [turn.is_on for turn in turns]


async def test_a_person_has_one_and_a_process_four(turns: Turns) -> None:
    own = [turns.enter("ada") for _ in range(3)]
    assert running(*own) == [True, False, False]
    others = [turns.enter(person) for person in ("ben", "cem", "dan", "eva")]
    assert running(*others) == [True, True, True, False]
    turns.leave(own[0])
    assert running(*others, own[1]) == [True, True, True, True, False]


async def test_those_who_wait_go_by_turns_whoever_came_with_more(turns: Turns) -> None:
    holding = [turns.enter(number) for number in range(AT_ONCE)]
    adas = [turns.enter("ada") for _ in range(3)]
    bens = [turns.enter("ben") for _ in range(2)]
    assert [turn.place for turn in (*adas, *bens)] == [1, 3, 5, 2, 4]
    began: list[str] = []
    free = [holding[0]]
    while free:
        turns.leave(free.pop())
        for turn in (*adas, *bens):
            if turn.is_on and turn not in free:
                began.append(str(turn.person))
                free.append(turn)
                (adas if turn in adas else bens).remove(turn)
    assert began == ["ada", "ben", "ada", "ben", "ada"]


async def test_who_was_served_waits_behind_who_was_not(turns: Turns) -> None:
    one = Turns("search", 1)
    first, second = one.enter("ada"), one.enter("ada")
    third, fourth = one.enter("ben"), one.enter("cem")
    one.leave(first)
    one.leave(third)
    assert running(second, fourth) == [False, True]


async def test_a_place_is_told_when_it_changes_and_now_and_then_until_it_is_on(turns: Turns) -> None:
    first, second, third = (turns.enter("ada") for _ in range(3))
    told: list[int] = []

    async def listen() -> None:
        async for place in turns.places(third, every=0.01):
            told.append(place)
            if len(told) == 3:
                turns.leave(first)
            elif place == 1 and not second_has_left:
                second_has_left.append(True)
                turns.leave(second)

    second_has_left: list[bool] = []
    async with asyncio.timeout(30):
        await listen()
    assert told[:3] == [2, 2, 2]
    assert told[3] == 1
    assert third.is_on


async def test_no_more_wait_than_may(turns: Turns) -> None:
    for _ in range(WAITING_EACH + 1):
        turns.enter("ada")
    with pytest.raises(TooManyWaiting):
        turns.enter("ada")
    for number in range(AT_ONCE - 1 + WAITING - WAITING_EACH):
        turns.enter(number)
    with pytest.raises(TooManyWaiting):
        turns.enter("ben")
