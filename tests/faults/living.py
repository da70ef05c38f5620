"""Clients that live in a task of their own."""

from __future__ import annotations

import asyncio
from typing import Self


class Living:
    """What goes on in a task of its own for the length of a block: `_run`."""

    _task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    @property
    def ended(self) -> bool:
        """Whether it has come to its end."""
        return self._task is not None and self._task.done()

    async def _run(self) -> None:
        raise NotImplementedError
