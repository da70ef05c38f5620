"""Who may watch which topic. Everything here is synchronous and asks the database; call it in a thread."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import (
    BACKEND_SESSION_KEY,
    SESSION_KEY,
    authenticate,
    get_backends,
    get_user_model,
    load_backend,
)
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest
from django.utils import timezone

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


def look_again(held: Iterable[Credentials]) -> dict[Credentials, dict[str, str] | None]:
    """For each of the credentials what its user may read now, or None where it would no longer be let in."""
    users = _users_of(set(held))
    topics = topics_of({user.pk: user for user in users.values() if user is not None})
    return {credentials: None if user is None else topics[user.pk] for credentials, user in users.items()}


def _users_of(held: set[Credentials]) -> dict[Credentials, Any]:
    """The user of each of the credentials that are still good, None for the others. In few queries."""
    by_token = _users_of_tokens({credentials.token for credentials in held if credentials.token is not None})
    sessions = _sessions([credentials.session_key for credentials in held if credentials.session_key])
    wanted: dict[str, set[Any]] = {}  # backend -> ids of users
    for credentials in held:
        user_id, backend_path = sessions.get(credentials.session_key, (None, ""))
        if user_id == str(credentials.user_id) and backend_path in settings.AUTHENTICATION_BACKENDS:
            wanted.setdefault(backend_path, set()).add(credentials.user_id)
    by_backend = {path: _users_by(path, ids) for path, ids in wanted.items()}
    found: dict[Credentials, Any] = {}
    for credentials in held:
        if credentials.token is not None:
            found[credentials] = by_token.get(credentials.token)
            continue
        user_id, backend_path = sessions.get(credentials.session_key, (None, ""))
        is_theirs = user_id == str(credentials.user_id)
        user = by_backend.get(backend_path, {}).get(credentials.user_id) if is_theirs else None
        is_same = user is not None and user.get_session_auth_hash() == credentials.session_hash
        found[credentials] = user if is_same else None
    return found


def _users_of_tokens(tokens: set[str]) -> dict[str, Any]:
    """token -> user, by the backends in their order; one that has `authenticate_all` is asked once for all of them."""
    found: dict[str, Any] = {}
    for backend in get_backends():
        left = tokens - found.keys()
        if left and hasattr(backend, "authenticate_all"):
            found.update(backend.authenticate_all(left))
    return found


def _users_by(backend_path: str, ids: set[Any]) -> dict[Any, Any]:
    """id -> user, as the backend's `get_user` says it; of Django's own backend many at once."""
    backend = load_backend(backend_path)
    if type(backend) is not ModelBackend:
        return {pk: backend.get_user(pk) for pk in ids}
    found: dict[Any, Any] = {}
    every = list(ids)
    for start in range(0, len(every), ROWS_A_QUERY):
        found.update(get_user_model()._default_manager.in_bulk(every[start : start + ROWS_A_QUERY]))
    return {pk: user for pk, user in found.items() if backend.user_can_authenticate(user)}


def _sessions(keys: list[str]) -> dict[str | None, tuple[str | None, str]]:
    """session key -> (user id, authentication backend) of the sessions that have not ended."""
    engine = import_module(settings.SESSION_ENGINE)
    model = engine.SessionStore.get_model_class() if hasattr(engine.SessionStore, "get_model_class") else None
    if model is None:
        stores = {key: engine.SessionStore(key) for key in keys}
        return {key: (store.get(SESSION_KEY), store.get(BACKEND_SESSION_KEY, "")) for key, store in stores.items()}
    found: dict[str | None, tuple[str | None, str]] = {}
    for start in range(0, len(keys), ROWS_A_QUERY):
        some = model.objects.filter(session_key__in=keys[start : start + ROWS_A_QUERY], expire_date__gt=timezone.now())
        found.update((key, _decoded(data)) for key, data in some.values_list("session_key", "session_data"))
    return found


@lru_cache(maxsize=SESSIONS_DECODED)
def _decoded(session_data: str) -> tuple[str | None, str]:
    """User id and backend of a stored session. Cached: it is looked at again and again, and checking it is slow."""
    session = import_module(settings.SESSION_ENGINE).SessionStore().decode(session_data)
    return session.get(SESSION_KEY), session.get(BACKEND_SESSION_KEY, "")
