"""Kafka answers here, however long it takes: a machine that stands still is none that is away."""

from __future__ import annotations

import pytest

from streams.kafka import history, pool, scanning, storage

PATIENCE_S = 60.0


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test of one of these bounds sets it anew."""
    for module, names in (
        (history, ("ASK_TIMEOUT_S", "READ_TIMEOUT_S")),
        (pool, ("START_S", "TURN_S")),
        (scanning, ("ASK_S", "READ_S", "START_S")),
        (storage, ("ASK_S",)),
    ):
        for name in names:
            monkeypatch.setattr(module, name, PATIENCE_S)
