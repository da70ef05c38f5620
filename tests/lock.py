"""Makes requirements.lock: `python -m tests.lock`, after requirements.txt has changed. The image installs from it.

requirements.txt pins all there is, what others bring along included, so nothing is resolved here: pip is asked which
file it would install on each kind of machine, and what its hash is. Wheels only: they run no code of a stranger.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MACHINES = ("x86_64", "aarch64")
PLATFORMS = ("manylinux_2_34", "manylinux_2_28", "manylinux_2_17", "manylinux2014", "manylinux_2_5", "manylinux1")
PYTHON = "3.11"  # the image's
HEAD = f"""\
# Made from requirements.txt by `python -m tests.lock`: the hashes of the wheels for Linux ({", ".join(MACHINES)}) and
# Python {PYTHON}, which the image installs with `pip install --require-hashes`.
"""


def chosen(machine: str) -> list[dict[str, Any]]:
    """What pip would install on such a machine, as its report tells it."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--no-deps"]
        command += ["--only-binary=:all:", "--implementation=cp", f"--python-version={PYTHON}", f"--target={folder}"]
        command += [f"--platform={name}_{machine}" for name in PLATFORMS]
        subprocess.run([*command, f"--report={report}", "-r", str(ROOT / "requirements.txt")], check=True)
        found: list[dict[str, Any]] = json.loads(report.read_text())["install"]
        return found


def lock(reports: list[list[dict[str, Any]]]) -> str:
    hashes: dict[str, set[str]] = {}
    for report in reports:
        for one in report:
            pin = f"{one['metadata']['name']}=={one['metadata']['version']}"
            hashes.setdefault(pin, set()).add(one["download_info"]["archive_info"]["hashes"]["sha256"])
    lines = [
        " \\\n    ".join([pin, *(f"--hash=sha256:{digest}" for digest in sorted(hashes[pin]))])
        for pin in sorted(hashes, key=str.lower)
    ]
    return f"{HEAD}\n" + "\n".join(lines) + "\n"


if __name__ == "__main__":
    (ROOT / "requirements.lock").write_text(lock([chosen(machine) for machine in MACHINES]))
