"""Idempotency-Key: a POST that is sent again gets the answer of the first time, and nothing is done twice.

The key's row is written in the transaction of the work, before it: whoever comes with the same key at the same time
waits for that row (PostgreSQL: the unique index; SQLite: the write lock) and then finds the answer. After
draft-ietf-httpapi-idempotency-key-header.
"""

from __future__ import annotations

import hashlib
import time
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from django.db import IntegrityError, transaction
from django.db.models import Q
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
COMPRESSION = 1  # answers are short: more effort takes twice the time, and saves nothing
HEADERS = ("Location", "ETag", "Content-Type")  # of an answer that are part of it

_pruned_at = 0.0


class Key(NamedTuple):
    """An Idempotency-Key of a person. digest: what makes two requests the same."""

    user: User
    value: str
    digest: str


def digest_of(request: HttpRequest) -> str:
    """What makes two requests the same: method, address and the bytes of the body."""
    asked = f"{request.method} {request.get_full_path()}\n".encode()
    return hashlib.sha256(asked + request.body).hexdigest()


def once(one: Key, perform: Callable[[], HttpResponse]) -> HttpResponse:
    """The answer of `perform`, or of the time before when this user sent this key already. Runs in one transaction.

    What `perform` raises is not remembered: nothing was done then. Raises KeyReused when the key came with another
    request, and TooManyKeys.
    """
    user, key, digest = one
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


def fresh(keys: set[Key]) -> set[Key]:
    """Those that nothing is known of, whose person has room for more. The others are for `once`, and so are those that
    come twice."""
    if not keys:
        return set()
    _prune_now_and_then()
    of_these = Q()
    for user in {key.user for key in keys}:
        of_these |= Q(user=user, key__in=[key.value for key in keys if key.user == user])
    known = set(GivenAnswer.objects.filter(of_these).values_list("user_id", "key"))
    names = Counter((key.user.pk, key.value) for key in keys)
    full = {user.pk for user in {key.user for key in keys} if _is_full(user, len(keys))}

    def is_fresh(name: tuple[int, str]) -> bool:
        return names[name] == 1 and name not in known and name[0] not in full

    return {key for key in keys if is_fresh((key.user.pk, key.value))}


def remember(answers: Sequence[tuple[Key, HttpResponse]]) -> None:
    """Remembers answers to fresh keys, inside the transaction of the work. Raises IntegrityError when one of the keys
    came a second time meanwhile: then the work has to be undone."""
    if answers:
        GivenAnswer.objects.bulk_create(
            _filled(GivenAnswer(user=key.user, key=key.value, digest=key.digest), answer) for key, answer in answers
        )


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
    if _is_full(user, 1):
        raise TooManyKeys
    try:
        with transaction.atomic():
            return GivenAnswer.objects.create(user=user, key=key, digest=digest)
    except IntegrityError:
        return None


def _is_full(user: User, more: int) -> bool:
    """Whether so many keys more would be too many."""
    place = max(0, KEYS_A_USER - more)
    return GivenAnswer.objects.filter(user=user).order_by("key")[place : place + 1].exists()


def _remember(given: GivenAnswer, answer: HttpResponse) -> HttpResponse:
    _filled(given, answer).save(force_update=True)
    return answer


def _filled(given: GivenAnswer, answer: HttpResponse) -> GivenAnswer:
    given.status = answer.status_code
    given.headers = {name: answer[name] for name in HEADERS if name in answer}
    given.content = zlib.compress(answer.content, COMPRESSION)
    return given


def _replayed(given: GivenAnswer) -> HttpResponse:
    return HttpResponse(zlib.decompress(given.content), status=given.status, headers=given.headers)
