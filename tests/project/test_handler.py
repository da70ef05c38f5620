"""The road of a request: ours answers what Django's own handler does, and hops only where a database is asked."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple
from unittest import mock
from urllib.parse import urlencode

import pytest
from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler
from django.core.signals import request_finished, request_started
from django.db import OperationalError, close_old_connections, connections
from django.test import TestCase, override_settings

from items import services
from items.listing import queries
from items.services import turns
from project import handler
from project.handler import Handler
from project.settings import MIDDLEWARE
from tests.support.people import contributor, sign_in
from tests.support.waiting import until


@pytest.fixture(autouse=True)
def _middlewares_of_the_product() -> Iterator[None]:
    """All of them: in-process tests have one less (tests/settings.py)."""
    with override_settings(MIDDLEWARE=MIDDLEWARE):
        yield


SECRET = "c" * 32  # of the CSRF cookie, and sent back as it is
FORM = "application/x-www-form-urlencoded"
COOKIE = re.compile(r"^([^=]+)=([^;]*)(.*)$")
# Made anew for each answer.
VALUES = {"csrftoken", "sessionid", "messages"}
PASSING = re.compile(r"expires=[^;]+")


class Answer(NamedTuple):
    """What a client sees, without what is random or the time."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    cookies: list[str]  # as they were sent


class Asked(NamedTuple):
    """A request. cookies: `@` stands for a signed-in session."""

    method: str
    path: str
    cookies: str = ""
    form: dict[str, str] = {}
    headers: dict[str, str] = {}


def token(**more: str) -> dict[str, str]:
    return {"csrfmiddlewaretoken": SECRET, **more}


CSRF = f"csrftoken={SECRET}"
BOARD = Asked("GET", "/", "@")
LAMP = {"name": "Lamp", "price": "1", "submission": "2f1c8f0e-6a3f-4f6a-9a53-0f2f8b6d7a11"}
TABLE = [
    Asked("GET", "/healthz"),
    Asked("GET", "/healthz", headers={"host": "elsewhere.example"}),
    Asked("GET", "/accounts/login/", headers={"host": "elsewhere.example"}),
    Asked("GET", "/accounts/login/"),
    Asked("HEAD", "/accounts/login/"),
    Asked("GET", "/accounts/login/", CSRF),
    Asked("GET", "/accounts/login/", "csrftoken=nonsense"),
    Asked("GET", "/accounts/login/", "@"),
    Asked("GET", "/accounts/login"),
    Asked("GET", "/items?a=b"),
    Asked("POST", "/items"),
    Asked("PUT", "/accounts/login/", CSRF, headers={"x-csrftoken": SECRET}),
    Asked("DELETE", "/accounts/login/"),
    Asked("OPTIONS", "/accounts/login/"),
    Asked("POST", "/accounts/login/", form={"username": "olga", "password": "olga's word"}),
    Asked("POST", "/accounts/login/", CSRF, {"username": "olga", "password": "olga's word"}),
    Asked("POST", "/accounts/login/", CSRF, {"csrfmiddlewaretoken": "b" * 32}),
    Asked("POST", "/accounts/login/", CSRF, token(username="olga", password="olga's word")),
    Asked("POST", "/accounts/login/", CSRF, token(username="olga", password="wrong")),
    Asked("POST", "/accounts/login/", CSRF, token(), {"origin": "https://elsewhere.example"}),
    Asked("POST", "/accounts/logout/", f"@; {CSRF}", token()),
    Asked("POST", "/accounts/logout/", "@"),
    Asked("GET", "/"),
    Asked("GET", "/", "@"),
    Asked("GET", "/", "sessionid=unknown"),
    Asked("HEAD", "/", "@"),
    Asked("GET", "/items/", "@"),
    Asked("GET", "/items/?page=9", "@"),
    Asked("GET", "/items/new/", "@"),
    Asked("POST", "/items/new/", f"@; {CSRF}", token(**LAMP)),
    Asked("POST", "/items/new/", f"@; {CSRF}", token(name="")),
    Asked("POST", "/items/new/", "@", LAMP),
    Asked("GET", "/items/", '@; messages=[["__json_message"\\0540\\05425\\054"forged"]]:1:x'),
    Asked("GET", "/items/import/", "@"),
    Asked("GET", "/items/999999/", "@"),
    Asked("GET", "/items/999999/edit/", "@"),
    Asked("GET", "/nowhere"),
    Asked("GET", "/nowhere/", "@"),
    Asked("POST", "/nowhere/", "@", {"a": "b"}),
    Asked("GET", "/admin/", "@"),
    Asked("GET", "/admin/"),
    Asked("GET", "/admin/login/"),
    Asked("GET", "/api/"),
    Asked("GET", "/api/docs"),
    Asked("GET", "/api/redoc"),
    Asked("GET", "/api/nowhere"),
    Asked("GET", "/api/items/"),
    Asked("GET", "/api/items/", "@"),
    Asked("HEAD", "/api/items/", "@"),
    Asked("PATCH", "/api/items/999999", "@"),
    Asked("POST", "/api/items/", "@", LAMP),
    Asked("GET", "/api/items/", headers={"authorization": "Bearer wrong"}),
]


Both = tuple[ASGIHandler, Handler]


def made() -> Both:
    """Django's handler and ours, each with middlewares of its own that have read the settings."""
    return ASGIHandler(), Handler()


async def answered(application: Callable[..., Awaitable[None]], asked: Asked, session: str = "") -> Answer:
    """What the ASGI application answers."""
    body = urlencode(asked.form).encode()
    headers = {"host": "testserver", "cookie": asked.cookies.replace("@", f"sessionid={session}"), **asked.headers}
    if asked.method != "GET":
        headers |= {"content-type": FORM, "content-length": str(len(body))}
    path, _, query = asked.path.partition("?")
    scope = {
        "type": "http", "method": asked.method, "path": path, "query_string": query.encode(), "scheme": "http",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items() if value],
        "client": ("127.0.0.1", 1), "server": ("testserver", 80),
    }  # fmt: skip
    messages = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not messages:
            await asyncio.Event().wait()
        return messages.pop()

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await application(scope, receive, send)
    told = [(name.decode().lower(), value.decode()) for name, value in sent[0]["headers"]]
    return Answer(
        sent[0]["status"],
        sorted(
            (name, _lasting(value) if name == "set-cookie" else value)
            for name, value in told
            if name != "expires"  # what is never kept says the present second
        ),
        b"".join(message.get("body", b"") for message in sent[1:]),
        [value.partition(";")[0] for name, value in told if name == "set-cookie"],
    )


def _lasting(cookie: str) -> str:
    found = COOKIE.match(cookie)
    assert found, cookie
    value = "…" if found[1] in VALUES and found[2].strip('"') else found[2]
    return f"{found[1]}={value}{PASSING.sub('expires=…', found[3])}"


def comparable(answer: Answer, asked: Asked) -> tuple[int, list[tuple[str, str]]]:
    """Without what depends on this test: Django renders pages of errors in a thread that does not see the session,
    which is in a transaction. Their length differs, and their cookies."""
    hidden = {"content-length"} | ({"set-cookie"} if answer.status >= 400 and "@" in asked.cookies else set())
    return answer.status, [pair for pair in answer.headers if pair[0] not in hidden]


class Aside(ThreadPoolExecutor):
    """Threads that leave no connection open: in one of an event loop's own Django renders pages of errors."""

    def submit(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        def closing() -> Any:
            try:
                return call(*args, **kwargs)
            finally:
                connections.close_all()

        return super().submit(closing)


class SameAsDjangoTests(TestCase):
    maxDiff = None
    olga: User
    stranger: User

    @classmethod
    def setUpTestData(cls) -> None:
        cls.olga = contributor("olga", "olga's word")
        cls.stranger = User.objects.create_user("stan", password="stan's word")
        for number in range(60):
            services.create_item(actor=cls.olga, name=f"Lamp {number}", price=number)

    def setUp(self) -> None:
        # Django's handler closes the connection that the test's transaction is in; its test client does the same.
        for signal in (request_started, request_finished):
            signal.disconnect(close_old_connections)
            self.addCleanup(signal.connect, close_old_connections)
        # Threads of their own do not see the test's transaction; Django's handler looks like a server to them.
        self.enterContext(mock.patch.object(turns, "_apart", lambda threads, call: sync_to_async(call)()))

        self.aside = Aside()

    def session_of(self, user: User) -> str:
        return sign_in(user).cookies["sessionid"].value

    async def same(self, asked: Asked, user: User, both: Both | None = None) -> Answer:
        """Ours, which is Django's but for what is random. both: made with the settings of now; else they are made."""
        asyncio.get_running_loop().set_default_executor(self.aside)
        answers = []
        for application in both or made():
            session = await sync_to_async(self.session_of)(user) if "@" in asked.cookies else ""
            answers.append(await answered(application, asked, session))
        theirs, ours = answers
        self.assertEqual(comparable(ours, asked), comparable(theirs, asked), asked)
        return ours

    async def test_every_answer_has_the_same_status_headers_and_cookies(self) -> None:
        both = made()
        for asked in TABLE:
            for user in (self.olga, self.stranger) if "@" in asked.cookies else (self.olga,):
                await self.same(asked, user, both)

    async def test_under_other_settings_too(self) -> None:
        settings: list[dict[str, Any]] = [
            {"SESSION_SAVE_EVERY_REQUEST": True},
            {"SECURE_SSL_REDIRECT": True},
            {"DEBUG": True},
            {"CSRF_TRUSTED_ORIGINS": ["https://elsewhere.example"], "SECURE_HSTS_SECONDS": 60},
            {"CONTENT_SECURITY_POLICY": {"DIRECTIVES": {"default-src": ["https:"]}}},
            {"CONTENT_SECURITY_POLICY_REPORT_ONLY": {"DIRECTIVES": {"default-src": ["https:"]}}},
        ]
        for number, changed in enumerate(settings):
            with override_settings(**changed):
                both = made()
                for asked in TABLE[number % 3 :: 3]:
                    await self.same(asked, self.olga, both)

    async def test_what_a_view_raises_is_the_same_page(self) -> None:
        for error, status in ((ValueError("planted"), 500), (OperationalError("planted"), 503)):
            with mock.patch.object(queries, "lines", side_effect=error):
                self.assertEqual((await self.same(Asked("GET", "/items/", "@"), self.olga)).status, status)

    async def test_a_database_that_is_away_is_told_to_who_is_signed_in(self) -> None:
        session = await sync_to_async(self.session_of)(self.olga)
        for path in ("/", "/items/", "/items/1/"):
            with mock.patch.object(SessionStore, "load", side_effect=OperationalError("planted")):
                answer = await answered(Handler(), Asked("GET", path, "@"), session)
            self.assertEqual(answer.status, 503, path)

    async def test_a_page_that_is_refused_knows_its_visitor(self) -> None:
        for path, status in (("/items/new/", 403), ("/nowhere/", 404)):
            page = await self.same(Asked("GET", path, "@"), self.stranger)
            self.assertEqual(page.status, status)
            self.assertIn('<span class="menu-name">stan</span>', page.body.decode())

    async def test_a_message_is_kept_for_the_next_page_and_shown_once(self) -> None:
        session = await sync_to_async(self.session_of)(self.olga)
        ours = Handler()
        saved = await answered(ours, Asked("POST", "/items/new/", f"@; {CSRF}", token(**LAMP)), session)
        cookie = next(cookie for cookie in saved.cookies if cookie.startswith("messages="))
        shown = await answered(ours, Asked("GET", "/items/", f"@; {cookie}"), session)
        self.assertIn("was submitted", shown.body.decode())
        self.assertIn('messages=""', shown.cookies)
        again = await answered(ours, Asked("GET", "/items/", "@"), session)
        self.assertNotIn("was submitted", again.body.decode())

    async def test_signing_in_makes_a_session_that_counts_and_a_new_csrf_token(self) -> None:
        ours = Handler()
        form = token(username="olga", password="olga's word")
        await answered(ours, Asked("POST", "/accounts/login/", CSRF, form))
        session = await sync_to_async(lambda: Session.objects.latest("expire_date").session_key)()
        page = await answered(ours, Asked("GET", "/", "@"), session)
        self.assertEqual(page.status, 200)
        await answered(ours, Asked("POST", "/accounts/logout/", f"@; {CSRF}", token()), session)
        self.assertEqual((await answered(ours, Asked("GET", "/", "@"), session)).status, 302)


# Hops ---------------------------------------------------------------------------------------------------------------


class Counted(ThreadPoolExecutor):
    """One thread that knows how often it was asked."""

    def __init__(self) -> None:
        super().__init__(1)
        self.hops = 0

    def submit(self, *args: Any, **kwargs: Any) -> Future[Any]:
        self.hops += 1
        return super().submit(*args, **kwargs)


@pytest.mark.parametrize(
    ("asked", "most"),
    [
        (Asked("GET", "/healthz"), 0),
        (Asked("GET", "/api/"), 0),
        (Asked("GET", "/items"), 1),
        (Asked("GET", "/items/"), 0),
        (Asked("GET", "/accounts/login/"), 1),
        (Asked("GET", "/nowhere/"), 1),
    ],
)
async def test_nothing_hops_that_asks_no_database(asked: Asked, most: int) -> None:
    counted = Counted()
    async with ThreadSensitiveContext(executor=counted):
        await answered(Handler(), asked)
    assert counted.hops == most
    counted.shutdown()


# A client that goes -------------------------------------------------------------------------------------------------


@contextmanager
def slow_page() -> Iterator[list[str]]:
    """`/healthz` waits for ever in the block; what became of it."""
    became: list[str] = []

    async def waiting(*_: object) -> None:
        became.append("began")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            became.append("cancelled")
            raise

    with mock.patch.object(handler.Handler, "run_get_response", waiting):
        yield became


async def test_a_client_that_goes_ends_the_work_and_nothing_else() -> None:
    with slow_page() as became:
        gone = asyncio.Event()
        messages = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> dict[str, Any]:
            if messages:
                return messages.pop()
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            raise AssertionError(message)

        scope = {"type": "http", "method": "GET", "path": "/healthz", "headers": [], "query_string": b""}
        request = asyncio.create_task(Handler()(scope, receive, send))
        await until(lambda: became == ["began"], "the view runs")
        gone.set()
        await until(lambda: became == ["began", "cancelled"], "the view is told")
        await request
        assert not request.cancelled()


async def test_a_server_that_stops_cancels_the_request_as_it_says() -> None:
    with slow_page() as became:
        messages = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> dict[str, Any]:
            if not messages:
                await asyncio.Event().wait()
            return messages.pop()

        scope = {"type": "http", "method": "GET", "path": "/healthz", "headers": [], "query_string": b""}
        request = asyncio.create_task(Handler()(scope, receive, receive))
        await until(lambda: became == ["began"], "the view runs")
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request


def test_the_settings_name_djangos_own_middlewares() -> None:
    assert "django.middleware.csrf.CsrfViewMiddleware" in settings.MIDDLEWARE, "Django's checks look for the names"


@pytest.mark.parametrize("sizes", [(0,), (3,), (handler.WHOLE_BYTES + 1,), (3, 4), (3, 0, 4), (0, 3, 0)])
async def test_a_body_is_whole_in_however_many_parts_it_comes(sizes: tuple[int, ...]) -> None:
    parts = [bytes([number]) * size for number, size in enumerate(sizes)]
    coming = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    coming[-1]["more_body"] = False

    async def receive() -> Any:
        return coming.pop(0)

    with await Handler().read_body(receive) as body:
        assert body.read() == b"".join(parts)
    assert not coming


async def test_a_client_that_goes_before_its_body_is_whole_is_not_answered() -> None:
    gone = {"type": "http.disconnect"}
    for coming in ([gone], [{"type": "http.request", "more_body": True}, gone]):

        async def receive(coming: list[Any] = coming) -> Any:
            return coming.pop(0)

        with pytest.raises(RequestAborted):
            await Handler().read_body(receive)
