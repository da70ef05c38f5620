"""Who may watch which topic. Everything here is synchronous and asks the database; call it in a thread."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, SESSION_KEY, authenticate, load_backend
from django.contrib.auth.models import AbstractBaseUser, Group
from django.utils import timezone

from streams.models import Topic

SESSIONS_A_QUERY = 500  # SQLite takes no more than 999 values in a query


def readable_topics(user: Any) -> dict[str, str]:
    """name -> label of what a signed-in user may watch: topics without reader groups, and those of their groups."""
    return _topics_of({user.pk: user})[user.pk]


def shown(topics: dict[str, str]) -> list[dict[str, str]]:
    """Topics (name -> label) as the protocol and the API list them."""
    return [{"name": name, "label": label} for name, label in topics.items()]


def topic_epochs() -> dict[str, str]:
    """name -> the epoch kept with it, of every topic that is watched."""
    return dict(Topic.objects.values_list("name", "epoch"))


def watch_items_topic() -> None:
    """Makes the items topic one of the watched; `migrate` does it too, but its name is a setting that can change."""
    Topic.objects.get_or_create(name=settings.KAFKA_ITEMS_TOPIC, defaults={"label": "Items"})


def topic_exists(name: str) -> bool:
    return "\0" not in name and Topic.objects.filter(name=name).exists()  # PostgreSQL's texts have none


def user_of_token(token: str) -> AbstractBaseUser | None:
    """The active user of an API token, or None. Uses the authentication backends, whichever keeps the tokens."""
    return authenticate(request=None, token=token)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a connection was let in with: a token, or a session and its authentication hash."""

    user_id: Any
    token: str | None = None
    session_key: str | None = None
    session_hash: str | None = None


def still_valid(credentials: Credentials) -> Any | None:
    """The user when the credentials would still be accepted, else None."""
    return _users_of({credentials})[credentials]


def look_again(held: Iterable[Credentials]) -> dict[Credentials, dict[str, str] | None]:
    """For each of the credentials what its user may read now, or None where it would no longer be let in."""
    users = _users_of(set(held))
    topics = _topics_of({user.pk: user for user in users.values() if user is not None})
    return {credentials: None if user is None else topics[user.pk] for credentials, user in users.items()}


def _users_of(held: set[Credentials]) -> dict[Credentials, Any]:
    """The user of each of the credentials that are still good, None for the others."""
    found: dict[Credentials, Any] = {}
    known: dict[tuple[str, Any], Any] = {}  # one look a user, however many sockets they have
    sessions = _sessions([credentials.session_key for credentials in held if credentials.session_key])
    for credentials in held:
        if credentials.token is not None:
            found[credentials] = user_of_token(credentials.token)
            continue
        user_id, backend_path = sessions.get(credentials.session_key, (None, ""))
        if user_id != str(credentials.user_id) or backend_path not in settings.AUTHENTICATION_BACKENDS:
            found[credentials] = None
            continue
        if (backend_path, user_id) not in known:
            known[backend_path, user_id] = load_backend(backend_path).get_user(credentials.user_id)
        user = known[backend_path, user_id]
        is_same = user is not None and user.get_session_auth_hash() == credentials.session_hash
        found[credentials] = user if is_same else None
    return found


def _sessions(keys: list[str]) -> dict[str | None, tuple[str | None, str]]:
    """session key -> (user id, authentication backend) of the sessions that have not ended."""
    engine = import_module(settings.SESSION_ENGINE)
    model = engine.SessionStore.get_model_class() if hasattr(engine.SessionStore, "get_model_class") else None
    if model is None:
        stores = {key: engine.SessionStore(key) for key in keys}
        return {key: (store.get(SESSION_KEY), store.get(BACKEND_SESSION_KEY, "")) for key, store in stores.items()}
    found: dict[str | None, tuple[str | None, str]] = {}
    for start in range(0, len(keys), SESSIONS_A_QUERY):
        some = model.objects.filter(
            session_key__in=keys[start : start + SESSIONS_A_QUERY], expire_date__gt=timezone.now()
        )
        found.update((key, _decoded(data)) for key, data in some.values_list("session_key", "session_data"))
    return found


@lru_cache(maxsize=20_000)
def _decoded(session_data: str) -> tuple[str | None, str]:
    """User id and backend of a stored session. Cached: it is looked at again and again, and checking it is slow."""
    session = import_module(settings.SESSION_ENGINE).SessionStore().decode(session_data)
    return session.get(SESSION_KEY), session.get(BACKEND_SESSION_KEY, "")


def _topics_of(users: dict[Any, Any]) -> dict[Any, dict[str, str]]:
    """What each of the users (by primary key) may read, in three queries whatever their number."""
    topics = list(Topic.objects.prefetch_related("readers"))
    readers = {topic.pk: {group.pk for group in topic.readers.all()} for topic in topics}
    groups: dict[Any, set[Any]] = {pk: set() for pk in users}
    if any(readers.values()):
        for group_pk, user_pk in Group.objects.filter(user__in=list(users)).values_list("pk", "user"):
            groups[user_pk].add(group_pk)
    return {
        pk: {
            topic.name: str(topic)
            for topic in topics
            if user.is_superuser or not readers[topic.pk] or readers[topic.pk] & groups[pk]
        }
        for pk, user in users.items()
    }
