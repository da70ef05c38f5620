"""The button that checks an item's link."""

from __future__ import annotations

import asyncio

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from items.links import results
from items.links.checking import LinkResult
from items.pages.shared import asker, item_to_change, login_required

AT_ONCE = 20  # checks by button under way in one web process; who comes then is asked to come back …
AT_ONCE_EACH = 4  # … and of one person, so that nobody has all of them

_under_way: dict[asyncio.Task[dict[str, LinkResult]], object] = {}  # check -> the person whose it is


@require_POST
@login_required
async def check(request: HttpRequest, item_id: int) -> HttpResponse:
    """Fetches the item's link now, keeps what came of it, and leads back to the item. For those who may change it."""
    item = await item_to_change(request, item_id)
    who = (await asker(request)).pk
    if not item.link:
        messages.info(request, "This item has no link.")
    elif len(_under_way) >= AT_ONCE or list(_under_way.values()).count(who) >= AT_ONCE_EACH:
        messages.warning(request, "Many links are being checked just now. Try again in a few seconds.")
    else:
        fetching = asyncio.create_task(results.check([item.link]))
        _under_way[fetching] = who
        fetching.add_done_callback(_under_way.pop)
        await sync_to_async(results.keep)({item_id: item.link}, await fetching)
    return redirect("items:detail", item_id)
