"""How the amounts of a column are read: from the evidence of the whole column."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from unittest import mock

import pytest

from items.imports import amounts as amounts_module
from items.imports.amounts import Amounts, Evidence
from items.imports.json_line import JsonNumber
from items.values import money


def read(*cells: str) -> list[str]:
    """What each cell of a column becomes: the amount, or "refused"."""
    evidence = Evidence()
    for cell in cells:
        evidence.look(cell)
    amounts = Amounts(evidence)
    found = []
    for cell in cells:
        try:
            found.append(f"{amounts.read(cell):f}")
        except ValueError:
            found.append("refused")
    return found


@pytest.mark.parametrize(
    ("cells", "amounts"),
    [
        (["1,234", "12.50"], ["1234.00", "12.50"]),
        (["1,234", "1,234,567"], ["1234.00", "1234567.00"]),
        (["1.234", "12,50"], ["1234.00", "12.50"]),
        (["1.234", "1.234.567"], ["1234.00", "1234567.00"]),
        (["1,500", "2,75"], ["1.50", "2.75"]),
        (["12.500", "1,25"], ["12500.00", "1.25"]),
        (["€ 1.234", "€ 12,50"], ["1234.00", "12.50"]),
        (["1,234", "5"], ["refused", "5.00"]),
        (["1.234", "12.500"], ["refused", "refused"]),
        (["12.500", "29.0000"], ["12.50", "29.00"]),
        (["1,234", "12.50", "12,50"], ["refused", "12.50", "12.50"]),
        (["1.234", "12.50"], ["refused", "12.50"]),
        (["$10 $20", "$1,234.50"], ["refused", "1234.50"]),
        (["1 234,50", "1.000"], ["1234.50", "1000.00"]),
        (["12,50", "0.500"], ["12.50", "0.50"]),
        (["12.50", "1,234.50", "0,500"], ["12.50", "1234.50", "refused"]),
        (["2,75", "0,500", "1234,500"], ["2.75", "0.50", "1234.50"]),
        (["0.500", "1,234"], ["0.50", "1234.00"]),
    ],
)
def test_a_separator_means_what_the_whole_column_shows(cells: list[str], amounts: list[str]) -> None:
    assert read(*cells) == amounts
    assert read(*reversed(cells)) == amounts[::-1]


def test_evidence_far_behind_counts() -> None:
    assert read(*["1,234"] * 5_000, "0,99")[:1] == ["refused"]  # 1.234 has three places
    assert read(*["1,230"] * 5_000, "0,99")[:1] == ["1.23"]


def test_a_number_of_json_is_what_json_says() -> None:
    amounts = Amounts(None)
    for text, amount in (("12.500", "12.50"), ("1e3", "1000"), ("1E-2", "0.01"), ("0.1", "0.10"), ("-0.0", "0.00")):
        assert amounts.read(JsonNumber(text)) == Decimal(amount)
    for text in ("1.234", "-1", "1e99", "1e-99", f"1e{'9' * 40}", "9" * 5_000):
        with pytest.raises(ValueError, match=r"\.$"):
            amounts.read(JsonNumber(text))


def test_rates_are_told_from_amounts() -> None:
    for cells, rates in ((["19", "7"], True), (["19.00", "7.00"], True), (["19 %", "7 %"], True), (["19"], False),
                         (["19", "7", "3.80"], False)):  # fmt: skip
        evidence = Evidence()
        for cell in cells:
            evidence.look(cell)
        assert evidence.rates is rates, cells


USUAL = [
    "http://a.example",
    "https://a.example/100%",
    "Http",
    "hTTp",
    "12.50",
    "7.5",
    "0.99",
    "12345678901.25",
    "1.234",
]
UNUSUAL = ["12,50", "1.234,50", "€ 5.00", "5.00 %", "٣.٥٠", "12.50 ", "-1.50", "12.5.0", ".50", "x" * 80]


def test_every_currency_is_seen_on_both_sides_and_texts_are_told_from_amounts() -> None:
    marks = [*money.SIGNS, *(code.replace("\\", "") for code in money.CODES.split("|"))]
    cells = [cell for mark in marks for cell in (f"{mark}1.234,50", f"{mark}  12,50", f"12,50 {mark}", f"7,25{mark}")]
    evidence = Evidence()
    for cell in cells:
        assert amounts_module.may_be_number(cell), cell
        evidence.look(cell)
    assert (evidence.numbers, evidence.comma_decimals) == (len(cells), len(cells))
    for text in ("A-123", "12 persons", "for 2", "M 3", "1 a 2", "x%"):
        assert not amounts_module.may_be_number(text), text


def test_a_cell_counts_the_same_when_its_column_is_known_and_before() -> None:
    """What most cells are is counted in a short way, once the first values are noted."""
    for cell in [*USUAL, *UNUSUAL, JsonNumber("12.50"), "https://a.example/" + "x" * 80, "http" + "x" * 80 + "%"]:
        known = Evidence(distinct=[str(number) for number in range(amounts_module.DISTINCT)])
        known.look(cell)
        new = Evidence(distinct=known.distinct.copy())
        with mock.patch.object(amounts_module, "DISTINCT", 1000):
            new.look(cell)
        assert replace(new, distinct=known.distinct) == known, cell


def test_cells_of_a_known_column_count_the_same_at_once_and_one_by_one() -> None:
    cells = [*USUAL, *UNUSUAL, "http" + "x" * 80 + "%", "https://a.example/% ", *USUAL]
    together = Evidence(distinct=[str(number) for number in range(amounts_module.DISTINCT)])
    one_by_one = replace(together, distinct=together.distinct.copy())
    left = together.unusual(cells)
    for cell in left:
        together.look(cell.strip())
    for cell in cells:
        one_by_one.look(cell.strip())

    assert together == one_by_one
    assert len(left) < len(cells) - len(USUAL)
