"""API tokens: making them, and signing in with one. The secret is shown once; the database holds only its hash."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.backends import BaseBackend
from django.utils import timezone

from items.models import ApiToken

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.http import HttpRequest

PREFIX = "sb_"  # so that people and secret scanners recognise one
SECRET_BYTES = 32
DAYS = 90  # that a token works, unless somebody says otherwise
LONGEST_DAYS = 3650
LONGEST = 200  # characters; nothing longer is worth hashing
# How exact `last_used_at` is: a write for every call would cost more than the call.
USE_NOTED_EVERY = timedelta(minutes=1)
REVOKED_KEPT = 100  # revoked tokens of a person, shown in the admin; older ones go when the next token is made
TOKENS_A_QUERY = 500  # SQLite takes no more than 999 values in a query
INVALID = "This token is not valid."


class TokenRefused(Exception):
    """A token signs nobody in; the text is a sentence for who sent it."""


def issue(user: User, name: str = "", days: int | None = DAYS) -> str:
    """Makes a token of this user and returns its secret, which cannot be read again. days: None means for ever."""
    secret = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    now = timezone.now()
    expires_at = None if days is None else now + timedelta(days=days)
    ApiToken.objects.create(user=user, name=name, digest=_digest(secret), created_at=now, expires_at=expires_at)
    revoked = ApiToken.objects.filter(user=user, revoked_at__isnull=False).order_by("-revoked_at", "-id")
    too_old = list(revoked.values_list("pk", flat=True)[REVOKED_KEPT : REVOKED_KEPT + TOKENS_A_QUERY])
    if too_old:
        ApiToken.objects.filter(pk__in=too_old).delete()
    return secret


def revoke(token: ApiToken) -> None:
    """From now on nobody can sign in with it. Revoking twice keeps the first time."""
    ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=timezone.now())


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def user_of(secret: str, looked_up: Mapping[str, ApiToken] | None = None) -> User:
    """The user whom the token signs in. looked_up: what `look_up` found of it a moment ago. Raises TokenRefused."""
    found = (look_up([secret]) if looked_up is None else looked_up).get(secret)
    problem = INVALID if found is None else _problem(found)
    if found is None or problem:
        raise TokenRefused(problem)
    _note_use([found])
    return found.user


def look_up(some: Iterable[str]) -> dict[str, ApiToken]:
    """secret -> token with its user, of the secrets that are known; whether one counts is not looked at. For work that
    is done together, and no longer: a token may be revoked."""
    wanted = list(some)
    found = _found(wanted)
    return {secret: found[digest] for secret in wanted if (digest := _digest(secret)) in found}


def users_of(some: Iterable[str]) -> dict[str, User]:
    """secret -> user of those tokens that sign somebody in; in few queries, however many there are."""
    wanted = list(some)
    found = _found(wanted)
    good = {digest: token for digest, token in found.items() if not _problem(token)}
    _note_use(good.values())
    return {secret: good[digest].user for secret in wanted if (digest := _digest(secret)) in good}


def _found(some: list[str]) -> dict[str, ApiToken]:
    """digest -> token, with its user, of the secrets that are known."""
    digests = [_digest(secret) for secret in some if 0 < len(secret) <= LONGEST]
    found: dict[str, ApiToken] = {}
    for start in range(0, len(digests), TOKENS_A_QUERY):
        asked = digests[start : start + TOKENS_A_QUERY]
        rows = ApiToken.objects.select_related("user").filter(digest__in=asked).order_by()
        found.update((token.digest, token) for token in rows)
    return found


def _problem(token: ApiToken) -> str:
    if token.revoked_at is not None or not may_sign_in(token.user):
        return INVALID
    if token.is_expired:
        return f"This token expired on {token.expires_at:%Y-%m-%d}. Make a new one under “API tokens”."
    return ""


class TokenBackend(BaseBackend):
    """Signs in with `authenticate(token=…)`; sessions never come from it."""

    def authenticate(self, request: HttpRequest | None, token: str | None = None) -> User | None:  # type: ignore[override]
        """The user of a live token who may sign in, or None."""
        try:
            return user_of(token or "")
        except TokenRefused:
            return None

    def authenticate_all(self, tokens: Iterable[str]) -> dict[str, User]:
        """The same for many: token -> user of those that count."""
        return users_of(tokens)


def may_sign_in(user: User) -> bool:
    """Whether a token of this user counts: not of an account that is off, nor of the demo's outside of the demo."""
    is_demo = user.get_username() == settings.DEMO_USERNAME and not user.has_usable_password()
    return user.is_active and (settings.DEMO or not is_demo)


def _note_use(used: Iterable[ApiToken]) -> None:
    now = timezone.now()
    due = []
    for token in used:
        if token.last_used_at is None or now - token.last_used_at >= USE_NOTED_EVERY:
            token.last_used_at = now
            due.append(token.pk)
    for start in range(0, len(due), TOKENS_A_QUERY):
        ApiToken.objects.filter(pk__in=due[start : start + TOKENS_A_QUERY]).update(last_used_at=now)
