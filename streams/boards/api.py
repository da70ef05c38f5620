"""The boards API. Each operation is one hop into a thread: signing in, the body, one service, the answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any

import orjson
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from ninja import Router, Schema
from ninja.errors import HttpError
from ninja.params.functions import Header
from pydantic import ConfigDict

from streams.board.schemas import Invalid, Problem, _example
from streams.boards import services
from streams.boards.definition import Board as Definition
from streams.boards.definition import Part
from streams.boards.refusals import BoardConflict, BoardRefused, UnknownGroups
from streams.models import Board
from streams.runtime import bodies
from streams.runtime.bodies import Unread

router = Router(tags=["boards"])

_ETAG = re.compile(r'\s*(?:(?:W/)?"([0-9]{1,9})"|([0-9]{1,9}))\s*')

IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        description='The ETag you have read, such as `"3"`; with an older one nothing happens and you get 412.',
    ),
]
READING: dict[Any, Any] = {401: Problem, 403: Problem, 404: Problem, 503: Problem}
WRITING: dict[Any, Any] = READING | {400: Problem, 409: Problem, 413: Problem, 422: Invalid, 429: Problem}
CONDITIONAL: dict[Any, Any] = WRITING | {412: Problem}
NOT_JSON: dict[Any, Any] = {415: Problem}  # where there is a body


class BoardInList(Schema):
    """A board in the list."""

    slug: str
    name: str
    version: int
    owner: str | None
    starred: bool
    may_edit: bool


class BoardsOut(Schema):
    """The boards that you may see: starred ones first, then by name."""

    model_config = _example(
        {
            "boards": [
                {"slug": "sales", "name": "Sales", "version": 3, "owner": "ada", "starred": True, "may_edit": False}
            ]
        }
    )

    boards: list[BoardInList]


@router.get("/", response={200: BoardsOut, 401: Problem, 503: Problem}, summary="The boards you may see")
async def list_boards(request: HttpRequest) -> HttpResponse:
    """Yours and those that are shared with you; starred ones first, then by name, at most 1,000."""
    return await _in_thread(request, lambda user: _json(200, {"boards": services.listed(user)}))


@router.post("/", response={201: Definition} | WRITING | NOT_JSON, summary="Make a board")
async def make_board(request: HttpRequest, board: Unread[Definition]) -> HttpResponse:
    """Makes a board of yours. Without `slug` its address is made of its name."""

    def made(user: User) -> HttpResponse:
        return _shown(services.create_board(bodies.read(Definition, board), actor=user), 201)

    return await _in_thread(request, made)


@router.post("/import", response={201: Definition} | WRITING | NOT_JSON, summary="Make a board of an exported one")
async def import_board(request: HttpRequest, board: Unread[Definition]) -> HttpResponse:
    """Makes a private board of yours of an exported one; when its address is taken, at the next free one."""

    def made(user: User) -> HttpResponse:
        return _shown(services.import_board(bodies.read(Definition, board), actor=user), 201)

    return await _in_thread(request, made)


@router.get("/{slug}", response={200: Definition} | READING, summary="Read a board")
async def read_board(request: HttpRequest, slug: str) -> HttpResponse:
    """The board as JSON, with the ETag of its version."""
    return await _in_thread(request, lambda user: _shown(services.find(slug, actor=user)))


@router.put("/{slug}", response={200: Definition} | CONDITIONAL | NOT_JSON, summary="Replace a board")
async def replace_board(
    request: HttpRequest, slug: str, board: Unread[Definition], version: IfMatch = None
) -> HttpResponse:
    """Puts a whole definition in the board's place; its address and owner stay. 412 shows the ETag that it has now."""

    def replaced(user: User) -> HttpResponse:
        expected = _expected(services.find_to_change(slug, actor=user), version)
        definition = bodies.read(Definition, board)
        return _shown(services.replace_board(slug, definition, actor=user, expected_version=expected))

    return await _in_thread(request, replaced)


class BoardPatch(Part):
    """Parts of a board; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Sales", "window": {"last_seconds": 3600}}]})

    name: Any = None
    sharing: Any = None
    window: Any = None
    filter: Any = None
    clock: Any = None
    tiles: Any = None


@router.patch("/{slug}", response={200: Definition} | CONDITIONAL | NOT_JSON, summary="Change parts of a board")
async def change_board(
    request: HttpRequest, slug: str, board: Unread[BoardPatch], version: IfMatch = None
) -> HttpResponse:
    """Changes the parts that are sent: `name`, `sharing`, `window`, `filter`, `clock`, all `tiles`."""

    def changed(user: User) -> HttpResponse:
        now = services.find_to_change(slug, actor=user)
        expected = _expected(now, version)
        if expected is None:
            expected = now.version  # what is replaced is what was read, too
        sent = bodies.read(BoardPatch, board).model_dump(exclude_unset=True)
        merged = bodies.checked(Definition, services.as_object(now) | sent)
        return _shown(services.replace_board(slug, merged, actor=user, expected_version=expected))

    return await _in_thread(request, changed)


@router.delete("/{slug}", response={204: None} | CONDITIONAL, summary="Delete a board")
async def delete_board(request: HttpRequest, slug: str, version: IfMatch = None) -> HttpResponse:
    """Deletes the board for everybody, for good: export it before."""

    def deleted(user: User) -> HttpResponse:
        expected = _expected(services.find(slug, actor=user), version)
        services.delete_board(slug, actor=user, expected_version=expected)
        return HttpResponse(status=204)

    return await _in_thread(request, deleted)


@router.post("/{slug}/copy", response={201: Definition} | WRITING, summary="Make a copy of your own")
async def copy_board(request: HttpRequest, slug: str) -> HttpResponse:
    """A private board of yours that begins as this one is."""
    return await _in_thread(request, lambda user: _shown(services.copy_board(slug, actor=user), 201))


@router.put("/{slug}/star", response={204: None} | READING, summary="Put a board first in your list")
async def star_board(request: HttpRequest, slug: str) -> HttpResponse:
    """Stars the board for you."""
    return await _in_thread(request, lambda user: _starred(slug, user, starred=True))


@router.delete("/{slug}/star", response={204: None} | READING, summary="Take a board's star away")
async def unstar_board(request: HttpRequest, slug: str) -> HttpResponse:
    """Takes your star away."""
    return await _in_thread(request, lambda user: _starred(slug, user, starred=False))


@router.get("/{slug}/export", response={200: Definition} | READING, summary="A board as a file")
async def export_board(request: HttpRequest, slug: str) -> HttpResponse:
    """The board as a JSON file to keep, without who sees it; docs/board.schema.json describes it."""

    def exported(user: User) -> HttpResponse:
        board = services.as_object(services.find(slug, actor=user))
        for ours in ("version", "owner", "sharing"):
            del board[ours]
        answer = HttpResponse(orjson.dumps(board, option=orjson.OPT_INDENT_2), content_type="application/json")
        answer["Content-Disposition"] = f'attachment; filename="{slug}.json"'
        return answer

    return await _in_thread(request, exported)


async def _in_thread(request: HttpRequest, work: Callable[[User], HttpResponse]) -> HttpResponse:
    """Signs in and does the work, in one hop; a refusal becomes its answer."""

    def done() -> HttpResponse:
        user: User = request.auth()  # type: ignore[attr-defined]
        try:
            return work(user)
        except BoardRefused as refusal:
            answer = _json(refusal.status, {"detail": _told(refusal)})
            if isinstance(refusal, BoardConflict):
                answer["ETag"] = f'"{refusal.current.version}"'
            return answer

    return await sync_to_async(done)()


def _told(refusal: BoardRefused) -> Any:
    """The refusal's sentence; of what the body says with its place, as everywhere."""
    if isinstance(refusal, UnknownGroups):
        return [{"loc": ["body", "sharing", "groups"], "msg": str(refusal), "type": "unknown_groups"}]
    return str(refusal)


def _starred(slug: str, user: User, *, starred: bool) -> HttpResponse:
    services.star(slug, actor=user, starred=starred)
    return HttpResponse(status=204)


def _expected(board: Board, if_match: str | None) -> int | None:
    """The version that the caller has read, None when every one will do; of several the one that is there now."""
    if if_match is None or if_match.strip() == "*":
        return None
    found = [_ETAG.fullmatch(etag) for etag in if_match.split(",")]
    versions = [int(etag[1] or etag[2]) for etag in found if etag is not None]
    if len(versions) < len(found):
        raise HttpError(412, "If-Match has to be an ETag that you have read from this board.")
    return board.version if board.version in versions else versions[0]


def _shown(board: Board, status: int = 200) -> HttpResponse:
    answer = _json(status, services.as_object(board))
    answer["ETag"] = f'"{board.version}"'
    if status == 201:
        answer["Location"] = f"/api/boards/{board.slug}"
    return answer


def _json(status: int, content: Any) -> HttpResponse:
    return HttpResponse(orjson.dumps(content), status=status, content_type="application/json")
