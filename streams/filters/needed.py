"""Which texts have to stand in a record for a filter to match it: looked for in its bytes, before anything is parsed.

Only where that is exact. A record that is shown as its bytes are, with a value in ASCII and without a backslash, has
each of its texts in its bytes as it is; of all others nothing is said here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from streams.filters.nodes import Binary, Call, Constant, Field, Index, Joined, ListOf, Loop, Name, Node
from streams.filters.parsing import parse
from streams.wire.ranges import WHOLE_BYTES
from streams.wire.records import KEY_BYTES, Raw

ALTERNATIVES = 8  # texts of which one has to be there; looking for more costs more than parsing
# Of a word in `text(…)`: what is written of numbers, of empty lists and objects, and between a name and its value, need
# not be in the bytes.
WORD = re.compile(r"(?=.*[a-df-z_@])[a-z0-9_@.+-]+", re.ASCII)


class Text(NamedTuple):
    """A text that has to be in a value or a key. any_case: `text` is in small letters; it may be in either of them."""

    part: str
    text: bytes
    any_case: bool = False


class Needs:
    """What a filter needs. texts: one of them has to be there; none: nothing can be said."""

    def __init__(self, filter_text: str) -> None:
        self.texts = _of(parse(filter_text), {}) or ()
        self._any_case = any(text.any_case for text in self.texts)
        self._in_value = [text.text for text in self.texts if text.part == "value" and not text.any_case]
        self._in_key = [text.text for text in self.texts if text.part == "key"]
        self._anywhere = [text.text for text in self.texts if text.any_case]

    def promising(self, raws: Sequence[Raw]) -> Sequence[Raw]:
        """Those of several records that may match, as far as `lacks` tells."""
        return [] if self._all_lack(raws) else [raw for raw in raws if not self.lacks(raw)]

    def _all_lack(self, raws: Sequence[Raw]) -> bool:
        """Whether surely none of them matches. What is not found in all of them put together is in none of them: that
        is one look instead of many, and where it is found each is looked at by itself."""
        values, keys = [raw.value for raw in raws], [raw.key or b"" for raw in raws]
        if None in values and self._any_case:
            return False
        value, key = b"\n".join([each or b"" for each in values]), b"\n".join(keys)
        if any(text in value for text in self._in_value) or any(text in key for text in self._in_key):
            return False
        if self._any_case:
            small, small_key = value.lower(), key.lower()
            if any(text in small or text in small_key for text in self._anywhere):
                return False
        return (
            bool(self.texts) and b"\\" not in value and value.isascii() and key.isascii()
            and not any(raw.headers for raw in raws)
            and max([len(each or b"") for each in values], default=0) <= WHOLE_BYTES
            and max(map(len, keys), default=0) <= KEY_BYTES
        )  # fmt: skip

    def lacks(self, raw: Raw) -> bool:
        """Whether a record surely does not match. Only for records that are shown as their bytes are."""
        value, key = raw.value or b"", raw.key or b""
        for text in self._in_value:
            if text in value:
                return False
        for text in self._in_key:
            if text in key:
                return False
        if self._any_case:
            if raw.headers or raw.value is None:
                return False
            small, small_key = value.lower(), key.lower()
            for text in self._anywhere:
                if text in small or text in small_key:
                    return False
        return (
            bool(self.texts) and b"\\" not in value and value.isascii() and key.isascii() and not raw.headers
            and len(value) <= WHOLE_BYTES and len(key) <= KEY_BYTES
        )  # fmt: skip


Texts = tuple[Text, ...]


def _of(node: Node, scope: dict[str, str]) -> Texts | None:
    """The texts of which a condition needs one. scope: the loops' names that stand for parts of a value or key."""
    match node:
        case Joined(_, "&&", parts):
            return _best([_of(part, scope) for part in parts])
        case Joined(_, "||", parts):
            return _either([_of(part, scope) for part in parts])
        case Binary(_, "==", left, right):
            return _text(left, right, scope) or _text(right, left, scope)
        case Binary(_, "in", left, ListOf(_, parts)):
            return _either([_text(left, part, scope) for part in parts])
        case Call(_, "contains" | "startsWith" | "endsWith", (of, part)):
            return _text(of, part, scope)
        case Call(_, "text", (Constant(_, str() as words),)):
            usable = [word for word in words.lower().split() if WORD.fullmatch(word)]
            return (Text("value", max(usable, key=len).encode(), any_case=True),) if usable else None
        case Loop(_, "exists" | "exists_one", over, name, Node() as condition, _):
            root = _root(over, scope)
            inner = {each: part for each, part in scope.items() if each != name}
            return _of(condition, {**inner, name: root} if root else inner)
    return None


def _text(of: Node, constant: Node, scope: dict[str, str]) -> Texts | None:
    """The text that has to be in a part of a value, or in a key."""
    if not (isinstance(constant, Constant) and isinstance(constant.value, str) and constant.value):
        return None
    root = _root(of, scope)
    return (Text(root, constant.value.encode(errors="surrogatepass")),) if root else None


def _root(node: Node, scope: dict[str, str]) -> str:
    """`value` or `key`, where a node is a part of it as it is; else ""."""
    while isinstance(node, Field | Index):
        node = node.of
    if not isinstance(node, Name):
        return ""
    if node.name in scope:
        return scope[node.name]
    return node.name if node.name in {"value", "key"} else ""


def _best(found: list[Texts | None]) -> Texts | None:
    """Of several that are all needed, the one that is found least often, as far as that can be guessed."""
    return min((texts for texts in found if texts), key=lambda texts: (len(texts), -len(texts[0].text)), default=None)


def _either(found: list[Texts | None]) -> Texts | None:
    """One of several is needed."""
    texts = [text for each in found if each for text in each]
    return tuple(texts) if all(found) and 0 < len(texts) <= ALTERNATIVES else None
