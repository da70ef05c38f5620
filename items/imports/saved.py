"""The columns that a person chose for a file, offered again for a file with the same columns. The only writer of
`SavedColumns`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from items.imports import mapping as import_mapping
from items.imports.recognising import Survey
from items.models.import_job import SavedColumns

if TYPE_CHECKING:
    from django.contrib.auth.models import User

KEPT = 50  # choices of one person; the one that was not used for longest gives way


def digest_of(columns: Iterable[str]) -> str:
    """By which the same columns are known again, in whatever order they stand."""
    return hashlib.sha256(json.dumps(sorted(columns)).encode("utf-8", "surrogatepass")).hexdigest()


def of(user: User, columns: Iterable[str]) -> SavedColumns | None:
    """What this person chose for these columns."""
    return SavedColumns.objects.filter(owner=user, digest=digest_of(columns)).first()


def usable(user: User | None, survey: Survey) -> SavedColumns | None:
    """What this person chose for the columns of this file, unless it cannot be used for it."""
    saved = None if user is None else of(user, survey.shape.columns)
    return None if saved is None or import_mapping.problem_of(saved.mapping, survey) else saved


@transaction.atomic
def remember(user: User, columns: Iterable[str], mapping: Mapping[str, str]) -> None:
    """Keeps the choice, in place of an earlier one for the same columns."""
    SavedColumns.objects.update_or_create(
        owner=user, digest=digest_of(columns), defaults={"mapping": dict(mapping), "used_at": timezone.now()}
    )
    past = SavedColumns.objects.filter(owner=user).order_by("-used_at", "-id").values_list("pk", flat=True)[KEPT:]
    SavedColumns.objects.filter(pk__in=list(past)).delete()


def forget(user: User, columns: Iterable[str]) -> None:
    """Drops the choice for these columns, if there is one."""
    SavedColumns.objects.filter(owner=user, digest=digest_of(columns)).delete()
