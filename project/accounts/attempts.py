"""How often somebody may try: signing in, an old password, a wrong API token, and asking for a mail. Then 429, and when
to come back.

Counted in the database, so all processes count together and a restart forgets nothing; a try costs a small write beside
the hashing of a password. Right API tokens cost nothing: only wrong ones are counted.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
import time
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from project.models import Attempts
from streams.rights.credentials import TooManyTries

PRUNE_EVERY_S = 60.0
PRUNED_AT_ONCE = 500  # sessions that have ended: whoever tries to sign in waits for it

_pruned_at = 0.0


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so many within a time that begins with the first of them."""

    name: str
    most: int
    within: timedelta


# One person who mistypes, and one machine that tries many names. An office behind one address stays below.
SIGN_IN_OF_NAME = Limit("sign-in of a name from an address", 10, timedelta(minutes=10))
SIGN_IN = Limit("sign-in from an address", 100, timedelta(minutes=10))
RESET_OF_MAIL = Limit("password reset of a mail address", 3, timedelta(hours=1))
RESET = Limit("password reset from an address", 20, timedelta(hours=1))
OLD_PASSWORD = Limit("old password of an account", 10, timedelta(minutes=10))
WRONG_TOKEN = Limit("wrong API token from an address", 100, timedelta(minutes=10))
# An address that a proxy tells is hearsay: one that passes on what its clients say would let a fresh address be
# invented for every try. High enough that a person is shut out by many machines only.
SIGN_IN_BY_HEARSAY = Limit("sign-in of a name through proxies", 100, timedelta(minutes=10))
LONGEST = max(limit.within for limit in (SIGN_IN_OF_NAME, SIGN_IN, RESET_OF_MAIL, RESET))

SHOWN_OF_NAME = 3  # characters in the log: people type their password there, too
REFUSED_KEPT = 10_000  # addresses
_refused: dict[str, float] = {}  # address -> until when its wrong tokens need not be counted (time.monotonic)


class TooMany(TooManyTries):
    """Somebody tried too often. retry_after: seconds until the next try is let through."""

    def __init__(self, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(f"Too many attempts; again in {retry_after} s.")


def take(limit: Limit, *who: str) -> None:
    """Counts one try. Raises TooMany, and does not count it, when there were enough."""
    _prune_now_and_then()
    now = timezone.now()
    with transaction.atomic():
        attempts = _locked(_key(limit, who), now)
        if attempts.since <= now - limit.within:
            attempts.since, attempts.count = now, 0
        if attempts.count >= limit.most:
            raise TooMany(math.ceil((attempts.since + limit.within - now).total_seconds()))
        attempts.count += 1
        attempts.save()


def give_back(limit: Limit, *who: str) -> None:
    """Takes one try back that `take` counted: it succeeded."""
    Attempts.objects.filter(key=_key(limit, who), count__gt=0).update(count=F("count") - 1)


def forget(limit: Limit, *who: str) -> None:
    """Forgets all tries: who succeeds may try as often as before."""
    Attempts.objects.filter(key=_key(limit, who)).update(count=0)


def take_wrong_token(address: str) -> None:
    """Counts a wrong API token; no further ones are counted, nor cost a write, once there were too many."""
    now = time.monotonic()
    if (wait := _refused.get(address, 0.0) - now) > 0:
        raise TooMany(math.ceil(wait))
    try:
        take(WRONG_TOKEN, address)
    except TooMany as error:
        if len(_refused) >= REFUSED_KEPT:
            _refused.clear()
        _refused[address] = now + error.retry_after
        raise


def take_failed_sign_in(request: HttpRequest | None, credentials: dict[str, Any], **_: Any) -> None:
    """Receives Django's `user_login_failed`: a wrong API token of a socket counts with those of the API, which counts
    its own (project/api/auth.py), and of which a large body asks without a request before (project/body_limits.py)."""
    if request is not None and "token" in credentials:
        take_wrong_token(address_of(request))


def note_sign_in(request: HttpRequest, **_: Any) -> None:
    """Receives Django's `user_logged_in`."""
    request.has_signed_in = True  # type: ignore[attr-defined]  # for `has_signed_in`


def has_signed_in(request: HttpRequest) -> bool:
    """Whether this very request signed somebody in. That somebody is signed in does not say so: they may have come with
    a session."""
    return bool(getattr(request, "has_signed_in", False))


def is_hearsay(request: HttpRequest) -> bool:
    """Whether the request's address is known from a proxy's header, not from the connection."""
    return "X-Forwarded-For" in request.headers


def shortened(name: str) -> str:
    """What the log shows of a name that somebody typed: its beginning, in ASCII, on one line."""
    return ascii(name[:SHOWN_OF_NAME])[1:-1] + "…"


def address_of(request: HttpRequest) -> str:
    """Where the request comes from; of IPv6 the network of 2^64 addresses that one customer has."""
    try:
        address = ipaddress.ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return ""  # a socket file: then everybody is one
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def refusal(request: HttpRequest, error: TooMany) -> HttpResponse:
    """The page that says when to come back. The same whether or not there is such an account."""
    context = {"minutes": math.ceil(error.retry_after / 60)}
    response = render(request, "registration/too_many.html", context, status=429)
    response["Retry-After"] = str(error.retry_after)
    return response


def _locked(key: str, now: datetime) -> Attempts:
    """The row, for this transaction alone; made when there is none, be it that somebody else makes or prunes it just
    now."""
    while (found := Attempts.objects.select_for_update().filter(key=key).first()) is None:
        Attempts.objects.bulk_create([Attempts(key=key, since=now)], ignore_conflicts=True)
    return found


def _key(limit: Limit, who: tuple[str, ...]) -> str:
    """By which tries are known: names as Django compares them, in any width, and to the letter. Of two that differ in
    case only, one may be another person's, whose success must not give the tries at this one back."""
    said = "\n".join((limit.name, *(unicodedata.normalize("NFKC", part).strip() for part in who)))
    return hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()


def _prune_now_and_then() -> None:
    global _pruned_at
    now = time.monotonic()
    if now - _pruned_at >= PRUNE_EVERY_S:
        _pruned_at = now
        Attempts.objects.filter(since__lt=timezone.now() - LONGEST).delete()
        ended = Session.objects.filter(expire_date__lt=timezone.now()).values_list("pk", flat=True)
        Session.objects.filter(pk__in=list(ended[:PRUNED_AT_ONCE])).delete()
