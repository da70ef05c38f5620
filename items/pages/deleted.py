"""The way back: the list of deleted items, restoring one, and the page for who comes to an item that was deleted."""

from __future__ import annotations

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
from items.pages.editing import edit_page, merged_with
from items.pages.forms import GoneItemForm
from items.pages.merging import Merge
from items.pages.shared import also_taken, asker, item_to_change, login_required, page
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
    """Brings the item back. When the request carries a form's fields it saves them too: both or none, unless others
    saved fields behind the version that the form knows. Then the item is back, and both edits are shown together."""
    typed = GoneItemForm(request.POST) if "name" in request.POST else None
    try:
        outcome = await write(_restore, item_id, typed, await asker(request))
    except Busy as busy:
        messages.warning(request, str(busy))
        return redirect("items:deleted")
    except services.NotAllowed as error:
        raise PermissionDenied(str(error)) from error
    except services.ItemNotFound as error:
        raise Http404(str(error)) from error
    if outcome is None and typed is not None and await read(queries.item, item_id) is not None:
        # Somebody else has restored it: what was typed wrongly is mended in the form of an item that is there.
        return await edit_page(request, typed, await item_to_change(request, item_id))
    if outcome is None:
        return await gone(request, item_id, form=typed)
    restored, merged = outcome
    if typed is not None and merged is not None:
        messages.success(request, f"“{restored.name}” was restored. What you typed is not saved yet.")
        return await edit_page(request, typed.merged(merged, restored.version), restored, merged)
    messages.success(request, f"“{restored.name}” was restored{' and saved' if typed else ''}.")
    return redirect("items:detail", item_id)


def _restore(item_id: int, typed: GoneItemForm | None, actor: User) -> tuple[Item, Merge | None] | None:
    """The restored item, with what was typed unless there is a Merge to look at first; None when the form has errors to
    show."""
    if typed is not None and not typed.is_valid():
        also_taken(typed, item_id)
        return None
    try:
        with transaction.atomic():
            item = services.restore_item(item_id, actor=actor)  # locked: what its history says now is all of it
            if typed is None:
                return item, None
            merged = merged_with(typed, item)
            if merged.taken or merged.both:
                return item, merged
            return services.update_item(item_id, actor=actor, **typed.fields_of_item()), None
    except (services.SkuTaken, ValidationError) as error:
        if typed is None:
            raise
        typed.refuse(error)
        return None


async def gone(
    request: HttpRequest, item_id: int, *, typed: QueryDict | None = None, form: GoneItemForm | None = None
) -> HttpResponse:
    """Says that the item was deleted, to those who can restore it; keeps what they typed. Raises Http404 for others."""
    item = await read(queries.restorable, item_id)
    if item is None or not await read(services.may_change, await asker(request), item):
        raise Http404("There is no such item.")
    if typed is not None:
        form = GoneItemForm.of_edited(typed)
    deletion = await read(queries.deletion, item_id)
    context: dict[str, object] = {"item": item, "form": form, "deletion": deletion}
    if form is not None:
        await read(form.is_valid)
        return await page(request, "items/gone.html", context, status=409)
    return await page(request, "items/gone.html", context, status=404)
