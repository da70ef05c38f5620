"""How long a Kafka was silent while a test ran: a machine that stands still makes anybody believe that it is away."""

from __future__ import annotations

import threading
import time

from confluent_kafka import KafkaException

from tests.support.services import Kafka

PAUSE = 0.1  # s between two questions
ANSWER_SECONDS = 1.0  # for one
# From one answer to the next: the product calls it down after three, and with one the machine is about to.
SILENCE_SECONDS = 1.0


class Attention:
    """Asks a Kafka again and again, as long as the `with` lasts. was_silent: whether it ever said nothing for so long
    that somebody else may have thought it down."""

    def __init__(self, kafka: Kafka) -> None:
        self.was_silent = False
        self._kafka = kafka
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask, name="attention")

    def __enter__(self) -> Attention:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _ask(self) -> None:
        admin, heard = self._kafka.admin(), time.monotonic()
        while not self._stop.wait(PAUSE):
            try:
                admin.list_topics(timeout=ANSWER_SECONDS)
            except KafkaException:
                continue
            now = time.monotonic()
            self.was_silent |= now - heard > SILENCE_SECONDS
            heard = now
