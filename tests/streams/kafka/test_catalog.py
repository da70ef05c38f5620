"""What Kafka's topics are asked with is made anew when it got no answer."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from django.test import override_settings

from streams.kafka import catalog
from streams.runtime.away import Unavailable


class FirstIsLost(list[Any]):
    """The askers that were made. The first one waits for a broker that has died; each other is answered."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def make(self, _: object) -> Any:
        def describe(topics: Any, **__: Any) -> dict[str, Future[Any]]:
            future: Future[Any] = Future()
            if asker is self[0]:
                future.set_exception(self.error)
            else:
                bits = SimpleNamespace(get_most_significant_bits=lambda: 1, get_least_significant_bits=lambda: 1)
                future.set_result(SimpleNamespace(topic_id=bits))
            return {"t": future}

        asker = mock.Mock(spec=AdminClient, describe_topics=describe)
        self.append(asker)
        return asker


@pytest.mark.parametrize("error", [KafkaException(KafkaError(KafkaError._TIMED_OUT)), TimeoutError()])
async def test_a_controller_that_died_is_waited_for_once(error: Exception) -> None:
    async def partitions_of(_: object, names: Iterable[str]) -> dict[str, tuple[int, ...]]:
        return dict.fromkeys(names, (0,))

    askers = FirstIsLost(error)
    with (
        override_settings(KAFKA_BOOTSTRAP_SERVERS=["127.0.0.1:9"]),
        mock.patch.object(catalog, "AdminClient", askers.make),
        mock.patch.object(catalog, "partitions_of", partitions_of),
        mock.patch.object(catalog.Catalog, "_connected", mock.AsyncMock()),
    ):
        asked = catalog.Catalog()
        try:
            with pytest.raises(Unavailable):
                await asked.topics(["t"])
            assert list(await asked.topics(["t"])) == ["t"]
            await asked.topics(["t"])
            assert len(askers) == 2
        finally:
            await asked.close()
