"""The one NinjaAPI, put together: its routers, who may call, how large a body may be, and its addresses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache, wraps
from inspect import iscoroutinefunction
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver
from ninja import Schema, operation
from ninja.parser import Parser
from pydantic import ConfigDict

from items.api.operations import router as items_router
from project.api import errors
from project.api.auth import BearerAuth, SessionAuth
from project.api.docs import DescribedAPI, Docs
from streams.board.api import router as topics_router
from streams.board.export_api import router as export_router
from streams.board.filters_api import router as filters_router
from streams.board.search_api import router as search_router
from streams.boards.api import router as boards_router
from streams.finding.api import router as finding_router
from streams.tracing.api import router as tracing_router

# ninja finds out for each request whether a way to sign in is a coroutine function, which takes as long as signing in.
operation.is_async_callable = cache(operation.is_async_callable)  # type: ignore[attr-defined]  # it imports it

BULK_BYTES = 25 * 1024 * 1024  # 1,000 items whose descriptions are as long as they may be

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
            {"name": "filters", "description": "Conditions over records."},
            {"name": "boards", "description": "Boards that people keep and share."},
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
api.add_router("/items/", tracing_router)
api.add_router("/topics/", finding_router)
api.add_router("/topics/", topics_router)
api.add_router("/topics/", search_router)
api.add_router("/topics/", export_router)
api.add_router("/filters/", filters_router)
api.add_router("/boards/", boards_router)


for kind, handler in errors.HANDLERS.items():
    api.add_exception_handler(kind, handler)


def urls() -> tuple[list[URLResolver | URLPattern], str, str]:
    """The addresses for project/urls.py: ninja's own, with HEAD, its plain-text 405 in our shape, and large bulks."""
    patterns, app_name, namespace = api.urls
    for pattern in patterns:
        if isinstance(pattern, URLPattern) and iscoroutinefunction(pattern.callback):
            pattern.callback = _as_of_http(pattern.callback)
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


def _as_of_http(view: Callable[..., Awaitable[HttpResponse]]) -> Callable[..., Awaitable[HttpResponse]]:
    """What ninja leaves out: HEAD where GET is, and a 405 in our shape."""

    @wraps(view)
    async def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        asked = str(request.method)
        request.method = "GET" if asked == "HEAD" else asked
        response = await view(request, *args, **kwargs)
        request.method = asked
        if response.status_code == 405:
            methods = response["Allow"].replace("GET", "GET, HEAD")
            return errors.problem(405, f"This address does not know {asked}.", Allow=methods)
        if asked == "HEAD" and not response.streaming:
            response["Content-Length"] = len(response.content)
            response.content = b""
        return response

    return answered
