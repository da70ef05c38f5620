from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from items.values import money
from tests.support.examples import examples

CENTS = st.integers(min_value=0, max_value=int(money.LARGEST * 100))


@given(CENTS)
def test_an_amount_is_the_same_in_every_form_it_can_be_given(cents: int) -> None:
    exact = Decimal(cents) / 100
    assert money.amount(exact) == money.amount(f"{exact:.2f}") == money.amount(float(exact)) == exact
    assert Decimal(money.written(money.amount(exact))) == exact


@pytest.mark.parametrize(
    ("given", "written"),
    [(0.1, "0.10"), (1.1, "1.10"), (0.29, "0.29"), (3, "3.00"), ("12.5", "12.50"), (Decimal("1E2"), "100.00"),
     (Decimal("12.500"), "12.50"), (Decimal("-0"), "0.00"), ("0", "0.00"), (9999999999.99, "9999999999.99"),
     ("12.500", "12.50"), ("29.0000", "29.00"), ("12,5", "12.50"), ("12,5000", "12.50"), ("1,234.50", "1234.50"),
     ("€ 1.234,50", "1234.50"), ("$1,234,567", "1234567.00"), ("1\u202f234,50 kr", "1234.50"),
     ("CHF 1’234.50", "1234.50"), ("5 EUR", "5.00"), ("0012.50", "12.50"), ("00.00", "0.00"),
     ("9999999999.99", "9999999999.99"), (".50", "0.50"), ("$.5", "0.50"), (",50", "0.50"), ("12,-", "12.00"),
     ("CHF 12.–", "12.00"), ("1200,-- Kč", "1200.00"), ("1\u2009234,50 €", "1234.50"), ("kr. 500", "500.00"),
     ("500 kr.", "500.00"), ("kr.500", "500.00"), ("Rs. 500", "500.00"), ("12,50 Euro", "12.50"),
     ("￥1200", "1200.00"), ("1200円", "1200.00")],
)  # fmt: skip
def test_amounts_are_exact_and_written_with_two_places(given: object, written: str) -> None:
    assert money.written(money.amount(given)) == written


@pytest.mark.parametrize(
    "given",
    ["NaN", "Infinity", "", " 1", "1_000", "1,234", "12,500", "1e2", "٣", "0x10", None, True, [], float("nan"),
     float("inf"), -0.01, -1, "-1", "-0", "1.005", "1.234", "$10 $20", "$10 USD", "10 20", "$", "1.2.3",
     "1,23,456.00", "EUR.50",
     "12.", "12,-5", "12,---", ".", "-", 1.005, 0.1 + 0.2, 10_000_000_000, "10000000000.00", "9" * 41, Decimal("NaN"),
     Decimal("sNaN"),
     Decimal("1E-999999"), Decimal("1E+999999")],
)  # fmt: skip
def test_what_is_no_amount_is_refused_with_a_sentence(given: object) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        money.amount(given)


@pytest.mark.parametrize("given", ["-5", "−5.00", "- .5", "(12.50)", "€ (5,00)", "12.50-", "$5-", "-$5", "($5)"])
def test_an_amount_below_0_is_called_that_however_it_is_written(given: str) -> None:
    with pytest.raises(ValueError, match=money.BELOW):
        money.amount(given)


@settings(max_examples=examples(30))  # a text by such a pattern takes a tenth of a second to make up
@given(st.from_regex(money.TEXT, fullmatch=True))
def test_every_text_that_the_api_describes_is_an_amount(text: str) -> None:
    assert 0 <= money.amount(text) <= money.LARGEST


@given(st.text(alphabet="0123456789.,' $€", max_size=12))
def test_a_text_is_an_amount_exactly_when_the_api_describes_it(text: str) -> None:
    described = re.search(money.TEXT, text) is not None
    try:
        money.amount(text)
    except ValueError:
        assert not described
    else:
        assert described
