"""Settings that cannot be used stop the start with the variable's name, the shape of its value, and what is allowed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

import manage
from project import environment as env

NAME = "STREAMBOARD_TEST_SETTING"


@pytest.fixture
def given() -> Iterator[Callable[[str], None]]:
    def give(value: str) -> None:
        os.environ[NAME] = value

    yield give
    os.environ.pop(NAME, None)


READERS: dict[str, tuple[Callable[[], Any], list[tuple[str, Any]], list[str]]] = {
    "hosts": (
        lambda: env.hosts(NAME, "localhost"),
        [
            ("", ["localhost"]),
            ("board.example.com, 10.0.0.5,[::1]", ["board.example.com", "10.0.0.5", "[::1]"]),
            (".example.com,*", [".example.com", "*"]),
        ],
        ["http://board.example.com", "board.example.com:8000", ",", "a b", "a/b", "::1"],
    ),
    "servers": (
        lambda: env.servers(NAME),
        [
            ("", []),
            ("localhost:9092", ["localhost:9092"]),
            ("kafka-1:9092, [::1]:9093", ["kafka-1:9092", "[::1]:9093"]),
        ],
        ["localhost", "http://a:9092", "PLAINTEXT://h:9092", "a:1;b:2", "a b:9092", "a:٩", "a:0", "a:65536", ",", ":1"],
    ),
    "origins": (
        lambda: env.origins(NAME),
        [
            ("", []),
            ("https://board.example.com", ["https://board.example.com"]),
            ("http://localhost:8000,https://*.example.com", ["http://localhost:8000", "https://*.example.com"]),
            ("http://[::1]:8000", ["http://[::1]:8000"]),
        ],
        ["board.example.com", "https://[bad", "https://a.com/", "https://a.com?x=1", "https://a b", "ftp://a.com", ","],
    ),
    "boolean": (
        lambda: env.boolean(NAME, default=True),
        [("", True), ("False", False), ("true", True), ("0", False)],
        ["maybe", "2"],
    ),
    "topic": (
        lambda: env.topic_name(NAME, "items.v1"),
        [("", "items.v1"), ("orders-2", "orders-2")],
        ["a b", "..", "ä", "x" * 250],
    ),
    "choice": (lambda: env.choice(NAME, ("A", "B"), "A"), [("", "A"), ("B", "B")], ["C", "a"]),
    "redis": (
        lambda: env.redis_url(NAME),
        [("", None), ("redis://localhost:6379/0", "redis://localhost:6379/0")],
        ["localhost:6379", "http://localhost", "redis://", "redis://localhost:0", "redis://localhost/db"],
    ),
    "http": (
        lambda: env.http_url(NAME),
        [
            ("", ""),
            ("http://registry:8081", "http://registry:8081"),
            ("https://[::1]/apis/ccompat/v7", "https://[::1]/apis/ccompat/v7"),
        ],
        [
            "registry:8081",
            "ftp://registry",
            "http://",
            "http://ada:secret@registry",
            "http://r:0",
            "http://r?a=b",
            "http://[::1",
        ],
    ),
    "database": (
        lambda: env.database(NAME, "sqlite:///board.sqlite3")["ENGINE"],
        [
            ("", "django.db.backends.sqlite3"),
            ("postgres://ada:secret@db:5432/board", "django.db.backends.postgresql"),
        ],
        ["foo", "mysql://a/b", "postgres://", "postgres://db", "sqlite://", "postgres://ada:secret@db:0/board"],
    ),
}


@pytest.mark.parametrize(
    ("reader", "value", "expected"), [(name, *good) for name, (_, goods, _) in READERS.items() for good in goods]
)
def test_what_can_be_used(given: Callable[[str], None], reader: str, value: str, expected: Any) -> None:
    given(value)
    assert READERS[reader][0]() == expected


@pytest.mark.parametrize(("reader", "value"), [(name, bad) for name, (_, _, bads) in READERS.items() for bad in bads])
def test_what_cannot_be_used_is_refused_with_its_name_and_without_its_value(
    given: Callable[[str], None], reader: str, value: str
) -> None:
    given(value)
    with pytest.raises(ImproperlyConfigured, match=rf"{NAME} \(\d+ characters\) cannot be used: ") as refused:
        READERS[reader][0]()
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("arguments", "is_local"),
    [
        ("runserver", True),
        ("runserver 8001", True),
        ("runserver localhost:8001", True),
        ("runserver [::1]:8001 --noreload", True),
        ("runserver --noreload -v 2 127.0.0.1:8108", True),
        ("runserver 0.0.0.0:8001", False),
        ("runserver --noreload -v 2 0.0.0.0:8108", False),
        ("runserver --http_timeout 60 0.0.0.0:8000", False),
        ("runserver -v2 board.example.com:80", False),
        ("check", False),
    ],
)
def test_runserver_is_development_on_loopback_only(arguments: str, is_local: bool) -> None:
    assert manage.is_local_runserver(arguments.split()) is is_local
