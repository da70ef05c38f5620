"""Nothing here looks at how long a question about the newest records takes."""

from __future__ import annotations

import pytest

from streams.hub import newest

PATIENCE_S = 60.0


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """With less than is asked for one would be answered where the machine stands still meanwhile."""
    monkeypatch.setattr(newest, "SECONDS", PATIENCE_S)
