"""What confluent-kafka's serialisers write, references and headers included, is read as what was written."""

from __future__ import annotations

import base64
import fcntl
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from streams.decoding import registry as asked
from streams.decoding.carried import Carried
from tests.streams.decoding.test_carried import Polled
from tests.support import services

ROOT = Path(__file__).resolve().parent.parent.parent.parent
HERE = ROOT / "tests" / "registry"
TOOLS = ROOT / ".run" / "serialisers"  # an environment of their own
INSTALL_SECONDS, RUN_SECONDS = 300, 60
CASES = 8


def python() -> Path:
    """The interpreter of that environment, which is made where it is not there, or of another version."""
    wanted = (HERE / "requirements.txt").read_text()
    TOOLS.parent.mkdir(parents=True, exist_ok=True)
    with (TOOLS.parent / "serialisers.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = TOOLS / "installed.txt"
        if not done.is_file() or done.read_text() != wanted:
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(TOOLS)], check=True, timeout=INSTALL_SECONDS)
            command = [str(TOOLS / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            installed = subprocess.run(
                [*command, "-r", str(HERE / "requirements.txt")],
                capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False,
            )  # fmt: skip
            if installed.returncode:
                services.missing(f"confluent-kafka's serialisers cannot be installed: {installed.stderr[-500:]}")
            done.write_text(wanted)
    return TOOLS / "bin" / "python"


@pytest.mark.slow(90)
@pytest.mark.waits  # for an environment to be made
async def test_what_other_peoples_producers_write_is_read(
    registry: services.Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asked, "WAIT_S", 60.0)  # past its own, a record comes without what the registry would have told
    written = subprocess.run(
        [str(python()), str(HERE / "serialise.py"), registry.url],
        capture_output=True, text=True, timeout=RUN_SECONDS, check=False,
    )  # fmt: skip
    assert written.returncode == 0, written.stderr
    cases: list[dict[str, Any]] = [json.loads(line) for line in written.stdout.splitlines()]
    assert len(cases) == CASES
    client = asked.Registry(asked.Access(registry.url))
    try:
        topic = Carried("peer", asked=client)
        for case in cases:
            headers = [(name, base64.b64decode(value)) for name, value in case["headers"]]
            [record] = await topic.encode_all([Polled(base64.b64decode(case["data"]), headers=list(headers))])
            found = json.loads(record.data)
            assert (found.get("problem"), found["value"]) == (None, case["expected"]), case["case"]
            assert case["case"].startswith(found["format"]), case["case"]
    finally:
        await client.close()
