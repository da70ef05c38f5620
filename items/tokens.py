"""API tokens: making them, and signing in with one. The secret is shown once; the database holds only its hash."""

from __future__ import annotations

import hashlib
import secrets
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
LONGEST = 200  # characters; nothing longer is worth hashing
# How exact `last_used_at` is: a write for every call would cost more than the call.
USE_NOTED_EVERY = timedelta(minutes=1)


def issue(user: User, name: str = "") -> str:
    """Makes a token of this user and returns its secret, which cannot be read again."""
    secret = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    ApiToken.objects.create(user=user, name=name, digest=_digest(secret))
    return secret


def revoke(token: ApiToken) -> None:
    """From now on nobody can sign in with it. Revoking twice keeps the first time."""
    ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=timezone.now())


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


class TokenBackend(BaseBackend):
    """Signs in with `authenticate(token=…)`; sessions never come from it."""

    def authenticate(self, request: HttpRequest | None, token: str | None = None) -> User | None:  # type: ignore[override]
        """The user of a live token who may sign in, or None."""
        if not token or len(token) > LONGEST:
            return None
        found = ApiToken.objects.select_related("user").filter(digest=_digest(token), revoked_at__isnull=True).first()
        if found is None or not may_sign_in(found.user):
            return None
        _note_use(found)
        return found.user


def may_sign_in(user: User) -> bool:
    """Whether a token of this user counts: not of an account that is off, nor of the demo's outside of the demo."""
    is_demo = user.get_username() == settings.DEMO_USERNAME and not user.has_usable_password()
    return user.is_active and (settings.DEMO or not is_demo)


def _note_use(token: ApiToken) -> None:
    now = timezone.now()
    if token.last_used_at is None or now - token.last_used_at >= USE_NOTED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
