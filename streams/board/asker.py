"""Who asks for much of a topic, and whether they still may while it is told."""

from __future__ import annotations

from typing import NamedTuple

from django.contrib.auth import HASH_SESSION_KEY, get_user_model
from django.http import HttpRequest

from streams.decoding.carried import Declared
from streams.decoding.stored import declared
from streams.hub import current
from streams.models import Topic
from streams.rights.credentials import Credentials
from streams.rights.topics import may_export, readable_topics
from streams.runtime.threads import in_database
from streams.search.running import Still, Stop


class Asker(NamedTuple):
    """Who asks for a topic. may_read, may_export: what they may do with it now. declared: what the topic carries,
    as its row says."""

    credentials: Credentials
    may_read: bool
    may_export: bool
    declared: Declared | None


def who_asks(request: HttpRequest, topic: str) -> Asker:
    """Asks the database, in a thread; raises what signing in does (project/api/auth.py)."""
    sign_in = request.auth  # type: ignore[attr-defined]  # ninja's
    user = sign_in()
    token = getattr(sign_in, "token", None)
    if token is not None:
        held = Credentials(user.pk, token=token)
    else:
        session = request.session
        held = Credentials(user.pk, session_key=session.session_key, session_hash=session.get(HASH_SESSION_KEY))
    may_read = topic in readable_topics(user)
    row = Topic.objects.filter(name=topic).first() if may_read else None
    return Asker(held, may_read, may_read and may_export(user, topic), None if row is None else declared(row))


def still_reads(asker: Asker, topic: str, epoch: str, *, exports: bool = False) -> Still:
    """What says whether who asked may be told more of the topic, in the life in which they asked."""

    async def still() -> Stop:
        allowed = await current.current().rights.ask(asker.credentials)
        if allowed is None or topic not in allowed:
            return "forbidden"
        if exports and not await in_database(_exports, asker.credentials, topic):
            return "forbidden"
        log = current.current().hub.logs.get(topic)
        return "epoch" if log is not None and log.epoch != epoch else ""

    return still


def _exports(held: Credentials, topic: str) -> bool:
    user = get_user_model()._default_manager.filter(pk=held.user_id).first()
    return user is not None and may_export(user, topic)
