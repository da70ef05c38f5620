"""What the topics carry: the formats of their keys and values, kept as the database has them.

`of(topic)` is the one way from a record of Kafka to what is shown of it: for live records, history, search and export.
What it does not know of a topic is `auto` (docs/decisions/0027-decoding.md). It asks no database, and loads no models:
the process that searches has none. `streams/decoding/stored.py` does, and puts here what it finds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Literal, NamedTuple

import orjson

from streams import metrics
from streams.decoding import registry
from streams.decoding.avro_compiled import UNUSUAL
from streams.decoding.formats import OWN, BadFormat, Formats
from streams.decoding.parts import AUTO, Format, Missing, Part, form
from streams.decoding.schemas import Id, Schema
from streams.wire.ranges import Wholes
from streams.wire.records import (
    KEY_BYTES,
    USUAL_SHOWN,
    VALUE_BYTES,
    Raw,
    Record,
    Shown,
    encode,
    encode_raw,
    encode_shown,
    is_strict_json,
)

DECODED_BYTES = 64 * 1024  # of a key or value; a larger one is decoded only where one record is asked for
SLICE_S = 0.005  # decoding at one go; then the loop has its turn
SLICE = 16  # records between looks at the time

_large = ThreadPoolExecutor(1, thread_name_prefix="decoding")  # for values that would keep the loop for long
_asked = ThreadPoolExecutor(1, thread_name_prefix="decoding-one")  # for what one person asks: nothing live waits for it


class Decoded(NamedTuple):
    """What the formats made of a record; None where key or value is shown as its bytes are."""

    value: Shown | None
    key: Shown | None

    def json(self, raw: Raw) -> bytes | None:
        """The value as exact JSON, whole; None when it has none."""
        if self.value is not None and self.value.encoding is not None:
            return self.value.data if self.value.encoding == "json" else None
        return raw.value if raw.value is not None and is_strict_json(raw.value) else None


NOTHING = Decoded(None, None)


class Carried:
    """What one topic carries. version: changes with it. is_plain: everything is shown as its bytes are.

    counts: whether what is not decoded is counted as the topic's.
    """

    def __init__(
        self, topic: str, value: Format = AUTO, key: Format = AUTO, version: str = "",
        asked: registry.Registry | None = None, *, counts: bool = True,
    ) -> None:  # fmt: skip
        self.topic, self.version, self._registry = topic, version, asked
        self._value = Part(topic, "value", value, asked)
        self._key = Part(topic, "key", key, asked)
        self.is_plain = self._value.is_plain and self._key.is_plain
        self._is_key_auto = key.name == "auto"
        self._is_auto = self._is_key_auto and value.name == "auto"
        self._not_decoded = metrics.NOT_DECODED.labels(topic) if counts else None
        self._others: dict[Formats, Carried] = {}  # at most so many as there are pairs of formats

    def read_as(self, formats: Formats) -> Carried:
        """The same topic by other formats, for one who wants to look at it so."""
        if formats == OWN:
            return self
        other = self._others.get(formats)
        if other is None:
            value, key = self._value.form_of(formats.value_format), self._key.form_of(formats.key_format)
            other = Carried(self.topic, value, key, self.version, self._registry, counts=False)
            self._others[formats] = other
        return other

    def check(self, formats: Formats) -> None:
        """Raises BadFormat where formats need a schema that nothing here has."""
        for field, part in zip(Formats._fields, (self._value, self._key), strict=True):
            name = getattr(formats, field)
            if name is not None and (problem := part.why_not(name)):
                raise BadFormat(field, f"{field} {name}: {problem}")

    def shows_bytes(self, raw: Raw) -> bool:
        """Whether a record is surely shown as its bytes are: no format makes anything of them."""
        return self.is_plain or (self._is_auto and not raw.headers and not _begins_with_0(raw.value, raw.key))

    # One record, at once.

    def decode(self, raw: Raw, *, is_last: bool = False, whole: bool = False) -> Decoded:
        """What the formats make of a record. Raises Missing for a schema that is not known, unless is_last.

        whole: decodes what is larger than DECODED_BYTES, too.
        """
        if self.is_plain:
            return NOTHING
        limit = None if whole else DECODED_BYTES
        headers = raw.headers
        return Decoded(
            self._value.show(raw.value, headers, is_last=is_last, limit=limit),
            None if self._key.is_plain else self._key.show(raw.key, headers, is_last=is_last, limit=limit),
        )

    def encode(self, raw: Raw, *, is_last: bool = False, whole: bool = False, wholes: Wholes | None = None) -> Record:
        """The record as the protocol shows it. Raises Missing as `decode` does; whole: nothing is cut.

        wholes: takes the value where it is cut.
        """
        if self._value.usual and not whole and (usual := self._encode_usual(raw)) is not None:
            return usual
        return self._encode_other(raw, is_last, wholes, whole=whole)

    def _encode_other(self, raw: Raw, is_last: bool, wholes: Wholes | None, *, whole: bool = False) -> Record:
        """As `encode`, of what `_encode_usual` leaves."""
        if self._is_auto and not whole and not raw.headers and not _begins_with_0(raw.value, raw.key):
            if wholes is not None and raw.value is not None and len(raw.value) > VALUE_BYTES:
                wholes.take(raw.offset, raw.value)
            return encode_raw(raw)  # most records of most topics: nothing names a schema
        value, key = self.decode(raw, is_last=is_last, whole=whole)
        if wholes is not None:
            wholes.take(raw.offset, raw.value if value is None else value.data)
        if value is None and key is None and not whole:
            return encode_raw(raw)
        if self._not_decoded is not None and (
            (value is not None and value.problem) or (key is not None and key.problem)
        ):
            self._not_decoded.inc()
        if whole:
            return encode(
                raw.offset, raw.timestamp, raw.key, raw.headers, raw.value, whole=True, shown=value, key_shown=key
            )
        return encode_shown(raw, value, key)

    def _encode_usual(self, raw: Raw) -> Record | None:
        """A record as most of a topic with a schema are, without headers, as `encode` makes it. None where it is not,
        or may not be, such a one."""
        value, key, timestamp, part = raw.value, raw.key, raw.timestamp, self._value
        if value is None or key is None or raw.headers or timestamp < 0:
            return None
        size, usual = len(value), part.usual.get(value[: part.head])
        if usual is None or size > VALUE_BYTES or len(key) > KEY_BYTES:
            return None
        if not (self._key.is_plain or (self._is_key_auto and not key.startswith(b"\0"))):
            return None
        read, more = usual
        try:
            json, text = orjson.dumps(read(value, part.head)), orjson.dumps(key.decode())
        except UNUSUAL:
            return None
        if len(json) > VALUE_BYTES:
            return None
        offset = raw.offset
        data = USUAL_SHOWN % (offset, timestamp, text, size, json, more)
        return tuple.__new__(Record, (offset, timestamp, size, data))  # half of what Record() takes

    def encode_uncut(self, raw: Raw) -> Record:
        """The record with nothing cut and without its bytes, with what is known now: what an export has of it."""
        is_small = len(raw.value or b"") <= VALUE_BYTES and len(raw.key or b"") <= KEY_BYTES and not raw.headers
        if is_small and self.shows_bytes(raw):
            return encode_raw(raw)
        value, key = self.decode(raw, is_last=True, whole=True)
        return encode(
            raw.offset, raw.timestamp, raw.key, raw.headers, raw.value, whole=True, bytes_too=False, shown=value,
            key_shown=key,
        )  # fmt: skip

    # Many, without holding up the loop.

    async def encode_all(self, polled: Sequence[Raw], wholes: Wholes | None = None) -> list[Record]:
        """All of them, in order. Waits for schemas that are not known, registry.WAIT_S at most. wholes: as in `encode`,
        here and below."""
        if self.is_plain:
            if wholes is not None:
                for raw in polled:
                    wholes.take(raw.offset, raw.value)
            return [encode_raw(raw) for raw in polled]
        missing = set[Id]()
        records = await self.encode_known(missing, polled, wholes)
        if not missing:
            return records
        await self.learn(missing)
        return await self.encode_now(polled, wholes)

    async def encode_known(self, missing: set[Id], polled: Sequence[Raw], wholes: Wholes | None = None) -> list[Record]:
        """All of them, in order; or, with fewer of them, in `missing` the schemas that have to be known first."""
        records: list[Record] = []
        await self._each(polled, records, missing, wholes)
        return records

    async def encode_now(self, polled: Sequence[Raw], wholes: Wholes | None = None) -> list[Record]:
        """All of them, in order, with what is known now."""
        records: list[Record] = []
        await self._each(polled, records, None, wholes)
        return records

    async def encode_large(self, raw: Raw, *, is_last: bool, wholes: Wholes | None) -> tuple[Record, float]:
        """As `encode`, in a thread, of a value over VALUE_BYTES; and the seconds of CPU that it took."""

        def timed() -> tuple[Record, float]:
            since = time.thread_time()
            return self._encode_other(raw, is_last, wholes), time.thread_time() - since

        return await asyncio.get_running_loop().run_in_executor(_large, timed)

    async def encode_whole(self, raw: Raw) -> Record:
        """One record, uncut. Waits for its schemas, registry.WAIT_S at most."""
        await self._learn_all(raw)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(_asked, partial(self.encode, raw, is_last=True, whole=True))

    async def schema_of(self, raw: Raw, part: Literal["value", "key"]) -> tuple[Schema, bytes] | None:
        """The schema of a record's value or key, and the record's field `schema`; None when it was decoded by none."""
        await self._learn_all(raw)
        read, data = (self._value, raw.value) if part == "value" else (self._key, raw.key)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(_asked, read.schema_of, data, raw.headers)

    async def _learn_all(self, raw: Raw) -> None:
        """Value and key may each name a schema; the second is seen once the first is known."""
        loop = asyncio.get_running_loop()
        for _ in range(2):
            try:
                await loop.run_in_executor(_asked, partial(self.decode, raw, whole=True))
                return
            except Missing as missing:
                await self.learn({missing.id})

    async def learn(self, missing: set[Id]) -> None:
        """Asks for schemas, and waits for them, registry.WAIT_S at most."""
        if self._registry is not None:
            await self._registry.learn(missing)

    async def _each(
        self, polled: Sequence[Raw], records: list[Record], missing: set[Id] | None, wholes: Wholes | None
    ) -> None:
        """missing: takes what has to be known first; None: it is too late for that."""
        loop = asyncio.get_running_loop()
        is_last, began = missing is None, loop.time()
        usual, encode_usual = self._value.usual, self._encode_usual
        for number, raw in enumerate(polled):
            try:
                if usual and (record := encode_usual(raw)) is not None:
                    records.append(record)
                elif raw.value is not None and len(raw.value) > VALUE_BYTES:
                    record, _ = await self.encode_large(raw, is_last=is_last, wholes=wholes)
                    records.append(record)
                else:
                    records.append(self._encode_other(raw, is_last, wholes))
            except Missing as found:
                if missing is not None:
                    missing.add(found.id)
            if number % SLICE == 0 and loop.time() - began > SLICE_S:
                await asyncio.sleep(0)
                began = loop.time()


def _begins_with_0(value: bytes | None, key: bytes | None) -> bool:
    return bool((value and not value[0]) or (key and not key[0]))


# Of all topics ----------------------------------------------------------------------------------------------------

_known: dict[str, Carried] = {}


def of(topic: str) -> Carried:
    """What a topic carries, as far as it is known here; else `auto`."""
    found = _known.get(topic)
    if found is None:
        found = _known[topic] = Carried(topic, asked=registry.current())
    return found


def put(carried: Carried) -> None:
    """Makes known what a topic carries."""
    _known[carried.topic] = carried


def forget() -> None:
    """Forgets all of it: this event loop ends."""
    _known.clear()


def versions() -> dict[str, str]:
    """The version of what each topic carries that is known here, by the topic's name."""
    return {name: carried.version for name, carried in _known.items()}


def drop(topic: str) -> None:
    """Forgets what a topic carries."""
    _known.pop(topic, None)


class Declared(NamedTuple):
    """What a topic carries, by the names of its row, where `Topic` says what each is. formats_version: changes with
    the others."""

    value_format: str = "auto"
    value_schema: str = ""
    value_message: str = ""
    key_format: str = "auto"
    key_schema: str = ""
    key_message: str = ""
    formats_version: str = ""


async def made(topic: str, declared: Declared) -> Carried:
    """What a topic carries by that. A schema that is no use is each record's problem."""
    loop = asyncio.get_running_loop()
    value = await loop.run_in_executor(_asked, form, *declared[:3])
    key = await loop.run_in_executor(_asked, form, *declared[3:6])
    return Carried(topic, value, key, declared.formats_version, registry.current())
