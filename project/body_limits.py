"""What a request may send before Django sees it: how many bytes each address takes, from whom, how slowly, and how many
large ones at once: they lie on this machine's disk until they are whole. And of which kind a body may say that it is.

Django's ASGI handler writes a whole body to disk before any view or middleware looks at the request, so these limits
stand in front of it, on every server. It never reads a body itself: it counts what passes.
"""

from __future__ import annotations

import asyncio
import codecs
import json
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import import_module
from types import CoroutineType
from typing import Any, cast

from django.conf import settings
from django.contrib.auth import authenticate, get_user
from django.contrib.auth.models import User
from django.db import Error as DatabaseError
from django.http import HttpRequest, parse_cookie
from django.utils.http import parse_header_parameters

from items import services
from items.imports import jobs
from project.api.api import BULK_BYTES
from streams.runtime.steps import Resumed
from streams.runtime.threads import in_database
from streams.server import WebProtocol

log = logging.getLogger(__name__)

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[..., Awaitable[None]]

KIB, MIB = 1024, 1024 * 1024
READING_BYTES = KIB  # with GET and HEAD: nobody reads it
FORM_BYTES = 64 * KIB  # what a stranger may send anywhere: sign-in, sign-up, passwords
PERSON_BYTES = settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0  # 2.5 MiB: an item's form, the admin, the API
UPLOAD_BYTES = jobs.LARGEST_FILE + MIB  # the file, and what the form puts around it; the form says it better

# On their way at the same time, of one person and in all; the quota of imports counts only files that are whole.
UPLOADS_EACH, UPLOADS = 2, 8
LARGE_EACH, LARGE = 16, 64  # other bodies above FORM_BYTES

SILENCE_S = 30.0  # without a byte of a body that was announced
SLOWEST_BYTES_S = 4 * KIB  # a body has SILENCE_S, and a second more for each of these
# Of a body's kind, which Django takes apart in the event loop, in the square of the time for some: 64 KiB took 3.4 s.
KIND_BYTES = 255
LINGER_S = 2.0  # what is still on the way is dropped for so long: closing at once would take the answer from the client
RETRY_AFTER = "2"  # s
UNTOLD = 10**20  # the length of a body whose length cannot be read: more than any address takes

FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
UTF_8 = "utf-8"
SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


@dataclass(frozen=True, slots=True)
class Limit:
    """Bytes that anybody may send, and bytes that those may send whom `admits` names, before they are taken: so many
    bodies at once of one person (`each`), and of all."""

    anybody: int
    admitted: int = 0
    admits: Callable[[dict[str, Any]], User | None] = lambda scope: None
    each: int = LARGE_EACH
    all: int = LARGE

    @property
    def most(self) -> int:
        """The bytes that are taken of anybody at all."""
        return max(self.anybody, self.admitted)


def limit_path(scope: dict[str, Any]) -> str:
    """The path of a request below the script's name."""
    return str(scope["path"].removeprefix(scope.get("root_path", "")))


def limit_of(method: str, path: str) -> Limit:
    """What this address takes with this method. path: below the script's name."""
    if method in SAFE:
        return READING
    if path == UPLOAD_PATH:
        return UPLOAD
    return next((limit for prefix, limit in LIMITS if path.startswith(prefix)), FORM)


# Who sends it -----------------------------------------------------------------------------------------------------


def header(scope: dict[str, Any], name: bytes) -> bytes | None:
    """The value of a request's header, named in lower case; None when it was not sent."""
    return next((value for key, value in scope["headers"] if key == name), None)


def person(scope: dict[str, Any]) -> User | None:
    """The user whose token or session the request carries, None when there is none. Asks the database."""
    scheme, _, token = (header(scope, b"authorization") or b"").decode("latin-1").partition(" ")
    if scheme.lower() == "bearer":
        user = authenticate(token=token.strip())
    else:
        cookies = parse_cookie((header(scope, b"cookie") or b"").decode("latin-1"))
        request = HttpRequest()
        store = import_module(settings.SESSION_ENGINE).SessionStore
        request.session = store(cookies.get(settings.SESSION_COOKIE_NAME))
        user = get_user(request)  # type: ignore[assignment]
    return user if isinstance(user, User) else None


def importer(scope: dict[str, Any]) -> User | None:
    """The person, who may add items and has room for another file: what the page of imports asks for, too."""
    user = person(scope)
    return user if user is not None and services.may_add(user) and not jobs.room(user) else None


READING, FORM = Limit(READING_BYTES), Limit(FORM_BYTES)
PERSONS = Limit(FORM_BYTES, PERSON_BYTES, person)
UPLOAD_PATH = "/items/import/"  # alone: the pages below it take forms, also of who has no room for another file
UPLOAD = Limit(FORM_BYTES, UPLOAD_BYTES, importer, UPLOADS_EACH, UPLOADS)
LIMITS = (  # the first whose path begins so
    ("/api/items/bulk", Limit(FORM_BYTES, BULK_BYTES, person)),
    ("/api/", PERSONS),
    ("/items/", PERSONS),
    ("/admin/", PERSONS),
)


# The ASGI wrapper -------------------------------------------------------------------------------------------------


def announced(headers: list[tuple[bytes, bytes]]) -> int | None:
    """How many bytes the body is said to have: 0 when it has none, None when only its end will tell (chunked)."""
    length = 0
    for name, value in headers:
        if name == b"transfer-encoding":
            return None
        if name == b"content-length":
            length = int(value) if value.isdigit() and len(value) < 20 else UNTOLD
    return length


def kind_is_read(headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether Django reads what the body is said to be: in few words, and a form in UTF-8 (for all others it raises,
    also while it says that)."""
    said = b",".join([value for name, value in headers if name == b"content-type"])
    if len(said) > KIND_BYTES:
        return False
    if b"charset" not in said.lower() and b"*" not in said:
        return True
    try:
        kind, parameters = parse_header_parameters(said.decode("latin-1"))
        charset = parameters.get("charset", UTF_8)
        is_utf_8 = codecs.lookup(charset).name == UTF_8
    except LookupError:
        return True  # Django does not look at it
    except ValueError:
        return False
    return kind not in FORMS or (is_utf_8 and (kind != FORMS[0] or charset.lower() == UTF_8))


def tell_of_plain_server() -> None:
    """Tells in the log that another server class than ours has no deadlines for heads and silent connections."""
    if not settings.DEBUG and not WebProtocol.serves:
        log.warning(
            "This server holds connections that send nothing, and half heads, for as long as their clients like: start "
            "uvicorn with --http streams.server:WebProtocol, or put a proxy with deadlines in front (docs/security.md)."
        )


class BodyLimits:
    """`application`, for HTTP, behind the limits. What is larger is answered with 413, what does not arrive with 408, a
    kind that is not read with 415; who may not send as much is answered by the application, as for an empty body. The
    connection ends with it."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self._looked_at_server = False
        self._under_way: Counter[tuple[Limit, object]] = Counter()  # large bodies: of a limit, and of a person there

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if not self._looked_at_server:
            self._looked_at_server = True
            tell_of_plain_server()
        if not kind_is_read(scope["headers"]):
            await _refuse(scope, receive, send, 415)
            return
        length = announced(scope["headers"])
        if length == 0:
            await self.application(scope, receive, send)
            return
        limit = limit_of(scope["method"], limit_path(scope))
        if length is not None and length > limit.most:
            await _refuse(scope, receive, send, 413)
        elif limit.admitted and (length is None or length > limit.anybody):
            await self._large(limit, scope, receive, send)
        else:
            await self._bounded(limit.anybody, scope, receive, send)

    async def _large(self, limit: Limit, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """A body of which the sender is asked for first."""
        try:
            user = await in_database(limit.admits, scope)
        except DatabaseError:
            await _refuse(scope, receive, send, 503)
            return
        if user is None:
            await self._without_body(scope, receive, send)
            return
        of_person, of_all = (limit, user.pk), (limit, None)
        if self._under_way[of_person] >= limit.each or self._under_way[of_all] >= limit.all:
            await _refuse(scope, receive, send, 429)
            return
        self._under_way.update((of_person, of_all))
        try:
            await self._bounded(limit.admitted, scope, receive, send)
        finally:
            self._under_way.subtract((of_person, of_all))
            if not self._under_way[of_person]:
                del self._under_way[of_person]

    async def _bounded(self, most: int, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        body = Body(receive, most)
        await self.application(scope, body.receive, send)
        if body.refusal:
            await _refuse(scope, receive, send, body.refusal)

    async def _without_body(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Lets the application say what it says to those people: sign in, or ask for the right."""
        headers = [pair for pair in scope["headers"] if pair[0] not in {b"content-length", b"transfer-encoding"}]
        # The API misses a body that is not there before it asks who calls; a blank lets it ask that first.
        blank = b" " if limit_path(scope).startswith("/api/") else b""
        empty = {**scope, "headers": [*headers, (b"content-length", b"%d" % len(blank))]}
        nothing = Nothing(receive, send, blank)
        await self.application(empty, nothing.receive, nothing.send)


class Body:
    """A body on its way. refusal: 413 or 408 once there was too much of it, or too little in its time; for the
    application the client has then gone."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive, self._most = receive, most
        self._taken, self._began, self._is_whole = 0, time.monotonic(), False
        self.refusal = 0

    async def receive(self) -> Message:
        """The next part of the body, or `http.disconnect` once `refusal` is set. Waits SILENCE_S for a part at most."""
        receiving = self._receive()
        if self._is_whole:
            return await receiving
        try:
            message = await self._in_time(receiving)
        except TimeoutError:
            return self._refuse(408)
        self._taken += len(message.get("body", b""))
        if self._taken > self._most:
            return self._refuse(413)
        self._is_whole = not message.get("more_body", False)
        return message

    async def _in_time(self, receiving: Awaitable[Message]) -> Message:
        """What is here at once, as most bodies are, needs no timer."""
        if type(receiving) is CoroutineType:
            try:
                waited = receiving.send(None)
            except StopIteration as end:
                return cast("Message", end.value)
            receiving = Resumed(receiving, waited)
        allowed = SILENCE_S + self._taken / SLOWEST_BYTES_S - (time.monotonic() - self._began)
        async with asyncio.timeout(min(SILENCE_S, allowed)):
            return await receiving

    def _refuse(self, status: int) -> Message:
        self.refusal = status
        return {"type": "http.disconnect"}


class Nothing:
    """An empty body, or a blank one, for the application; what the client sends is dropped, and the connection ends
    with the answer."""

    def __init__(self, receive: Receive, send: Send, blank: bytes = b"") -> None:
        self._receive, self._send, self._blank = receive, send, blank
        self._was_told = False
        self._has_answered = asyncio.Event()

    async def receive(self) -> Message:
        """The empty body; when asked again, `http.disconnect` once the answer is complete."""
        if not self._was_told:
            self._was_told = True
            return {"type": "http.request", "body": self._blank, "more_body": False}
        await self._has_answered.wait()  # before that, asking the server would invite a client that waits to be asked
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Passes the answer on, with `Connection: close`, and leaves its end open: the server then closes the
        connection instead of reading on."""
        if message["type"] == "http.response.start":
            headers = [pair for pair in message.get("headers", ()) if pair[0].lower() != b"connection"]
            await self._send({**message, "headers": [*headers, (b"connection", b"close")]})
        elif message.get("more_body", False):
            await self._send(message)
        else:
            await self._send({**message, "more_body": True})
            await _linger(self._receive)
            await self._send({"type": "http.response.body"})
            self._has_answered.set()


async def _refuse(scope: dict[str, Any], receive: Receive, send: Send, status: int) -> None:
    sentence = SENTENCES[status]
    is_api = scope["path"].removeprefix(scope.get("root_path", "")).startswith("/api/")
    body = json.dumps({"detail": sentence}).encode() if is_api else f"{sentence}\n".encode()
    headers = [
        (b"content-type", b"application/json" if is_api else b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        (b"cache-control", b"no-store"),
    ]
    if status in {429, 503}:
        headers.append((b"retry-after", RETRY_AFTER.encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    await _linger(receive)
    await send({"type": "http.response.body"})


SENTENCES = {
    408: "The body did not arrive in time.",
    413: "The body is too large.",
    415: "What the body is said to be (Content-Type) is not read here: send forms in UTF-8.",
    429: "Too many large bodies are on their way already; nothing was saved. Send this one once they have arrived.",
    503: "The database does not answer just now; nothing was saved.",
}


async def _linger(receive: Receive) -> None:
    """Drops what arrives, until the client has read the answer and gone, sent all of it, or LINGER_S are over."""
    try:
        async with asyncio.timeout(LINGER_S):
            while (message := await receive())["type"] == "http.request" and message.get("more_body", False):
                pass
    except TimeoutError:
        pass  # it was given enough
