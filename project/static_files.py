"""The static files: under addresses that hold their version, so that browsers keep them for a year and never hold old
ones against new pages; compressed, by `collectstatic` or when they are asked for; below whatever path a proxy knows us.

The version is one hash over all of them, as a folder in the address: modules go on naming each other by relative paths.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import logging
import re
from collections.abc import AsyncIterator, Callable
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any

from asgiref.sync import markcoroutinefunction, sync_to_async
from django.conf import settings
from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import get_script_prefix
from servestatic.middleware import ServeStaticMiddleware
from servestatic.responders import MissingFileError
from servestatic.storage import CompressedStaticFilesStorage

log = logging.getLogger(__name__)

A_YEAR = "public, max-age=31536000, immutable"
NAMES = 1_000  # whose addresses, and whose files, are kept: each page names some ten
PIECE_BYTES = 64 * 1024  # of a file, on the way to a client
COMPRESSED = re.compile(r"text/|application/(?:json|javascript)\b|image/svg")  # kinds of content
TAKES_GZIP = re.compile(r"\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))")
VERSIONED = re.compile(r"^/static/v-(?P<version>[0-9a-f]{12})/")


@cache
def version() -> str:
    """A hash of all static files where they lie; "" while developing, when they may change at any time."""
    return "" if settings.DEBUG else _hash(sources())


def sources() -> dict[str, Path]:
    """Each static file by its name. The first of two with the same name counts, as for Django."""
    found = dict[str, Path]()
    for finder in finders.get_finders():
        for name, storage in finder.list([]):
            found.setdefault(name, Path(storage.path(name)))
    return found


def _hash(files: dict[str, Path]) -> str:
    total = hashlib.sha256()
    for name in sorted(files):
        total.update(name.encode() + b"\0" + hashlib.sha256(files[name].read_bytes()).digest())
    return total.hexdigest()[:12]


def is_collected() -> bool:
    """Whether `collectstatic` has run since any of the files changed."""
    root, names = Path(settings.STATIC_ROOT), sources()
    collected = {name: root / name for name in names if (root / name).is_file()}
    if not collected:
        return False
    if len(collected) == len(names) and _hash(collected) == version():
        return True
    log.warning("The collected static files are not those of this version; run collectstatic again to have them used.")
    return False


class Storage(CompressedStaticFilesStorage):
    """Where collectstatic puts files, compressed ones beside them, and how pages name them."""

    def url(self, name: str | None) -> str:
        return get_script_prefix().rstrip("/") + self._path(name)

    @lru_cache(maxsize=NAMES)  # noqa: B019  (there is one storage, and it lives as long as the process)
    def _path(self, name: str | None) -> str:
        path: str = super().url(name)
        return path.replace(settings.STATIC_URL, f"{settings.STATIC_URL}v-{version()}/", 1) if version() else path


class StaticFiles:
    """Middleware: serves them, before anything else is asked. An old version's address gets what is there now, which
    nobody may keep: during a rolling restart both are asked for."""

    async_capable, sync_capable = True, False

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        has_own = not settings.DEBUG and settings.SERVESTATIC_USE_FINDERS and is_collected()
        chosen = {"SERVESTATIC_USE_FINDERS": False, "SERVESTATIC_USE_STATIC_ROOT": True} if has_own else {}
        self._served = _Served(get_response, chosen)
        self._others = get_response
        markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        is_static = request.path_info.startswith(self._served.static_prefix)
        return self._answered(request) if is_static else self._others(request)

    async def _answered(self, request: HttpRequest) -> Any:
        try:
            return await self._file(request)
        except MissingFileError:  # with DEBUG it names the folders that were searched
            return HttpResponse("There is no such file.\n", status=404, content_type="text/plain; charset=utf-8")

    async def _file(self, request: HttpRequest) -> Any:
        versioned = VERSIONED.match(request.path_info)
        if versioned is None:
            return await self._served(request)
        request.path_info = f"/static/{request.path_info[versioned.end() :]}"
        response = await self._served(request)
        if response.status_code in {200, 206, 304}:
            response["Cache-Control"] = A_YEAR if versioned["version"] == version() else "no-store"
        return response


class _Served(ServeStaticMiddleware):
    """Answers with what a file holds. servestatic's own has a thread and an open file for each answer, as long as its
    client takes to read it: strangers decide how many, and connections are counted as one open file each.

    What is answered of a file is made when it is first asked for. Making it of all of them took a tenth of a second of
    each start, and most are never asked for: languages of the admin, libraries of boards.
    """

    def __init__(self, get_response: Callable[[HttpRequest], Any], chosen: dict[str, Any]) -> None:
        self._not_made: dict[str, Callable[[], None]] = {}  # by the file's address; as it was seen at the start
        super().__init__(get_response, settings=_Settings(chosen))

    def add_file_to_dictionary(self, url: str, *file: Any, **seen: Any) -> None:
        self._not_made[url] = partial(super().add_file_to_dictionary, url, *file, **seen)

    async def __call__(self, request: HttpRequest) -> Any:
        address = request.path_info
        if make := self._not_made.get(address):
            await asyncio.to_thread(make)  # it asks the file system; two at once make the same
            self._not_made.pop(address, None)
        return await super().__call__(request)

    @staticmethod
    async def aserve(static_file: Any, request: HttpRequest) -> Any:
        """The whole file, also when a part of it is asked for (RFC 9110, 14.2)."""
        asked = {name: value for name, value in request.META.items() if name != "HTTP_RANGE"}
        answer = await static_file.aget_response(request.method or "GET", asked, pathsend=True)
        headers = {name: value for name, value in answer.headers if value is not None}
        content = b""
        if answer.path is not None:
            # What was not collected, as while developing, has no compressed one beside it.
            varies = "Content-Encoding" not in headers and COMPRESSED.match(headers.get("Content-Type", "")) is not None
            is_small = varies and TAKES_GZIP.search(request.headers.get("Accept-Encoding", "")) is not None
            content = await _content(answer.path, is_compressed=is_small)
            headers |= {"Vary": "Accept-Encoding"} if varies else {}
            headers |= {"Content-Encoding": "gzip", "Content-Length": str(len(content))} if is_small else {}
        response = HttpResponse if len(content) <= PIECE_BYTES else StreamingHttpResponse
        served = response(content if len(content) <= PIECE_BYTES else _pieces(content), status=int(answer.status))
        del served["Content-Type"]
        for name, value in headers.items():
            served[name] = value
        return served


async def _content(path: str, *, is_compressed: bool) -> bytes:
    """What the file holds, as gzip where that is asked for; while developing it may change at any time."""
    kept = path, is_compressed
    content = None if settings.DEBUG else _contents.get(kept)
    if content is None:
        content = await sync_to_async(_read)(*kept)
        if len(_contents) < NAMES:
            _contents[kept] = content
    return content


def _read(path: str, is_compressed: bool) -> bytes:
    content = Path(path).read_bytes()
    return gzip.compress(content, mtime=0) if is_compressed else content


# Of files that are asked for, by their paths and whether they are compressed; all of them have some 4 MB.
_contents: dict[tuple[str, bool], bytes] = {}


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    """No more of it waits in a connection than the client takes."""
    for start in range(0, len(content), PIECE_BYTES):
        yield content[start : start + PIECE_BYTES]


class _Settings:
    """Django's settings, but for some."""

    def __init__(self, chosen: dict[str, Any]) -> None:
        self._chosen = chosen

    def __getattr__(self, name: str) -> Any:
        return self._chosen[name] if name in self._chosen else getattr(settings, name)
