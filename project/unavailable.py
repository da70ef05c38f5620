"""What pages answer when the database is busy or was stopped, and to a time or number that no database takes: a page
with 503 and when to come back, or 400; the API says the same in JSON (project/api/errors.py)."""

from __future__ import annotations

import logging

import psycopg
from django.conf import settings
from django.core.exceptions import TooManyFieldsSent
from django.db import DataError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from items.services.turns import TOO_LONG, Busy
from project.middleware import OnTheLoop

logger = logging.getLogger("project.unavailable")

RETRY_AFTER = "2"  # s; how long a database that is busy or away is given before the next try
AWAY = "The database does not answer just now. What you had saved before is safe; try again in a moment."


def was_too_long(error: BaseException) -> bool:
    """Whether the database stopped a statement because of its time (project/settings.py)."""
    return isinstance(error.__cause__, psycopg.errors.QueryCanceled)


def is_out_of_range(request: HttpRequest, error: Exception) -> bool:
    """Whether the address asks for what no database or calendar has: ?created_at__gte=0001-01-01T00:00:00+23:59, which
    in UTC lies before the year 1. Lists of the admin take any look-up (?created_at__year=0, ?id__range=1), and Python
    and Django say in several ways that there is no such thing."""
    if request.method not in {"GET", "HEAD"}:
        return False
    match = request.resolver_match
    is_list = match is not None and match.app_name == "admin" and (match.url_name or "").endswith("_changelist")
    return isinstance(error, (OverflowError, DataError, *((ValueError, IndexError) if is_list and request.GET else ())))


def too_many_fields() -> str:
    """The sentence for a request with more parameters or form fields than are read, with their bound."""
    most = settings.DATA_UPLOAD_MAX_NUMBER_FIELDS
    return f"There are too many parameters in the address, or fields in the form: at most {most} are read."


def out_of_bounds(request: HttpRequest) -> HttpResponse:
    """400 for what is too many, and where."""
    context = {"status": 400, "sentence": too_many_fields()}
    return render(request, "unavailable.html", context, status=400)


class Unavailable(OnTheLoop):
    """Middleware, next to the views."""

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """The page for what the view raised, None for what is a fault of ours."""
        if isinstance(error, Busy):
            return self._busy(request, str(error))
        if isinstance(error, (OperationalError, InterfaceError)):
            logger.error("%s %s: the database did not answer: %s", request.method, request.path, error)
            return self._busy(request, TOO_LONG) if was_too_long(error) else self._busy(request, AWAY, is_away=True)
        if isinstance(error, TooManyFieldsSent):
            return out_of_bounds(request)
        if is_out_of_range(request, error):
            sentence = "The address holds a number or a time that is out of range."
            return render(request, "unavailable.html", {"status": 400, "sentence": sentence}, status=400)
        return None

    def _busy(self, request: HttpRequest, sentence: str, *, is_away: bool = False) -> HttpResponse:
        is_reading = request.method in {"GET", "HEAD"}
        context = {"status": 503, "sentence": sentence, "is_away": is_away, "is_reading": is_reading}
        response = render(request, "unavailable.html", context, status=503)
        response["Retry-After"] = RETRY_AFTER
        return response
