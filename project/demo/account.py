"""The demo account: made by `make run`, and only good while DEMO is on, which `make run` sets on loopback addresses.

Its row in the database has no usable password. What signs it in is `DemoBackend`, with a password that everybody knows,
and that backend is among the settings only while DEMO is on; so neither its sign-in nor its sessions outlive the demo.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings
from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.models import User
from django.utils.crypto import constant_time_compare

from streams.this_machine import is_local

if TYPE_CHECKING:
    from django.http import HttpRequest

USERNAME = settings.DEMO_USERNAME
PASSWORD = "streamboard"  # noqa: S105  (public on purpose: it opens nothing outside of the demo)


class Account(NamedTuple):
    """What the sign-in page shows."""

    username: str
    password: str


def account() -> Account | None:
    """The account to say on the terminal that started the demo; None outside of it."""
    return Account(USERNAME, PASSWORD) if settings.DEMO else None


def account_for(request: HttpRequest) -> Account | None:
    """The account to show on the sign-in page: to people at this machine, and nobody else."""
    return account() if came_from_this_machine(request) else None


class DemoBackend(BaseBackend):
    """Signs in the demo account, and nobody else. Rights are asked of ModelBackend, which stands beside it."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **_: object
    ) -> User | None:
        """The demo account for its password, while DEMO is on and from this machine; None otherwise."""
        if request is not None and not came_from_this_machine(request):
            return None
        if username != USERNAME or password is None or not constant_time_compare(password, PASSWORD):
            return None
        return _demo_user()

    def get_user(self, user_id: int) -> User | None:
        """The demo account of a session, while DEMO is on."""
        return _demo_user(pk=user_id)


def came_from_this_machine(request: HttpRequest) -> bool:
    """Whether it came from loopback to loopback and through no proxy; a name instead of an address is a test's."""
    server = request.META.get("SERVER_NAME", "")
    try:
        if not ipaddress.ip_address(server).is_loopback:
            return False
    except ValueError:
        pass
    return is_local(request.META.get("REMOTE_ADDR"), request.headers)


def _demo_user(**which: object) -> User | None:
    """The account if it is the one that `make run` made: a person's own account of that name has a password."""
    if not settings.DEMO:
        return None
    user = User.objects.filter(username=USERNAME, is_active=True, **which).first()
    return user if user is not None and not user.has_usable_password() else None


class NameTaken(Exception):
    """Somebody has an account of that name, with a password of their own."""


def prepare_account() -> User:
    """The demo account, made when it is not there: superuser, so that it sees everything. Raises NameTaken."""
    user, made = User.objects.get_or_create(username=USERNAME, defaults={"is_staff": True, "is_superuser": True})
    if made:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    elif user.has_usable_password():
        raise NameTaken
    return user
