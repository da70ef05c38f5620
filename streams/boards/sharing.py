"""Who may see a board, and who may change it. Asks the database: call it in a thread.

The rights of topics are another matter: a tile on a topic that its viewer may not watch says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Q, QuerySet

from streams.models import Board

if TYPE_CHECKING:
    from django.contrib.auth.models import User

Audience = Board.Audience
ORDER = (Audience.PRIVATE, Audience.GROUPS, Audience.EVERYONE)  # each has the ones before it among it


def in_effect(board: Board) -> tuple[str, str, list[str]]:
    """Who may see the board, who may change it, and the names of its groups: as it comes out.

    Groups that were deleted share with nobody, and who may not see a board does not change it, whatever is written.
    """
    groups = sorted(group.name for group in board.groups.all())
    read, edit = (
        Audience.PRIVATE if each == Audience.GROUPS and not groups else Audience(each)
        for each in (board.read, board.edit)
    )
    return read, min(edit, read, key=ORDER.index), groups


def readable(user: User) -> QuerySet[Board]:
    """The boards that the user may see, each once."""
    if user.has_perm("streams.view_board"):
        return Board.objects.all()
    return _shared("read", user)


def editable(user: User) -> QuerySet[Board]:
    """The boards that the user may change: the user's own, those shared for that, and all for who may change all."""
    if user.has_perm("streams.change_board"):
        return Board.objects.all()
    return _shared("edit", user)


def may_edit(user: User, board: Board) -> bool:
    """Whether the user may change the board."""
    return editable(user).filter(pk=board.pk).exists()


def may_share(user: User, board: Board) -> bool:
    """Whether the user may say who sees the board: the owner, and who may change all boards."""
    return _owns(user, board) or user.has_perm("streams.change_board")


def may_delete(user: User, board: Board) -> bool:
    """Whether the user may delete the board: the owner, and who may delete all boards."""
    return _owns(user, board) or user.has_perm("streams.delete_board")


def _shared(what: str, user: User) -> QuerySet[Board]:
    """The user's own boards, and those whose `what` (read, edit) is everyone's or a group's of the user."""
    of_groups = Board.groups.through.objects.filter(group__user=user).values("board_id")
    return Board.objects.filter(
        Q(owner=user) | Q(**{what: Audience.EVERYONE}) | Q(**{what: Audience.GROUPS}, pk__in=of_groups)
    )


def _owns(user: Any, board: Board) -> bool:
    return board.owner_id is not None and board.owner_id == user.pk
