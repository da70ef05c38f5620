"""Cookies with an escape are left out before anybody reads one; all others arrive as they were sent."""

from __future__ import annotations

from typing import Any

import pytest

from project.cookies import Headers, PlainCookies

KEY = b"sessionid=0123456789abcdef"
NUL = rb'sessionid="\000aaaaaaaa"'


async def seen(headers: Headers) -> Headers:
    """The headers that arrive at the application."""
    found: list[Headers] = []

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        found.append(scope["headers"])

    await PlainCookies(application)({"type": "websocket", "headers": headers}, None, None)
    return found[0]


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (NUL, b""),
        (NUL + b"; " + KEY, b" " + KEY),
        (KEY + rb'; theirs="a\"b;c\073"; csrftoken=x', KEY + b"; csrftoken=x"),
        (b'theirs="' + b"\\\\" * 30_000 + b'"; ' + KEY, b" " + KEY),
    ],
)
async def test_a_cookie_with_an_escape_is_not_there(sent: bytes, read: bytes) -> None:
    host = (b"host", rb"a\b")
    assert await seen([host, (b"cookie", sent), (b"cookie", KEY)]) == [host, (b"cookie", read), (b"cookie", KEY)]


async def test_others_arrive_as_they_are() -> None:
    headers = [(b"host", rb"a\b"), (b"cookie", KEY + b'; messages=""; theirs="a b"')]
    assert await seen(headers) is headers
