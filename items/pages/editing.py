"""The form of an item that is there, and what it becomes when others saved meanwhile (docs/decisions/0025)."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from items.listing import queries
from items.models import Item
from items.pages.forms import EditItemForm
from items.pages.merging import Merge, changes, merge
from items.pages.shared import page
from items.services.turns import read
from items.values.digits import whole_number


async def edit_page(request: HttpRequest, form: EditItemForm, item: Item, merged: Merge | None = None) -> HttpResponse:
    """The form. With `since` in the address also what has changed since that version: an open form asks for it."""
    context: dict[str, object] = {
        "form": form,
        "item": item,
        "merge": merged,
        "items_topic": settings.KAFKA_ITEMS_TOPIC,
    }
    since = version_in(request.GET.get("since", ""))
    if since is not None:
        steps = await read(queries.versions_since, item.pk, since)
        context |= {"meanwhile": steps[-1] if steps else None, "changes": changes(steps, item)}
    return await page(request, "items/form.html", context, status=409 if merged else 200)


def version_in(text: str) -> int | None:
    """The version that a request names; None when it names none."""
    return whole_number(text, 9)


def merged_with(form: EditItemForm, current: Item) -> Merge:
    """What was typed over the version that the form knows, and what others saved since. Asks the database."""
    seen = form.cleaned_data["version"]
    return merge(queries.versions_since(current.pk, seen), seen, current, form.fields_of_item())
