"""The product's own pages where Django shows a developer's with DEBUG: the demonstration has DEBUG, and visitors."""

from __future__ import annotations

import logging

from django.conf import settings
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import Resolver404, resolve
from django.views import defaults

from project.middleware import OnTheLoop

log = logging.getLogger(__name__)


class OwnPages(OnTheLoop):
    """Middleware, around the views. With DEBUG a missing page is our own, always; a fault of ours is so in the demo,
    with its traceback on the terminal. Without DEBUG Django itself takes our templates."""

    def needs_thread(self, request: HttpRequest, response: HttpResponse) -> bool:
        return response.status_code == 404 and leads_nowhere(request)  # its header asks for the user

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        return missing(request) if self.needs_thread(request, response) else response

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
