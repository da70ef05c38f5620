"""The keys, or the values, of one topic: what its format makes of their bytes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from streams.decoding import avro, avro_compiled, avro_container, cbor, messagepack, primitives, registry
from streams.decoding.exact import Exact, NotDecoded
from streams.decoding.schemas import Id, Kind, Schema, make
from streams.wire.records import VALUE_BYTES, Shown, is_strict_json

log = logging.getLogger(__name__)

TOLD = 100  # schemas whose fields are kept ready, a key or value
HEAD = 5  # bytes before a value that name a schema of the registry
NEEDS_SCHEMA = frozenset({"avro", "protobuf"})  # formats that are nothing without one
WITH_SCHEMA: dict[str, Kind] = {"avro": "avro", "protobuf": "protobuf", "json-schema": "json-schema"}

Headers = Sequence[tuple[str, bytes | None]]
# What reads what most values are (docs of `avro_compiled`), and the further fields of such a record (`Shown.more`).
Usual = tuple[avro_compiled.Read, bytes]
Decode = Callable[[bytes], Exact]

# What needs nothing but the bytes.
_ALONE: dict[str, Decode] = {
    **primitives.DECODERS,
    "msgpack": messagepack.decode,
    "cbor": cbor.decode,
    "avro-container": avro_container.decode,
}


class Missing(Exception):
    """A schema of the registry is not known yet. id: which."""

    def __init__(self, id: Id) -> None:  # noqa: A002 - the field's name
        super().__init__(f"Schema {id} is not known yet.")
        self.id = id


@dataclass(frozen=True, slots=True)
class Format:
    """How keys or values are written. message: the type of a Protobuf message. problem: why its schema is no use."""

    name: str = "auto"
    schema: Schema | None = None
    message: str = ""
    problem: str = ""


AUTO = Format()


class Part:
    """The keys, or the values, of one topic.

    usual: by the first `head` bytes of a value without headers, where that is known: how values are read that begin so.
    It says the same as `show`, where it says anything.
    """

    def __init__(self, topic: str, kind: str, form: Format, asked: registry.Registry | None) -> None:
        self._topic, self._kind, self._form, self._registry = topic, kind, form, asked
        self._has_failed = False  # in a way that the log has
        self._header = f"__{kind}_schema_id"
        self._prefix = "key_" if kind == "key" else ""
        self._more: dict[tuple[Schema | None, str], bytes] = {}
        self.usual: dict[bytes, Usual] = {}
        self.head = 0 if form.schema is not None else HEAD
        name = form.name
        self.is_plain = name == "auto" and asked is None
        alone = _ALONE.get(name)
        self._make: Callable[[bytes, Headers], Shown | None]
        if form.problem:
            self._make = self._unusable
        elif alone is not None:
            self._alone = alone
            self._make = self._by_itself
        elif form.schema is not None:
            self._make = partial(self._by_own_schema, form.schema)
        else:
            self._make = {
                "auto": self._auto, "json": self._json, "text": self._text, "hex": self._hex, "base64": self._base64,
            }.get(name, self._by_registry)  # fmt: skip

    def form_of(self, name: str | None) -> Format:
        """Another format for the same bytes, with the topic's own schema where that is of it; None: the topic's."""
        return self._form if name in (None, self._form.name) else Format(name or AUTO.name)

    def why_not(self, name: str) -> str:
        """Why nothing could be read by a format, in sentences for people that say what to do; "" where it can be."""
        form = self.form_of(name)
        if form.problem:
            return f"{form.problem} An administrator can correct it."
        if name not in NEEDS_SCHEMA or form.schema is not None or self._registry is not None:
            return ""
        return (
            f"There is no schema registry, and {self._topic} has no {name} schema of its own for its {self._kind}s. "
            "An administrator can add one to the topic; or choose a format that needs none, such as hex."
        )

    def show(self, data: bytes | None, headers: Headers, *, is_last: bool, limit: int | None) -> Shown | None:
        """What the format makes of the bytes; None: they are shown as they are.

        is_last: a schema that is not known is a problem now. limit: bytes beyond which nothing is decoded. Raises
        Missing unless is_last.
        """
        if data is None or self.is_plain:
            return None
        try:
            if limit is not None and len(data) > limit and self._form.name not in _AS_THEY_ARE:
                return self._too_large(data, headers, limit)
            return self._make(data, headers)
        except NotDecoded as error:
            return Shown(data, None, b"", str(error))
        except Missing as missing:
            if not is_last or self._registry is None:
                raise
            return Shown(data, None, b"", self._registry.late(missing.id))
        except Exception:  # nobody thought of it: read again and again, it would stop all that its consumer reads
            if not self._has_failed:  # each record may be such a one
                self._has_failed = True
                log.exception("%s: decoding a %s failed.", self._topic, self._kind)
            return Shown(data, None, b"", "It could not be decoded; the server's log says why.")

    def schema_of(self, data: bytes | None, headers: Headers) -> tuple[Schema, bytes] | None:
        """By which schema these bytes are decoded, and what is told of it; None: by none."""
        schema, payload = self._form.schema, data or b""
        if schema is None and (framed := self._framed(payload, headers)) is not None and self._registry is not None:
            known = self._registry.known(framed[0])
            schema, payload = (known if isinstance(known, Schema) else None), framed[1]
        if schema is None or data is None or self._form.name in _AS_THEY_ARE:
            return None
        try:
            _, name = schema.decode(payload, self._form.message)
        except NotDecoded:
            name = ""
        return schema, schema.told(name, self._topic)

    def _learn(self, schema: Schema, head: bytes) -> None:
        """Notes how values are read that begin so."""
        reader = schema.reader
        if isinstance(reader, avro.Avro) and reader.own is not None and head not in self.usual:
            if len(self.usual) >= TOLD:
                self.usual.clear()
            self.usual[head] = reader.own, self._told(schema, reader.name, schema.kind)

    def _told(self, schema: Schema | None, name: str, form: str) -> bytes:
        more = self._more.get((schema, name))
        if more is None:
            if len(self._more) >= TOLD:
                self._more.clear()
            more = b',"%bformat":"%b"' % (self._prefix.encode(), form.encode())
            if schema is not None:
                more += b',"%bschema":%b' % (self._prefix.encode(), schema.told(name, self._topic))
            self._more[schema, name] = more
        return more

    def _too_large(self, data: bytes, headers: Headers, limit: int) -> Shown | None:
        if self._form.name == "auto" and self._framed(data, headers) is None:
            return None
        return Shown(data, None, b"", f"It has over {limit:,} bytes; it is decoded when it is opened.")

    def _unusable(self, data: bytes, _: Headers) -> Shown:
        return Shown(data, None, b"", self._form.problem)

    # Without a schema.

    def _by_itself(self, data: bytes, _: Headers) -> Shown:
        found = self._alone(data)
        return Shown(found.json, "json", self._told(None, "", self._form.name), found.problem)

    def _json(self, data: bytes, _: Headers) -> Shown | None:
        if len(data) > VALUE_BYTES or is_strict_json(data):
            return None
        return Shown(data, None, b"", "It is not JSON.")

    def _text(self, data: bytes, _: Headers) -> Shown:
        try:
            data.decode()
        except UnicodeDecodeError as error:
            raise NotDecoded("It is no text in UTF-8.") from error
        return Shown(data, "text", self._told(None, "", "text"))

    def _hex(self, data: bytes, _: Headers) -> Shown:
        return Shown(data.hex().encode(), "text", self._told(None, "", "hex"))

    def _base64(self, data: bytes, _: Headers) -> Shown:
        return Shown(data, "base64", self._told(None, "", "base64"))

    # With one.

    def _by_own_schema(self, schema: Schema, data: bytes, _: Headers) -> Shown:
        self._learn(schema, b"")
        return self._shown(schema, data, self._form.message)

    def _shown(self, schema: Schema, data: bytes, message: str = "") -> Shown:
        found, name = schema.decode(data, message)
        return Shown(found.json, "json", self._told(schema, name, schema.kind), found.problem)

    def _auto(self, data: bytes, headers: Headers) -> Shown | None:
        framed = self._framed(data, headers)
        return None if framed is None else self._by_id(*framed, b"" if headers else data[:HEAD])

    def _by_registry(self, data: bytes, headers: Headers) -> Shown | None:
        framed = self._framed(data, headers)
        if framed is None:
            if self._form.name == "json-schema" and is_strict_json(data):
                return None
            raise NotDecoded(
                "It names no schema of the registry, and the topic has none of its own."
                if self._registry is not None
                else "There is no schema registry, and the topic has no schema of its own."
            )
        return self._by_id(*framed, b"" if headers else data[:HEAD])

    def _framed(self, data: bytes, headers: Headers) -> tuple[Id, bytes] | None:
        """The schema that the headers, or the first five bytes, name, and the value itself."""
        if self._registry is None:
            return None
        for name, value in headers:
            if name == self._header and value:
                if value[0] == 1 and len(value) >= 17:  # Protobuf's indexes stand behind it
                    return UUID(bytes=value[1:17]), value[17:] + data
                if value[0] == 0 and len(value) >= 5:
                    return int.from_bytes(value[1:5], "big"), value[5:] + data
        if len(data) < HEAD or data[0] or not (schema_id := int.from_bytes(data[1:HEAD], "big")):
            return None
        return schema_id, data[HEAD:]

    def _by_id(self, schema_id: Id, data: bytes, head: bytes) -> Shown:
        """head: the bytes that name the schema; none where headers do."""
        schema = self._registry.known(schema_id) if self._registry is not None else "There is no schema registry."
        if schema is None:
            raise Missing(schema_id)
        if isinstance(schema, str):
            raise NotDecoded(schema)
        if head:
            self._learn(schema, head)
        return self._shown(schema, data)


_AS_THEY_ARE = frozenset({"json", "text", "hex", "base64"})  # formats that cost nothing


def form(name: str, text: str, message: str) -> Format:
    """A format with its own schema, or with the reason why that is no use. May compile, which blocks: for threads."""
    if name not in WITH_SCHEMA or not text.strip():
        return Format(name)
    try:
        schema = make(WITH_SCHEMA[name], text)
        if name == "protobuf":
            message = schema.message_named(message)
    except NotDecoded as error:
        return Format(name, problem=f"The topic's own schema cannot be used. {error}")
    return Format(name, schema, message)
