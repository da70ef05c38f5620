"""What a filter sees of a record: its names, from the record as it travels, and its value whole where it travels cut.

The record's own JSON is the source, so that a filter sees what a person is shown, however the value was decoded.
"""

from __future__ import annotations

import base64
import contextlib
import re
from typing import Any

import orjson

from streams.filters.times import MILLISECOND, Moment
from streams.filters.work import Work
from streams.wire.ranges import WHOLE_BYTES
from streams.wire.records import ARRAY, JSON_DEPTH, KEY_BYTES, VALUE_BYTES, Raw, Record, is_strict_json

TEXTS = frozenset({"text", "hex"})  # formats that make a text of a value; base64 makes bytes, all others JSON
# What stands behind a value that is not cut; of those that a record has, none stands again in what follows the first.
BEHIND_VALUE = ("format", "key_format", "problem")
JSON_VALUE = re.compile(rb',"size":\d+,"encoding":"json","value":')


class Seen(Work):
    """One record, for all filters that look at it: its names, and what the filter at work has of loops and work left.

    headers: name -> its values, in order. timestamp: a Moment, None where the record has none. each: what a loop,
    and one within it, are at.
    """

    __slots__ = (
        "_behind", "_data", "_searched", "_searching", "_whole", "each", "format", "headers", "key", "offset",
        "partition", "size", "timestamp", "topic", "value",
    )  # fmt: skip

    def __init__(self, topic: str, partition: int, shown: dict[str, Any], data: bytes, whole: bytes | None) -> None:
        super().__init__()
        self._data, self._whole = data, whole
        self._searched: str | None = None
        self._searching = 0  # what that costs
        self.topic, self.partition = topic, partition
        self.offset: int = shown["offset"]
        self.size: int = shown["size"]
        self.key: str | None = shown["key"]
        self.value: Any
        form, encoding = shown.get("format"), shown["encoding"]
        if whole is None:
            self.value = shown["value"]
        else:
            self.value, encoding = _uncut(whole, form)
        self.format: str = form or encoding
        self._behind = next((name for name in BEHIND_VALUE if name in shown), "")
        self.headers: dict[str, list[Any]] = _headers(shown)
        timestamp = shown["timestamp"]
        self.timestamp = None if timestamp is None else Moment(timestamp * MILLISECOND)
        self.each: list[Any] = [None, None]

    def searched(self) -> str:
        """What words are looked for in: key, value and headers as they are shown, in small letters. Costs each filter
        the same, whoever asks first. Raises TooMuch."""
        if self._searched is None:
            before = self.left
            said = [self.key or "", self.source()]
            self._say("", self.value, said)
            for name, values in self.headers.items():
                self._say(name, values, said)
            self.spend(sum(map(len, said)) >> 6)
            self._searched = " ".join(said).lower()
            self._searching = before - self.left
        else:
            self.spend(self._searching)
        return self._searched

    def source(self) -> str:
        """The JSON of the value, as it was produced or decoded: its digits are those that are shown. "" for texts."""
        if isinstance(self.value, str):
            return ""
        if self._whole is not None:
            return self._whole.decode()
        found = JSON_VALUE.search(self._data)  # no header has a number behind a name: the first is the record's own
        end = self._data.rindex(b',"%b":' % self._behind.encode()) if self._behind else -1
        return self._data[found.end() : end].decode() if found else ""

    def _say(self, name: str, value: Any, said: list[str]) -> None:
        """Says each text, number and so on in a value, with its name, as rows and details write them."""
        self.spend(2)
        if isinstance(value, dict) and value:
            for inner, part in value.items():
                self._say(inner, part, said)
        elif isinstance(value, list) and value:
            for part in value:
                self._say(name, part, said)
        else:
            text = value if isinstance(value, str) else orjson.dumps(value).decode()
            said.append(f"{text} {name}:{text}" if name else text)


def seen(topic: str, partition: int, record: Record, whole: bytes | None = None) -> Seen | None:
    """What filters see of a record; None when it cannot be looked into: it is larger than they see, or was cut.

    whole: the value, its bytes or what a format made of them, where the record travels with a part of it.
    """
    if record.size > WHOLE_BYTES:
        return None
    shown: dict[str, Any] = orjson.loads(record.data)
    if "truncated" in shown and (whole is None or shown["cut"] != ["value"]):
        return None
    return Seen(topic, partition, shown, record.data, whole if "truncated" in shown else None)


class Glance:
    """Sees records that are shown as their bytes are, one after another, without making what would travel.

    seen: the last one; it is the same object again and again, with what is to be seen of the next.
    """

    __slots__ = ("_moment", "seen")

    def __init__(self, topic: str) -> None:
        shown: dict[str, Any] = {
            "offset": 0,
            "timestamp": None,
            "key": None,
            "headers": {},
            "size": 0,
            "encoding": "json",
            "value": 0,
        }
        self.seen = Seen(topic, 0, shown, b"", None)
        self.seen.timestamp = self._moment = Moment(0)

    def at(self, partition: int, raw: Raw) -> Seen | None:
        """What is to be seen of a record, if that is known without making it: most have small JSON under a key of text,
        and no headers. None where it is not."""
        key, value, timestamp = raw.key, raw.value, raw.timestamp
        if (
            key is None or value is None or len(key) > KEY_BYTES or (size := len(value)) > VALUE_BYTES or raw.headers
            or timestamp < 0
        ):  # fmt: skip
            return None
        seen = self.seen
        try:
            seen.value = orjson.loads(value)
            seen.key = key.decode()
        except (ValueError, RecursionError):
            return None
        has_arrays = ARRAY in value
        is_flat = not has_arrays and value.find(b"{", 1) < 0
        if not is_flat and value.count(b"{") + (value.count(b"[") if has_arrays else 0) > JSON_DEPTH:
            return None
        seen.offset, seen.partition, seen.size = raw.offset, partition, size
        self._moment.ns = timestamp * MILLISECOND
        seen._whole, seen._searched = value, None
        return seen


def _uncut(whole: bytes, form: str | None) -> tuple[Any, str]:
    """A value and its encoding, as they would be were it not cut: JSON, text, or base64. form: what made it of the
    bytes."""
    if form != "base64":
        if form not in TEXTS and (form is not None or is_strict_json(whole)):
            return orjson.loads(whole), "json"
        with contextlib.suppress(UnicodeDecodeError):
            return whole.decode(), "text"
    return base64.b64encode(whole).decode(), "base64"


def _headers(shown: dict[str, Any]) -> dict[str, list[Any]]:
    headers = shown["headers"]
    if not headers:
        return {}
    found: dict[str, list[Any]] = {}
    for name, value in shown.get("header_list") or headers.items():
        found.setdefault(name, []).append(value["base64"] if isinstance(value, dict) else value)
    return found
