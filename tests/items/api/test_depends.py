"""What operations declare that they need, and how a test puts something else in its place."""

from __future__ import annotations

import inspect
from functools import partial
from typing import Annotated, Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest
from django.test import RequestFactory
from ninja.params.models import ParamModel
from pydantic import ValidationError

from items import services, tokens
from items.api import needs, operations
from items.api.depends import Need, reading, replaced
from items.listing import queries
from items.models import Item
from project.api.api import api
from tests.support.people import PeopleTestCase, detail_of


def number_of(request: HttpRequest, number: int) -> int:
    return number


def twice(request: HttpRequest, once: Annotated[int, Need(number_of)], plus: int = 0) -> int:
    return 2 * once + plus


def signed_in() -> HttpRequest:
    request = HttpRequest()
    request.auth = lambda: None  # type: ignore[attr-defined]
    return request


@reading
def operation(doubled: Annotated[int, Need(twice)], text: str) -> str:
    return f"{text} {doubled}"


async def test_an_operation_asks_the_caller_for_what_its_needs_ask_for() -> None:
    assert list(inspect.signature(operation).parameters) == ["request", "number", "plus", "text"]
    assert await operation(signed_in(), number=4, plus=1, text="It is") == "It is 9"


async def test_a_need_of_a_need_can_be_replaced_and_is_back_afterwards() -> None:
    def seven(request: HttpRequest, number: int) -> int:
        return 7

    with replaced(number_of, seven):
        assert await operation(signed_in(), number=4, plus=1, text="It is") == "It is 15"
    assert await operation(signed_in(), number=4, plus=0, text="It is") == "It is 8"


class ReplacedTests(PeopleTestCase):
    async def test_an_item_nobody_saved_is_shown_when_the_operation_is_given_it(self) -> None:
        def made_up(request: HttpRequest, item_id: int) -> Item:
            return Item(pk=item_id, version=3, name="Made up", price=1)

        with replaced(needs.item_to_read, made_up):
            answer = await self.get("/api/items/4711")
        self.assertEqual((answer.json()["name"], answer["ETag"]), ("Made up", '"3"'))

    async def test_a_list_shows_the_page_it_is_given(self) -> None:
        def empty(request: HttpRequest, query: Any) -> queries.Page[Item]:
            return queries.Page([], 12)

        with replaced(needs.found_page, empty):
            answer = await self.get("/api/items/?search=x")
        self.assertEqual(answer.json(), {"items": [], "count": 12})

    def test_the_right_to_change_is_looked_at_again_by_the_service(self) -> None:
        def unchecked(request: HttpRequest, **_: Any) -> Item:
            return self.item

        with replaced(needs.item_to_change, unchecked):
            answer = self.caller(self.colleague).send("PATCH", f"/api/items/{self.item.pk}", {"price": 1})
        self.assertEqual((answer.status_code, detail_of(answer)), (403, str(services.NotAllowed())))

    async def get(self, path: str) -> Any:
        token = await sync_to_async(tokens.issue)(self.owner)
        return await self.async_client.get(path, headers={"Authorization": f"Bearer {token}"})


class ReadTests(PeopleTestCase):
    """What ninja reads of a request for an operation of ours."""

    def read(self, body: bytes, **sent: str) -> tuple[list[Any], list[Any], Any]:
        """What comes of headers and body by the short way and by ninja's own: values, or the kinds of what is wrong.
        And the request of the first."""

        def values(resolve: Any, request: HttpRequest) -> list[Any]:
            found: list[Any] = []
            for model in operations.add_item._ninja_operation.models:  # type: ignore[attr-defined]
                try:
                    found.append(dict(resolve(model)(request, api, {})))
                except ValidationError as error:
                    found.append([(entry["loc"], entry["type"]) for entry in error.errors()])
            return found

        requests = [
            self.client_factory.post("/api/items/", body, content_type="application/json", headers=sent)
            for _ in range(2)
        ]
        quickly = values(lambda model: model.resolve, requests[0])
        generally = values(lambda model: partial(ParamModel.resolve.__func__, model), requests[1])  # type: ignore[attr-defined]
        return quickly, generally, requests[0]

    client_factory = RequestFactory()

    def test_it_is_what_ninja_makes_of_it(self) -> None:
        for body in (b'{"name": "Lamp"}', b"no JSON", b""):
            for sent in ({}, {"Idempotency-Key": "k"}, {"Idempotency-Key": ""}, {"Idempotency-Key": "a b"}, {"X": "k"}):
                quickly, generally, _ = self.read(body, **sent)
                self.assertEqual(quickly, generally, (body, sent))
                self.assertEqual(len(quickly), 2)

    def test_a_header_that_nobody_sent_needs_no_map_of_all_of_them(self) -> None:
        self.assertNotIn("headers", vars(self.read(b"{}")[2]))
        self.assertIn("headers", vars(self.read(b"{}", **{"Idempotency-Key": "k"})[2]))
