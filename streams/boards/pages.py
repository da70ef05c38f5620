"""The pages of boards: the list, and a board. What a board shows comes over the socket, never with the page."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, cast

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.shortcuts import render

from streams.boards import services, sharing
from streams.boards.refusals import BoardNotFound, BoardNotShared

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.http import HttpRequest, HttpResponse

    from streams.models import Board


@login_required
async def board_list(request: HttpRequest) -> HttpResponse:
    """The boards that the person may see, starred ones first, and the ways to a new one."""
    user = cast("User", await request.auser())

    def shown() -> HttpResponse:
        boards = services.listed(user)
        named = Counter(board["name"] for board in boards)
        twice = {name for name, times in named.items() if times > 1}
        return render(request, "streams/boards.html", {"user": user, "boards": boards, "twice": twice})

    return await sync_to_async(shown)()


@login_required
async def board(request: HttpRequest, slug: str) -> HttpResponse:
    """One board with its definition; `?wall=1` for the whole screen. 404 where there is none, 403 with a sentence where
    it is not shared with the person."""
    user = cast("User", await request.auser())

    def shown() -> HttpResponse:
        try:
            found = services.find(slug, actor=user)
        except BoardNotFound as error:
            raise Http404(str(error)) from error
        except BoardNotShared as error:
            raise PermissionDenied(str(error)) from error
        context = {
            "user": user,
            "items_topic": settings.KAFKA_ITEMS_TOPIC,
            "definition": services.as_object(found),
            "drawn_with": _drawn_with(found),
            "may_edit": sharing.may_edit(user, found),
            "may_share": sharing.may_share(user, found),
            "may_delete": sharing.may_delete(user, found),
            "own_groups": list(user.groups.order_by("name").values_list("name", flat=True)),
        }
        return render(request, "streams/board.html", context)

    return await sync_to_async(shown)()


def _drawn_with(board: Board) -> list[str]:
    """The modules that the page imports for the kinds of tiles that stand on it: the figures first, records wait for
    them. At the end what these import once they draw, where that imports others: else it would be a step more."""
    kinds = dict.fromkeys(tile.kind for tile in board.tiles.all())
    figures = [f"figures/of/{kind}" for kind in kinds if kind != "text"]
    drawings = [f"tiles/{kind}" for kind in kinds]
    beside = ["tiles/chosen_time"] if "chart" in kinds else []
    return [f"streams/boards/{name}.js" for name in [*figures, *drawings, *beside]]
