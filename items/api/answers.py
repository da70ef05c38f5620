"""Answers of the items API, and what each refusal of a service is in HTTP."""

from __future__ import annotations

from collections.abc import Callable

import orjson
from django.core.exceptions import ValidationError
from django.http import HttpResponse

from items import services
from items.models import Item
from items.services import refusals

STATUSES: dict[type[refusals.Refused], int] = {
    refusals.ItemNotFound: 404,
    refusals.NotAllowed: 403,
    refusals.VersionConflict: 412,
    refusals.SkuTaken: 409,
    refusals.AlreadySubmitted: 409,
    refusals.KeyReused: 409,
    refusals.TooManyKeys: 429,
}
JSON = "application/json; charset=utf-8"
INVALID = 422
KEYS_RETRY_AFTER = "3600"  # s; some of the remembered keys are forgotten by then


def etag(item: Item | services.Saved) -> str:
    """The ETag of the item's version."""
    return f'"{item.version}"'


def answer(status: int, content: object, **headers: str) -> HttpResponse:
    """JSON; underscores in the names of headers stand for dashes."""
    response = HttpResponse(orjson.dumps(content, default=str), status=status, content_type=JSON)
    for name, value in headers.items():
        response[name.replace("_", "-")] = value
    return response


def settled(work: Callable[[], HttpResponse]) -> HttpResponse:
    """What the work answers; a refusal is an answer, too. What is wrong with the body itself is raised."""
    try:
        return work()
    except services.Refused as refused:
        answered = refusal(refused)
        if answered.status_code == INVALID:
            raise
        return answered


def refusal(error: refusals.Refused | ValidationError) -> HttpResponse:
    """What a caller is told of a service's refusal: 422 names the fields, everything else is a sentence."""
    if isinstance(error, ValidationError):
        return answer(INVALID, {"detail": _field_problems(error, ["body"])})
    if isinstance(error, refusals.RowRefused):
        if isinstance(error.reason, ValidationError):
            return answer(INVALID, {"detail": _field_problems(error.reason, ["body", "items", error.row])})
        return answer(STATUSES[type(error.reason)], {"detail": str(error)})
    headers = {}
    if isinstance(error, refusals.VersionConflict):
        headers["ETag"] = etag(error.current)
    elif isinstance(error, refusals.TooManyKeys):
        headers["Retry-After"] = KEYS_RETRY_AFTER
    return answer(STATUSES[type(error)], {"detail": str(error)}, **headers)


def _field_problems(error: ValidationError, place: list[str | int]) -> list[dict[str, object]]:
    fields = error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
    return [
        {"loc": [*place, field] if field else place, "msg": message, "type": "invalid"}
        for field, messages in fields.items()
        for message in messages
    ]
