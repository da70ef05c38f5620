"""How each failure of the API is answered: a status, and why in `detail`. Reasons that are no caller's are logged.

api.py gives these functions to ninja, which calls each with the request and the error.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    ValidationError,
)
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.http.request import RawPostDataException, UnreadablePostError
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt
from ninja.errors import AuthenticationError, HttpError
from ninja.errors import ValidationError as InvalidRequest

from items.api import answers
from items.api import bodies as items_bodies
from items.api.schemas import PROBLEMS
from items.services import refusals
from items.services.turns import TOO_LONG, Busy
from project import unavailable
from project.accounts.attempts import TooMany
from project.postgresql.base import OutcomeUnknown
from streams.runtime import bodies as streams_bodies

logger = logging.getLogger("project.api")

NOT_JSON = {items_bodies.NOT_JSON, streams_bodies.NOT_JSON}
JSON_TYPE = "application/json"
JSON_TYPES = {JSON_TYPE, "text/json"}  # a body of another type, or of none, is read if it is JSON all the same
LONGEST_SAID = 200  # characters of one name or sentence in an answer that says what is wrong


def problem(status: int, detail: object, **headers: str) -> HttpResponse:
    """An answer `{"detail": …}`; underscores in the names of headers stand for dashes."""
    return answers.answer(status, {"detail": detail}, **headers)


def invalid_request(request: HttpRequest, error: InvalidRequest) -> HttpResponse:
    """422: what is wrong with which field, each with its place."""
    told = [
        {"loc": _place(entry["loc"]), "msg": _cut(_sentence(entry)), "type": entry["type"]}
        for entry in error.errors[:PROBLEMS]
    ]
    if len(error.errors) > PROBLEMS:
        told.append({"loc": told[0]["loc"][:1], "msg": f"There is more; this is the first {PROBLEMS}.", "type": "more"})
    return problem(422, told)


def _place(loc: tuple[str | int, ...]) -> list[str | int]:
    """Where callers look for it: without the name that our function gives to the body or to the query."""
    place = [loc[0], *loc[2:]] if loc[0] in {"body", "query"} and len(loc) > 1 and loc[1] in _OURS else loc
    return [_cut(part) if isinstance(part, str) else part for part in place]


def _sentence(entry: dict[str, Any]) -> str:
    """What a check of ours says, without Pydantic's word before it."""
    text: str = entry["msg"]
    return text.removeprefix("Value error, ") if entry["type"] == "value_error" else text


def _cut(text: str) -> str:
    """Names come from callers and may be of any length."""
    return text if len(text) <= LONGEST_SAID else text[: LONGEST_SAID - 1] + "…"


_OURS = {"item", "bulk", "query"}


def refused(request: HttpRequest, error: refusals.Refused | ValidationError) -> HttpResponse:
    """What only a service could see: a status of its own for each refusal (items/api/answers.py)."""
    return answers.refusal(error)


def not_signed_in(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    """401 with `WWW-Authenticate: Bearer`."""
    sentence = "Sign in, or send a token: Authorization: Bearer <token>."
    detail = sentence if error.message == "Unauthorized" else error.message
    return problem(401, detail, WWW_Authenticate="Bearer")


def too_many(request: HttpRequest, error: TooMany) -> HttpResponse:
    """429 with `Retry-After` in seconds, after too many wrong tokens."""
    return problem(429, "Too many wrong tokens came from your address.", Retry_After=str(error.retry_after))


def http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    """The error's own status and sentence; 413 for a body that is too large, 415 for one that is no JSON."""
    if error.status_code == 400 and isinstance(error.__cause__, RequestDataTooBig):
        return too_large(request, error.__cause__)
    if error.message in NOT_JSON:
        if coding := request.headers.get("Content-Encoding", "").strip():
            sentence = f"A body with Content-Encoding {_cut(coding)} cannot be read here: send it as it is."
            return problem(415, sentence, Accept_Encoding="identity")
        if request.content_type not in JSON_TYPES:
            kind = _cut(request.content_type or "none")
            return problem(415, f"The body is not JSON, and its Content-Type is {kind}: send {JSON_TYPE}.")
    return problem(error.status_code, error.message)


def too_large(request: HttpRequest, error: Exception) -> HttpResponse:
    """413."""
    return problem(413, "The body is too large.")


def unreadable(request: HttpRequest, error: Exception) -> HttpResponse:
    """400, for a body that broke off or is of a kind that cannot be read."""
    if isinstance(error, TooManyFieldsSent):
        return problem(400, unavailable.too_many_fields())
    return problem(400, "The body cannot be read. Send JSON, with Content-Type: application/json.")


def nothing_there(request: HttpRequest, error: Http404) -> HttpResponse:
    """404."""
    return problem(404, "There is nothing at this address.")


def forbidden(request: HttpRequest, error: PermissionDenied) -> HttpResponse:
    """403, with the sentence of the refusal where it has one."""
    return problem(403, str(error) or "You may not do this.")


def busy(request: HttpRequest, error: Busy) -> HttpResponse:
    """503 with `Retry-After`: all writers are busy."""
    return problem(503, str(error), Retry_After=unavailable.RETRY_AFTER)


NOTHING_SAVED = "The database does not answer just now; nothing was saved."
UNKNOWN = (
    "The database went away at the moment of saving, so it is not known whether this was saved. Look before you send it"
    " again; with the Idempotency-Key that it had it is not saved twice."
)


def database_away(request: HttpRequest, error: Exception) -> HttpResponse:
    """503 with `Retry-After`: the database does not answer. The reason is logged, not told."""
    if unavailable.was_too_long(error):
        logger.warning("the database was stopped, it took too long: %s %s", request.method, request.path)
        return problem(503, TOO_LONG, Retry_After=unavailable.RETRY_AFTER)
    logger.error("the database did not answer: %s", error)
    said = UNKNOWN if isinstance(error, OutcomeUnknown) else NOTHING_SAVED
    return problem(503, said, Retry_After=unavailable.RETRY_AFTER)


def unexpected(request: HttpRequest, error: Exception) -> HttpResponse:
    """500. The error is logged, not told."""
    logger.error("%s %s failed", request.method, request.path, exc_info=error)
    return problem(500, "Something went wrong here; it was logged.")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400 for what Django refuses before a view is asked, a foreign Host for example."""
    is_api = request.path_info.startswith("/api/")
    if isinstance(exception, TooManyFieldsSent):
        return unreadable(request, exception) if is_api else unavailable.out_of_bounds(request)
    if is_api:
        return problem(400, "The request cannot be answered; is its Host header one of ALLOWED_HOSTS?")
    return defaults.bad_request(request, exception)


@csrf_exempt
def unknown_address(request: HttpRequest, rest: str) -> HttpResponse:
    """404 for an address below /api/ that is nowhere in it: JSON, as everything else there, whatever the method."""
    return problem(404, "There is nothing at this address; /api/docs lists what there is.")


HANDLERS: dict[type[Exception], Callable[[HttpRequest, Any], HttpResponse]] = {
    InvalidRequest: invalid_request,
    ValidationError: refused,
    refusals.Refused: refused,
    AuthenticationError: not_signed_in,
    TooMany: too_many,
    HttpError: http_error,
    RequestDataTooBig: too_large,
    SuspiciousOperation: unreadable,
    MultiPartParserError: unreadable,
    RawPostDataException: unreadable,
    UnreadablePostError: unreadable,
    Http404: nothing_there,
    PermissionDenied: forbidden,
    Busy: busy,
    OperationalError: database_away,
    InterfaceError: database_away,
    Exception: unexpected,
}
