"""Settings of Kafka, the schema registry and Redis that cannot work together: system checks with an id and a hint.

They run with every management command, and at the start of the ASGI application (project/checks.py).
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, register

Check = Callable[..., list[CheckMessage]]
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def redis_needs_kafka(app_configs: Sequence[Any] | None, **_: Any) -> list[CheckMessage]:
    """streams.E001: REDIS_URL without KAFKA_BOOTSTRAP_SERVERS."""
    if not settings.REDIS_URL or settings.KAFKA_BOOTSTRAP_SERVERS:
        return []
    return [
        Error(
            "REDIS_URL is set, but KAFKA_BOOTSTRAP_SERVERS is not.",
            hint="Redis connects many processes, and the embedded broker is for one: set KAFKA_BOOTSTRAP_SERVERS, or "
            "unset REDIS_URL.",
            id="streams.E001",
        )
    ]


def redis_needs_a_database_server(app_configs: Sequence[Any] | None, **_: Any) -> list[CheckMessage]:
    """streams.E002: REDIS_URL with SQLite."""
    if not settings.REDIS_URL or settings.DATABASES["default"]["ENGINE"] != "django.db.backends.sqlite3":
        return []
    return [
        Error(
            "REDIS_URL is set, but the database is SQLite.",
            hint="Redis connects processes on many machines, and SQLite is a file on one: set DATABASE_URL to "
            "postgres://user:password@host:port/name, or unset REDIS_URL.",
            id="streams.E002",
        )
    ]


def sasl_needs_an_account(app_configs: Sequence[Any] | None, **_: Any) -> list[CheckMessage]:
    """streams.E003: SASL without a name or a password."""
    if not settings.KAFKA_BOOTSTRAP_SERVERS or not settings.KAFKA_SECURITY_PROTOCOL.startswith("SASL_"):
        return []
    accounts = {
        "KAFKA_SASL_USERNAME": settings.KAFKA_SASL_USERNAME,
        "KAFKA_SASL_PASSWORD": settings.KAFKA_SASL_PASSWORD,
    }
    missing = [name for name, value in accounts.items() if not value]
    if not missing:
        return []
    return [
        Error(
            f"KAFKA_SECURITY_PROTOCOL is {settings.KAFKA_SECURITY_PROTOCOL}, but {' and '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} not set.",
            hint="Set KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD, or use KAFKA_SECURITY_PROTOCOL PLAINTEXT or SSL.",
            id="streams.E003",
        )
    ]


def cafile_has_to_hold_certificates(app_configs: Sequence[Any] | None, **_: Any) -> list[CheckMessage]:
    """streams.E004: a KAFKA_SSL_CAFILE that cannot be used."""
    if not settings.KAFKA_BOOTSTRAP_SERVERS or not settings.KAFKA_SECURITY_PROTOCOL.endswith("SSL"):
        return []
    try:
        ssl.create_default_context(cafile=settings.KAFKA_SSL_CAFILE or None)
    except OSError as error:  # ssl.SSLError is one
        reason = "is not there" if isinstance(error, FileNotFoundError) else "holds no certificates that can be read"
    else:
        return []
    return [
        Error(
            f"KAFKA_SSL_CAFILE names a file that {reason}.",
            hint="Give the path of a file of certificates in PEM form, or unset it to trust the system's.",
            id="streams.E004",
        )
    ]


def unused_kafka_settings(app_configs: Sequence[Any] | None, **_: Any) -> list[CheckMessage]:
    """streams.W001 to W003: settings of Kafka's security that change nothing."""
    found: list[CheckMessage] = []
    protocol = settings.KAFKA_SECURITY_PROTOCOL
    if protocol != "PLAINTEXT" and not settings.KAFKA_BOOTSTRAP_SERVERS:
        found.append(
            checks.Warning(
                f"KAFKA_SECURITY_PROTOCOL is {protocol}, but KAFKA_BOOTSTRAP_SERVERS is not set.",
                hint="The embedded broker is spoken to in plain text: set KAFKA_BOOTSTRAP_SERVERS, or unset "
                "KAFKA_SECURITY_PROTOCOL.",
                id="streams.W003",
            )
        )
    if (settings.KAFKA_SASL_USERNAME or settings.KAFKA_SASL_PASSWORD) and not protocol.startswith("SASL_"):
        found.append(
            checks.Warning(
                f"KAFKA_SASL_USERNAME or KAFKA_SASL_PASSWORD is set, but not used with the protocol {protocol}.",
                hint="Set KAFKA_SECURITY_PROTOCOL to SASL_SSL or SASL_PLAINTEXT, or unset the account.",
                id="streams.W001",
            )
        )
    if settings.KAFKA_SSL_CAFILE and not protocol.endswith("SSL"):
        found.append(
            checks.Warning(
                f"KAFKA_SSL_CAFILE is set, but not used with the protocol {protocol}.",
                hint="Set KAFKA_SECURITY_PROTOCOL to SSL or SASL_SSL, or unset KAFKA_SSL_CAFILE.",
                id="streams.W002",
            )
        )
    return found


def registry_takes_one_account(app_configs: Sequence[Any] | None, **_: Any) -> list[CheckMessage]:
    """streams.E011: a registry with a token and a name, or with half an account."""
    if not settings.SCHEMA_REGISTRY_URL:
        return []
    account = settings.SCHEMA_REGISTRY_USERNAME, settings.SCHEMA_REGISTRY_PASSWORD
    if settings.SCHEMA_REGISTRY_TOKEN and any(account):
        problem = "SCHEMA_REGISTRY_TOKEN is set, and so is SCHEMA_REGISTRY_USERNAME or SCHEMA_REGISTRY_PASSWORD."
    elif any(account) and not all(account):
        missing = "SCHEMA_REGISTRY_PASSWORD" if account[0] else "SCHEMA_REGISTRY_USERNAME"
        problem = f"A half of the registry's account is missing: {missing} is not set."
    else:
        return []
    hint = "Set SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD, or SCHEMA_REGISTRY_TOKEN alone, or none of them."
    return [Error(problem, hint=hint, id="streams.E011")]


def registry_cafile_has_to_hold_certificates(app_configs: Sequence[Any] | None, **_: Any) -> list[CheckMessage]:
    """streams.E012: a SCHEMA_REGISTRY_CAFILE that cannot be used."""
    if not settings.SCHEMA_REGISTRY_URL.startswith("https:") or not settings.SCHEMA_REGISTRY_CAFILE:
        return []
    try:
        ssl.create_default_context(cafile=settings.SCHEMA_REGISTRY_CAFILE)
    except OSError as error:  # ssl.SSLError is one
        reason = "is not there" if isinstance(error, FileNotFoundError) else "holds no certificates that can be read"
    else:
        return []
    return [
        Error(
            f"SCHEMA_REGISTRY_CAFILE names a file that {reason}.",
            hint="Give the path of a file of certificates in PEM form, or unset it to trust the system's.",
            id="streams.E012",
        )
    ]


def unused_registry_settings(app_configs: Sequence[Any] | None, **_: Any) -> list[CheckMessage]:
    """streams.W006 and W007: settings of the registry that change nothing; a secret that travels in plain text."""
    names = ("USERNAME", "PASSWORD", "TOKEN", "CAFILE")
    given = [name for name in (f"SCHEMA_REGISTRY_{name}" for name in names) if getattr(settings, name)]
    url = settings.SCHEMA_REGISTRY_URL
    if given and not url:
        hint = "Set SCHEMA_REGISTRY_URL to http://host:port or https://host:port, or unset the others."
        return [checks.Warning(f"{given[0]} is set, but SCHEMA_REGISTRY_URL is not.", hint=hint, id="streams.W006")]
    host = urlsplit(url).hostname
    if url.startswith("http:") and set(given) - {"SCHEMA_REGISTRY_CAFILE"} and host not in LOOPBACK:
        hint = "Use https:// where the registry offers it."
        problem = "SCHEMA_REGISTRY_URL is http://: the registry's account travels in plain text."
        return [checks.Warning(problem, hint=hint, id="streams.W007")]
    return []


CHECKS: tuple[Check, ...] = (
    redis_needs_kafka,
    redis_needs_a_database_server,
    sasl_needs_an_account,
    cafile_has_to_hold_certificates,
    unused_kafka_settings,
    registry_takes_one_account,
    registry_cafile_has_to_hold_certificates,
    unused_registry_settings,
)


def register_all() -> None:
    """Makes the checks run with every management command."""
    for check in CHECKS:
        register(check, "streams")
