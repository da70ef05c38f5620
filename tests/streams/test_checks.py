"""Settings of Kafka and Redis that cannot work together are told at start, each with an id and a hint."""

from __future__ import annotations

from typing import Any

import certifi
import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.test import override_settings

from streams import checks

# The settings are only looked at; nothing connects with them.
pytestmark = pytest.mark.filterwarnings("ignore:Overriding setting DATABASES:UserWarning")

KAFKA = {"KAFKA_BOOTSTRAP_SERVERS": ["localhost:9092"]}
POSTGRES = {"DATABASES": {"default": {"ENGINE": "django.db.backends.postgresql"}}}
SQLITE = {"DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3"}}}
REDIS = {"REDIS_URL": "redis://localhost:6379/0"}
SASL = {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}
REGISTRY = {"SCHEMA_REGISTRY_URL": "https://registry"}
ACCOUNT = {"KAFKA_SASL_USERNAME": "ada", "KAFKA_SASL_PASSWORD": "secret"}


def told(**settings: Any) -> list[str]:
    """The ids of what the checks say."""
    with override_settings(**settings):
        messages = [message for check in checks.CHECKS for message in check(None)]
    assert all(message.hint and "secret" not in message.msg + message.hint for message in messages)
    return [str(message.id) for message in messages]


@pytest.mark.parametrize(
    ("settings", "ids"),
    [
        ({}, []),
        (KAFKA, []),
        (REDIS | POSTGRES, ["streams.E001"]),
        (REDIS | KAFKA | SQLITE, ["streams.E002"]),
        (REDIS | KAFKA | POSTGRES, []),
        (KAFKA | SASL, ["streams.E003"]),
        (KAFKA | SASL | {"KAFKA_SASL_USERNAME": "ada"}, ["streams.E003"]),
        (KAFKA | SASL | ACCOUNT, []),
        (KAFKA | {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CAFILE": "/nowhere/ca.pem"}, ["streams.E004"]),
        (KAFKA | {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CAFILE": __file__}, ["streams.E004"]),
        (KAFKA | {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CAFILE": certifi.where()}, []),
        ({"KAFKA_SECURITY_PROTOCOL": "SSL"}, ["streams.W003"]),
        (SASL | {"KAFKA_SSL_CAFILE": "/nowhere/ca.pem"}, ["streams.W003"]),
        (KAFKA | ACCOUNT, ["streams.W001"]),
        (KAFKA | {"KAFKA_SSL_CAFILE": __file__}, ["streams.W002"]),
        ({"SCHEMA_REGISTRY_URL": "http://registry:8081"}, []),
        (REGISTRY | {"SCHEMA_REGISTRY_TOKEN": "secret"}, []),
        (REGISTRY | {"SCHEMA_REGISTRY_USERNAME": "ada", "SCHEMA_REGISTRY_PASSWORD": "secret"}, []),
        (REGISTRY | {"SCHEMA_REGISTRY_USERNAME": "ada"}, ["streams.E011"]),
        (REGISTRY | {"SCHEMA_REGISTRY_USERNAME": "ada", "SCHEMA_REGISTRY_TOKEN": "secret"}, ["streams.E011"]),
        (REGISTRY | {"SCHEMA_REGISTRY_CAFILE": "/nowhere/ca.pem"}, ["streams.E012"]),
        (REGISTRY | {"SCHEMA_REGISTRY_CAFILE": certifi.where()}, []),
        ({"SCHEMA_REGISTRY_TOKEN": "secret"}, ["streams.W006"]),
        ({"SCHEMA_REGISTRY_URL": "http://registry:8081", "SCHEMA_REGISTRY_TOKEN": "secret"}, ["streams.W007"]),
        ({"SCHEMA_REGISTRY_URL": "http://localhost:8081", "SCHEMA_REGISTRY_TOKEN": "secret"}, []),
    ],
)
def test_what_the_checks_say(settings: dict[str, Any], ids: list[str]) -> None:
    assert told(**{"ALLOWED_HOSTS": ["localhost"], **settings}) == ids


def test_every_management_command_runs_them() -> None:
    with override_settings(**REDIS, **POSTGRES), pytest.raises(SystemCheckError, match=r"streams\.E001"):
        call_command("check")
