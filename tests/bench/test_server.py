"""The product as the benchmarks start it: what changes around it must not be found out by who measures."""

from __future__ import annotations

import pytest

from tests.bench.run import Run
from tests.support.waiting import wait_until

pytestmark = pytest.mark.processes


def test_records_made_in_the_server_reach_the_sockets_of_the_load_client() -> None:
    run = Run(1, 0.1)
    try:
        server = run.product()
        run.join_product("sockets", server, 3)
        server.say("rate 100")

        report = wait_until(lambda: _when_it_has(run, 30), "every socket got records")
    finally:
        run.close()

    assert (report["alive"], report["jumps"], report["gaps"]) == (3, 0, 0)


def _when_it_has(run: Run, records: int) -> dict[str, int] | None:
    report = run.client.do("report", "sockets")
    return report if report["records"] >= records else None
