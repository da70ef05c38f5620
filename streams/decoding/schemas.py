"""A schema, ready to read with, wherever it comes from: the registry, or a topic's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import orjson

from streams.decoding import avro, protobuf
from streams.decoding.exact import Exact, NotDecoded
from streams.decoding.protoc import Reference
from streams.wire.records import is_strict_json

Kind = Literal["avro", "protobuf", "json-schema"]
Id = int | UUID  # how a record names a schema of the registry

TITLE = 255  # characters of a JSON Schema's title


@dataclass(frozen=True, slots=True, eq=False)
class Schema:
    """kind: how values are read by it. id: the registry's, None for a topic's own. text, references: as written.

    subjects: under which subjects the registry has it, and as which version. reader: what reads Avro or Protobuf; None
    for JSON Schema. title: a JSON Schema's.
    """

    kind: Kind
    id: Id | None
    text: str
    references: tuple[Reference, ...] = ()
    subjects: tuple[tuple[str, int], ...] = ()
    reader: avro.Avro | protobuf.Protobuf | None = None
    title: str = ""

    def decode(self, data: bytes, message: str = "") -> tuple[Exact, str]:
        """The exact JSON of a value, and the name of its type. Raises NotDecoded.

        message: the type of a Protobuf message, for data that does not say it by indexes ("" when it does).
        """
        reader = self.reader
        if isinstance(reader, avro.Avro):
            return reader.decode(data), reader.name
        if isinstance(reader, protobuf.Protobuf):
            if not message:
                return reader.decode_indexed(data)
            found = reader.type_named(message)
            return found.decode(data), found.name
        if not is_strict_json(data):
            raise NotDecoded("It is not JSON, though its schema is a JSON Schema.")
        return Exact(data), self.title

    def told(self, name: str, topic: str) -> bytes:
        """The field `schema` of a record: `{"id", "subject"?, "version"?, "name"}`. Of several subjects one of the
        topic's is told."""
        told: dict[str, object] = {"id": str(self.id) if isinstance(self.id, UUID) else self.id}
        if self.subjects:
            of_topic = [found for found in self.subjects if found[0].startswith(f"{topic}-")]
            told["subject"], told["version"] = (of_topic or self.subjects)[0]
        return orjson.dumps(told | {"name": name})

    def message_named(self, name: str) -> str:
        """The full name of a Protobuf message; "": of the first. Raises NotDecoded when there is none."""
        return self.reader.type_named(name).name if isinstance(self.reader, protobuf.Protobuf) else ""

    @property
    def size(self) -> int:
        """Characters of its texts."""
        return len(self.text) + sum(len(text) for _, text in self.references)


def make(
    kind: Kind,
    text: str,
    references: Sequence[Reference] = (),
    id: Id | None = None,  # noqa: A002 - it is the field's name
    subjects: Sequence[tuple[str, int]] = (),
) -> Schema:
    """A schema out of its text. Parses and compiles, which blocks: for threads. Raises NotDecoded with the reason.

    references: what it names, each after those that it names itself; for Protobuf under the names of its imports.
    """
    reader: avro.Avro | protobuf.Protobuf | None = None
    title = ""
    if kind == "avro":
        reader = avro.parse(text, [reference for _, reference in references], is_kept=True)
    elif kind == "protobuf":
        reader = protobuf.parse(text, references)
    else:
        title = _title(text)
    return Schema(kind, id, text, tuple(references), tuple(subjects), reader, title)


def _title(text: str) -> str:
    try:
        schema = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise NotDecoded("Its JSON Schema is none.") from error
    title = schema.get("title", "") if isinstance(schema, dict) else ""
    return title[:TITLE] if isinstance(title, str) else ""
