"""The pages as the least that Django can make of them: plain synchronous views with the product's queries and
templates, without any middleware. Who is signed in is looked up by hand, with the queries that middlewares need for it.

The product's settings and addresses come from the environment, as its web process has them.

python -m tests.bench.peers.plain_django
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

application = get_asgi_application()  # it reads the settings; models may be imported from here on

from django.contrib.auth import SESSION_KEY, get_user_model
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.sessions.models import Session
from django.core.handlers.asgi import ASGIHandler
from django.utils import timezone

from items import services
from items.listing import queries
from items.listing.filters import NO_FILTERS
from items.pages import views as item_pages
from items.pages.list_address import ListState
from items.pages.rows import rows
from project.accounts import views as account_pages
from streams.board import views as board
from tests.bench.peers.serving import serve

PAGE = item_pages.PAGE_SIZE


def sign_in(request: HttpRequest) -> Any:
    """Puts the person of the session on the request."""
    live = Session.objects.filter(session_key=request.COOKIES["sessionid"], expire_date__gt=timezone.now())
    request.user = get_user_model().objects.get(pk=live.get().get_decoded()[SESSION_KEY])
    return request.user


def item_list(request: HttpRequest) -> HttpResponse:
    sign_in(request)
    state = ListState.of(request)
    found = queries.lines(NO_FILTERS, state.ordering, PAGE, 0, count_to=queries.COUNTED_ON_PAGES)
    context = {
        "state": state, "items": found.items, "rows": rows(found.items), "count": found.count, "more": found.more,
        "columns": state.columns(), "first_number": 1, "last_number": len(found.items),
        "last_page": -(-found.count // PAGE), "previous": "", "next": state.address(page=2),
        "items_topic": settings.KAFKA_ITEMS_TOPIC,
    }  # fmt: skip
    return render(request, "items/list.html", context)


def detail(request: HttpRequest, item_id: int) -> HttpResponse:
    user, item = sign_in(request), queries.item_with_check(item_id)
    assert item is not None
    steps = queries.versions(item_id)
    context = {
        "item": item, "steps": steps, "older": None, "last": steps[0],
        "may_change": services.may_change(user, item), "may_delete": services.may_delete(user, item),
        "items_topic": settings.KAFKA_ITEMS_TOPIC,
    }  # fmt: skip
    return render(request, "items/detail.html", context)


def login(request: HttpRequest) -> HttpResponse:
    context = {"form": AuthenticationForm(request), "next": "", "demo": None, "sign_up": settings.SIGN_UP}
    return render(request, "registration/login.html", context)


def dashboard(request: HttpRequest) -> HttpResponse:
    user = sign_in(request)
    context = {
        "user": user, "items_topic": settings.KAFKA_ITEMS_TOPIC, "first_topic": "", "kafka": board.kafka_address(user),
    }  # fmt: skip
    return render(request, "streams/dashboard.html", context)


# Under the product's addresses, which are read with the first request.
item_pages.item_list, item_pages.detail, board.dashboard = item_list, detail, dashboard  # type: ignore[assignment]
account_pages.SignIn.as_view = staticmethod(lambda: login)  # type: ignore[method-assign,assignment]

if __name__ == "__main__":
    settings.MIDDLEWARE = []
    serve(ASGIHandler(), lifespan="off")
