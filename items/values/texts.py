"""What a text of an item may hold: the same for the form, the API, the admin and a service called from a shell.

The patterns are what the API's description shows, so they say all of it, and in words that JavaScript, Python and Rust
understand alike.
"""

from __future__ import annotations

import re
from unicodedata import normalize

from django.core.exceptions import ValidationError

NAME_LENGTH = 200  # characters
DESCRIPTION_LENGTH = 20_000  # characters
SKU_LENGTH = 64  # characters
LINK_LENGTH = 2_000  # characters; longer addresses do not survive proxies

_CONTROL = r"\x00-\x1f\x7f-\x9f"
STORABLE = r"^[^\x00]*$"  # NUL is refused by PostgreSQL
ONE_LINE = rf"^[^{_CONTROL}]*$"
# What leaves no ink: format characters, fillers, selectors (Default_Ignorable_Code_Point and what acts like it), and
# the empty Braille cell. Those beyond 16 bits stand for themselves: languages differ in how such are escaped.
_INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
NAME = rf"^[^{_CONTROL}]*[^\s{_CONTROL}{_INVISIBLE}][^{_CONTROL}]*$"

# A part of a host's name: letters of any script, digits, - and _; no other ASCII, no space.
_LABEL = r"[^\s\x00-,./:-@\[-\^`\{-\xa0]+"
_HOST = rf"(?:{_LABEL}(?:\.{_LABEL})*\.?|\[[0-9A-Fa-f:.]+\])"
LINK = (
    r"^[Hh][Tt][Tt][Pp][Ss]?://"
    rf"(?:[^\s/?#@{_CONTROL}]+@)?{_HOST}(?::[0-9]{{1,5}})?"
    rf"(?:[/?#][^\s{_CONTROL}]*)?$"
)

# Half of a surrogate pair cannot be written as UTF-8 by anybody.
_SURROGATE = re.compile("[\ud800-\udfff]")
_UNSEEN = re.compile(f"[{_INVISIBLE}]+")


def _whole(pattern: str) -> re.Pattern[str]:
    """For `fullmatch`: as in JSON Schema, where `$` is the end of the text and not the place before a last line
    break."""
    return re.compile(pattern.removeprefix("^").removesuffix("$"))


_STORABLE, _ONE_LINE, _NAME, _LINK = map(_whole, (STORABLE, ONE_LINE, NAME, LINK))


def validate_storable(value: str) -> None:
    """Raises ValidationError for what no database and no JSON reader could take."""
    if not _STORABLE.fullmatch(value) or _SURROGATE.search(value):
        raise ValidationError("Remove the characters that cannot be stored (NUL or half of a character).", "characters")


def validate_one_line(value: str) -> None:
    """Raises ValidationError for line breaks and other control characters."""
    validate_storable(value)
    if not _ONE_LINE.fullmatch(value):
        raise ValidationError("Write this on one line, without control characters.", "one_line")


def validate_name(value: str) -> None:
    """Raises ValidationError unless the value is one line with a character that can be seen."""
    validate_one_line(value)
    if not _NAME.fullmatch(value):
        raise ValidationError("Give a name with a character that can be seen.", "invisible")


def is_name(value: object) -> bool:
    """Whether an item may have this name as it is: what the validators say, without words."""
    return type(value) is str and len(value) <= NAME_LENGTH and _is_whole(value) and bool(_NAME.fullmatch(value))


def is_description(value: object) -> bool:
    """Whether an item may have this description as it is."""
    return type(value) is str and len(value) <= DESCRIPTION_LENGTH and "\x00" not in value and _is_whole(value)


def is_link(value: object) -> bool:
    """Whether an item may have this link as it is; it may have none."""
    if type(value) is not str or len(value) > LINK_LENGTH:
        return False
    return not value or (_is_whole(value) and bool(_LINK.fullmatch(value)))


def is_sku(value: object) -> bool:
    """Whether an item may have this SKU as it is; it may have none."""
    return type(value) is str and len(value) <= SKU_LENGTH and _is_whole(value) and bool(_ONE_LINE.fullmatch(value))


def _is_whole(value: str) -> bool:
    return value.isascii() or not _SURROGATE.search(value)


def sku(value: str) -> str:
    """The SKU as it is kept: without blanks around it, without characters that nobody sees, and composed (NFC: é is one
    character, also where it came as e and an accent).

    Two SKUs that look alike because of such differences are one.
    """
    if value.isascii():
        return value.strip()
    seen = _UNSEEN.sub("", value).strip()
    composed = normalize("NFC", seen)
    return composed if len(composed) <= len(seen) else seen  # a few become longer, and a SKU may be as long as it may


def validate_link(value: str) -> None:
    """Raises ValidationError unless the value is an http or https address."""
    validate_one_line(value)
    if not value.lower().startswith(("http://", "https://")):
        raise ValidationError("Start the address with http:// or https://.", "link")
    if not _LINK.fullmatch(value):
        raise ValidationError("Give a whole address such as https://example.com/page.", "link")
