"""How often a property is tried."""

from __future__ import annotations

import hypothesis

FEW = "few"  # the profile of `make check` (tests/conftest.py)


def examples(most: int) -> int:
    """So many, for `settings(max_examples=…)`; with the profile FEW no more than that profile tries of others."""
    is_few = hypothesis.settings.get_current_profile_name() == FEW
    return min(most, hypothesis.settings().max_examples) if is_few else most
