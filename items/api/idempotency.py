"""Idempotency-Key: a POST that is sent again gets the answer of the first time, and nothing is done twice.

The key's row is written in the transaction of the work, before it: whoever comes with the same key at the same time
waits for that row (PostgreSQL: the unique index; SQLite: the write lock) and then finds the answer. After
draft-ietf-httpapi-idempotency-key-header.
"""

from __future__ import annotations

import hashlib
import time
import zlib
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from items.models import GivenAnswer
from items.services.refusals import KeyReused, TooManyKeys

if TYPE_CHECKING:
    from django.contrib.auth.models import User

KEPT = timedelta(hours=24)
KEYS_A_USER = 100_000  # remembered at a time; with answers of 0.5 KB these are 50 MB
PRUNE_EVERY_S = 60.0
PRUNE_ROWS = 1_000  # in one delete: on SQLite nobody else writes meanwhile
HEADERS = ("Location", "ETag", "Content-Type")  # of an answer that are part of it

_pruned_at = 0.0


def digest_of(request: HttpRequest) -> str:
    """What makes two requests the same: method, address and the bytes of the body."""
    asked = f"{request.method} {request.get_full_path()}\n".encode()
    return hashlib.sha256(asked + request.body).hexdigest()


def once(user: User, key: str, digest: str, perform: Callable[[], HttpResponse]) -> HttpResponse:
    """The answer of `perform`, or of the time before when this user sent this key already. Runs in one transaction.

    What `perform` raises is not remembered: nothing was done then. Raises KeyReused when the key came with another
    `digest`, and TooManyKeys.
    """
    _prune_now_and_then()
    remembered = _remembered(user, key)
    if remembered is None:
        with transaction.atomic():
            given = _claimed(user, key, digest)
            if given is not None:
                return _remember(given, perform())
        remembered = _remembered(user, key)
        if remembered is None:
            raise KeyReused  # its answer was forgotten in this very moment
    if remembered.digest != digest:
        raise KeyReused
    return _replayed(remembered)


def prune() -> int:
    """Forgets answers older than KEPT, in bounded steps; returns how many."""
    total = 0
    while True:
        past = GivenAnswer.objects.filter(created_at__lt=timezone.now() - KEPT).order_by("created_at")
        ids = list(past.values_list("pk", flat=True)[:PRUNE_ROWS])
        total += GivenAnswer.objects.filter(pk__in=ids).delete()[0]
        if len(ids) < PRUNE_ROWS:
            return total


def _prune_now_and_then() -> None:
    global _pruned_at
    now = time.monotonic()
    if now - _pruned_at >= PRUNE_EVERY_S:
        _pruned_at = now
        prune()


def _remembered(user: User, key: str) -> GivenAnswer | None:
    return GivenAnswer.objects.filter(user=user, key=key, created_at__gte=timezone.now() - KEPT).first()


def _claimed(user: User, key: str, digest: str) -> GivenAnswer | None:
    """The key's row, written for us, or None when somebody has it (then this has waited until they were done)."""
    of_user = GivenAnswer.objects.filter(user=user)
    of_user.filter(key=key, created_at__lt=timezone.now() - KEPT).delete()
    if of_user.order_by("key")[KEYS_A_USER - 1 : KEYS_A_USER].exists():
        raise TooManyKeys
    try:
        with transaction.atomic():
            return GivenAnswer.objects.create(user=user, key=key, digest=digest)
    except IntegrityError:
        return None


def _remember(given: GivenAnswer, answer: HttpResponse) -> HttpResponse:
    given.status = answer.status_code
    given.headers = {name: answer[name] for name in HEADERS if name in answer}
    given.content = zlib.compress(answer.content)
    given.save(force_update=True)
    return answer


def _replayed(given: GivenAnswer) -> HttpResponse:
    return HttpResponse(zlib.decompress(given.content), status=given.status, headers=given.headers)
