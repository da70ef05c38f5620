"""What browsers and proxies may keep: nothing but static files, which are answered before this is asked."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from project.middleware import OnTheLoop, add_header


class NeverStored(OnTheLoop):
    """Middleware: answers are `Cache-Control: private, no-store`, so that a page of somebody who signed out comes back
    neither by the back button nor out of a cache between."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        add_header(response, "Cache-Control", "private, no-store")
        return response
