"""Who gets which tests (tests/support/shares.py): what starts Kafka is for who has one, unless that would be late."""

from __future__ import annotations

from collections.abc import Iterable

from tests.support.shares import Shares, Unit

COSTS = {"kafka": 15, "browser": 3, "redis": 1}


def unit(name: str, takes: float, *starts: str) -> Unit:
    return Unit([], frozenset(starts), takes, name)


def shares(*units: Unit, workers: Iterable[str] = "ab") -> Shares:
    made = Shares(units, COSTS)
    for worker in workers:
        made.join(worker)
    return made


def test_the_longest_comes_first_and_of_equals_the_first() -> None:
    left = shares(unit("short", 1), unit("one", 5), unit("other", 5))
    assert [left.next_for(worker).name for worker in "aba"] == ["one", "other", "short"]
    assert not left


def test_whoever_has_a_service_does_what_needs_it_before_all_else() -> None:
    left = shares(unit("k1", 40, "kafka"), unit("long", 30), unit("k2", 2, "kafka"), unit("b1", 1, "browser"))
    assert [left.next_for("a").name for _ in "1234"] == ["k1", "k2", "long", "b1"]


def test_what_another_could_do_for_less_is_left_to_them() -> None:
    left = shares(unit("k1", 30, "kafka"), unit("r1", 20, "redis"), unit("kr", 9, "kafka", "redis"), unit("any", 8))
    assert [left.next_for(worker).name for worker in "ab"] == ["k1", "r1"]
    assert left.next_for("b").name == "any", "it would have to start Kafka for the other"
    assert left.next_for("a").name == "kr"
    left = shares(unit("k1", 30, "kafka"), unit("r1", 20, "redis"), unit("kr", 9, "kafka", "redis"), unit("any", 8))
    assert [left.next_for(worker).name for worker in "ab"] == ["k1", "r1"]
    assert left.next_for("a").name == "kr", "it costs this one the least"


def test_in_the_end_everybody_helps_with_what_costs_least() -> None:
    left = shares(unit("k1", 9, "kafka"), unit("b1", 8, "browser"), unit("k2", 7, "kafka"), unit("b2", 6, "browser"))
    assert [left.next_for(worker).name for worker in "ab"] == ["k1", "b1"]
    left.join("c")
    assert left.next_for("c").name == "b2"
    assert left.next_for("c").name == "k2"


def test_who_would_have_too_much_to_do_is_helped_at_once() -> None:
    """Of four, one alone would be busy with Kafka when the others have done all else."""
    kafka = [unit(f"k{number}", 50, "kafka") for number in range(8)]
    left = shares(*kafka, *(unit(f"r{number}", 40) for number in range(10)), workers="abcd")
    assert [left.next_for(worker).name[0] for worker in "abcd"] == ["k", "k", "r", "r"]


def test_little_is_started_for_many_tests_and_all_end_together() -> None:
    units = [unit(f"k{number}", 10 + number % 7, "kafka") for number in range(40)]
    units += [unit(f"b{number}", 5 + number % 5, "browser") for number in range(60)]
    units += [unit(f"r{number}", 1 + number % 3) for number in range(90)]
    left = shares(*units, workers="abcd")
    busy = dict.fromkeys("abcd", 0.0)
    have: dict[str, set[str]] = {worker: set() for worker in busy}
    while left:
        worker = min(busy, key=lambda worker: busy[worker])
        got = left.next_for(worker)
        busy[worker] += got.takes + sum(COSTS[name] for name in got.starts - have[worker])
        have[worker] |= got.starts
    assert max(busy.values()) - min(busy.values()) < 5
    assert sum("kafka" in started for started in have.values()) == 2


def test_what_a_worker_left_is_first_for_those_who_may() -> None:
    left = shares(unit("k1", 9, "kafka"), unit("k2", 20, "kafka"), workers="a")
    begun = left.next_for("a")
    left.leave("a")
    left.put_back(begun)
    left.join("b")
    assert [left.next_for("b").name for _ in "12"] == ["k2", "k1"]
