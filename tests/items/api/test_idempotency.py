from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any
from unittest import mock

from django.db import connection
from django.test import TransactionTestCase
from django.utils import timezone

from items import services, tokens
from items.api import idempotency
from items.models import GivenAnswer, Item
from tests.support.people import Caller, PeopleTestCase, contributor, detail_of, events

LAMP = {"name": "Lamp", "price": 1}
AT_ONCE = 6


class KeyTests(PeopleTestCase):
    def setUp(self) -> None:
        self.carl = self.caller(self.colleague)

    def post(self, body: object, key: str, address: str = "/api/items/") -> Any:
        return self.carl.send("POST", address, body, Idempotency_Key=key)

    def test_the_same_request_gets_the_first_answer_and_adds_nothing(self) -> None:
        for address, body in (("/api/items/", LAMP), ("/api/items/bulk", {"items": [LAMP, LAMP]})):
            with events() as told:
                first, again = self.post(body, address, address), self.post(body, address, address)
            self.assertEqual((first.status_code, again.status_code), (201, 201))
            self.assertEqual(first.content, again.content)
            for header in ("Location", "ETag", "Content-Type"):
                self.assertEqual(first.get(header), again.get(header))
            self.assertEqual(len(told), 1 if body is LAMP else 2)

    def test_another_body_or_address_with_the_same_key_is_a_conflict(self) -> None:
        self.assertEqual(self.post(LAMP, "k").status_code, 201)
        self.assertEqual(self.post({"name": "Lamp", "price": 2}, "k").status_code, 409)
        self.assertEqual(self.post({"items": [LAMP]}, "k", "/api/items/bulk").status_code, 409)
        self.assertEqual(Item.objects.filter(name="Lamp").count(), 1)

    def test_a_refusal_is_remembered_too(self) -> None:
        body = LAMP | {"sku": "TENT-1"}
        first = self.post(body, "k")
        services.update_item(self.item.pk, actor=None, sku="")
        again = self.post(body, "k")
        self.assertEqual((first.status_code, again.status_code, first.content), (409, 409, again.content))
        self.assertEqual(self.post(body, "another").status_code, 201)

    def test_a_body_that_is_invalid_leaves_the_key_free(self) -> None:
        self.assertEqual(self.post({"name": ""}, "k").status_code, 422)
        self.assertEqual(self.post(LAMP, "k").status_code, 201)

    def test_so_does_a_list_with_one_sku_twice(self) -> None:
        rows = [LAMP | {"sku": sku} for sku in "AA"]
        self.assertEqual(self.post({"items": rows}, "k", "/api/items/bulk").status_code, 422)
        self.assertEqual(self.post({"items": rows[:1]}, "k", "/api/items/bulk").status_code, 201)

    def test_keys_of_two_people_are_two_keys(self) -> None:
        self.post(LAMP, "k")
        other = self.caller(self.owner).send("POST", "/api/items/", LAMP, Idempotency_Key="k")
        self.assertEqual((other.status_code, other.json()["item"]["owner"]), (201, "olga"))

    def test_a_key_is_one_to_255_visible_characters(self) -> None:
        for key, status in (("x" * 255, 201), ("x" * 256, 422), ("", 422), ("a b", 422), ("ä", 422)):
            response = self.post(LAMP, key)
            self.assertEqual((key, response.status_code), (key, status))
            if status == 422:
                self.assertEqual(detail_of(response)[0]["loc"][-1], "Idempotency-Key")

    def test_after_a_day_the_key_is_new_and_old_answers_are_pruned(self) -> None:
        for key in ("k", "other"):
            self.post(LAMP, key)
        GivenAnswer.objects.update(created_at=timezone.now() - timedelta(hours=24, seconds=1))
        self.assertEqual(self.post({"name": "Lamp", "price": 2}, "k").status_code, 201)
        self.assertEqual(idempotency.prune(), 1)
        self.assertEqual(GivenAnswer.objects.get().key, "k")

    def test_who_has_too_many_keys_is_told_so(self) -> None:
        with mock.patch.object(idempotency, "KEYS_A_USER", 2):
            answers = [self.post(LAMP, key).status_code for key in ("a", "b", "c", "a")]
        self.assertEqual(answers, [201, 201, 429, 201])


class AtOnceTests(TransactionTestCase):
    def test_the_same_key_several_times_at_once_makes_one_item(self) -> None:
        token = tokens.issue(contributor("olga"))
        together = Barrier(AT_ONCE)

        def send(_: int) -> tuple[int, bytes]:
            try:
                together.wait(timeout=30)
                response = Caller(token).send("POST", "/api/items/", LAMP, Idempotency_Key="once")
                return response.status_code, response.content
            finally:
                connection.close()

        with ThreadPoolExecutor(AT_ONCE) as pool:
            answers = set(pool.map(send, range(AT_ONCE)))
        self.assertEqual((len(answers), Item.objects.count()), (1, 1))
        self.assertEqual({status for status, _ in answers}, {201})
