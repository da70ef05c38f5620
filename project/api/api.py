"""The one NinjaAPI: how a body is read, and how every failure is answered."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import wraps
from inspect import iscoroutinefunction
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
from django.urls import URLPattern, URLResolver
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt
from ninja import Schema
from ninja.errors import AuthenticationError, HttpError
from ninja.errors import ValidationError as InvalidRequest
from ninja.parser import Parser
from pydantic import ConfigDict

from items.api import answers
from items.api.operations import router as items_router
from items.api.schemas import PROBLEMS
from items.services import refusals
from items.services.turns import TOO_LONG, Busy
from project import unavailable
from project.accounts.attempts import TooMany
from project.api.auth import BearerAuth, SessionAuth
from project.api.docs import DescribedAPI, Docs
from streams.board.api import router as topics_router

logger = logging.getLogger("project.api")

BULK_BYTES = 25 * 1024 * 1024  # 1,000 items whose descriptions are as long as they may be

LONGEST_SAID = 200  # characters of one name or sentence in an answer that says what is wrong

DESCRIPTION = """\
Add, read, change and delete items, and read the records of Kafka topics. What you change here is on the items topic,
and on every open board, within a second.

**Sign in** with `Authorization: Bearer <token>`; `python manage.py createtoken USERNAME` makes a token. A browser that
is signed in needs no token, but must send the CSRF token with every change.

Failures: `422` names the fields, everything else says why in `detail`."""


class BodiesUnread(Parser):
    """Leaves a body as it came: who may send it is asked first, then it is read in a thread (items/api/bodies.py)."""

    def parse_body(self, request: HttpRequest) -> Any:
        return request.body


api = DescribedAPI(
    title="Streamboard API",
    version="1",
    description=DESCRIPTION,
    auth=[BearerAuth(), SessionAuth()],
    parser=BodiesUnread(),
    docs=Docs(),
    docs_url="/docs",
    urls_namespace="api",
    openapi_extra={
        "tags": [
            {"name": "items", "description": "What people submit."},
            {"name": "topics", "description": "Kafka topics and their records."},
        ]
    },
)


class Welcome(Schema):
    """The answer of the API's first address."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"message": "Welcome to Streamboard"}]})

    message: str


@api.get("/", auth=None, response=Welcome, summary="Welcome", tags=["welcome"], url_name="welcome")
async def welcome(request: HttpRequest) -> dict[str, str]:
    """Tells that the API is there. Needs no sign-in."""
    return {"message": "Welcome to Streamboard"}


api.add_router("/items/", items_router)
api.add_router("/topics/", topics_router)


def problem(request: HttpRequest, status: int, detail: object, **headers: str) -> HttpResponse:
    """An answer `{"detail": …}`; underscores in the names of headers stand for dashes."""
    response: HttpResponse = api.create_response(request, {"detail": detail}, status=status)
    for name, value in headers.items():
        response[name.replace("_", "-")] = value
    return response


@api.exception_handler(InvalidRequest)
def invalid_request(request: HttpRequest, error: InvalidRequest) -> HttpResponse:
    """422: what is wrong with which field, each with its place."""
    told = [
        {"loc": _place(entry["loc"]), "msg": _cut(entry["msg"]), "type": entry["type"]}
        for entry in error.errors[:PROBLEMS]
    ]
    if len(error.errors) > PROBLEMS:
        told.append({"loc": told[0]["loc"][:1], "msg": f"There is more; this is the first {PROBLEMS}.", "type": "more"})
    return problem(request, 422, told)


def _place(loc: tuple[str | int, ...]) -> list[str | int]:
    """Where callers look for it: without the name that our function gives to the body or to the query."""
    place = [loc[0], *loc[2:]] if loc[0] in {"body", "query"} and len(loc) > 1 and loc[1] in _OURS else loc
    return [_cut(part) if isinstance(part, str) else part for part in place]


def _cut(text: str) -> str:
    """Names come from callers and may be of any length."""
    return text if len(text) <= LONGEST_SAID else text[: LONGEST_SAID - 1] + "…"


_OURS = {"item", "bulk", "query"}


@api.exception_handler(ValidationError)
@api.exception_handler(refusals.Refused)
def refused(request: HttpRequest, error: refusals.Refused | ValidationError) -> HttpResponse:
    """What only a service could see: a status of its own for each refusal (items/api/answers.py)."""
    return answers.refusal(error)


@api.exception_handler(AuthenticationError)
def not_signed_in(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    """401 with `WWW-Authenticate: Bearer`."""
    sentence = "Sign in, or send a token: Authorization: Bearer <token>."
    detail = sentence if error.message == "Unauthorized" else error.message
    return problem(request, 401, detail, WWW_Authenticate="Bearer")


@api.exception_handler(TooMany)
def too_many(request: HttpRequest, error: TooMany) -> HttpResponse:
    """429 with `Retry-After` in seconds, after too many wrong tokens."""
    return problem(request, 429, "Too many wrong tokens came from your address.", Retry_After=str(error.retry_after))


@api.exception_handler(HttpError)
def http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    """The error's own status and sentence; a body that is no JSON, or too large, is told in our words."""
    detail = error.message
    if error.status_code == 400 and isinstance(error.__cause__, RequestDataTooBig):
        return too_large(request, error.__cause__)
    return problem(request, error.status_code, detail)


@api.exception_handler(RequestDataTooBig)
def too_large(request: HttpRequest, error: Exception) -> HttpResponse:
    """413."""
    return problem(request, 413, "The body is too large.")


@api.exception_handler(SuspiciousOperation)
@api.exception_handler(MultiPartParserError)
@api.exception_handler(RawPostDataException)
@api.exception_handler(UnreadablePostError)
def unreadable(request: HttpRequest, error: Exception) -> HttpResponse:
    """400, for a body that broke off or is of a kind that cannot be read."""
    if isinstance(error, TooManyFieldsSent):
        return problem(request, 400, "There are too many parameters.")
    return problem(request, 400, "The body cannot be read. Send JSON, with Content-Type: application/json.")


@api.exception_handler(Http404)
def nothing_there(request: HttpRequest, error: Http404) -> HttpResponse:
    """404."""
    return problem(request, 404, "There is nothing at this address.")


@api.exception_handler(PermissionDenied)
def forbidden(request: HttpRequest, error: PermissionDenied) -> HttpResponse:
    """403, with the sentence of the refusal where it has one."""
    return problem(request, 403, str(error) or "You may not do this.")


@api.exception_handler(Busy)
def busy(request: HttpRequest, error: Busy) -> HttpResponse:
    """503 with `Retry-After`: all writers are busy."""
    return problem(request, 503, str(error), Retry_After=unavailable.RETRY_AFTER)


@api.exception_handler(OperationalError)
@api.exception_handler(InterfaceError)
def database_away(request: HttpRequest, error: Exception) -> HttpResponse:
    """503 with `Retry-After`: the database does not answer. The reason is logged, not told."""
    if unavailable.was_too_long(error):
        logger.warning("the database was stopped, it took too long: %s %s", request.method, request.path)
        return problem(request, 503, TOO_LONG, Retry_After=unavailable.RETRY_AFTER)
    logger.error("the database did not answer: %s", error)
    return problem(
        request, 503, "The database does not answer just now; nothing was saved.", Retry_After=unavailable.RETRY_AFTER
    )


@api.exception_handler(Exception)
def unexpected(request: HttpRequest, error: Exception) -> HttpResponse:
    """500. The error is logged, not told."""
    logger.error("%s %s failed", request.method, request.path, exc_info=error)
    return problem(request, 500, "Something went wrong here; it was logged.")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400 for what Django refuses before a view is asked, a foreign Host for example."""
    if request.path_info.startswith("/api/"):
        return problem(request, 400, "The request cannot be answered; is its Host header one of ALLOWED_HOSTS?")
    return defaults.bad_request(request, exception)


@csrf_exempt
def unknown_address(request: HttpRequest, rest: str) -> HttpResponse:
    """404 for an address below /api/ that is nowhere in it: JSON, as everything else there, whatever the method."""
    return problem(request, 404, "There is nothing at this address; /api/docs lists what there is.")


def urls() -> tuple[list[URLResolver | URLPattern], str, str]:
    """The addresses for project/urls.py: ninja's own, with its plain-text 405 in our shape, and large bulks."""
    patterns, app_name, namespace = api.urls
    for pattern in patterns:
        if isinstance(pattern, URLPattern) and iscoroutinefunction(pattern.callback):
            pattern.callback = _with_json_405(pattern.callback)
            if pattern.name == "add_items":
                pattern.callback = _with_large_body(pattern.callback)
    return patterns, app_name, namespace


def _with_large_body(view: Callable[..., Awaitable[HttpResponse]]) -> Callable[..., Awaitable[HttpResponse]]:
    """Lets the body have BULK_BYTES. It is read by who was signed in only; Django has one limit for all addresses."""

    def refuse_larger(length: int) -> None:
        if length > BULK_BYTES:
            raise RequestDataTooBig

    @wraps(view)
    async def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        request._check_data_too_big = refuse_larger  # type: ignore[attr-defined]
        return await view(request, *args, **kwargs)

    return answered


def _with_json_405(view: Callable[..., Awaitable[HttpResponse]]) -> Callable[..., Awaitable[HttpResponse]]:
    @wraps(view)
    async def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = await view(request, *args, **kwargs)
        if response.status_code == 405:
            return problem(request, 405, f"This address does not know {request.method}.", Allow=response["Allow"])
        return response

    return answered
