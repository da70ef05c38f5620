"""What a topic's row says that it carries: read where it changed, and checked before it is saved."""

from __future__ import annotations

from django.core.exceptions import ValidationError

from streams.decoding import carried
from streams.decoding.carried import Declared
from streams.decoding.parts import WITH_SCHEMA, form
from streams.models import Topic
from streams.runtime.threads import in_database


def declared(row: Topic) -> Declared:
    """What a topic carries, as its row says, which need not be saved."""
    return Declared(*(getattr(row, name) for name in Declared._fields))


async def look() -> None:
    """Reads from the database what topics carry, where that has changed. Raises what the database does."""
    stored, known = await in_database(_versions), carried.versions()
    for name in known.keys() - stored.keys():
        carried.drop(name)
    changed = [name for name, version in stored.items() if known.get(name) != version]
    for row in await in_database(_rows, changed) if changed else ():
        carried.put(await carried.made(row.name, declared(row)))


def _versions() -> dict[str, str]:
    return dict(Topic.objects.values_list("name", "formats_version"))


def _rows(names: list[str]) -> list[Topic]:
    return list(Topic.objects.filter(name__in=names))


def check_schemas(row: Topic) -> None:
    """Raises ValidationError, by field, when a topic's own schema is no use for its format. May compile: it blocks."""
    problems = {}
    for part in ("value", "key"):
        name, text = getattr(row, f"{part}_format"), getattr(row, f"{part}_schema")
        if text.strip() and name not in WITH_SCHEMA:
            problems[f"{part}_schema"] = f"The format {name} takes no schema: choose avro or protobuf, or empty this."
        elif problem := form(name, text, getattr(row, f"{part}_message")).problem:
            problems[f"{part}_schema"] = problem
    if problems:
        raise ValidationError(problems)
