"""The language of our pages: Jinja2, which makes Python of a template once and then runs that. Here is what templates
may use beside what a view gives them. Django's own language stays where Django's templates are extended, in the admin,
and for the texts of mails (docs/decisions/0035-pages-in-jinja2.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.template import defaultfilters
from django.templatetags.static import static
from django.urls import get_script_prefix, reverse
from django.utils import timezone
from django.utils.functional import SimpleLazyObject
from django.utils.html import format_html, format_html_join, json_script
from django.utils.safestring import SafeString
from jinja2 import ChainableUndefined, Environment

from project.modules import imported_by

PATHS = 20  # that we are known under, with their addresses; a proxy has one
NAMES = 500  # of views, and of files, that templates lead to: there are some thirty
SCRIPTS = 500  # of pages: each has its own, and a board's depend on the kinds of its tiles
CSRF_INPUT = '<input type="hidden" name="csrfmiddlewaretoken" value="{}">'

# As Django has them.
FILTERS = (
    "capfirst", "default_if_none", "filesizeformat", "linebreaksbr", "pluralize", "truncatechars", "urlencode", "yesno",
)  # fmt: skip


def environment(**options: Any) -> Environment:
    """Jinja2 with the options of settings.TEMPLATES and Django's defaults. What is missing is empty and false, as in
    Django's language, and so is whatever would be in it."""
    made = Environment(**options | {"undefined": ChainableUndefined, "keep_trailing_newline": True})  # noqa: S701  (Django says autoescape)
    made.globals |= {"url": reverse_of, "static": static, "module": module}
    made.filters |= {name: getattr(defaultfilters, name) for name in FILTERS}
    made.filters |= {
        "iso": iso, "json_script": json_script, "to_seconds": to_seconds, "to_minutes": to_minutes, "to_day": to_day,
    }  # fmt: skip
    return made


def of_request(request: HttpRequest) -> dict[str, object]:
    """What is the same all over the page of a request: its CSRF token, made when the first form needs it, and addresses
    below the path that we are known under (a context processor)."""
    token = SimpleLazyObject(lambda: get_token(request))
    csrf_input = SimpleLazyObject(lambda: format_html(CSRF_INPUT, token))
    return {**_below(get_script_prefix(), settings.ROOT_URLCONF), "csrf_token": token, "csrf_input": csrf_input}


# Addresses -----------------------------------------------------------------------------------------------------------


def reverse_of(name: str, *values: object) -> str:
    """`{{ url('items:edit', item.pk) }}`: the address of a view, by its name."""
    return reverse(name, args=values)


@lru_cache(maxsize=PATHS)
def _below(_path: str, _urls: str) -> dict[str, Callable[..., str]]:
    """`url` and `static`, which keep what they found: a page asks some twenty times, and a look for each takes as long
    as all of its text. Only addresses without values are kept, of which there are as many as views."""
    plain = lru_cache(maxsize=NAMES)(reverse)

    def url(name: str, *values: object) -> str:
        return reverse_of(name, *values) if values else plain(name)

    return {"url": url, "static": lru_cache(maxsize=NAMES)(static)}


# Scripts -------------------------------------------------------------------------------------------------------------


def module(*names: str, later: Iterable[str] = ()) -> SafeString:
    """`{{ module("NAME.js") }}`: the scripts of a page, by their static names, which run in that order, and before each
    a preload of every module that it imports: a browser asks for all of them at once, instead of for each when it has
    read the one before (27 modules in 5 steps, on a slow line a second).

    later: modules that these import while they run, and what those need: known to be wanted, they are asked for with
    the others, behind them.
    """
    scripts = _scripts.__wrapped__ if settings.DEBUG else _scripts  # while developing, files change
    return scripts(names, tuple(later), get_script_prefix())


@lru_cache(maxsize=SCRIPTS)
def _scripts(names: tuple[str, ...], later: tuple[str, ...], _prefix: str) -> SafeString:
    named = set(names)
    parts = []
    for name in names:
        links = _preloads(imported_by(name), named)
        parts.append(format_html('{}\n<script type="module" src="{}"></script>', links, static(name)))
    parts.append(_preloads((path for name in later for path in (name, *imported_by(name))), named))
    return format_html_join("\n", "{}", ((part,) for part in parts if part))


def _preloads(paths: Iterable[str], named: set[str]) -> SafeString:
    """Links to those that are not named yet; they are now."""
    new = [path for path in dict.fromkeys(paths) if path not in named]
    named.update(new)
    return format_html_join("\n", '<link rel="modulepreload" href="{}">', ((static(path),) for path in new))


# Times, in the zone of the settings; localtimes.js puts them into the browser's ---------------------------------------


def iso(moment: datetime) -> str:
    """For machines: `2025-03-01T09:30:00.123456+00:00`."""
    return timezone.localtime(moment).isoformat()


def to_seconds(moment: datetime) -> str:
    """`2025-03-01 09:30:00`."""
    return str(timezone.localtime(moment))[: len("2025-03-01 09:30:00")]


def to_minutes(moment: datetime) -> str:
    """`2025-03-01 09:30`."""
    return str(timezone.localtime(moment))[: len("2025-03-01 09:30")]


def to_day(moment: datetime) -> str:
    """`2025-03-01`."""
    return str(timezone.localtime(moment))[: len("2025-03-01")]
