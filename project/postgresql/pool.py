"""The connections to PostgreSQL that a process shares: bounded in number, and back at once after an outage.

psycopg's pool tries a server that is away ever more seldom (up to five minutes apart), tries broken connections one by
one with pauses between, and waits for an answer on each without a bound. Here each request that finds no connection
makes the pool try again; the first connection that does not answer takes all idle ones with it; and who waits while the
server is away is told so early (docs/decisions/0021-how-outages-are-noticed.md).
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from typing import Any

from psycopg import Connection, OperationalError
from psycopg_pool import ConnectionPool, PoolTimeout

ANSWER_S = 1.0  # for the look at an idle connection before it is given out; a server next door needs a millisecond
PATIENCE_S = 1.5  # of a request for a connection before it asks whether the server is away at all
AWAY_S = 0.3  # … when that is known already; enough to connect to a server that has come back
SLOW_S = 1.0  # a connection that is being made for longer stands for a server that does not answer


class Pool(ConnectionPool[Connection[Any]]):
    """psycopg's pool, for servers that go away. parameters: of psycopg.connect. configure: for each new connection.
    options: psycopg's, such as min_size, max_size and timeout (seconds that a request waits for its turn)."""

    def __init__(self, parameters: dict[str, Any], configure: Callable[[Connection[Any]], Any], **options: Any) -> None:
        self._parameters, self._configure_new = parameters, configure
        self._has_failed = False
        self._connecting_since: float | None = None
        super().__init__(
            kwargs=self._begin,
            configure=self._succeed,
            check=self._look,
            reconnect_timeout=0,  # s: one try and one more; the next who needs a connection makes it try again
            reconnect_failed=self._fail,
            open=False,
            **options,
        )

    def getconn(self, timeout: float | None = None) -> Connection[Any]:
        """A connection that answered just now. Raises PoolTimeout: after `timeout` seconds (the pool's own by default)
        when all are in use, and within PATIENCE_S when the server is away."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        patience = AWAY_S if self.is_away() else PATIENCE_S
        while True:
            try:
                return super().getconn(min(patience, deadline - time.monotonic()))
            except PoolTimeout:
                if self.is_away() or time.monotonic() >= deadline:
                    raise
                patience = PATIENCE_S

    def is_away(self) -> bool:
        """Whether the last word from the server was none: connecting failed, or takes longer than it should."""
        since = self._connecting_since
        return self._has_failed or (since is not None and time.monotonic() - since > SLOW_S)

    # What psycopg's pool calls in its threads ---------------------------------------------------------------------

    def _begin(self) -> dict[str, Any]:
        """A connection is going to be made."""
        self._connecting_since = self._connecting_since or time.monotonic()
        return {**self._parameters, "autocommit": True}  # Django sets it to what it needs

    def _succeed(self, made: Connection[Any]) -> None:
        self._has_failed, self._connecting_since = False, None
        self._configure_new(made)

    def _fail(self, _: ConnectionPool[Connection[Any]]) -> None:
        self._has_failed, self._connecting_since = True, None

    def _look(self, idle: Connection[Any]) -> None:
        """Raises OperationalError unless the server answers on this connection; then all idle ones are made anew."""
        try:
            ask(idle)
        except OperationalError:
            self.drain()
            raise


def ask(idle: Connection[Any], within: float = ANSWER_S) -> None:
    """Sends an empty statement and takes its answer. Raises OperationalError when none came within so many seconds."""
    wire, deadline = idle.pgconn, time.monotonic() + within
    wire.send_query(b"")
    ready = select.poll()
    ready.register(wire.socket, select.POLLIN)
    while True:
        while wire.flush() or wire.is_busy():
            if not ready.poll(max(0.0, deadline - time.monotonic()) * 1000):
                raise OperationalError(f"The server did not answer within {within:g} s.")
            wire.consume_input()
        if wire.get_result() is None:
            return
