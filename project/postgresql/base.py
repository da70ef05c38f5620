"""The engine: Django's own, but for where its connections come from. Django looks for it under this name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import InterfaceError, OperationalError
from django.db.backends.postgresql import base
from psycopg import Connection

from project.postgresql.pool import Pool


class OutcomeUnknown(OperationalError):
    """The server went away before it answered a commit: whether it was done is not known."""


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's, with `Pool`. OPTIONS["pool"]: what `Pool` takes; without it each unit of work connects by itself."""

    # Django's own; its types do not know them.
    _connection_pools: dict[str, Pool]
    _configure_connection: Callable[[Connection[Any]], Any]

    @property
    def pool(self) -> Pool | None:
        """The pool of this process for this database; it opens with the first connection."""
        options = self.settings_dict["OPTIONS"].get("pool")
        if not options:
            return None
        if self.alias not in self._connection_pools:
            made = Pool(self.get_connection_params(), self._configure_connection, **options)
            self._connection_pools.setdefault(self.alias, made)  # one of several threads is the first
        return self._connection_pools[self.alias]

    def commit(self) -> None:
        """Raises OutcomeUnknown when the server went away meanwhile."""
        try:
            super().commit()
        except (OperationalError, InterfaceError) as error:
            if getattr(error.__cause__, "sqlstate", None) is None:  # otherwise the server said that it was not
                raise OutcomeUnknown(*error.args) from error.__cause__
            raise
