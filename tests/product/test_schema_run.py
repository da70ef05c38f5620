"""What the API's description promises, the running product keeps: schemathesis makes requests from the description,
right ones and wrong ones, one after the other and in chains, and compares every answer with it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import httpx
import pytest

from tests.conftest import Install
from tests.support.processes import BIN, ROOT
from tests.support.waiting import wait_until

SCHEMATHESIS = str(BIN / "schemathesis")
SEED = 1  # a run that fails can be repeated
EXAMPLES = 6  # of each operation in the random part; the edges of each parameter come on top
WORKERS = "1"  # Python 3.11 may fail to compile in two threads at once ("AST constructor recursion depth mismatch")
RUN_SECONDS = 900  # it takes some 40 on an idle machine
OPERATIONS = 33
RECORDS = "/api/topics/items.v1/records?partition=0&from=0&to=10"


@pytest.mark.slow
def test_every_answer_is_as_described(install: Install, tmp_path: Path) -> None:
    installation = install()
    web = installation.web()
    signed_in = {"Authorization": f"Bearer {installation.token}"}
    with httpx.Client(base_url=web.url, headers=signed_in, timeout=30) as client:
        items = [{"name": f"Item {number}", "price": "1.00"} for number in range(10)]
        assert client.post("/api/items/bulk", json=items).status_code == 201
        wait_until(lambda: client.get(RECORDS).status_code == 200, "the records can be read", 30)

    done = subprocess.run(
        [
            *(SCHEMATHESIS, "--config-file", str(ROOT / "schemathesis.toml")),
            *("run", f"{web.url}/api/openapi.json"),
            *("--header", f"Authorization: {signed_in['Authorization']}"),
            *("--max-examples", str(EXAMPLES), "--seed", str(SEED), "--workers", WORKERS),
            *("--continue-on-failure", "--no-color"),
        ],
        cwd=tmp_path,  # it leaves files behind
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Tested: {OPERATIONS}" in done.stdout, done.stdout
