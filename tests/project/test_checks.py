"""Settings of the site that let in too much are told, each with an id and a hint; and what refuses the start."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.test import override_settings

from project import checks

# The settings are only looked at; nothing connects with them.
pytestmark = pytest.mark.filterwarnings("ignore:Overriding setting DATABASES:UserWarning")

KAFKA = {"KAFKA_BOOTSTRAP_SERVERS": ["localhost:9092"]}
SQLITE = {"DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3"}}}
REDIS = {"REDIS_URL": "redis://localhost:6379/0"}
ACCOUNT = {"KAFKA_SASL_USERNAME": "ada", "KAFKA_SASL_PASSWORD": "secret"}


@pytest.mark.parametrize(
    ("settings", "ids"),
    [
        ({}, []),
        ({"DEMO": True, "ALLOWED_HOSTS": ["localhost", "127.0.0.1", "[::1]"]}, []),
        ({"DEMO": True, "ALLOWED_HOSTS": ["board.example.com"]}, ["streams.E006"]),
        ({"DEMO": True, "CSRF_TRUSTED_ORIGINS": ["https://board.example.com"]}, ["streams.E006"]),
        ({"ALLOWED_HOSTS": ["board.example.com"]}, []),
        ({"DEBUG": True}, []),
        ({"DEBUG": True, "ALLOWED_HOSTS": ["board.example.com"]}, ["streams.E007"]),
        ({"DEBUG": True, "CSRF_TRUSTED_ORIGINS": ["https://board.example.com"]}, ["streams.E007"]),
        ({"SECRET_KEY": "x"}, ["streams.E008"]),
        ({"SECRET_KEY": "ab" * 40}, ["streams.E008"]),
        ({"ALLOWED_HOSTS": ["board.example.com", "*"]}, ["streams.E009"]),
        ({"FORWARDED_ALLOW_IPS": ["*"]}, ["streams.E010"]),
        ({"FORWARDED_ALLOW_IPS": ["10.0.0.0/24"]}, []),
    ],
)
def test_what_the_checks_say(settings: dict[str, Any], ids: list[str]) -> None:
    with override_settings(**{"ALLOWED_HOSTS": ["localhost"], **settings}):
        messages = [message for check in checks.CHECKS for message in check(None)]
    assert all(message.hint for message in messages)
    assert [message.id for message in messages] == ids


def test_every_management_command_runs_them() -> None:
    with override_settings(FORWARDED_ALLOW_IPS=["*"]), pytest.raises(SystemCheckError, match=r"streams\.E010"):
        call_command("check")


def test_the_asgi_start_is_refused_with_all_of_them() -> None:
    impossible = {**REDIS, **SQLITE, "FORWARDED_ALLOW_IPS": ["*"]}
    with override_settings(**impossible), pytest.raises(ImproperlyConfigured) as refused:
        checks.refuse_impossible()
    assert "streams.E001" in str(refused.value)
    assert "streams.E002" in str(refused.value)
    assert "streams.E010" in str(refused.value)
    assert "unset REDIS_URL" in str(refused.value)


def test_a_warning_does_not_refuse_the_start() -> None:
    with override_settings(**KAFKA, **ACCOUNT):
        checks.refuse_impossible()
