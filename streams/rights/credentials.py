"""Who may watch which topic. Everything here is synchronous and asks the database; call it in a thread."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth import (
    BACKEND_SESSION_KEY,
    HASH_SESSION_KEY,
    SESSION_KEY,
    authenticate,
    get_backends,
    get_user_model,
    load_backend,
)
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from streams.rights.topics import topics_of

SESSIONS_DECODED = 20_000  # kept; as many as there may be sockets
ROWS_A_QUERY = 500  # SQLite takes no more than 999 values in a query


class TooManyTries(Exception):
    """Too many tokens of one address were wrong. Raised by whoever counts them (Django's `user_login_failed`)."""


def user_of_token(token: str, address: str) -> AbstractBaseUser | None:
    """The active user of an API token, or None. Uses the authentication backends, whichever keeps the tokens.

    address: where the token came from, "" when that is not known. Raises TooManyTries.
    """
    request = HttpRequest()
    request.META["REMOTE_ADDR"] = address
    return authenticate(request, token=token)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a connection was let in with: a token, or a session and its authentication hash."""

    user_id: Any
    token: str | None = None
    session_key: str | None = None
    session_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Presented:
    """What somebody comes with: a token, or the key of a session."""

    token: str | None = None
    session_key: str | None = None


class Known(NamedTuple):
    """Who that is, with what they are to be looked up again, and the topics (name -> label) that they may read."""

    username: str
    credentials: Credentials
    topics: dict[str, str]


def look_up(presented: Iterable[Presented]) -> dict[Presented, Known]:
    """Those of the presented who count, in few queries, however many there are. What is not among them counts for
    nothing: there is no such token or session, it has ended, or its user may not sign in."""
    every = set(presented)
    by_token = _users_of_tokens({each.token for each in every if each.token})
    sessions = _sessions([each.session_key for each in every if each.session_key])
    by_backend = _users_by_backend((session.backend, session.user_id) for session in sessions.values())
    found: dict[Presented, tuple[Any, Credentials]] = {}
    for each in every:
        if each.token is not None:
            if (user := by_token.get(each.token)) is not None:
                found[each] = user, Credentials(user.pk, token=each.token)
        elif (session := sessions.get(each.session_key)) is not None:
            user = by_backend.get((session.backend, session.user_id))
            if user is not None and _is_same(session.auth_hash, user):
                held = Credentials(user.pk, session_key=each.session_key, session_hash=session.auth_hash)
                found[each] = user, held
    topics = topics_of({user.pk: user for user, _ in found.values()})
    return {each: Known(user.get_username(), held, topics[user.pk]) for each, (user, held) in found.items()}


def _is_same(auth_hash: str | None, user: Any) -> bool:
    """Whether the session was made with the password that the user has now."""
    return auth_hash is not None and constant_time_compare(auth_hash, user.get_session_auth_hash())


def look_again(held: Iterable[Credentials]) -> dict[Credentials, dict[str, str] | None]:
    """For each of the credentials what its user may read now, or None where it would no longer be let in."""
    users = _users_of(set(held))
    topics = topics_of({user.pk: user for user in users.values() if user is not None})
    return {credentials: None if user is None else topics[user.pk] for credentials, user in users.items()}


def users_of_sessions(keys: Iterable[str]) -> dict[str | None, Any]:
    """session key -> user of those sessions that sign somebody in: they have not ended, were made with the password
    that the user has now, and the user may sign in. In few queries, however many there are."""
    sessions = _sessions(list(keys))
    by_backend = _users_by_backend((session.backend, session.user_id) for session in sessions.values())
    found = ((key, session, by_backend.get((session.backend, session.user_id))) for key, session in sessions.items())
    return {key: user for key, session, user in found if user is not None and _is_same(session.auth_hash, user)}


def _users_of(held: set[Credentials]) -> dict[Credentials, Any]:
    """The user of each of the credentials that are still good, None for the others. In few queries."""
    by_token = _users_of_tokens({credentials.token for credentials in held if credentials.token is not None})
    sessions = _sessions([credentials.session_key for credentials in held if credentials.session_key])
    by_backend = _users_by_backend((session.backend, session.user_id) for session in sessions.values())
    found: dict[Credentials, Any] = {}
    for credentials in held:
        if credentials.token is not None:
            found[credentials] = by_token.get(credentials.token)
            continue
        session = sessions.get(credentials.session_key)
        user = None if session is None else by_backend.get((session.backend, session.user_id))
        is_theirs = user is not None and user.pk == credentials.user_id
        found[credentials] = user if is_theirs and _is_same(credentials.session_hash, user) else None
    return found


def _users_of_tokens(tokens: set[str]) -> dict[str, Any]:
    """token -> user, by the backends in their order; one that has `authenticate_all` is asked once for all of them."""
    found: dict[str, Any] = {}
    for backend in get_backends():
        left = tokens - found.keys()
        if left and hasattr(backend, "authenticate_all"):
            found.update(backend.authenticate_all(left))
    return found


def _users_by_backend(wanted: Iterable[tuple[str, str | None]]) -> dict[tuple[str, str | None], Any]:
    """(backend, id as a session holds it) -> user, of those that may sign in."""
    by_backend: dict[str, dict[Any, str]] = {}  # backend -> id -> as the session holds it
    to_python = get_user_model()._meta.pk.to_python
    for backend_path, user_id in wanted:
        if user_id is not None and backend_path in settings.AUTHENTICATION_BACKENDS:
            with suppress(ValidationError):  # of another life of this installation: no reason to fail all others
                by_backend.setdefault(backend_path, {})[to_python(user_id)] = user_id
    return {
        (backend_path, ids[pk]): user
        for backend_path, ids in by_backend.items()
        for pk, user in _users_by(backend_path, list(ids)).items()
    }


def _users_by(backend_path: str, ids: list[Any]) -> dict[Any, Any]:
    """id -> user, as the backend's `get_user` says it; of Django's own backend many at once."""
    backend = load_backend(backend_path)
    if type(backend) is not ModelBackend:
        every = {pk: backend.get_user(pk) for pk in ids}
        return {pk: user for pk, user in every.items() if user is not None}
    found: dict[Any, Any] = {}
    for start in range(0, len(ids), ROWS_A_QUERY):
        found.update(get_user_model()._default_manager.in_bulk(ids[start : start + ROWS_A_QUERY]))
    return {pk: user for pk, user in found.items() if backend.user_can_authenticate(user)}


class _Session(NamedTuple):
    """What a session says of its user."""

    user_id: str | None
    backend: str
    auth_hash: str | None


def _sessions(keys: list[str]) -> dict[str | None, _Session]:
    """session key -> what it says, of the sessions that have not ended."""
    engine = import_module(settings.SESSION_ENGINE)
    model = engine.SessionStore.get_model_class() if hasattr(engine.SessionStore, "get_model_class") else None
    if model is None:
        return {key: _said(engine.SessionStore(key)) for key in keys}
    found: dict[str | None, _Session] = {}
    for start in range(0, len(keys), ROWS_A_QUERY):
        some = model.objects.filter(session_key__in=keys[start : start + ROWS_A_QUERY], expire_date__gt=timezone.now())
        found.update((key, _decoded(data)) for key, data in some.values_list("session_key", "session_data"))
    return found


@lru_cache(maxsize=SESSIONS_DECODED)
def _decoded(session_data: str) -> _Session:
    """What a stored session says. Cached: it is looked at again and again, and checking it is slow."""
    return _said(import_module(settings.SESSION_ENGINE).SessionStore().decode(session_data))


def _said(session: Any) -> _Session:
    return _Session(session.get(SESSION_KEY), session.get(BACKEND_SESSION_KEY, ""), session.get(HASH_SESSION_KEY))
