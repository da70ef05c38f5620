"""What the product's server and its Python peers have in common: the records, and how the benchmark steers them.

A server prints `{"port": …}` once it listens, then answers each line on its standard input with one line of JSON. It
ends when its standard input ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from collections.abc import Callable

VALUE_BYTES = 220  # of one record's value
WAKE_S = 0.01  # between two looks at how many records are due


def value(number: int, size: int = VALUE_BYTES) -> bytes:
    """A record's value: JSON of exactly `size` bytes, with the time (µs since 1970) at which it was made."""
    head = b'{"id":%d,"sent":%d,"text":"' % (number, time.time_ns() // 1000)
    return head + b"x" * (size - len(head) - 2) + b'"}'


class Source:
    """Makes records at a rate. emit: takes the values that are due, with the number of the first one."""

    def __init__(self, emit: Callable[[int, list[bytes]], None]) -> None:
        self._emit = emit
        self.number = 0
        self.rate = 0.0
        self._began, self._made = 0.0, 0

    def set_rate(self, rate: float) -> None:
        """Records a second from now on; 0 is a pause."""
        self.rate, self._began, self._made = rate, time.perf_counter(), 0

    async def run(self) -> None:
        while True:
            await asyncio.sleep(WAKE_S if self.rate else 10 * WAKE_S)
            due = int((time.perf_counter() - self._began) * self.rate) - self._made
            if due > 0:
                first = self.number
                self.number += due
                self._made += due
                self._emit(first, [value(first + n) for n in range(due)])


def steered(handle: Callable[[list[str]], object], port: int) -> None:
    """Says the port, then has `handle` called, in this event loop, with the words of each line of standard input."""
    loop = asyncio.get_running_loop()

    def say(answer: object) -> None:
        sys.stdout.write(json.dumps(answer or {}) + "\n")
        sys.stdout.flush()

    def carry_out(words: list[str]) -> None:
        say(handle(words))

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(carry_out, line.split())
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    say({"port": port})
