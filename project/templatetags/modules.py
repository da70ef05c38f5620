"""`{% module … %}`: the scripts of a page, by their static names, and what they import named beside them."""

from __future__ import annotations

from collections.abc import Iterable

from django import template
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from project.modules import imported_by

register = template.Library()


@register.simple_tag
def module(*names: str, later: Iterable[str] = ()) -> SafeString:
    """The modules' scripts, which run in that order, and before each a preload of every module that it imports: a
    browser asks for all of them at once, instead of for each when it has read the one before (27 modules in 5 steps,
    on a slow line a second).

    later: modules that these import while they run, and what those need: known to be wanted, they are asked for with
    the others, behind them.
    """
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
