"""In which encoding a file is. All of its bytes are looked at, in bounded memory: what speaks for another encoding may
stand far behind."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from items.imports.rows import Unreadable

SCAN = 1 << 20  # bytes read at a time
LOCAL = 10  # lines that are no UTF-8 for each that is: still faults of a file in UTF-8
FEW = 3  # lines that are nothing known: their rows fail; more, and the file is refused
WESTERN = 0.15  # of the bytes that are no ASCII may look strange in Windows-1252; above, it is something else
ALONE = 5  # times as many ð, þ and ý as á, í, ó, ú and æ are none
# What people take for a CSV file, by its first bytes.
OTHER_FILES = {
    b"PK\x03\x04": "This is an Excel workbook, or another ZIP archive. Save the sheet as CSV and upload that.",
    b"\xd0\xcf\x11\xe0": "This is an Excel workbook of the old kind. Save the sheet as CSV and upload that.",
    b"\x1f\x8b": "This file is compressed by gzip. Unpack it and upload what is in it.",
    b"%PDF-": "This is a PDF. Export the table itself as CSV and upload that.",
}

# In Windows-1252: bytes that mean nothing; letters and signs in rows as no western language has them (dashes, dots and
# blanks come in rows); signs behind a letter, or between letters, where other encodings have letters; a capital behind
# a small letter. Not what people do write there: a blank that does not break, a hyphen for the end of a line,
# guillemets, ´ and ‘ for an apostrophe, the point of Catalan.
_UNDEFINED = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
_STRANGE = re.compile(
    rb"[\x80-\x84\x86-\x90\x98-\x9f\xa1-\xb6\xb8-\xff]{4,}"
    rb"|(?<=[A-Za-z])[\x82-\x84\x86-\x8b\x8e\x98\x9f\xa1-\xaa\xac\xaf\xb1\xb5\xb6\xb8\xbc-\xbf]"
    rb"|(?<=[A-Za-z])[\x93-\x95\xb2\xb3\xb9](?=[A-Za-z])|(?<=[a-z])[\xc0-\xd6\xd8-\xde]"
)
_LETTERS = rb"[\x8a\x8c\x8e\x9a\x9c\x9e\x9f\xc0-\xd6\xd8-\xf6\xf8-\xff]"
_WORD = re.compile(_LETTERS + b"(?:[A-Za-z]*+" + _LETTERS + b")++")  # with two letters at least that are no ASCII
# Letters that stand together in a word of a language that Windows-1252 is for.
_TOGETHER = tuple(
    map(
        frozenset,
        (
            "äöüßéèà", "àâæçéèêëîïôœùûüÿ", "áéíñóúüç", "àáâãçéêíóôõúü", "àèéìíîòóùú", "áéèêëïíóöúüà", "åäöéàüáè",
            "æøåéäöüóèê", "äöåšžéü", "áðéíóúýþæö", "áðíóúýæø", "àçèéíïòóúü", "êëîôûïöéèáúóâäü", "çëéâ", "õäöüšž",
            "âêñùûüôéà",
        ),
    )
)  # fmt: skip
_NORTHERN = b"\xd0\xdd\xde\xf0\xfd\xfe"
_ACUTE = b"\xc1\xc6\xcd\xd3\xda\xe1\xe6\xed\xf3\xfa"
_ASCII = frozenset(map(chr, range(128)))
_HIGH = bytes(range(128, 256))


def encoding_of(path: Path) -> tuple[str, bool]:
    """By the mark at the beginning, by the zeros of UTF-16, and by all the bytes of the file; and whether some of them
    cannot be decoded. Windows-1252 only when no line of the file speaks for UTF-8 and every one for Windows-1252.

    Raises Unreadable when the file speaks for no encoding that is known here.
    """
    with path.open("rb") as file:
        start = file.read(SCAN)
        for begins, sentence in OTHER_FILES.items():
            if start.startswith(begins):
                raise Unreadable(sentence)
        if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
            raise Unreadable("The file is in UTF-32. Save it as UTF-8.")
        wide = _utf16(start)
        file.seek(0)
        if wide:
            return wide, not _decodes(file, wide)
        marked = start.startswith(codecs.BOM_UTF8)
        seen = _Bytes()
        for lines in _pieces(file):
            seen.look(lines)
    if not seen.bad_lines:
        return "utf-8-sig", False
    if marked or (seen.good_lines and seen.bad_lines <= LOCAL * seen.good_lines):
        return "utf-8-sig", True
    if not seen.good_lines and seen.is_western:
        return "cp1252", False
    if seen.bad_lines <= FEW:
        return "utf-8-sig", True
    raise Unreadable("The file is neither UTF-8 nor Windows-1252. Save it as UTF-8 and upload it again.")


def _utf16(start: bytes) -> str:
    """UTF-16 by its mark, or by the zeros of its ASCII characters; otherwise ""."""
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    for encoding, zeros in (("utf-16-le", start[1:1000:2]), ("utf-16-be", start[0:1000:2])):
        if len(start) > 3 and zeros.count(0) > len(zeros) // 2 and start[:1000].count(0) < len(start[:1000]) * 2 // 3:
            return encoding
    return ""


def _decodes(file: Any, encoding: str) -> bool:
    decode = codecs.getincrementaldecoder(encoding)()
    try:
        while piece := file.read(SCAN):
            decode.decode(piece)
        decode.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _pieces(file: Any) -> Iterator[bytes]:
    """The file in whole lines, SCAN bytes at a time; a longer line comes in pieces."""
    rest = b""
    while piece := file.read(SCAN):
        rest += piece
        end = rest.rfind(b"\n") + 1 or rest.rfind(b"\r") + 1
        if end or len(rest) > 4 * SCAN:
            yield rest[: end or len(rest)]
            rest = rest[end or len(rest) :]
    if rest:
        yield rest


@dataclass(slots=True)
class _Bytes:
    """What speaks for UTF-8, and what for Windows-1252. Lines of ASCII speak for nothing and are not counted.
    good_lines: that are UTF-8, roughly."""

    good_lines: int = 0
    bad_lines: int = 0
    high: int = 0
    strange: int = 0
    northern: int = 0  # ð, þ and ý
    acute: int = 0  # á, í, ó, ú and æ: where there is the one, in Icelandic and Faroese, there is the other
    undefined: bool = False

    @property
    def is_western(self) -> bool:
        """Whether the lines that are no UTF-8 may be Windows-1252."""
        # Alone they are the ş, ğ and ı of Turkish, or letters of the Baltic.
        northern = self.northern if self.northern > ALONE * self.acute else 0
        return not self.undefined and self.strange + northern <= WESTERN * self.high

    def look(self, lines: bytes) -> None:
        """Takes whole lines into account."""
        if lines.isascii():
            return
        try:
            lines.decode()
            self.good_lines += max(1, lines.count(b"\n"))
        except UnicodeDecodeError:
            bad = [line for line in lines.splitlines() if not self._is_good(line)]
            self.bad_lines += len(bad)
            self._weigh(b"\n".join(bad))

    def _is_good(self, line: bytes) -> bool:
        if line.isascii():
            return True
        try:
            line.decode()
        except UnicodeDecodeError:
            return False
        self.good_lines += 1
        return True

    def _weigh(self, lines: bytes) -> None:
        """What speaks for Windows-1252 in lines that are no UTF-8, all at once: one by one takes three times as
        long."""
        self.high += _count(lines, _HIGH)
        self.strange += sum(map(len, _STRANGE.findall(lines)))
        letters = map(_letters, _WORD.findall(lines))
        self.strange += sum(len(found) for found in letters if not _go_together(found))
        self.northern += _count(lines, _NORTHERN)
        self.acute += _count(lines, _ACUTE)
        self.undefined = self.undefined or _UNDEFINED.search(lines) is not None


def _count(lines: bytes, which: bytes) -> int:
    return len(lines) - len(lines.translate(None, which))


def _letters(word: bytes) -> frozenset[str]:
    """Those of a word that are no ASCII, each once."""
    return frozenset(word.decode("cp1252").lower()) - _ASCII


@lru_cache(maxsize=1024)
def _go_together(letters: frozenset[str]) -> bool:
    return len(letters) < 2 or any(letters <= together for together in _TOGETHER)
