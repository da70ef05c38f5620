"""What the rows over HTTP and of imports say of what they measured."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from django.test import TestCase

from items.models import Item, ItemVersion
from tests.bench import item_file
from tests.bench.against import compare
from tests.bench.asking import Answered, Asking
from tests.bench.measure import ROOT, Series
from tests.bench.pages import comparable
from tests.bench.peers import bulk_create
from tests.bench.run import Line, Run
from tests.support import processes


def asked(**turns: list[Answered]) -> Asking:
    asking = Asking.__new__(Asking)
    asking._seen = turns
    return asking


def answered(rate: float, *, bad: dict[str, int] | None = None, client_core: float = 0.5) -> Answered:
    return Answered(rate, p50=10.0, p99=20.0, bad=bad or {}, cpu=1.0, client_core=client_core)


def test_a_line_compares_the_medians_of_the_rounds() -> None:
    asking = asked(ours=[answered(90), answered(300), answered(120)], theirs=[answered(60), answered(50), answered(70)])

    line = asking.line("POST", "items/s", "ours", "theirs", aim=1.8)

    assert line.ratio == 2.0
    assert line.cells()[1:5] == ["120 (90–300) items/s", "theirs: 60 (50–70)", "2.00", "≥ 1.8 ✓"]


def test_a_line_says_which_answers_were_not_good() -> None:
    asking = asked(ours=[answered(90, bad={"503": 2}), answered(90, bad={"503": 1, "409": 4})])

    assert "NOT 2xx: {'409': 4, '503': 3}" in asking.line("POST", "items/s", "ours").note


def test_a_line_says_when_the_core_of_the_client_was_full() -> None:
    asking = asked(ours=[answered(90, client_core=0.99)], theirs=[answered(90)])

    assert asking.line("POST", "items/s", "ours", "theirs").note.count("THE CLIENT'S CORE WAS FULL") == 1


def test_of_latencies_less_is_better() -> None:
    line = asked(ours=[answered(1)], theirs=[answered(1)]).line("p99", "ms", "ours", "theirs", aim=2, number="p99")

    assert line.cells()[4] == "≤ 2 ✓"


def test_a_row_without_its_peer_stands_alone() -> None:
    line = asked(ours=[answered(90)]).line("POST", "items/s", "ours", "theirs", aim=2)

    assert line.ratio is None
    assert line.cells()[3:5] == ["", "≥ 2"]


def test_pages_are_compared_without_their_csrf_tokens() -> None:
    page = '<p>Tent</p><input type="hidden" name="csrfmiddlewaretoken" value="{}">'

    assert comparable(page.format("a1")) == comparable(page.format("b2"))
    assert comparable(page.format("a1")) != comparable(page.format("a1").replace("Tent", "Lamp"))


def test_two_checkouts_take_turns_and_each_number_is_compared_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "sqlite_template", cache(lambda: None))  # the true one is other tests' as well
    monkeypatch.setattr(processes, "SCRATCH", tmp_path)
    turns: list[Path] = []

    def row(run: Run) -> list[Line]:
        assert run.tree == processes.ROOT
        turns.append(run.tree)
        number = len(turns) * (1.0 if run.tree == ROOT else 10.0)
        return [Line("what", Series([number]), "µs", "one peer"), Line("what", Series([number]), "µs", "another peer")]

    [line] = compare(row, 2, 0.1, tmp_path)

    assert turns == [ROOT, tmp_path] * 2
    assert (line.ours.values, line.theirs.values) == ([1.0, 3.0], [20.0, 40.0])
    assert processes.ROOT == ROOT


class Importing(TestCase):
    ROWS = 2 * bulk_create.BATCH + 1

    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = Path(folder.name) / "items.csv"
        item_file.write_file(self.file, self.ROWS)

    def test_bulk_create_alone_writes_every_row_and_nothing_else(self) -> None:
        self.assertEqual(bulk_create.bulk(self.file), f"{self.ROWS} created")

        self.assertEqual(Item.objects.count(), self.ROWS)
        self.assertEqual(ItemVersion.objects.count(), 0)

    def test_the_import_makes_the_items_of_bulk_create_and_finds_them_again(self) -> None:
        fields = ("sku", "name", "description", "price", "tax", "link")
        bulk_create.bulk(self.file)
        alone = sorted(Item.objects.values_list(*fields))
        Item.objects.all().delete()

        self.assertIn(f"{self.ROWS} created", item_file.product(self.file))
        self.assertEqual(sorted(Item.objects.values_list(*fields)), alone)
        self.assertIn(f"{self.ROWS} unchanged", item_file.product(self.file))
