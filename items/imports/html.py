"""The words of a piece of HTML, as shops keep their descriptions.

One walk along it, whatever it is: what looks like markup and is not ended is skipped or is text, and nothing is looked
for again and again. Python's own parser takes the square of the time for some texts, and raises for others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

BLOCKS = frozenset({"p", "br", "div", "li", "ul", "ol", "tr", "table", "h1", "h2", "h3", "h4", "h5", "h6"})
HIDDEN = frozenset({"script", "style"})  # their content is no text
# A > in quotes ends no tag of so many characters; a longer one ends at its first > (it holds a picture, in base64).
QUOTES_HEEDED = 2_000

_MARKUP = re.compile("</?[a-zA-Z!]")
_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]*)")
_ATTRIBUTES = re.compile(r"""(?:[^>"']++|"[^"]*+"|'[^']*+')*+>""")
_COMMENT, _COMMENT_END = "<!--", "-->"


def text_of(html: str) -> str:
    """The words of a piece of HTML; text without a tag stays as it is. Blocks and line breaks become line breaks."""
    if not _MARKUP.search(html):
        return unescape(html)
    lines = [line.strip() for line in "".join(_pieces(html)).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _pieces(html: str) -> Iterator[str]:
    """The texts between the tags, and a line break for each block that begins or ends."""
    at, last, last_comment = 0, html.rfind(">"), html.rfind(_COMMENT_END)
    while (start := html.find("<", at)) >= 0:
        yield _words(html[at:start])
        tag = _TAG.match(html, start)
        if start > last or (tag is None and html[start + 1 : start + 2] not in {"!", "?", "/"}):
            yield "<"
            at = start + 1
        elif html.startswith(_COMMENT, start) and start + len(_COMMENT) <= last_comment:
            at = html.find(_COMMENT_END, start + len(_COMMENT)) + len(_COMMENT_END)
        elif tag is None:
            at = _end_of_tag(html, start)
        else:
            at = _end_of_tag(html, tag.end())
            is_end, name, is_alone = bool(tag[1]), tag[2].lower(), html[at - 2] == "/"
            if name in BLOCKS:
                yield "\n" * (not is_end) + "\n" * ((is_end or is_alone) and name != "br")
            elif name in HIDDEN and not (is_end or is_alone):
                hidden = re.compile(rf"</\s*{name}\s*>", re.IGNORECASE).search(html, at)
                if hidden is None:
                    return
                at = hidden.end()
    yield _words(html[at:])


def _end_of_tag(html: str, at: int) -> int:
    """The place behind the > that ends a tag of which `at` is in the middle. There is one behind that."""
    found = _ATTRIBUTES.match(html, at, at + QUOTES_HEEDED)
    return found.end() if found is not None else html.find(">", at) + 1


def _words(text: str) -> str:
    return re.sub(r"\s+", " ", unescape(text))
