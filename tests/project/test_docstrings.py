"""Everything public says its contract where it is defined: what it takes, returns and raises."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
APPS = ["items", "project", "streams"]
LEFT_OUT = {"migrations"}
# Django's words for a class's settings; a command says in `help` what it is.
NO_CONTRACT = {"Meta", "Media", "Command"}

BEGINS = re.compile(r'(#.*\n+)*"""\s*[^\s"]')  # a file that says what it owns

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def sources(app: str) -> Iterator[Path]:
    """The source files of an app, relative to the root."""
    for path in sorted((ROOT / app).rglob("*.py")):
        if not LEFT_OUT & set(path.parts):
            yield path.relative_to(ROOT)


def public(body: list[ast.stmt], within: str = "") -> Iterator[tuple[str, Definition]]:
    """Dotted name and definition of what is public, methods of public classes included."""
    for node in body:
        if isinstance(node, Definition) and not node.name.startswith("_") and node.name not in NO_CONTRACT:
            yield within + node.name, node
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public(node.body, f"{within}{node.name}.")


def overrides(module: str, name: str) -> bool:
    """Whether `name`, `Class.method`, stands in a base of the class: then the contract is told there."""
    classes, _, method = name.rpartition(".")
    if not classes:
        return False
    owner: Any = import_module(module)
    for each in classes.split("."):
        owner = getattr(owner, each)
    return isinstance(owner, type) and any(method in vars(base) for base in owner.__mro__[1:-1])


def silent(path: Path) -> list[str]:
    """What is public in a file and says nothing."""
    tree = ast.parse((ROOT / path).read_text())
    module = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
    return [name for name, node in public(tree.body) if not ast.get_docstring(node) and not overrides(module, name)]


@pytest.mark.parametrize("app", APPS)
def test_everything_public_says_its_contract(app: str) -> None:
    assert {str(path): found for path in sources(app) if (found := silent(path))} == {}


@pytest.mark.parametrize("app", APPS)
def test_every_file_says_what_it_owns(app: str) -> None:
    texts = {path: (ROOT / path).read_text() for path in sources(app)}
    assert [str(path) for path, text in texts.items() if text.strip() and not BEGINS.match(text)] == []


def test_what_says_nothing_is_noticed() -> None:
    tree = ast.parse("class A:\n    class Meta: ...\n    def b(self): ...\n    def _c(self): ...\ndef d(): 'Says.'")
    assert [name for name, node in public(tree.body) if not ast.get_docstring(node)] == ["A", "A.b"]
    assert overrides("streams.apps", "StreamsConfig.ready")
    assert not overrides("streams.hub.hub", "Hub.ingest")
