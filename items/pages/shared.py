"""What all pages about items do: find their item, know their person, and render in a thread."""

from __future__ import annotations

from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, TypeVar

from django.contrib.auth import decorators
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from items import services
from items.listing import queries
from items.models import Item
from items.pages.forms import ItemForm
from items.services.turns import read

if TYPE_CHECKING:
    from django.contrib.auth.models import User

V = TypeVar("V", bound=Callable[..., Any])


async def _is_signed_in(user: Any) -> bool:
    return bool(user.is_authenticated)


def login_required(view: V) -> V:
    """Django's decorator, which would take an async view into a thread only to ask whether its user is signed in."""
    if iscoroutinefunction(view):
        is_signed_in: Any = _is_signed_in  # Django's types do not know that it may be one to await
        return decorators.user_passes_test(is_signed_in)(view)
    return decorators.login_required(view)


def person(user: object) -> User:
    """The user as a person. `login_required` let only people through, which the types do not know. Raises
    PermissionDenied otherwise."""
    if not getattr(user, "is_authenticated", False):
        raise PermissionDenied
    return user  # type: ignore[return-value]


async def asker(request: HttpRequest) -> User:
    """The signed-in person behind a request. Raises PermissionDenied where `login_required` is missing."""
    return person(await request.auser())


async def item_to_change(request: HttpRequest, item_id: int) -> Item:
    """The item, for somebody who may change it. Raises Http404 and PermissionDenied."""
    return await _allowed(services.may_change, request, item_id)


async def item_to_delete(request: HttpRequest, item_id: int) -> Item:
    """The item, for somebody who may delete it. Raises Http404 and PermissionDenied."""
    return await _allowed(services.may_delete, request, item_id)


async def _allowed(may: Callable[[User, Item], bool], request: HttpRequest, item_id: int) -> Item:
    return await read(_item_for, await asker(request), may, item_id)


def _item_for(user: User, may: Callable[[User, Item], bool], item_id: int) -> Item:
    item = queries.item(item_id)
    if item is None:
        raise Http404("There is no such item.")
    if not may(user, item):
        raise PermissionDenied(str(services.NotAllowed()))
    return item


def also_taken(form: ItemForm, item_id: int | None = None) -> None:
    """Tells a taken SKU beside the other errors of a form, in one go. item_id: the item that may have it."""
    sku = form.cleaned_data.get("sku", "")
    if queries.is_sku_taken(sku, item_id):
        form.refuse(services.SkuTaken(sku))


async def page(request: HttpRequest, template: str, context: dict[str, object], status: int = 200) -> HttpResponse:
    """The template as an answer, rendered in a thread: the base template asks the database for the user and the
    messages."""
    return await read(render, request, template, context, status=status)
