"""Under which scheme, name and port this server is known: for links and redirects that leave the request.

Django holds a request's Host against ALLOWED_HOSTS without its port, so a port is a stranger's word.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.request import split_domain_port
from django.utils.http import is_same_domain

from project.middleware import OnTheLoop

MOVED = 301  # permanently


def host_of(request: HttpRequest) -> str:
    """Host and port to send people to: the request's host, with the port of CSRF_TRUSTED_ORIGINS where its name is
    there, else with the one on which the server listens, or none."""
    host = request.get_host()
    name, port = split_domain_port(host)
    for origin in settings.CSRF_TRUSTED_ORIGINS:
        trusted, trusted_port = split_domain_port(urlsplit(origin.replace("*", "")).netloc)
        if is_same_domain(name, trusted):
            return f"{name}:{trusted_port}" if trusted_port else name
    return host if port == request.META.get("SERVER_PORT") else name


class RedirectedWhereKnown(OnTheLoop):
    """Around Django's SecurityMiddleware, whose redirect to HTTPS goes to whatever port the Host named."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if response.status_code != MOVED:
            return response
        path = request.get_full_path()
        if response.headers["Location"] == f"https://{request.get_host()}{path}":
            response.headers["Location"] = f"https://{host_of(request)}{path}"
        return response
