"""The threads that all requests share: few, and a hop that takes long is in nobody's way."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import wait

import pytest
from asgiref.sync import sync_to_async
from django.db import connection

from project import hops
from project.hops import Hops, by_hops
from tests.support.waiting import until

PATIENCE_S = 20.0


@pytest.fixture
def threads() -> Iterator[Hops]:
    made = Hops(few=2, most=6)
    yield made
    made.shutdown(wait=True)


async def test_quick_calls_share_a_few_threads(threads: Hops, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hops, "LOOK_S", PATIENCE_S)  # on a busy machine it would take them for slow ones
    loop = asyncio.get_running_loop()
    used = await asyncio.gather(*(loop.run_in_executor(threads, threading.get_ident) for _ in range(200)))
    assert len(set(used)) <= 2


async def test_a_quick_call_does_not_wait_for_slow_ones(threads: Hops) -> None:
    loop, over = asyncio.get_running_loop(), threading.Event()
    slow = [loop.run_in_executor(threads, over.wait, PATIENCE_S) for _ in range(5)]
    try:
        assert await asyncio.wait_for(loop.run_in_executor(threads, lambda: "quick"), PATIENCE_S / 2) == "quick"
        assert not any(call.done() for call in slow)
    finally:
        over.set()
    assert await asyncio.gather(*slow) == [True] * 5


async def test_a_quick_call_does_not_wait_for_those_that_work_long(threads: Hops) -> None:
    """As signing in does, which looks at a password."""
    loop, over = asyncio.get_running_loop(), threading.Event()

    def work() -> None:
        while not over.is_set():
            hashlib.pbkdf2_hmac("sha256", b"word", b"salt", 10_000)  # lets others have the interpreter

    long = [loop.run_in_executor(threads, work) for _ in range(4)]
    try:
        assert await asyncio.wait_for(loop.run_in_executor(threads, lambda: "quick"), PATIENCE_S) == "quick"
    finally:
        over.set()
    await asyncio.gather(*long)


async def test_there_are_never_more_threads_than_the_most(threads: Hops) -> None:
    loop, over, at_once, most = asyncio.get_running_loop(), threading.Event(), [0], [0]
    lock = threading.Lock()

    def slow() -> None:
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        over.wait(PATIENCE_S)
        with lock:
            at_once[0] -= 1

    calls = [loop.run_in_executor(threads, slow) for _ in range(20)]
    await until(lambda: at_once[0] == 6, "as many as may be")
    await asyncio.sleep(4 * hops.LOOK_S)  # no condition: more would come now
    over.set()
    await asyncio.gather(*calls)
    assert most == [6]


async def test_calls_are_served_in_the_order_they_came(threads: Hops) -> None:
    one, over, order = Hops(few=1, most=1), threading.Event(), list[int]()
    one.submit(over.wait, PATIENCE_S)
    calls = [one.submit(order.append, number) for number in range(50)]
    over.set()
    await asyncio.to_thread(lambda: wait(calls, PATIENCE_S))
    one.shutdown()
    assert order == list(range(50))


async def test_who_waits_and_is_cancelled_is_not_served_and_harms_nobody(threads: Hops) -> None:
    loop, over, done = asyncio.get_running_loop(), threading.Event(), list[str]()
    slow = [loop.run_in_executor(threads, over.wait, PATIENCE_S) for _ in range(6)]
    await until(lambda: threads._running == 6, "no thread is free")
    gone = loop.run_in_executor(threads, done.append, "gone")
    stays = loop.run_in_executor(threads, done.append, "stays")
    gone.cancel()
    await asyncio.sleep(0)  # it is told to the thread in the loop's next round
    await asyncio.sleep(0)
    over.set()
    await asyncio.gather(stays, *slow)
    assert done == ["stays"]


async def test_an_error_belongs_to_who_asked_and_the_thread_goes_on(threads: Hops) -> None:
    def fail() -> None:
        raise ValueError("planted")

    loop = asyncio.get_running_loop()
    calls = [loop.run_in_executor(threads, call) for call in (fail, threading.get_ident) * 20]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(answer, ValueError) for answer in answers[::2])
    assert all(isinstance(answer, int) for answer in answers[1::2])


async def test_calls_from_a_loop_that_was_closed_leave_the_next_one_served() -> None:
    """As with a server that starts again in the same process."""
    threads, over = Hops(few=1, most=3), threading.Event()

    def in_another_loop() -> None:
        async def ask() -> None:
            loop = asyncio.get_running_loop()
            loop.run_in_executor(threads, over.wait, PATIENCE_S)
            loop.run_in_executor(threads, over.wait, PATIENCE_S)

        loop = asyncio.new_event_loop()
        loop.run_until_complete(ask())
        loop.close()

    await asyncio.to_thread(in_another_loop)
    loop = asyncio.get_running_loop()
    await asyncio.sleep(10 * hops.LOOK_S)  # no condition: until then its look is waited for
    quick = loop.run_in_executor(threads, lambda: "quick")
    try:
        assert await asyncio.wait_for(quick, PATIENCE_S / 2) == "quick"
    finally:
        over.set()
        threads.shutdown()


async def test_what_a_request_does_in_threads_is_done_there_and_leaves_no_connection() -> None:
    names = list[str]()

    async def application(scope: object, receive: object, send: object) -> None:
        await sync_to_async(work)()

    def work() -> None:
        names.append(threading.current_thread().name)
        assert connection.connection is None or connection.vendor == "sqlite"

    for _ in range(3):
        await by_hops(application)({}, None, None)
    assert all(name.startswith("hop") for name in names)
