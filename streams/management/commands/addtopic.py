"""`manage.py addtopic`: lets people watch a Kafka topic. Never creates it in Kafka."""

from __future__ import annotations

import asyncio
import base64
import re
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from streams.decoding.stored import check_schemas
from streams.kafka.catalog import Catalog
from streams.models import FormatName, Topic
from streams.runtime.away import Unavailable

PARTS = ("value", "key")
FORMAT_FIELDS = tuple(f"{part}_{field}" for part in PARTS for field in ("format", "schema", "message"))
# What stands in a FileDescriptorSet as protoc writes it, and in no schema that is a text.
NO_TEXT = re.compile(rb"[\x00-\x08\x0b\x0e-\x1f]")
LOOK_S = 3.0  # for Kafka's list of topics, which is only for a hint


class Command(BaseCommand):
    help = (
        "Lets people watch a Kafka topic. Run it again to change label, readers or formats. Never creates a topic in "
        "Kafka."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="The topic's name in Kafka.")
        parser.add_argument("--label", help="What people see; without one: the name.")
        who = parser.add_mutually_exclusive_group()
        who.add_argument(
            "--reader",
            action="append",
            dest="readers",
            metavar="GROUP",
            help="A group whose members may watch it; may be repeated. Without any: every signed-in user, or whoever "
            "could watch it before.",
        )
        who.add_argument(
            "--everyone",
            action="store_const",
            const=[],
            dest="readers",
            help="Opens a topic that had readers to every signed-in user.",
        )

        parser.add_argument(
            "--exporter",
            action="append",
            dest="exporters",
            metavar="GROUP",
            help="A group whose members may export it, if they may watch it; may be repeated. Without any: superusers, "
            "or whoever could export it before.",
        )
        for part in PARTS:
            parser.add_argument(
                f"--{part}-format",
                choices=FormatName.values,
                metavar="FORMAT",
                help=f"How {part}s are written: {', '.join(FormatName.values)}.",
            )
            parser.add_argument(
                f"--{part}-schema",
                metavar="FILE",
                type=Path,
                help=f"A schema of the topic's own for its {part}s: Avro, a .proto or a FileDescriptorSet.",
            )
            parser.add_argument(
                f"--{part}-message", metavar="NAME", help=f"Which message of a Protobuf schema the {part}s are."
            )

    def handle(self, *_: Any, name: str, label: str | None, **given: Any) -> None:
        readers, exporters = given["readers"], given["exporters"]
        changes = {field: given[field] for field in FORMAT_FIELDS if given.get(field) is not None}
        for field in changes.keys() & {f"{part}_schema" for part in PARTS}:
            try:
                changes[field] = _schema_in(changes[field])
            except (OSError, UnicodeDecodeError) as error:
                raise CommandError(f"{changes[field]} cannot be read: {error}") from error
        if label is not None:
            changes["label"] = label
        topic = self._save(
            name, changes,
            readers=None if readers is None else self._groups(readers),
            exporters=None if exporters is None else self._groups(exporters),
        )  # fmt: skip
        groups = sorted(topic.readers.values_list("name", flat=True))
        self.stdout.write(f"{name} can be watched by {', '.join(groups) if groups else 'every signed-in user'}.")
        missing: bool = asyncio.run(_is_missing(name)) if settings.KAFKA_BOOTSTRAP_SERVERS else False
        if missing:
            self.stderr.write(f"Kafka has no topic {name} yet. It is shown as soon as somebody creates it there.")

    def _groups(self, names: list[str]) -> list[Group]:
        groups = list(Group.objects.filter(name__in=names))
        unknown = sorted(set(names) - {group.name for group in groups})
        if unknown:
            known = ", ".join(Group.objects.order_by("name").values_list("name", flat=True)) or "none"
            raise CommandError(
                f"There is no group {', '.join(unknown)} (there is: {known}). Make it in the admin first."
            )
        return groups

    @transaction.atomic
    def _save(
        self, name: str, changes: dict[str, str], *, readers: list[Group] | None, exporters: list[Group] | None
    ) -> Topic:
        topic = Topic.objects.filter(name=name).first() or Topic(name=name)
        for field, value in changes.items():
            setattr(topic, field, value)
        try:
            topic.full_clean()
            check_schemas(topic)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        topic.save()
        if readers is not None:
            topic.readers.set(readers)
        if exporters is not None:
            topic.exporters.set(exporters)
        return topic


def _schema_in(file: Path) -> str:
    """The schema in a file, as a topic keeps it: a text, or base64 of a FileDescriptorSet. Raises OSError and
    UnicodeDecodeError."""
    data = file.read_bytes()
    return base64.b64encode(data).decode() if NO_TEXT.search(data) else data.decode()


async def _is_missing(name: str) -> bool:
    """Whether Kafka surely lacks the topic. It is looked up in the list of all: to ask for it by name could make it."""
    catalog = Catalog()
    try:
        async with asyncio.timeout(LOOK_S):
            return name not in await catalog.topics([name])
    except (Unavailable, TimeoutError):
        return False
    finally:
        await catalog.close()
