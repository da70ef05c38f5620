"""What each process would make anew with its first request, for one that forks: then those that it forks have it."""

from __future__ import annotations

from pathlib import Path

from django.template.loader import get_template
from django.urls import get_resolver

PAGES = Path(__file__).resolve().parent.parent.parent / "templates"


def preload() -> None:
    """The addresses, with what is behind them, and the pages' templates. Django's settings have to be there."""
    get_resolver().reverse_dict  # noqa: B018  (asking makes it)
    for path in PAGES.rglob("*.html"):
        get_template(str(path.relative_to(PAGES)))
