"""What browsers and proxies may keep: nothing but static files, which are answered before this is asked."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from project.middleware import OnTheLoop


class NeverStored(OnTheLoop):
    """Middleware: answers are `Cache-Control: private, no-store`, so that a page of somebody who signed out comes back
    neither by the back button nor out of a cache between."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response
