"""The way back: the list of deleted items, restoring one, and the page for who comes to an item that was deleted."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from items import services
from items.listing import queries
from items.models import Item
from items.pages.forms import ItemForm, NewItemForm
from items.pages.shared import also_taken, asker, login_required, page
from items.services.turns import Busy, read, write

if TYPE_CHECKING:
    from django.contrib.auth.models import User


@require_safe
@login_required
async def deleted(request: HttpRequest) -> HttpResponse:
    """The deleted items that this person can restore."""
    person = await asker(request)
    found = await read(queries.deleted, person)
    rows = [{"item": item, "until": item.deleted_at and item.deleted_at + services.UNDO} for item in found]
    context: dict[str, object] = {
        "rows": rows,
        "more": len(rows) == queries.DELETED_PAGE,
        "of_all": await read(services.may_change_all, person),
    }
    return await page(request, "items/deleted.html", context)


@require_POST
@login_required
async def restore(request: HttpRequest, item_id: int) -> HttpResponse:
    """Brings the item back. When the request carries a form's fields it saves them too: both or none."""
    typed = NewItemForm(request.POST) if "name" in request.POST else None
    try:
        restored = await write(_restore, item_id, typed, await asker(request))
    except Busy as busy:
        messages.warning(request, str(busy))
        return redirect("items:deleted")
    except services.NotAllowed as error:
        raise PermissionDenied(str(error)) from error
    except services.ItemNotFound as error:
        raise Http404(str(error)) from error
    if restored is None:
        return await gone(request, item_id, form=typed)
    messages.success(request, f"“{restored.name}” was restored{' and saved' if typed else ''}.")
    return redirect("items:detail", item_id)


def _restore(item_id: int, typed: ItemForm | None, actor: User) -> Item | None:
    """The restored item, or None when the form has errors to show."""
    if typed is not None and not typed.is_valid():
        also_taken(typed, item_id)
        return None
    try:
        with transaction.atomic():
            item = services.restore_item(item_id, actor=actor)
            if typed is not None:
                item = services.update_item(item_id, actor=actor, **typed.fields_of_item())
            return item
    except (services.SkuTaken, ValidationError) as error:
        if typed is None:
            raise
        typed.refuse(error)
        return None


async def gone(
    request: HttpRequest, item_id: int, *, typed: QueryDict | None = None, form: NewItemForm | None = None
) -> HttpResponse:
    """Says that the item was deleted, to those who can restore it; keeps what they typed. Raises Http404 for others."""
    item = await read(queries.restorable, item_id)
    if item is None or not await read(services.may_change, await asker(request), item):
        raise Http404("There is no such item.")
    if typed is not None:
        form = NewItemForm(dict(typed.items()) | {"submission": str(uuid.uuid4())})
    deletion = await read(queries.deletion, item_id)
    context: dict[str, object] = {"item": item, "form": form, "deletion": deletion}
    if form is not None:
        await read(form.is_valid)
        return await page(request, "items/gone.html", context, status=409)
    return await page(request, "items/gone.html", context, status=404)
