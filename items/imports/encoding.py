"""In which encoding a file is. All of its bytes are looked at, in bounded memory: what speaks for another encoding may
stand far behind."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from items.imports.rows import Unreadable

SCAN = 1 << 20  # bytes read at a time
LOCAL = 10  # lines that are no UTF-8 for each that is: still faults of a file in UTF-8
FEW = 3  # lines that are nothing known: their rows fail; more, and the file is refused
WESTERN = 0.5  # of the bytes that are no ASCII may look strange in Windows-1252; above, it is something else

# In Windows-1252: bytes that mean nothing, letters in rows as no western language has them, signs behind a letter where
# other encodings have letters.
_UNDEFINED = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
_STRANGE = re.compile(
    rb"[\xc0-\xff]{4,}|(?<=[A-Za-z])[\x82-\x84\x86-\x8b\x8e\x98\x9f\xa0-\xad\xaf\xb1\xb4-\xb8\xbb-\xbf]"
)
_HIGH = re.compile(rb"[\x80-\xff]")


def encoding_of(path: Path) -> tuple[str, bool]:
    """By the mark at the beginning, by the zeros of UTF-16, and by all the bytes of the file; and whether some of them
    cannot be decoded. Windows-1252 only when no line of the file speaks for UTF-8 and every one for Windows-1252.

    Raises Unreadable when the file speaks for no encoding that is known here.
    """
    with path.open("rb") as file:
        start = file.read(SCAN)
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
    if not seen.good_lines and not seen.undefined and seen.strange <= WESTERN * seen.high:
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
        end = rest.rfind(b"\n") + 1
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
    undefined: bool = False

    def look(self, lines: bytes) -> None:
        if lines.isascii():
            return
        try:
            lines.decode()
            self.good_lines += max(1, lines.count(b"\n"))
        except UnicodeDecodeError:
            for line in lines.splitlines():
                self._line(line)

    def _line(self, line: bytes) -> None:
        if line.isascii():
            return
        try:
            line.decode()
            self.good_lines += 1
        except UnicodeDecodeError:
            self.bad_lines += 1
            self.high += len(_HIGH.findall(line))
            self.strange += sum(len(found) for found in _STRANGE.findall(line))
            self.undefined = self.undefined or _UNDEFINED.search(line) is not None
