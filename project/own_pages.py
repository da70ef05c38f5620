"""The product's own pages where Django shows a developer's with DEBUG: the demonstration has DEBUG, and visitors."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import Resolver404, resolve
from django.views import defaults

log = logging.getLogger(__name__)


class OwnPages:
    """Middleware, around the views. With DEBUG a missing page is our own, always; a fault of ours is so in the demo,
    with its traceback on the terminal. Without DEBUG Django itself takes our templates."""

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self._get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        if iscoroutinefunction(self._get_response):
            return self._answered(request)
        response = self._get_response(request)
        return missing(request) if response.status_code == 404 and leads_nowhere(request) else response

    async def _answered(self, request: HttpRequest) -> Any:
        response = await self._get_response(request)
        if response.status_code == 404 and leads_nowhere(request):
            return await sync_to_async(missing)(request)  # its header asks for the user
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Our page for a view's error where DEBUG would show a developer's; None leaves it to Django."""
        if not settings.DEBUG:
            return None
        if isinstance(error, Http404):
            return missing(request)
        if settings.DEMO and not isinstance(error, PermissionDenied | SuspiciousOperation):
            log.error("%s %s failed", request.method, request.path, exc_info=error)
            return defaults.server_error(request)
        return None


def leads_nowhere(request: HttpRequest) -> bool:
    """Whether no view has answered, so that with DEBUG Django has listed all addresses."""
    if not settings.DEBUG:
        return False
    try:
        resolve(request.path_info)
    except Resolver404:
        return True
    return False


def missing(request: HttpRequest) -> HttpResponse:
    """The page for an address where there is nothing: 404."""
    return defaults.page_not_found(request, Http404())
