"""Under which scheme, name and port this server is known: for links and redirects that leave the request.

Django holds a request's Host against ALLOWED_HOSTS without its port, so a port is a stranger's word.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponsePermanentRedirect
from django.http.request import split_domain_port
from django.http.response import HttpResponseBase
from django.middleware import security
from django.utils.http import is_same_domain


def host_of(request: HttpRequest) -> str:
    """The host to send people to: that of the request, with the port of CSRF_TRUSTED_ORIGINS when its name is there,
    else with the one on which the server listens, or none."""
    host = request.get_host()
    name, port = split_domain_port(host)
    for origin in settings.CSRF_TRUSTED_ORIGINS:
        trusted, trusted_port = split_domain_port(urlsplit(origin.replace("*", "")).netloc)
        if is_same_domain(name, trusted):
            return f"{name}:{trusted_port}" if trusted_port else name
    return host if port == request.META.get("SERVER_PORT") else name


class SecurityMiddleware(security.SecurityMiddleware):
    """Django's, whose redirect to HTTPS goes where we are known."""

    def process_request(self, request: HttpRequest) -> HttpResponseBase | None:  # type: ignore[override]
        response = super().process_request(request)
        if response is None:
            return None
        return HttpResponsePermanentRedirect(f"https://{host_of(request)}{request.get_full_path()}")
