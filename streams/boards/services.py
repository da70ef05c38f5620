"""The only writers of boards. Each service is one transaction that checks the right, locks the board, and counts its
version on. Synchronous: call it in a thread."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.text import slugify

from streams.boards import sharing
from streams.boards.definition import FORMAT, NAME_LENGTH, SLUG_LENGTH, Tile, written
from streams.boards.definition import Board as Definition
from streams.boards.refusals import (
    BoardConflict,
    BoardNotFound,
    BoardNotShared,
    BoardNotYours,
    SlugTaken,
    TooManyBoards,
    UnknownGroups,
)
from streams.models import Board, BoardTile

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from pydantic import JsonValue

BOARDS_EACH = 200  # of one person
SLUGS_TRIED = 20  # with a number behind the name; then with a word that nobody has
SLUG = re.compile(r"[a-z0-9_-]{1,80}")  # of what no database takes is nothing looked up
TAKEN = frozenset({"import"})  # an address of the API's own
LISTED = 1_000


def find(slug: str, *, actor: User) -> Board:
    """The board at that address. Raises BoardNotFound and BoardNotShared."""
    board = Board.objects.select_related("owner").filter(slug=slug).first() if SLUG.fullmatch(slug) else None
    if board is None:
        raise BoardNotFound
    if not sharing.readable(actor).filter(pk=board.pk).exists():
        raise BoardNotShared(board.owner.get_username() if board.owner else "")
    return board


def find_to_change(slug: str, *, actor: User) -> Board:
    """The board at that address, which the actor may change. Raises as `find` does, and BoardNotYours.

    The service that changes it looks again, under the board's lock.
    """
    board = find(slug, actor=actor)
    if not sharing.may_edit(actor, board):
        raise BoardNotYours
    return board


def listed(actor: User) -> list[dict[str, JsonValue]]:
    """What the actor's list of boards says of each, at most LISTED: starred ones first, then by name."""
    starred = set(Board.starred_by.through.objects.filter(user=actor).values_list("board_id", flat=True))
    boards = sharing.readable(actor).select_related("owner").order_by("name", "pk")
    first = list(boards.filter(pk__in=starred)[:LISTED])
    others = list(boards.exclude(pk__in=starred)[: LISTED - len(first)])
    editable = set(sharing.editable(actor).values_list("pk", flat=True))
    return [
        {
            "slug": board.slug,
            "name": board.name,
            "version": board.version,
            "owner": board.owner.get_username() if board.owner else None,
            "starred": board.pk in starred,
            "may_edit": board.pk in editable,
        }
        for board in [*first, *others]
    ]


@transaction.atomic
def create_board(definition: Definition, *, actor: User) -> Board:
    """Makes a board of the actor's. Its address is the one that is asked for, or made of its name.

    Raises TooManyBoards, SlugTaken (only when an address was asked for) and UnknownGroups.
    """
    # The person's row is the lock: two requests at the same time count each other.
    get_user_model()._default_manager.select_for_update(no_key=True).get(pk=actor.pk)
    if Board.objects.filter(owner=actor).count() >= BOARDS_EACH:
        raise TooManyBoards(BOARDS_EACH)
    if definition.slug is not None:
        board = _made(definition, definition.slug, actor)
        if board is None:
            raise SlugTaken(definition.slug)
        return board
    return _made_at_a_free_address(definition, actor)


def import_board(definition: Definition, *, actor: User) -> Board:
    """Makes a private board of the actor's of an exported one; when its address is taken, at the next free one.

    Raises TooManyBoards.
    """
    private = definition.model_copy(update={"sharing": type(definition.sharing)()})
    try:
        return create_board(private, actor=actor)
    except SlugTaken:
        return create_board(private.model_copy(update={"slug": None}), actor=actor)


def copy_board(slug: str, *, actor: User) -> Board:
    """Makes a private copy of the actor's of a board that the actor may see.

    Raises as `find` does, and TooManyBoards.
    """
    original = definition_of(find(slug, actor=actor))
    name = f"Copy of {original.name}"[:NAME_LENGTH]
    return import_board(original.model_copy(update={"slug": None, "name": name}), actor=actor)


@transaction.atomic
def replace_board(slug: str, definition: Definition, *, actor: User, expected_version: int | None = None) -> Board:
    """Puts a whole definition in the board's place; its address and owner stay.

    Raises as `find` does, BoardNotYours, BoardConflict and UnknownGroups. The same definition makes no new version.
    """
    board = _locked(slug, actor)
    if not sharing.may_edit(actor, board):
        raise BoardNotYours
    _check_version(board, expected_version)
    before = definition_of(board)
    after = definition.model_copy(update={"slug": board.slug, "version": before.version, "owner": before.owner})
    if written(after) == written(before):
        return board
    if after.sharing != before.sharing and not sharing.may_share(actor, board):
        raise BoardNotYours("Only the owner of a board says who may see and change it.")
    board.version += 1
    board.updated_at = timezone.now()
    board.changed_by = actor.get_username()
    _put(board, after, actor)
    return board


@transaction.atomic
def share_board(board: Board, *, actor: User) -> None:
    """Writes the owner, `read` and `edit` that were put on the board, for the admin, which asks for its own permission.

    The version counts on, so that nobody who has the board open saves over it.
    """
    board.version = Board.objects.select_for_update().values_list("version", flat=True).get(pk=board.pk) + 1
    board.updated_at, board.changed_by = timezone.now(), actor.get_username()
    board.save(update_fields=["owner", "read", "edit", "version", "updated_at", "changed_by"])


@transaction.atomic
def delete_board(slug: str, *, actor: User, expected_version: int | None = None) -> None:
    """Deletes the board for everybody. Raises as `find` does, BoardNotYours and BoardConflict."""
    board = _locked(slug, actor)
    if not sharing.may_delete(actor, board):
        raise BoardNotYours("Only the owner of a board deletes it.")
    _check_version(board, expected_version)
    board.delete()


def star(slug: str, *, actor: User, starred: bool) -> None:
    """Puts the board among those that stand first for the actor, or takes it away. Raises as `find` does."""
    board = find(slug, actor=actor)
    if starred:
        board.starred_by.add(actor)
    else:
        board.starred_by.remove(actor)


def definition_of(board: Board) -> Definition:
    """The board as its JSON says it. Three queries at most."""
    return Definition.model_validate(as_object(board))


def as_object(board: Board) -> dict[str, JsonValue]:
    """The same, as JSON."""
    read, edit, groups = sharing.in_effect(board)
    return {
        "format": FORMAT,
        "slug": board.slug,
        "name": board.name,
        "version": board.version,
        "owner": board.owner.get_username() if board.owner else None,
        "sharing": {"read": read, "edit": edit, "groups": groups},
        "window": board.window,
        "filter": board.filter,
        "clock": board.clock,
        "tiles": [
            {
                "id": tile.name, "kind": tile.kind, "title": tile.title, "topic": tile.topic, "filter": tile.filter,
                "x": tile.x, "y": tile.y, "w": tile.w, "h": tile.h, "options": tile.options,
            }
            for tile in board.tiles.all()
        ],
    }  # fmt: skip


def _made_at_a_free_address(definition: Definition, actor: User) -> Board:
    base = slugify(definition.name)[: SLUG_LENGTH - 6].strip("-") or "board"
    numbered = (base if number == 1 else f"{base}-{number}" for number in range(1, SLUGS_TRIED))
    chosen = (f"{base[: SLUG_LENGTH - 9]}-{secrets.token_hex(4)}" for _ in range(SLUGS_TRIED))
    for slug in (*numbered, *chosen):
        board = _made(definition, slug, actor)
        if board is not None:
            return board
    raise SlugTaken(base)


def _made(definition: Definition, slug: str, actor: User) -> Board | None:
    """The new board, or None when another one has that address."""
    if slug in TAKEN or Board.objects.filter(slug=slug).exists():
        return None
    board = Board(slug=slug, owner=actor, changed_by=actor.get_username())
    try:
        with transaction.atomic():
            _put(board, definition, actor)
    except IntegrityError:
        if Board.objects.filter(slug=slug).exists():  # somebody was quicker
            return None
        raise
    return board


def _put(board: Board, definition: Definition, actor: User) -> None:
    """Writes what the definition says, inside the transaction that is open. Raises UnknownGroups."""
    board.name = definition.name
    board.read, board.edit = definition.sharing.read, definition.sharing.edit
    board.window, board.filter, board.clock = written(definition.window), definition.filter, definition.clock
    board.save()
    if (groups := _groups(definition.sharing.groups, board, actor)) is not None:
        board.groups.set(groups)
    board.tiles.all().delete()
    BoardTile.objects.bulk_create(_tile(board, place, tile) for place, tile in enumerate(definition.tiles))


def _tile(board: Board, place: int, tile: Tile) -> BoardTile:
    return BoardTile(
        board=board, place=place, name=tile.id, kind=tile.kind, title=tile.title, topic=tile.topic, filter=tile.filter,
        x=tile.x, y=tile.y, w=tile.w, h=tile.h, options=written(tile.options),
    )  # fmt: skip


def _groups(names: list[str], board: Board, actor: User) -> list[Group] | None:
    """The groups of those names; None when they are the board's already. One can share with one's own groups, keep
    those that are there, and with all groups when one may change all boards."""
    there = {group.name: group for group in board.groups.all()}
    if set(names) == set(there):
        return None
    allowed = Group.objects.filter(name__in=names)
    if not actor.has_perm("streams.change_board"):
        allowed = allowed.filter(user=actor)
    found = {group.name: group for group in allowed} | {name: there[name] for name in names if name in there}
    if missing := sorted(set(names) - set(found)):
        raise UnknownGroups(missing)
    return list(found.values())


def _locked(slug: str, actor: User) -> Board:
    """The board, locked until the transaction ends. Raises as `find` does."""
    find(slug, actor=actor)
    board = Board.objects.select_for_update(of=("self",)).select_related("owner").filter(slug=slug).first()
    if board is None:
        raise BoardNotFound
    return board


def _check_version(board: Board, expected: int | None) -> None:
    """Raises BoardConflict when the board has another version than the one that is expected."""
    if expected is not None and board.version != expected:
        raise BoardConflict(board)
