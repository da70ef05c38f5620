from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from items.values import money

CENTS = st.integers(min_value=0, max_value=int(money.LARGEST * 100))


@given(CENTS)
def test_an_amount_is_the_same_in_every_form_it_can_be_given(cents: int) -> None:
    exact = Decimal(cents) / 100
    assert money.amount(exact) == money.amount(f"{exact:.2f}") == money.amount(float(exact)) == exact
    assert Decimal(money.written(money.amount(exact))) == exact


@pytest.mark.parametrize(
    ("given", "written"),
    [(0.1, "0.10"), (1.1, "1.10"), (0.29, "0.29"), (3, "3.00"), ("12.5", "12.50"), (Decimal("1E2"), "100.00"),
     (Decimal("12.500"), "12.50"), (Decimal("-0"), "0.00"), ("0", "0.00"), (9999999999.99, "9999999999.99")],
)  # fmt: skip
def test_amounts_are_exact_and_written_with_two_places(given: object, written: str) -> None:
    assert money.written(money.amount(given)) == written


@pytest.mark.parametrize(
    "given",
    ["NaN", "Infinity", "", " 1", "1_000", "1,5", "1e2", "٣", "0x10", None, True, [], float("nan"), float("inf"), -0.01,
     -1, "-1", "-0", "1.005", "12.500", 1.005, 0.1 + 0.2, 10_000_000_000, "9" * 41, Decimal("NaN"), Decimal("sNaN"),
     Decimal("1E-999999"), Decimal("1E+999999")],
)  # fmt: skip
def test_what_is_no_amount_is_refused_with_a_sentence(given: object) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        money.amount(given)
