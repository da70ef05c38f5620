"""What browsers and proxies may keep: nothing but static files, which are answered before this is asked."""

from __future__ import annotations

from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware


@sync_and_async_middleware
def never_stored(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Middleware: answers are `Cache-Control: private, no-store`, so that a page of somebody who signed out comes back
    neither by the back button nor out of a cache between."""

    def answered(request: HttpRequest) -> Any:
        return _told(get_response(request))

    async def answered_async(request: HttpRequest) -> Any:
        return _told(await get_response(request))

    return answered_async if iscoroutinefunction(get_response) else answered


def _told(response: HttpResponseBase) -> HttpResponseBase:
    response.headers.setdefault("Cache-Control", "private, no-store")
    return response
