"""The pages about items. Each asks one service or reading function in a thread, then renders in one; everything works
without JavaScript, and what a list shows is in its address."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from items import services
from items.listing import queries
from items.models import Item
from items.pages.deleted import gone
from items.pages.editing import edit_page, merged_with, version_in
from items.pages.forms import EditItemForm, ItemForm, NewItemForm
from items.pages.list_address import ListState
from items.pages.rows import rows
from items.pages.shared import also_taken, asker, item_to_change, item_to_delete, login_required, page, person
from items.services.turns import Busy, read, read_heavy, write

if TYPE_CHECKING:
    from django.contrib.auth.models import User

PAGE_SIZE = 50  # items


@require_safe
@login_required
async def item_list(request: HttpRequest) -> HttpResponse:
    """The list: search, order, pages. With `fragment` only what the list shows, for a page that is open already."""
    return await read_heavy((await asker(request)).pk, _list, request)


def _list(request: HttpRequest) -> HttpResponse:
    """Searched and rendered in one go, so that a request for the list goes into a thread for it once."""
    fragment = "fragment" in request.GET
    state = ListState.of(request)
    found = queries.lines(
        state.filters,
        state.ordering,
        PAGE_SIZE,
        (state.page - 1) * PAGE_SIZE,
        count_to=queries.COUNTED_ON_PAGES,
    )
    last = max(1, -(-found.count // PAGE_SIZE))
    if state.page > last:
        return redirect(request.path + state.address(page=last) + ("&fragment=1" if fragment else ""))
    context = {
        "state": state,
        "items": found.items,
        "rows": rows(found.items),
        "count": found.count,
        "more": found.more,
        "columns": state.columns(),
        "first_number": (state.page - 1) * PAGE_SIZE + 1,
        "last_number": (state.page - 1) * PAGE_SIZE + len(found.items),
        "last_page": last,
        "previous": state.address(page=state.page - 1) if state.page > 1 else "",
        "next": state.address(page=state.page + 1) if state.page < last else "",
        "items_topic": settings.KAFKA_ITEMS_TOPIC,
    }
    return render(request, "items/_list.html" if fragment else "items/list.html", context)


@require_safe
async def detail(request: HttpRequest, item_id: int) -> HttpResponse:
    """Every field of one item, and its history."""
    shown = await read(_detail, request, item_id)
    return await gone(request, item_id) if shown is None else shown


@login_required
def _detail(request: HttpRequest, item_id: int) -> HttpResponse | None:
    """The page: signed in, asked for and rendered in one go; None when there is no such item."""
    item = queries.item_with_check(item_id)
    if item is None:
        return None
    user = person(request.user)
    before = version_in(request.GET.get("before", ""))
    steps = queries.versions(item_id, before)
    if before is None:
        last = steps[0] if steps else None
    else:
        last = queries.last_step(item_id)
    context = {
        "item": item,
        "may_change": services.may_change(user, item),
        "may_delete": services.may_delete(user, item),
        "steps": steps,
        "last": last,
        "older": steps[-1].version if len(steps) == queries.HISTORY_PAGE and steps[-1].version > 1 else None,
        "items_topic": settings.KAFKA_ITEMS_TOPIC,
    }
    return render(request, "items/detail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
async def new(request: HttpRequest) -> HttpResponse:
    """The form for a new item; sent twice it makes one. For those who may add."""
    person = await asker(request)
    if not await read(services.may_add, person):
        raise PermissionDenied(services.MAY_NOT_ADD)
    form = NewItemForm(request.POST if request.method == "POST" else None, initial={"submission": uuid.uuid4()})
    if request.method == "POST":
        try:
            added = await write(_submit, form, person)
        except Busy as busy:
            return await try_again(request, form, None, busy)
        if added is not None:
            messages.success(request, f"“{added.name}” was submitted.")
            return redirect("items:detail", added.pk)
    return await page(request, "items/form.html", {"form": form, "item": None})


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
async def edit(request: HttpRequest, item_id: int) -> HttpResponse:
    """The form of an item. When somebody saved meanwhile, both edits are brought together field by field and shown; of
    what both changed the person chooses."""
    try:
        item = await item_to_change(request, item_id)
    except Http404:
        return await gone(request, item_id, typed=request.POST if request.method == "POST" else None)
    if request.method != "POST":
        return await edit_page(request, EditItemForm.of(item), item)
    form = EditItemForm(request.POST)
    try:
        saved = await write(_save, form, item_id, await asker(request))
    except Busy as busy:
        return await try_again(request, form, item, busy)
    except services.VersionConflict as conflict:
        merged = await read(merged_with, form, conflict.current)
        return await edit_page(request, form.merged(merged, conflict.current.version), conflict.current, merged)
    except services.ItemNotFound:
        return await gone(request, item_id, typed=request.POST)
    if saved is None:
        return await edit_page(request, form, item)
    messages.success(request, f"“{saved.name}” was saved.")
    return redirect("items:detail", item_id)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
async def delete(request: HttpRequest, item_id: int) -> HttpResponse:
    """Asks, then deletes. When the item was changed since it was asked, it asks again."""
    try:
        item = await item_to_delete(request, item_id)
    except Http404:
        return await gone(request, item_id)
    if request.method == "POST":
        version = version_in(request.POST.get("version", ""))
        try:
            await write(services.delete_item, item_id, actor=await asker(request), expected_version=version)
        except Busy as busy:
            messages.warning(request, str(busy))
            return redirect("items:delete", item_id)
        except services.VersionConflict as conflict:
            context = {"item": conflict.current, "changed": True}
            return await page(request, "items/delete.html", context, status=409)
        except services.ItemNotFound as error:
            raise Http404(str(error)) from error
        except services.NotAllowed as error:  # the right was taken away since it was looked for
            raise PermissionDenied(str(error)) from error
        messages.success(request, f"“{item.name}” was deleted. For 30 days you can restore it, under “Deleted items”.")
        return redirect("items:list")
    return await page(request, "items/delete.html", {"item": item})


async def try_again(request: HttpRequest, form: ItemForm, item: Item | None, busy: Busy) -> HttpResponse:
    """The form with everything that was typed, and why it was not saved."""
    await read(form.is_valid)
    form.add_error(None, str(busy))
    context: dict[str, object] = {"form": form, "item": item, "items_topic": settings.KAFKA_ITEMS_TOPIC}
    return await page(request, "items/form.html", context, status=503)


def _submit(form: NewItemForm, actor: User) -> Item | None:
    """The item that this form made, now or when it was sent before; None when the form has errors to show."""
    if not form.is_valid():
        also_taken(form)
        return None
    try:
        return services.create_item(actor=actor, submission=form.cleaned_data["submission"], **form.fields_of_item())
    except services.AlreadySubmitted as again:
        if again.item.owner_id == actor.pk and again.item.deleted_at is None:
            return again.item
        form.refuse(again)
    except (services.Refused, ValidationError) as error:
        form.refuse(error)
    return None


def _save(form: EditItemForm, item_id: int, actor: User) -> Item | None:
    """The saved item, or None when the form has errors to show. VersionConflict and ItemNotFound travel."""
    if not form.is_valid():
        also_taken(form, item_id)
        return None
    try:
        return services.update_item(
            item_id, actor=actor, expected_version=form.cleaned_data["version"], **form.fields_of_item()
        )
    except (services.VersionConflict, services.ItemNotFound):
        raise
    except (services.Refused, ValidationError) as error:
        form.refuse(error)
    return None
