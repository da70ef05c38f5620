"""The two pages that show the API, Swagger UI and ReDoc: own templates, all assets from this server (the bundles lie in
django-ninja's package), and a policy that lets them work and nothing else."""

from __future__ import annotations

from copy import copy
from functools import partial
from typing import Any, cast

from csp.constants import SELF, UNSAFE_INLINE
from csp.decorators import csp_update
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from ninja import NinjaAPI
from ninja.openapi.docs import DocsBase
from ninja.openapi.schema import OpenAPISchema
from ninja.utils import normalize_path

HEADERS = {  # of every answer with that status
    "401": {"WWW-Authenticate": "`Bearer`."},
    "429": {"Retry-After": "Seconds after which the same request may be sent again."},
    "503": {"Retry-After": "Seconds after which the same request may be sent again."},
}


class DescribedAPI(NinjaAPI):
    """A NinjaAPI whose description also says what all operations have in common.

    It is made once: that takes 150 ms, and anybody may ask for it. Below another path only its addresses are others.
    """

    _described: OpenAPISchema | None = None  # with addresses below no path
    _below: tuple[str, OpenAPISchema] | None = None  # below which path it was last asked for, and what that was

    def create_temporal_response(self, request: HttpRequest) -> HttpResponse:
        """ninja's, for operations that return no answer of their own; made when one is asked of it, which is rare."""
        made = SimpleLazyObject(partial(super().create_temporal_response, request))
        return cast("HttpResponse", made)

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None
    ) -> OpenAPISchema:
        prefix = self.get_root_path(path_params or {}) if path_prefix is None else path_prefix
        if self._described is None:
            self._described = self._describe()
        if self._below is None or self._below[0] != prefix:
            below = copy(self._described)
            below.path_prefix = prefix
            below["paths"] = {
                normalize_path(f"/{prefix}{path}"): told for path, told in self._described["paths"].items()
            }
            self._below = prefix, below
        return self._below[1]

    def _describe(self) -> OpenAPISchema:
        description = super().get_openapi_schema(path_prefix="")
        for operations in description["paths"].values():
            for operation in operations.values():
                _name_headers(operation["responses"])
                for parameter in operation.get("parameters", ()):
                    _never_null(parameter["schema"])
        return description


def _name_headers(responses: dict[int | str, Any]) -> None:
    for status, response in responses.items():
        for name, meaning in HEADERS.get(str(status), {}).items():
            header = {"description": meaning, "schema": {"type": "string"}}
            response.setdefault("headers", {})[name] = header


def _never_null(schema: dict[str, Any]) -> None:
    """A query or a header can be left out, but there is no null in it, as pydantic's `T | None` says."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) == 1:
        del schema["anyOf"]
        schema.update(kinds[0] | schema)
    elif kinds:
        schema["anyOf"] = kinds


class Docs(DocsBase):
    """Swagger UI, where NinjaAPI looks for it."""

    def render_page(self, request: HttpRequest, api: NinjaAPI, **kwargs: Any) -> HttpResponse:
        response: HttpResponse = swagger(request)  # type: ignore[assignment]  # django-csp's types are wider
        return response


# Seen in Chromium: both put style elements and attributes into the page by script (Swagger UI its samples' colours,
# ReDoc all of its styles), and ReDoc's search is a worker made from a blob. Scripts stay as strict as everywhere.
@csp_update({"style-src": [SELF, UNSAFE_INLINE]})
def swagger(request: HttpRequest) -> HttpResponse:
    """The page with Swagger UI, which needs inline styles."""
    return render(request, "api/swagger.html", {"openapi_url": reverse("api:openapi-json")})


@csp_update({"style-src": [SELF, UNSAFE_INLINE], "worker-src": [SELF, "blob:"]})
def redoc(request: HttpRequest) -> HttpResponse:
    """The page with ReDoc, which needs inline styles and a worker of its own making."""
    return render(request, "api/redoc.html", {"openapi_url": reverse("api:openapi-json")})
