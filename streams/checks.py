"""Settings that cannot work together: system checks with an id and a hint, at every management command and, through
`refuse_impossible`, at the start of the ASGI application."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
SECRET_LENGTH, SECRET_DIFFERENT = 20, 5  # characters; what the README says to make has 67

Check = Callable[..., list[CheckMessage]]


def redis_needs_kafka(app_configs: Sequence[Any] | None, **_: Any) -> list[CheckMessage]:
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


def demo_is_for_this_machine(app_configs: Sequence[Any] | None, **_: Any) -> list[CheckMessage]:
    foreign = [host for host in settings.ALLOWED_HOSTS if host not in LOOPBACK_HOSTS]
    if not settings.DEMO or not (foreign or settings.CSRF_TRUSTED_ORIGINS):
        return []
    return [
        Error(
            "DEMO is on, but ALLOWED_HOSTS or CSRF_TRUSTED_ORIGINS lets in more than this machine.",
            hint="Everybody knows the demo account's password: unset DEMO (and make an account with "
            "manage.py createsuperuser), or unset ALLOWED_HOSTS and CSRF_TRUSTED_ORIGINS.",
            id="streams.E006",
        )
    ]


def debug_is_for_this_machine(app_configs: Sequence[Any] | None, **_: Any) -> list[CheckMessage]:
    foreign = [host for host in settings.ALLOWED_HOSTS if host not in LOOPBACK_HOSTS]
    if not settings.DEBUG or not (foreign or settings.CSRF_TRUSTED_ORIGINS):
        return []
    return [
        Error(
            "DEBUG is on, but ALLOWED_HOSTS or CSRF_TRUSTED_ORIGINS lets in more than this machine.",
            hint="DEBUG shows settings and code to whoever meets an error: unset DEBUG (and set SECRET_KEY), or unset "
            "ALLOWED_HOSTS and CSRF_TRUSTED_ORIGINS.",
            id="streams.E007",
        )
    ]


def secret_key_is_not_to_be_guessed(app_configs: Sequence[Any] | None, **_: Any) -> list[CheckMessage]:
    key = settings.SECRET_KEY
    if len(key) >= SECRET_LENGTH and len(set(key)) >= SECRET_DIFFERENT:
        return []
    return [
        Error(
            f"SECRET_KEY can be guessed: it has fewer than {SECRET_LENGTH} characters, or fewer than "
            f"{SECRET_DIFFERENT} different ones.",
            hint="It signs sessions and the links of password resets. Make one, "
            "for example with: openssl rand -base64 48",
            id="streams.E008",
        )
    ]


def hosts_are_named(app_configs: Sequence[Any] | None, **_: Any) -> list[CheckMessage]:
    if "*" not in settings.ALLOWED_HOSTS:
        return []
    return [
        Error(
            "ALLOWED_HOSTS holds *, so that anybody says under which name this server is known.",
            hint="Links in mails and redirects follow that name: write the names people use, such as "
            "board.example.com, or .example.com for all below it. Probes of /healthz and /readyz need none.",
            id="streams.E009",
        )
    ]


def proxies_are_named(app_configs: Sequence[Any] | None, **_: Any) -> list[CheckMessage]:
    if "*" not in settings.FORWARDED_ALLOW_IPS:
        return []
    return [
        Error(
            "FORWARDED_ALLOW_IPS is *, so that anybody says from which address they come.",
            hint="The limits of sign-in go by that address: write the addresses or networks of your proxies, such as "
            "127.0.0.1,10.0.0.0/24.",
            id="streams.E010",
        )
    ]


CHECKS: tuple[Check, ...] = (
    redis_needs_kafka,
    redis_needs_a_database_server,
    sasl_needs_an_account,
    cafile_has_to_hold_certificates,
    unused_kafka_settings,
    demo_is_for_this_machine,
    debug_is_for_this_machine,
    secret_key_is_not_to_be_guessed,
    hosts_are_named,
    proxies_are_named,
)


def register_all() -> None:
    """Makes the checks run with every management command."""
    for check in CHECKS:
        register(check, "streams")


def refuse_impossible() -> None:
    """Raises ImproperlyConfigured with every error and its hint: for starts that run no system checks (ASGI)."""
    errors = [message for check in CHECKS for message in check(None) if message.is_serious()]
    if errors:
        raise ImproperlyConfigured("\n".join(f"{error.id}: {error.msg} {error.hint}" for error in errors))
