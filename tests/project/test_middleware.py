"""Middlewares in one coroutine: in every case they are called as Django's own chain calls them."""

from __future__ import annotations

from typing import Any, cast

import pytest
from asgiref.sync import iscoroutinefunction
from django.core.exceptions import PermissionDenied
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponse
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.security import SecurityMiddleware
from django.test import RequestFactory, override_settings
from django.urls import Resolver404

from project.handler import PLAIN_ADDRESSES, Handler
from project.middleware import Clickjacking, InOneGo, OnTheLoop, Security

PLACES = ["request", "view", "response", "answers", "nowhere"]


class Noting(OnTheLoop):
    """Notes what it is asked; `does` says what happens in it."""

    name, does = "", ""
    noted: list[str]

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        self.noted.append(f"{self.name} request")
        if self.does == "request":
            raise PermissionDenied
        return HttpResponse(status=202) if self.does == "answers" else None

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        self.noted.append(f"{self.name} response {response.status_code}")
        if self.does == "response":
            raise PermissionDenied
        return response


def kinds(noted: list[str], place: str) -> list[type[Noting]]:
    """Three middlewares; in the second happens what `place` says."""
    return [
        type(name, (Noting,), {"name": name, "noted": noted, "does": place if name == "second" else ""})
        for name in ("first", "second", "third")
    ]


@pytest.mark.parametrize("place", PLACES)
async def test_each_hears_what_it_hears_in_djangos_chain(place: str) -> None:
    async def view(request: HttpRequest) -> HttpResponse:
        if place == "view":
            raise PermissionDenied
        return HttpResponse()

    theirs: list[str] = []
    chain = convert_exception_to_response(view)
    for kind in reversed(kinds(theirs, place)):
        chain = convert_exception_to_response(kind(chain))
    ours: list[str] = []
    in_one_go = InOneGo([kind(view) for kind in kinds(ours, place)], view)

    request = RequestFactory().get("/healthz")
    expected: Any = await cast("Any", chain)(request)
    answer = await in_one_go(request)

    assert iscoroutinefunction(in_one_go)
    assert (ours, answer.status_code) == (theirs, expected.status_code)


def test_an_address_with_values_is_looked_for_each_time() -> None:
    handler = Handler()
    handler.load_middleware()
    for number in range(1, PLAIN_ADDRESSES + 2):
        found = handler.resolve_request(RequestFactory().get(f"/items/{number}/"))
        assert list(found.kwargs.values()) == [number]
    assert not handler._plain


def test_an_address_leads_where_it_leads_now() -> None:
    handler = Handler()
    handler.load_middleware()
    request = RequestFactory().get("/api/items/")
    first, again = (handler.resolve_request(request) for _ in range(2))
    assert again is first is request.resolver_match
    with override_settings(ROOT_URLCONF="items.urls"), pytest.raises(Resolver404):
        handler.resolve_request(request)


OWN = {"referrer-policy": "no-referrer", "X-Frame-Options": "DENY", "X-Content-Type-Options": "a"}


@pytest.mark.parametrize("schemes", [("http", "https", "http"), ("https", "http", "https")])
def test_what_every_answer_says_is_what_djangos_middlewares_have_it_say(schemes: tuple[str, ...]) -> None:
    """However often they were asked before, and whatever the answer says already."""

    def headers(kind: Any, request: HttpRequest, said: dict[str, str], *, is_exempt: bool) -> dict[str, str]:
        answer = HttpResponse(headers=said)
        if is_exempt:
            answer.xframe_options_exempt = True
        return dict(kind.process_response(request, answer).headers)

    settings = {"SECURE_HSTS_SECONDS": 60, "SECURE_REFERRER_POLICY": "same-origin", "X_FRAME_OPTIONS": "sameorigin"}
    with override_settings(**settings):
        pairs = [
            (Security(get_nothing), SecurityMiddleware(get_nothing)),
            (Clickjacking(get_nothing), XFrameOptionsMiddleware(get_nothing)),
        ]
    for scheme in schemes:
        request = RequestFactory().get("/", secure=scheme == "https")
        for ours, theirs in pairs:
            for said in ({}, OWN):
                for is_exempt in (False, True):
                    found = headers(ours, request, said, is_exempt=is_exempt)
                    assert found == headers(theirs, request, said, is_exempt=is_exempt)


def get_nothing(request: HttpRequest) -> HttpResponse:
    raise NotImplementedError
