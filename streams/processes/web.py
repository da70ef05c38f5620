"""What lives once in a web process: the hub with its history, topics and clock, and what of the bridge runs inline.

Started by the ASGI lifespan, or with the first request on a server that has none (`project/asgi.py`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError

from streams import metrics
from streams.decoding import carried, registry
from streams.demo import replay
from streams.fanout import inline, layer
from streams.hub import current
from streams.hub.hub import Hub
from streams.hub.link_watch import LinkWatch
from streams.hub.rights_watch import RightsWatch
from streams.hub.topic_watch import TopicWatch
from streams.kafka import embedded, storage
from streams.kafka.history import History
from streams.outbox import messages, relay
from streams.processes import goodbye
from streams.runtime import interpreter, leaving
from streams.runtime.tasks import pause, supervise
from streams.runtime.threads import in_database
from streams.search import running

log = logging.getLogger(__name__)

WAITING_S = 2.0  # between counts of the outbox
STOP_S = 8.0  # for tasks to end by themselves
CANCELLED_S = 1.0  # for those that did not, to end at all
REPUBLISH = 1000  # newest messages that go again to an embedded broker, which forgets on exit


class WebProcess:
    """The live side of one web process.

    hub: what its sockets read from. history: what is read back from Kafka. rights: who may what, looked at anew.
    stop_event: ends every task once it is set.
    """

    def __init__(self) -> None:
        self.history = History()
        self.hub = Hub(self.history)
        self.rights = RightsWatch(self.hub)
        self.stop_event = asyncio.Event()
        self._topics = TopicWatch(self.hub)
        self._link_watch = LinkWatch(self.hub, self.stop_event)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Starts every task. Raises embedded.AlreadyRunning when another process has the embedded broker."""
        leaving.stay()
        place = None  # from which the demonstration goes on
        if not settings.KAFKA_BOOTSTRAP_SERVERS:
            broker = embedded.start()
            log.info("The embedded Kafka broker listens on %s.", broker.address)
            if settings.DEMO:
                place = replay.publish_past(broker)
        self._run("topic watch", lambda: self._topics.run(self.stop_event))
        self._run("clock", self._watch_seconds)
        self._run("link watch", self._link_watch.run)
        self._run("rights watch", lambda: self.rights.run(self.stop_event))
        self._run("outbox count", self._watch_waiting)
        if settings.REDIS_URL:
            self._run("layer reader", lambda: layer.read(self.hub, self.stop_event))
            return
        republish = 0 if settings.KAFKA_BOOTSTRAP_SERVERS else REPUBLISH
        self._run("relay", lambda: relay.run(self.stop_event, republish=republish))
        self._run("fan-out", lambda: inline.run_inline(self.hub, self.stop_event))
        if place is not None:
            self._run("replay", lambda: replay.run(self.stop_event, place))

    def _run(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._tasks.append(asyncio.create_task(supervise(name, work, self.stop_event), name=name))

    async def stop(self) -> None:
        """Says goodbye, lets the tasks finish their unit of work within STOP_S, then ends them."""
        self.say_goodbye()
        self.stop_event.set()
        self.hub.changed.set()
        self.hub.refresh.set()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=STOP_S)
            for task in late:
                log.warning("The %s did not stop in time.", task.get_name())
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=CANCELLED_S)  # what swallows its cancellation ends with the process
        await running.close()
        await self.hub.close()
        await self.history.close()
        await storage.close()
        await self._topics.close()
        carried.forget()
        await registry.close()
        embedded.stop()

    def is_connecting(self) -> bool:
        """Whether it is too early to say anything of Kafka: nobody has looked at it, or at a topic, to the end yet."""
        return not self.hub.is_link_known and not self._topics.has_failed

    def say_goodbye(self) -> None:
        """Tells every client that this process ends, and when to come back; searches and exports come to an end."""
        leaving.begin()
        self.hub.say_goodbye(4001, goodbye.retry_after_ms(len(self.hub.connections)))

    # The clock ----------------------------------------------------------------------------------------------------

    async def _watch_seconds(self) -> None:
        loop = asyncio.get_running_loop()
        while not self.stop_event.is_set():
            began = loop.time()
            await pause(self.stop_event, 1.0)
            late = max(0.0, loop.time() - began - 1.0)
            metrics.LOOP_LAG.set(late)
            self.hub.each_second(late)
            self._link_watch.look(loop.time())

    async def _watch_waiting(self) -> None:
        while not self.stop_event.is_set():
            if self.hub.connections:
                before = self.hub.waiting
                try:
                    self.hub.waiting = await in_database(messages.waiting)
                except DatabaseError:
                    self.hub.waiting = None
                if self.hub.link.state == "down" and self.hub.waiting != before:
                    for connection in list(self.hub.connections):
                        self.hub.heartbeat(connection)
            await pause(self.stop_event, WAITING_S)


# The one of this process ------------------------------------------------------------------------------------------

_current: WebProcess | None = None
had_lifespan = False  # the server starts and stops the live side; a late request must not start it again


def start() -> WebProcess:
    """Starts the live side once; later calls give the same one."""
    global _current
    if _current is None:
        made = WebProcess()
        made.start()
        interpreter.settle()
        _current = made
        current.put(made)
        goodbye.say_before_the_server_closes(made.say_goodbye)
    return _current


async def stop() -> None:
    """Stops the live side, if it was started; a later `start()` makes a new one."""
    global _current
    stopping, _current = _current, None
    current.put(None)
    if stopping is not None:
        await stopping.stop()
