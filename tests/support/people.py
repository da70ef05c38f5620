"""The same three people in every test of items (owner, colleague, a member of staff), and what events were told."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.models import Permission, User
from django.test import Client, TestCase

from items import services, tokens
from items.events import ItemEvent, item_changed
from items.models import Item


@contextmanager
def events() -> Iterator[list[ItemEvent]]:
    """The item events sent inside the block, in order."""
    told: list[ItemEvent] = []

    def listen(sender: object, events: Sequence[ItemEvent], **_: object) -> None:
        told.extend(events)

    item_changed.connect(listen)
    try:
        yield told
    finally:
        item_changed.disconnect(listen)


def contributor(name: str, password: str | None = None) -> User:
    """Somebody who may add items, as the group Contributors lets people."""
    user = User.objects.create_user(name, password=password)
    user.user_permissions.add(Permission.objects.get(content_type__app_label="items", codename="add_item"))
    return user


def sign_in(user: User) -> Client:
    """A browser of this person."""
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


class Caller:
    """A script that calls the API with a token, or without one."""

    def __init__(self, token: str | None = None) -> None:
        self.client = Client(raise_request_exception=False)
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def send(self, method: str, path: str, body: object = None, /, **headers: str) -> Any:
        """The response; underscores in header names stand for dashes. A body that is no text is sent as JSON."""
        content = b"" if body is None else body if isinstance(body, (bytes, str)) else json.dumps(body)
        sent = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        content_type = sent.pop("Content-Type", "application/json")
        return self.client.generic(method, path, content, content_type=content_type, headers=sent)


class PeopleTestCase(TestCase):
    owner: User
    colleague: User
    staff: User
    item: Item

    @classmethod
    def setUpTestData(cls) -> None:
        cls.owner = contributor("olga", "olga's word")
        cls.colleague = contributor("carl", "carl's word")
        cls.staff = User.objects.create_superuser("stella", password="stella's word")
        cls.item = services.create_item(
            actor=cls.owner, name="Tent", description="Green", price="249.00", tax="39.76", sku="TENT-1"
        )

    def caller(self, user: User) -> Caller:
        return Caller(tokens.issue(user))

    def now(self) -> Item:
        """The item as it is in the database."""
        return Item.with_deleted.get(pk=self.item.pk)


def detail_of(response: Any) -> Any:
    """What an answer of the API says went wrong."""
    return json.loads(response.content)["detail"]
