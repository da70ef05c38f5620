"""What CONTRIBUTING.md, docs/glossary.md and CHANGELOG.md say is true of the files beside them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
GUIDE = (ROOT / "CONTRIBUTING.md").read_text()
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text()
CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
WORKS = ["a setting", "a field of the API", "a page", "a metric", "an import format", "a part of the board"]


def paths(text: str) -> set[str]:
    """The files and folders that stand in backticks."""
    return set(re.findall(r"`((?:[\w.-]+/)+[\w.-]*|[\w-]+\.(?:md|toml|py))`", text))


def sections() -> dict[str, str]:
    """What is to be added -> its list of files."""
    how = GUIDE.partition("\n## How to add …\n")[2]
    return {part.partition("\n")[0]: part for part in how.split("\n### … ")[1:]}


def test_every_file_and_folder_that_is_named_exists() -> None:
    named = paths(GUIDE) - {"board/", "itemlist/"}  # said to stand beside another one
    assert len(named) >= 60
    assert {name for name in named if not (ROOT / name).exists()} == set()


def test_each_kind_of_work_has_its_list_of_files_with_a_test_and_a_document() -> None:
    assert list(sections()) == WORKS


@pytest.mark.parametrize("work", WORKS)
def test_a_list_names_code_a_test_and_a_document(work: str) -> None:
    named = paths(sections()[work])
    assert any(name.startswith("tests/") for name in named)
    assert any(name.startswith(("items/", "streams/", "project/")) for name in named)
    assert any(name.startswith("docs/") for name in named)


def test_commands_that_are_named_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z]+)", GUIDE))
    assert {"check", "test", "run"} <= named <= targets


def test_each_word_of_the_glossary_stands_there_once_and_in_order() -> None:
    words = re.findall(r"^\| ([a-z][\w -]*) \|", GLOSSARY, re.MULTILINE)[1:]
    assert len(words) > 40
    assert words == sorted(set(words))


def test_the_version_is_the_newest_of_the_changelog() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    headings = re.findall(r"^## (.+)$", CHANGELOG, re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert headings[1].split()[0] == version
