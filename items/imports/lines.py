"""The lines of a file: numbered, bounded in length, with no byte lost; what its encoding does not know is found."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import IO

LINE_LENGTH = 1_000_000  # characters; an item has 23,000 at most
ROW_LENGTH = 2_000_000  # characters of all the lines of one row

# What decoding leaves of bytes that are no UTF-8 (`surrogateescape`); and of broken UTF-16 (`replace`).
_BAD_BYTE = re.compile("[\udc80-\udcff]")
_REPLACED = "\ufffd"
MARK = "\ufeff"  # of byte order: files that were put together have one before each part, not only at their beginning
_ESCAPED = 0xDC00


def opened(raw: IO[bytes], encoding: str) -> IO[str]:
    """The file as text in which no byte is lost: what cannot be decoded is marked."""
    errors = "surrogateescape" if encoding == "utf-8-sig" else "replace"
    return io.TextIOWrapper(raw, encoding, errors=errors, newline="")


class TooLong(Exception):
    """A line, or all the lines of one row."""


class Lines:
    """The lines of a file and their numbers. Those of the row under way are kept until `begin`."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._again: list[str] = []
        self.number = 0
        self.start = 1
        self.kept: list[str] = []

    def begin(self) -> None:
        """The next line begins a row."""
        self.kept.clear()
        self.start = self.number + 1

    def again(self, line: str) -> None:
        """The line that was read last comes once more."""
        self._again.append(line)
        self.number -= 1

    def __iter__(self) -> Iterator[str]:
        again, kept, readline = self._again, self.kept, self._file.readline
        length = 0
        while line := again.pop() if again else readline(LINE_LENGTH):
            if not kept:
                length = 0
                if line[0] == MARK:
                    line = line.lstrip(MARK)
            self.number += 1
            kept.append(line)
            size = len(line)
            length += size
            if size >= LINE_LENGTH and line[-1] not in "\r\n":
                self._skip_rest()
                raise TooLong
            if length > ROW_LENGTH:
                raise TooLong
            yield line

    def _skip_rest(self) -> None:
        while (piece := self._file.readline(LINE_LENGTH)) and piece[-1] not in "\r\n":
            pass


def undecoded(line: str, number: int) -> str:
    """The sentence about the first byte of the line that its encoding does not know, or ""."""
    if line.isascii():
        return ""
    found = _BAD_BYTE.search(line)
    if found is not None:
        place = len(line[: found.start()].encode("utf-8", "surrogateescape")) + 1
        byte = ord(found.group()) - _ESCAPED
        return f"Line {number} has a byte that is not UTF-8: 0x{byte:02X}, the byte {place} of the line."
    return f"Line {number} has a piece that is not UTF-16." if _REPLACED in line else ""
