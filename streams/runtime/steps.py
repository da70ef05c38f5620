"""Coroutines that nearly never wait, begun without a task, a timer or a turn of the event loop."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from functools import partial
from typing import Any, Generic, TypeVar

R = TypeVar("R")


class Resumed(Generic[R]):
    """The rest of a coroutine that was begun outside of its task (`coroutine.send(None)`) and waits for `waited`."""

    def __init__(self, coroutine: Coroutine[Any, Any, R], waited: Any) -> None:
        self._coroutine, self._waited = coroutine, waited

    def __await__(self) -> Generator[Any, Any, R]:
        waited = self._waited
        while True:
            step: Callable[[], Any]
            try:
                answer = yield waited
            except BaseException as error:  # noqa: BLE001  (the coroutine decides what to do with it)
                step = partial(self._coroutine.throw, error)
            else:
                step = partial(self._coroutine.send, answer)
            try:
                waited = step()
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
