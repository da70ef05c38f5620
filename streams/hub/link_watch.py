"""How the link to Kafka stands: looks once a second at what was heard, and reads what nobody speaks of any more."""

from __future__ import annotations

import asyncio
import logging

from streams.hub.hub import Hub
from streams.runtime.away import Unavailable, described
from streams.runtime.tasks import pause

log = logging.getLogger(__name__)

LOOK_S = 1.0  # between looks at silent partitions
HEARING_S = 1.0  # for what was said of other topics while one could not be read
LAGGING_S = 2.0  # behind Kafka's end for longer is catching up


class LinkWatch:
    """Sets the hub's link: `live` while every partition is spoken of and near Kafka's end; `catching_up` while one is
    behind, or while only this process itself reads it, seconds late; `down` while Kafka does not answer either.
    """

    def __init__(self, hub: Hub, stop: asyncio.Event) -> None:
        self._hub, self._stop = hub, stop
        self._behind_since: float | None = None

    def look(self, now: float) -> None:
        """Sets the link as far as that can be said without asking Kafka; silent partitions are left to `run`. now: loop
        time, in seconds."""
        if not self._hub.logs:
            return  # `down` until the first topic has opened
        behind = self._hub.hearing.lag() > 0
        self._behind_since = (self._behind_since or now) if behind else None
        if self._hub.hearing.silent():
            return
        lagging = self._behind_since is not None and now - self._behind_since > LAGGING_S
        self._hub.set_link("catching_up" if lagging else "live")

    async def run(self) -> None:
        """Reads silent partitions, again and again, until the stop is set."""
        while not self._stop.is_set():
            await self.read_silent()
            await pause(self._stop, LOOK_S)

    async def read_silent(self) -> None:
        """Has the partitions that nobody speaks of read up to Kafka's end, and sets the link by what came of that."""
        silent = self._hub.hearing.silent()
        if not silent:
            return
        try:
            await self._hub.read_silent(silent)
        except Unavailable as error:
            log.debug("Kafka does not tell what nobody speaks of: %s", described(error))
            self._hub.refresh.set()  # one topic may have gone, while Kafka is there
            await pause(self._stop, HEARING_S)
            if self._hub.hearing.is_deaf():
                self._hub.set_link("down", since=self._hub.hearing.since_ms())
                return
        if self._hub.hearing.silent():
            self._hub.set_link("catching_up")
