"""What the page of an import shows of its file before it is imported."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError

from items.imports import jobs
from items.imports import mapping as import_mapping
from items.imports import saved as import_saved
from items.imports.rows import Row, Unreadable, storable
from items.models.import_job import ImportJob

CELL_LENGTH = 80  # characters of a cell
LABELS = {"name": "Name", "description": "Description", "price": "Price", "tax": "Tax", "link": "Link", "sku": "SKU"}


def preview_of(job: ImportJob) -> dict[str, object]:
    """What the template shows: the columns for each field, what happens to each column, and what the first rows would
    become; or that the file is gone."""
    try:
        survey = jobs.survey_of(job)
    except (OSError, Unreadable):
        return {"file_gone": True}
    columns = survey.shape.columns
    mapping = {name: column for name, column in job.mapping.items() if column in columns}
    mapper = import_mapping.Mapper(survey, mapping)
    known, notes = import_mapping.known_as(columns)
    saved = import_saved.of(job.owner, columns)
    return {
        "kind": survey.shape.words,
        "left_out": survey.shape.left_out,
        "known": known,
        "notes": notes,
        "survey_rows": survey.rows,
        "damaged": survey.shape.damaged,
        "unclear": LABELS.get(import_mapping.unclear_of(mapping, survey), ""),
        "saved": saved if saved is not None and saved.mapping == mapping else None,
        "choices": [
            {
                "field": name,
                "label": LABELS[name],
                "required": name in import_mapping.REQUIRED,
                "column": mapping.get(name, ""),
                "columns": columns,
            }
            for name in import_mapping.FIELDS
        ],
        "fates": [
            {"fate": fate, "used_as": " and ".join(LABELS[name] for name in fate.used_as.split(" and ") if name)}
            for fate in import_mapping.fates(survey, mapping)
        ],
        "labels": [LABELS[name] for name in import_mapping.FIELDS],
        "rows": [_previewed(row, mapper) for row in survey.sample],
    }


def _previewed(row: Row, mapper: import_mapping.Mapper) -> dict[str, object]:
    try:
        if row.problem:
            return {"line": row.line, "problem": storable(row.problem)}
        fields: dict[str, Any] = dict(mapper.fields(row))
    except import_mapping.Skip as reason:
        return {"line": row.line, "problem": storable(f"Skipped: {reason}.")}
    except ValidationError as error:
        problems = [f"{LABELS[name]}: {' '.join(found)}" for name, found in error.message_dict.items()]
        return {"line": row.line, "problem": storable(" ".join(problems))}
    return {"line": row.line, "cells": [_shown(fields.get(name)) for name in import_mapping.FIELDS]}


def _shown(value: object) -> str:
    """What is shown of a field's value; what cannot be shown is seen to be missing."""
    text = "" if value is None else storable(str(value))
    return text if len(text) <= CELL_LENGTH else text[: CELL_LENGTH - 1] + "…"
