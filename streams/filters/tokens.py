"""From the text of a filter to its tokens, after the Common Expression Language's grammar."""

from __future__ import annotations

import math
import re
from typing import Any, Literal, NamedTuple

from streams.filters.bad_filter import BadFilter

Kind = Literal["name", "integer", "double", "text", "sign", "end"]

SIGNS = ("==", "!=", "<=", ">=", "&&", "||", *"<>+-*/%!?:.,()[]")
SPACE = re.compile(r"(?:[ \t\n\f\r]+|//[^\n]*)+")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
DOUBLE = re.compile(r"[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|\.[0-9]+(?:[eE][+-]?[0-9]+)?")
INTEGER = re.compile(r"(0x[0-9a-fA-F]+|[0-9]+)[uU]?")
QUOTE = re.compile(r"([rRbB]{0,2})('''|\"\"\"|'|\")")
ESCAPE = re.compile(r"\\(?:[abfnrtv\\?\"'`]|[xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2})")
SHORT = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
DIGITS = 40  # of a whole number, zeros before it included
# What people type who come from another language, and what it is called here.
FOREIGN = {
    "=": "== compares",
    "&": "&& joins two conditions",
    "|": "|| joins two conditions",
    "{": "objects cannot be written in a filter",
    ";": "a filter is one condition",
    "“": 'texts stand in straight quotes, "…"',
    "”": 'texts stand in straight quotes, "…"',
    "’": "texts stand in straight quotes, '…'",
    "‘": "texts stand in straight quotes, '…'",
    "≥": ">= compares",
    "≤": "<= compares",
    "≠": "!= compares",
}


class Token(NamedTuple):
    """at: where it begins. source: as it was typed. value: of a number or a text, what it stands for."""

    kind: Kind
    source: str
    at: int
    value: Any = None


def tokens(text: str) -> list[Token]:
    """The tokens of a filter, the last one of the kind `end`. Raises BadFilter."""
    found: list[Token] = []
    at = 0
    while True:
        if space := SPACE.match(text, at):
            at = space.end()
        if at == len(text):
            found.append(Token("end", "", at))
            return found
        token = _text(text, at) or _word(text, at) or _sign(text, at)
        found.append(token)
        at += len(token.source)


def _word(text: str, at: int) -> Token | None:
    """A name or a number."""
    if name := NAME.match(text, at):
        return Token("name", name[0], at)
    if double := DOUBLE.match(text, at):
        _end_of_number(text, double.end())
        value = float(double[0])
        if value == math.inf:
            raise BadFilter("This number is larger than a double can be.", at)
        return Token("double", double[0], at, value)
    if integer := INTEGER.match(text, at):
        if len(integer[0]) > DIGITS:
            raise BadFilter("This number is larger than a whole number can be.", at)
        _end_of_number(text, integer.end())
        digits = integer[1]
        return Token("integer", integer[0], at, int(digits, 16 if digits.startswith("0x") else 10))
    return None


def _end_of_number(text: str, at: int) -> None:
    if NAME.match(text, at):
        raise BadFilter(f"A number ends before {text[at]}; a text needs quotes.", at)


def _sign(text: str, at: int) -> Token:
    for sign in SIGNS:
        if text.startswith(sign, at):
            return Token("sign", sign, at)
    meant = FOREIGN.get(text[at])
    raise BadFilter(f"{text[at]} means nothing here{f': {meant}' if meant else ''}.", at)


def _text(text: str, at: int) -> Token | None:
    """A text with its quotes, or None where none begins."""
    opened = QUOTE.match(text, at)
    if opened is None:
        return None
    prefix, quote = opened[1].lower(), opened[2]
    if "b" in prefix:
        raise BadFilter("Bytes cannot be written in a filter; leave out the b.", at)
    if prefix not in {"", "r"}:
        raise BadFilter(f"A text begins with its quote, or with r before it, not with {opened[1]}.", at)
    parts: list[str] = []
    position = opened.end()
    while not text.startswith(quote, position):
        if position >= len(text):
            raise BadFilter(f"The text that begins here lacks its {quote} at the end.", at)
        if len(quote) == 1 and text[position] in "\n\r":
            raise BadFilter(f"A text ends on its line; {quote} was expected. Write \\n for a new line.", position)
        if text[position] == "\\" and prefix == "":
            part, position = _escaped(text, position)
        else:
            part = text[position]
            position += 1
        parts.append(part)
    end = position + len(quote)
    return Token("text", text[at:end], at, "".join(parts))


def _escaped(text: str, at: int) -> tuple[str, int]:
    """What an escape stands for, and where it ends."""
    escape = ESCAPE.match(text, at)
    if escape is None:
        message = f'{text[at : at + 2]} is no escape; \\\\ is a backslash, and r"…" a text without escapes.'
        raise BadFilter(message, at)
    body = escape[0][1:]
    if body[0] in SHORT and len(body) == 1:
        return SHORT[body], escape.end()
    if body[0] in "xXuU":
        code = int(body[1:], 16)
    elif body[0].isdigit():
        code = int(body, 8)
    else:
        return body, escape.end()
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise BadFilter(f"{escape[0]} is no character.", at)
    return chr(code), escape.end()
