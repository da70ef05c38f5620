"""Avro values by a reader of their schema alone: a function in Python that is written for it once, and compiled.

fastavro asks its source for each byte of a number, and looks at each type anew for each value. Here only what is usual
is read. Whatever is not (a length below zero, a number beyond 64 bits, bytes that are left over, a value that JSON
cannot hold) raises one of UNUSUAL, and the general way (`avro.py`) says what it is: nothing is refused here, and no
sentence told.
"""

from __future__ import annotations

import struct
from binascii import b2a_base64
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from streams.decoding.exact import MILLISECONDS, second

PARTS = 200  # of a schema, a named type counted wherever it stands: the code is as long, and is compiled at one go
LEVELS = 8  # of types within each other: Python nests twenty loops, and an array takes two of them
ONE_BYTE = 64  # branches or symbols whose number takes one byte

Read = Callable[[bytes, int], Any]
Convert = Callable[..., Any]  # of a logical type: from what is read, and its schema


class Unusual(ValueError):
    """Only the general way can say what this is."""


# What a reader raises, or `orjson.dumps` of what it read.
UNUSUAL = (ValueError, LookupError, TypeError, OverflowError, struct.error)

# What the bits add that say, in the bytes before the last one of a number, that another one follows.
_2, _3, _4, _5, _6, _7, _8, _9, _10 = (sum(0x80 << 7 * place for place in range(count)) for count in range(1, 10))


def _number(data: bytes, at: int, number: int) -> tuple[int, int]:
    """A number of several bytes as it was written (zigzag), and where it ends. at: of its second byte. number: its
    first one. Written out, since most of a time goes here."""
    byte = data[at]
    number += byte << 7
    if byte < 0x80:
        return number - _2, at + 1
    byte = data[at + 1]
    number += byte << 14
    if byte < 0x80:
        return number - _3, at + 2
    byte = data[at + 2]
    number += byte << 21
    if byte < 0x80:
        return number - _4, at + 3
    byte = data[at + 3]
    number += byte << 28
    if byte < 0x80:
        return number - _5, at + 4
    byte = data[at + 4]
    number += byte << 35
    if byte < 0x80:
        return number - _6, at + 5
    byte = data[at + 5]
    number += byte << 42
    if byte < 0x80:
        return number - _7, at + 6
    return _long_number(data, at + 6, number)


def _long_number(data: bytes, at: int, number: int) -> tuple[int, int]:
    """As `_number`, of more than seven bytes: `number` has what these say."""
    for places, followed in ((49, _8), (56, _9), (63, _10)):
        byte = data[at]
        at += 1
        number += byte << places
        if byte < 0x80:
            number -= followed
            if number >> 64:
                break
            return number, at
    raise Unusual


def _span(data: bytes, at: int, first: int) -> tuple[int, int]:
    """Where bytes begin and end whose length stands at `at`. first: its first byte."""
    if first < 0x80:
        raise Unusual  # below zero
    size, at = _number(data, at + 1, first)
    if size & 1:
        raise Unusual
    return at, at + (size >> 1)


def _count(data: bytes, at: int, first: int) -> tuple[int, int]:
    """Twice the items of a block, and where they begin. at: behind its first byte."""
    count, at = (first, at) if first < 0x80 else _number(data, at, first)
    if count & 1 or count == 0:
        raise Unusual  # below zero: the size of the block follows; or the end, in more bytes than it takes
    return count, at


def _base64(data: bytes) -> str:
    return b2a_base64(data, newline=False).decode()


_NAMES: dict[str, Any] = {
    "__builtins__": {"len": len, "range": range},
    "Unusual": Unusual,
    "number": _number,
    "span": _span,
    "count": _count,
    "base64": _base64,
    "second": second,
    "MILLISECONDS": MILLISECONDS,
    "float_at": struct.Struct("<f").unpack_from,
    "double_at": struct.Struct("<d").unpack_from,
}


_PRIMITIVES = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})
# A type may be called so, and fastavro takes its name for something else.
_AMBIGUOUS = frozenset({"record", "error", "array", "map", "enum", "fixed", "union", "error_union", "request"})


class _TooMuch(Exception):
    """The schema is none for a reader of its own."""


def compiled(schema: Any, named: Mapping[str, Any], logical: Mapping[str, Convert]) -> Read | None:
    """A function that gives the value that begins at an offset of some bytes, and ends with them, as `orjson.dumps`
    takes it without help. None for a schema that is too large, or in some way odd.

    schema, named: parsed by fastavro, without recursion. logical: by the names that fastavro gives them.
    """
    writing = _Writing(named, logical)
    try:
        shown = writing.value(schema, 0)
    except _TooMuch:
        return None
    body = "".join(f"    {line}\n" for line in writing.lines)
    source = f"def read(data, at):\n{body}    if at != len(data):\n        raise Unusual\n    return {shown}\n"
    names = {**_NAMES, **writing.constants}
    # Of the schema nothing stands in it but texts as literals: neither names nor numbers are its author's.
    exec(compile(source, "<an Avro schema>", "exec"), names)  # noqa: S102
    read: Read = names["read"]
    return read


class _Writing:
    """The code of one reader. lines: its body. constants: what it needs by name.

    Its names: `data`, `at` (the next byte), `n` and `start` (of what is read just now), and v1, v2 … for values.
    """

    def __init__(self, named: Mapping[str, Any], logical: Mapping[str, Convert]) -> None:
        self._named, self._logical = named, logical
        self.lines: list[str] = []
        self.constants: dict[str, Any] = {}
        self._indent = ""
        self._values = self._parts = 0

    def value(self, schema: Any, level: int) -> str:
        """Writes what reads a value. Returns the expression that gives it, which may be used once, and at once."""
        self._parts += 1
        if self._parts > PARTS or level > LEVELS:
            raise _TooMuch
        if isinstance(schema, list):
            return self._union(schema, level)
        if isinstance(schema, str) and schema not in _PRIMITIVES:
            return self._reference(schema, level)
        kind = schema["type"] if isinstance(schema, dict) else schema
        match kind:
            case "record" | "error":
                return self._record(schema, level)
            case "array":
                return self._array(schema, level)
            case "map":
                return self._map(schema, level)
            case "enum":
                return self._enum(schema["symbols"])
            case "null":
                return "None"
            case "boolean":
                self._write("n = data[at]", "at += 1")
                return self._assigned("n != 0")
            case "int" | "long" | "float" | "double" | "string" | "bytes" | "fixed":
                return self._meant(kind, schema)
        raise _TooMuch

    def _reference(self, name: str, level: int) -> str:
        if name in _AMBIGUOUS or name not in self._named:
            raise _TooMuch
        return self.value(self._named[name], level)

    # With a logical type, or without ----------------------------------------------------------------------------------

    def _meant(self, kind: str, schema: Any) -> str:
        found = self._number() if kind in {"int", "long"} else self._sized(kind, schema)
        meaning = schema.get("logicalType") if isinstance(schema, dict) else None
        convert = self._logical.get(f"{kind}-{meaning}") if meaning else None
        if convert is None:
            return f"base64({found})" if kind in {"bytes", "fixed"} else found
        if (kind, meaning) == ("long", "timestamp-millis"):  # most times
            return self._assigned(f"second({found} // 1000) + MILLISECONDS[{found} % 1000]")
        return self._assigned(f"{self._constant(convert)}({found}, {self._constant(schema)})")

    def _number(self) -> str:
        self._read_number()
        return self._assigned("~(n >> 1) if n & 1 else n >> 1")

    def _read_number(self) -> None:
        self._write("n = data[at]", "at += 1", "if n > 127:", "    n, at = number(data, at, n)")

    def _sized(self, kind: str, schema: Any) -> str:
        if kind in {"float", "double"}:
            found = self._assigned(f"{kind}_at(data, at)[0]")
            # The difference of an infinity to itself is no number, which is not 0.
            self._write(f"at += {4 if kind == 'float' else 8}", f"if {found} - {found}:", "    raise Unusual")
            return found
        if kind == "fixed":
            size = schema["size"]
            if type(size) is not int or size < 0:
                raise _TooMuch
            self._write("start = at", f"at += {size}", "if at > len(data):", "    raise Unusual")
            return self._assigned("data[start:at]")
        self._read_span()
        return self._assigned("data[start:at].decode()" if kind == "string" else "data[start:at]")

    def _read_span(self) -> None:
        """What lies behind the end of the data is found to be too short by who reads on, or at the end."""
        self._write(
            "n = data[at]",
            "if n & 129:",
            "    start, at = span(data, at, n)",
            "else:",
            "    start = at + 1",
            "    at = start + (n >> 1)",
        )

    # Made of others ---------------------------------------------------------------------------------------------------

    def _record(self, schema: Any, level: int) -> str:
        shown = [(_literal(field["name"]), self.value(field["type"], level + 1)) for field in schema["fields"]]
        fields = ", ".join([f"{name}: {value}" for name, value in shown])
        return f"{{{fields}}}"

    def _enum(self, symbols: Any) -> str:
        if not isinstance(symbols, list) or not all(isinstance(symbol, str) for symbol in symbols):
            raise _TooMuch
        of = self._constant({2 * number: symbol for number, symbol in enumerate(symbols)})
        if len(symbols) > ONE_BYTE:
            self._read_number()
        else:
            self._write("n = data[at]", "at += 1")
        return self._assigned(f"{of}[n]")

    def _union(self, branches: list[Any], level: int) -> str:
        if not 0 < len(branches) <= ONE_BYTE:
            raise _TooMuch
        value = self._name()
        self._write("n = data[at]", "at += 1")
        for number, branch in enumerate(branches):
            self._write(f"{'elif' if number else 'if'} n == {2 * number}:")
            with self._deeper():
                self._write(f"{value} = {self.value(branch, level + 1)}")
        self._write("else:", "    raise Unusual")
        return value

    def _array(self, schema: Any, level: int) -> str:
        value = self._name()
        self._write(f"{value} = []")
        with self._blocks():
            self._write(f"{value}.append({self.value(schema['items'], level + 1)})")
        return value

    def _map(self, schema: Any, level: int) -> str:
        value = self._name()
        self._write(f"{value} = {{}}")
        with self._blocks():
            self._read_span()
            key = self._assigned("data[start:at].decode()")
            self._write(f"{value}[{key}] = {self.value(schema['values'], level + 1)}")
        return value

    # Writing ----------------------------------------------------------------------------------------------------------

    def _write(self, *lines: str) -> None:
        self.lines += [self._indent + line for line in lines]

    def _name(self) -> str:
        self._values += 1
        return f"v{self._values}"

    def _assigned(self, expression: str) -> str:
        name = self._name()
        self._write(f"{name} = {expression}")
        return name

    def _constant(self, value: Any) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = value
        return name

    @contextmanager
    def _deeper(self) -> Iterator[None]:
        """What is written meanwhile stands one step further in."""
        before, self._indent = self._indent, self._indent + "    "
        yield
        self._indent = before

    @contextmanager
    def _blocks(self) -> Iterator[None]:
        """What is written meanwhile is done with each item of an array or map."""
        self._write("n = data[at]", "at += 1", "while n:")
        with self._deeper():
            self._write("if n & 129:", "    n, at = count(data, at, n)", "for _ in range(n >> 1):")
            with self._deeper():
                yield
            self._write("n = data[at]", "at += 1")


def _literal(text: Any) -> str:
    """A text as Python writes it, in ASCII."""
    if not isinstance(text, str):
        raise _TooMuch
    return ascii(text)
