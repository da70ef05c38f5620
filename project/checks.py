"""Settings of the site that let in more than was meant: system checks with an id and a hint. Here too: the refusal to
start with settings that cannot work together, whoever checks them.

The ids begin with `streams`, where these checks stood first: people's SILENCED_SYSTEM_CHECKS know them by that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured

from streams import checks as live_side

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
SECRET_LENGTH, SECRET_DIFFERENT = 20, 5  # characters; what the README says to make has 67

Check = Callable[..., list[CheckMessage]]


def demo_is_for_this_machine(app_configs: Sequence[Any] | None, **_: Any) -> list[CheckMessage]:
    """streams.E006: DEMO, while others than this machine are let in."""
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
    """streams.E007: DEBUG, while others than this machine are let in."""
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
    """streams.E008: a SECRET_KEY that is too short, or of too few different characters."""
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
    """streams.E009: ALLOWED_HOSTS with `*`."""
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
    """streams.E010: FORWARDED_ALLOW_IPS with `*`."""
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
    demo_is_for_this_machine,
    debug_is_for_this_machine,
    secret_key_is_not_to_be_guessed,
    hosts_are_named,
    proxies_are_named,
)


def register_all() -> None:
    """Makes the checks run with every management command."""
    for check in CHECKS:
        register(check, "project")


def refuse_impossible() -> None:
    """Lets a start go on that runs no system checks (ASGI).

    Raises ImproperlyConfigured with the id, the sentence and the hint of each error that a check finds.
    """
    errors = [message for check in (*live_side.CHECKS, *CHECKS) for message in check(None) if message.is_serious()]
    if errors:
        raise ImproperlyConfigured("\n".join(f"{error.id}: {error.msg} {error.hint}" for error in errors))
