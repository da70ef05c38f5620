"""Calls of the API that are answered together: each as if it were alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Event
from typing import Any
from unittest import mock

from asgiref.sync import ThreadSensitiveContext, async_to_sync, sync_to_async
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.middleware import get_user
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.db import OperationalError, connection, transaction
from django.http import HttpResponse
from django.test import AsyncRequestFactory, TransactionTestCase, skipUnlessDBFeature
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.functional import SimpleLazyObject
from ninja.errors import AuthenticationError, HttpError
from ninja.errors import ValidationError as InvalidRequest

from items import services, tokens
from items.api import operations, together
from items.events import ItemEvent, item_changed
from items.models import ApiToken, GivenAnswer, Item, ItemVersion
from project.api import auth
from streams.models import OutboxMessage
from tests.support.people import contributor, events

SENT = 20
WAIT_S = 30  # for what has to come while somebody else holds a lock
CSRF = "c" * 32


def body(name: str = "Lamp", **fields: object) -> bytes:
    return json.dumps({"name": name, "price": 1} | fields).encode()


class Together(TransactionTestCase):
    """`at_once` asks in one step of the event loop, so that all calls are one batch."""

    def setUp(self) -> None:
        self.olga, self.carl = contributor("olga"), contributor("carl")
        self.tokens = {user.pk: tokens.issue(user) for user in (self.olga, self.carl)}
        self.batches: list[int] = []
        self.alone = 0  # calls that were made once more, by themselves

        def noted(calls: list[together.Call]) -> list[HttpResponse | Exception]:
            self.batches.append(len(calls))
            return perform(calls)

        def noted_alone(call: together.Call) -> HttpResponse:
            self.alone += 1
            return perform_alone(call)

        perform, perform_alone = together.answer_together, together.answer_alone
        for name, replacement in (("answer_together", noted), ("answer_alone", noted_alone)):
            patched = mock.patch(f"items.api.depends.{name}", replacement)
            patched.start()
            self.addCleanup(patched.stop)

    async def at_once(self, *calls: Any) -> list[Any]:
        """Answers, or what was raised."""
        return list(await asyncio.gather(*calls, return_exceptions=True))

    def request(self, user: User, content: bytes) -> Any:
        request: Any = AsyncRequestFactory().post("/api/items/", content, content_type="application/json")
        request.auth = auth.ByToken(request, self.tokens[user.pk])
        return request

    def browser(self, user: User, content: bytes, csrf: str = CSRF) -> Any:
        """A request with a session of its own."""
        session = SessionStore()
        session[SESSION_KEY], session[HASH_SESSION_KEY] = str(user.pk), user.get_session_auth_hash()
        session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
        session.create()
        sent = AsyncRequestFactory()
        request: Any = sent.generic("POST", "/api/items/", content, "application/json", headers={"X-CSRFToken": csrf})
        request.COOKIES["csrftoken"] = CSRF
        request.session = SessionStore(session.session_key)
        request.user = SimpleLazyObject(partial(get_user, request))
        request.auth = auth.BySession(request)
        return request

    def add(self, content: bytes, user: User | None = None, key: str | None = None) -> Any:
        return operations.add_item(self.request(user or self.olga, content), key=key, item=content)

    def patch(self, item: Item, if_match: str | None = None, user: User | None = None, **fields: object) -> Any:
        content = json.dumps(fields).encode()
        return operations.change_item(
            self.request(user or self.olga, content), item_id=item.pk, if_match=if_match, item=content
        )

    async def item(self, **fields: Any) -> Item:
        values: Any = {"name": "Tent", "price": 1} | fields
        return await sync_to_async(services.create_item)(actor=self.olga, **values)


class AddedTogetherTests(Together):
    async def test_each_gets_its_own_item_with_its_history_and_its_event(self) -> None:
        answers = await self.at_once(*(self.add(body(f"Lamp {number}")) for number in range(SENT)))
        self.assertEqual((self.batches, self.alone), ([SENT], 0))
        await self.check(answers)

    @sync_to_async
    def check(self, answers: Sequence[HttpResponse]) -> None:
        shown = [json.loads(answer.content)["item"] for answer in answers]
        self.assertEqual([item["name"] for item in shown], [f"Lamp {number}" for number in range(SENT)])
        self.assertEqual([answer["Location"] for answer in answers], [f"/api/items/{item['id']}" for item in shown])
        self.assertEqual(shown, [Item.objects.get(pk=item["id"]).as_object() for item in shown])
        self.assertEqual(ItemVersion.objects.filter(version=1, type="item.created", actor="olga").count(), SENT)
        told = [json.loads(bytes(message.value)) for message in OutboxMessage.objects.order_by("id")]
        self.assertEqual(told, [item | {"actor": "olga"} for item in shown])

    async def test_a_sku_twice_makes_one_item_and_one_refusal_that_names_it(self) -> None:
        first, again, other = await self.at_once(
            self.add(body(sku="A")), self.add(body(sku="A"), self.carl), self.add(body(sku="B"))
        )
        self.assertEqual((first.status_code, other.status_code), (201, 201))
        self.assertIsInstance(again, services.SkuTaken)
        self.assertEqual(self.alone, 1)
        self.assertEqual(await Item.objects.acount(), 2)
        self.assertEqual(await OutboxMessage.objects.acount(), 2)

    async def test_a_sku_that_is_taken_is_refused_and_the_others_are_added(self) -> None:
        await self.item(sku="A")
        taken, other = await self.at_once(self.add(body(sku="A")), self.add(body()))
        self.assertIsInstance(taken, services.SkuTaken)
        self.assertEqual(other.status_code, 201)
        self.assertEqual(self.alone, 1)

    async def test_one_that_is_invalid_is_refused_by_itself(self) -> None:
        answers = await self.at_once(*(self.add(body("" if number == 7 else "Lamp")) for number in range(SENT)))
        self.assertIsInstance(answers[7], InvalidRequest)
        self.assertEqual([answer.status_code for answer in answers if answer is not answers[7]], [201] * (SENT - 1))
        self.assertEqual((self.batches, self.alone), ([SENT], 0), "the others have not waited for one another")

    async def test_who_may_not_is_refused_by_itself(self) -> None:
        await sync_to_async(self.carl.user_permissions.clear)()
        mine, carls = await self.at_once(self.add(body()), self.add(body(), self.carl))
        self.assertEqual(mine.status_code, 201)
        self.assertIsInstance(carls, services.NotAllowed)
        self.assertEqual(self.alone, 0)

    async def test_a_token_that_was_revoked_a_moment_ago_does_not_count_any_more(self) -> None:
        await self.at_once(self.add(body()))
        await sync_to_async(lambda: tokens.revoke(ApiToken.objects.get(user=self.olga)))()
        (answer,) = await self.at_once(self.add(body()))
        self.assertIsInstance(answer, AuthenticationError)

    async def test_one_whose_event_cannot_be_told_is_undone_and_the_others_are_saved(self) -> None:
        def refuse(sender: object, events: Sequence[ItemEvent], **_: object) -> None:
            if any(event.payload["name"] == "Bad" for event in events):
                raise ZeroDivisionError

        item_changed.connect(refuse)
        try:
            answers = await self.at_once(*(self.add(body(name)) for name in ("Good", "Bad", "Good")))
        finally:
            item_changed.disconnect(refuse)
        self.assertIsInstance(answers[1], ZeroDivisionError)
        self.assertEqual([answers[0].status_code, answers[2].status_code], [201, 201])
        self.assertEqual((await Item.objects.acount(), await OutboxMessage.objects.acount()), (2, 2))

    async def test_when_the_database_goes_away_in_the_middle_all_are_told_and_nothing_is_saved(self) -> None:
        tries = []

        def go_away(sender: object, **_: object) -> None:
            tries.append(1)
            if connection.vendor == "postgresql":
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
            raise OperationalError("the disk is gone")

        item_changed.connect(go_away)
        try:
            answers = await self.at_once(*(self.add(body()) for _ in range(SENT)))
        finally:
            item_changed.disconnect(go_away)
        self.assertEqual([type(answer) for answer in answers], [OperationalError] * SENT)
        self.assertEqual(len(tries), 1, "none was tried again")
        await sync_to_async(lambda: connection.close())()  # noqa: PLW0108  (the thread's own)
        self.assertEqual((await Item.objects.acount(), await OutboxMessage.objects.acount()), (0, 0))

    async def test_a_call_that_is_cancelled_takes_nobody_with_it(self) -> None:
        calls = [asyncio.create_task(self.add(body(f"Lamp {number}"))) for number in range(SENT)]
        await asyncio.sleep(0)
        calls[0].cancel()
        calls[5].cancel()
        answers = await self.at_once(*calls)
        self.assertEqual([isinstance(answer, asyncio.CancelledError) for answer in answers].count(True), 2)
        self.assertEqual([getattr(answer, "status_code", 0) for answer in answers].count(201), SENT - 2)
        self.assertEqual((await self.at_once(self.add(body())))[0].status_code, 201)


class SessionsTogetherTests(Together):
    """Calls of browsers; `spoilt` is what happened to the second of three sessions before they came."""

    def answers(self, spoilt: Callable[[Any], object], *, csrf: str = CSRF) -> list[Any]:
        olgas, carls = self.browser(self.olga, body()), self.browser(self.carl, body(), csrf)
        requests = [olgas, carls, self.browser(self.olga, body())]
        spoilt(carls)
        calls = [operations.add_item(request, key=None, item=body()) for request in requests]
        answers: list[Any] = async_to_sync(self.at_once)(*calls)
        self.assertEqual(self.batches, [3])
        self.assertEqual(self.alone, 0)
        self.assertEqual([answers[0].status_code, answers[2].status_code], [201, 201])
        self.assertEqual(Item.objects.count(), 2 + (getattr(answers[1], "status_code", None) == 201))
        return answers

    def assert_nobody(self, spoilt: Callable[[Any], object]) -> None:
        self.assertIsInstance(self.answers(spoilt)[1], AuthenticationError)

    def of_carl(self, **changed: Any) -> Callable[[Any], object]:
        return lambda request: User.objects.filter(pk=self.carl.pk).update(**changed)

    def test_each_is_who_its_session_says(self) -> None:
        answers = self.answers(lambda request: None)
        owners = [json.loads(answer.content)["item"]["owner"] for answer in answers]
        self.assertEqual(owners, ["olga", "carl", "olga"])

    def test_a_session_that_was_ended_does_not_count(self) -> None:
        self.assert_nobody(lambda request: SessionStore(request.session.session_key).delete())

    def test_a_session_whose_time_is_over_does_not_count(self) -> None:
        def end(request: Any) -> None:
            ended = timezone.now() - timedelta(seconds=1)
            Session.objects.filter(session_key=request.session.session_key).update(expire_date=ended)

        self.assert_nobody(end)

    def test_a_session_that_somebody_wrote_themselves_does_not_count(self) -> None:
        def forge(request: Any) -> None:
            Session.objects.filter(session_key=request.session.session_key).update(session_data="eyJ9:x:y")

        self.assert_nobody(forge)

    def test_a_session_of_before_the_password_was_changed_does_not_count_and_is_ended(self) -> None:
        keys = []

        def change_password(request: Any) -> None:
            keys.append(request.session.session_key)
            self.of_carl(password="another")(request)

        self.assert_nobody(change_password)
        self.assertFalse(Session.objects.filter(session_key=keys[0]).exists())

    def test_somebody_whose_account_was_switched_off_does_not_count(self) -> None:
        self.assert_nobody(self.of_carl(is_active=False))

    def test_a_permission_that_was_taken_away_does_not_count(self) -> None:
        answers = self.answers(lambda request: self.carl.user_permissions.clear())
        self.assertIsInstance(answers[1], services.NotAllowed)

    def test_who_sends_no_csrf_token_is_refused_alone(self) -> None:
        for wrong in ("", "d" * 32):
            with self.subTest(wrong):
                self.batches.clear()
                Item.objects.all().delete()
                refused = self.answers(lambda request: None, csrf=wrong)[1]
                self.assertIsInstance(refused, HttpError)
                self.assertEqual(refused.status_code, 403)

    def test_who_has_to_be_called_alone_is_looked_up_again(self) -> None:
        def end_meanwhile(calls: list[together.Call]) -> list[HttpResponse | Exception]:
            answers = perform(calls)
            Session.objects.all().delete()
            ApiToken.objects.all().delete()
            return [services.Alone() for _ in answers]

        perform = together.answer_together
        requests = [self.browser(self.olga, body()), self.request(self.carl, body())]
        with mock.patch("items.api.depends.answer_together", end_meanwhile):
            calls = [operations.add_item(request, key=None, item=body()) for request in requests]
            answers = async_to_sync(self.at_once)(*calls)
        self.assertEqual([type(answer) for answer in answers], [AuthenticationError] * 2)

    def test_twenty_sessions_are_as_many_statements_as_one(self) -> None:
        def statements(*requests: Any) -> int:
            calls = [operations.add_item(request, key=None, item=body()) for request in requests]
            with CaptureQueriesContext(connection) as captured:
                answers = async_to_sync(self.at_once)(*calls)
            self.assertEqual({answer.status_code for answer in answers}, {201})
            return len(captured)

        many = [self.browser(self.olga if number % 2 else self.carl, body()) for number in range(SENT)]
        self.assertEqual(statements(*many), statements(self.browser(self.olga, body())))


class ChangedTogetherTests(Together):
    async def test_changes_of_one_item_are_versions_without_holes_and_each_answer_is_of_its_own(self) -> None:
        item = await self.item()
        answers = await self.at_once(*(self.patch(item, description=f"{number}") for number in range(SENT)))
        self.assertEqual(self.batches, [SENT])
        shown = [json.loads(answer.content) for answer in answers]
        self.assertEqual([one["description"] for one in shown], [f"{number}" for number in range(SENT)])
        self.assertEqual([one["version"] for one in shown], list(range(2, 2 + SENT)))
        self.assertEqual([answer["ETag"] for answer in answers], [f'"{one["version"]}"' for one in shown])
        told = [json.loads(bytes(one.value)) async for one in OutboxMessage.objects.filter(key=item.pk).order_by("id")]
        self.assertEqual(told[1:], [one | {"actor": "olga"} for one in shown])
        steps = [(one.version, one.changes) async for one in ItemVersion.objects.filter(item=item).order_by("version")]
        self.assertEqual([version for version, _ in steps], list(range(1, 2 + SENT)))
        self.assertEqual(steps[2], (3, {"description": ["0", "1"]}))
        self.assertEqual(await Item.objects.values_list("version", "description").aget(), (1 + SENT, f"{SENT - 1}"))

    async def test_of_those_who_read_the_same_version_one_wins_and_the_others_see_its_version(self) -> None:
        item = await self.item()
        answers = await self.at_once(*(self.patch(item, '"1"', description=f"{number}") for number in range(3)))
        self.assertEqual(answers[0].status_code, 200)
        self.assertEqual([type(answer) for answer in answers[1:]], [services.VersionConflict] * 2)
        self.assertEqual([answer.current.version for answer in answers[1:]], [2, 2])
        self.assertEqual(self.alone, 0)

    async def test_each_is_refused_for_what_is_its_own(self) -> None:
        item, other = await self.item(), await self.item(sku="A")
        gone = Item(pk=other.pk + 4711)
        with events() as told:
            refused, missing, same, taken, good = await self.at_once(
                self.patch(item, user=self.carl, price=2), self.patch(gone, price=2), self.patch(item, price=1),
                self.patch(item, sku="A"), self.patch(item, price=3),
            )  # fmt: skip
        self.assertIsInstance(refused, services.NotAllowed)
        self.assertIsInstance(missing, services.ItemNotFound)
        self.assertEqual(self.alone, 1, "the one that wants another SKU")
        self.assertIsInstance(taken, services.SkuTaken)
        self.assertEqual((same["ETag"], good["ETag"], len(told)), ('"1"', '"2"', 1))

    async def test_a_number_that_no_item_can_have_is_not_found_and_the_others_are_answered(self) -> None:
        item = await self.item()
        answers = await self.at_once(
            *(self.patch(Item(pk=number), price=2) for number in (2**63, 10**30)), self.patch(item, price=3)
        )
        self.assertEqual(self.batches, [3])
        self.assertEqual([type(answer) for answer in answers[:2]], [services.ItemNotFound] * 2)
        self.assertEqual((answers[2].status_code, answers[2]["ETag"]), (200, '"2"'))

    async def test_after_a_fault_of_what_is_looked_up_for_all_each_is_called_alone(self) -> None:
        item = await self.item()
        for faulty in ("items.services.rights.look_up", "items.api.idempotency.fresh"):
            with self.subTest(faulty), mock.patch(faulty, side_effect=ZeroDivisionError):
                added, missing = await self.at_once(self.add(body()), self.patch(Item(pk=item.pk + 4711), price=2))
                self.assertEqual(added.status_code, 201)
                self.assertIsInstance(missing, services.ItemNotFound)

    async def test_what_was_read_for_calls_that_failed_together_is_not_taken_for_new(self) -> None:
        item = await self.item()
        request = self.request(self.olga, b'{"price": 2}')
        with mock.patch("items.services.rights.look_up", side_effect=OperationalError):
            (answer,) = await self.at_once(
                operations.change_item(request, item_id=item.pk, if_match=None, item=b'{"price": 2}')
            )
        self.assertIsInstance(answer, OperationalError)
        self.assertFalse(hasattr(request, "item_read"))

    async def test_a_service_that_refuses_halfway_leaves_the_item_as_the_others_left_it(self) -> None:
        item = await self.item()
        wrong: services.ItemFields = {"name": "half", "link": "no link"}
        writes = [
            services.Changing(item.pk, self.olga, {"price": 2}), services.Changing(item.pk, self.olga, wrong),
            services.Changing(item.pk, self.olga, {"tax": 1}),
        ]  # fmt: skip
        first, second, third = await sync_to_async(transaction.atomic(services.write_together))(writes)
        self.assertIsInstance(second, ValidationError)
        self.assertEqual([getattr(one, "version", None) for one in (first, third)], [2, 3])
        self.assertEqual(await Item.objects.values_list("name", "version").aget(), ("Tent", 3))


@skipUnlessDBFeature("has_select_for_update")  # SQLite lets one write at a time
class BesideSlowOnesTests(Together):
    """Somebody else's transaction holds what one of the calls needs."""

    def beside(self, hold: Callable[[], object], slow: Any, *others: Any) -> tuple[Any, list[Any]]:
        """The answers of the slow call and of the others, which came while another connection had done `hold` and had
        not committed it."""
        is_held, is_over = Event(), Event()

        def held() -> None:
            try:
                with transaction.atomic():
                    hold()
                    is_held.set()
                    is_over.wait(2 * WAIT_S)  # longer than anybody is waited for
            finally:
                connection.close()

        async def answered() -> tuple[Any, list[Any]]:
            async with ThreadSensitiveContext():  # as a request has one, and so threads beside the test's own
                waiting, *tasks = [asyncio.ensure_future(call) for call in (slow, *others)]
                try:
                    answers = await asyncio.wait_for(self.at_once(*tasks), WAIT_S)
                    self.assertFalse(waiting.done())
                finally:
                    is_over.set()
                return (await self.at_once(waiting))[0], answers

        with ThreadPoolExecutor(1) as pool:
            holding = pool.submit(held)
            try:
                self.assertTrue(is_held.wait(WAIT_S))
                answers = async_to_sync(answered)()
            finally:
                is_over.set()
            holding.result()
        self.assertEqual(self.batches, [1 + len(others)])
        return answers

    def test_who_changes_an_item_that_somebody_is_at_waits_alone(self) -> None:
        item, other = [services.create_item(actor=self.olga, name="Tent", price=1) for _ in range(2)]
        slow, answers = self.beside(
            lambda: services.update_item(item.pk, actor=self.olga, name="Theirs"),
            self.patch(item, price=2), self.patch(other, price=3), *(self.add(body()) for _ in range(SENT)),
        )  # fmt: skip
        self.assertEqual([answer.status_code for answer in answers], [200] + [201] * SENT)
        self.assertEqual((self.alone, slow.status_code), (1, 200))
        self.assertEqual(Item.objects.values_list("name", "price", "version").get(pk=item.pk), ("Theirs", 2, 3))

    def test_who_wants_a_sku_that_somebody_is_about_to_take_waits_alone(self) -> None:
        slow, answers = self.beside(
            lambda: services.create_item(actor=self.olga, name="Theirs", price=1, sku="A"),
            self.add(body(sku="A")), *(self.add(body()) for _ in range(3)),
        )  # fmt: skip
        self.assertEqual([answer.status_code for answer in answers], [201] * 3)
        self.assertIsInstance(slow, services.SkuTaken)
        self.assertEqual((Item.objects.count(), OutboxMessage.objects.count()), (4, 4))


class KeysTogetherTests(Together):
    async def test_a_key_twice_makes_one_item_and_the_same_answer(self) -> None:
        answers = await self.at_once(
            self.add(body(), key="k"), self.add(body(), key="k"), self.add(body("Other"), key="other"), self.add(body())
        )
        self.assertEqual([answer.status_code for answer in answers], [201] * 4)
        self.assertEqual(answers[0].content, answers[1].content)
        self.assertEqual((await Item.objects.acount(), await GivenAnswer.objects.acount()), (3, 2))
        (again,) = await self.at_once(self.add(body("Other"), key="other"))
        self.assertEqual(again.content, answers[2].content)
        self.assertEqual(await Item.objects.acount(), 3)

    async def test_a_refusal_is_remembered_too(self) -> None:
        await self.item(sku="A")
        first, _ = await self.at_once(self.add(body(sku="A"), key="k"), self.add(body(), key="other"))
        (again,) = await self.at_once(self.add(body(sku="A"), key="k"))
        self.assertEqual((first.status_code, first.content), (409, again.content))

    async def test_when_somebody_came_with_the_key_meanwhile_nothing_is_done_twice(self) -> None:
        await self.at_once(self.add(body(), key="k"))
        with mock.patch("items.api.idempotency.fresh", set):  # as if it had not been there when it was looked for
            again, other = await self.at_once(self.add(body(), key="k"), self.add(body()))
        self.assertEqual((again.status_code, other.status_code), (201, 201))
        self.assertEqual(await Item.objects.acount(), 2)


class StatementTests(Together):
    """A batch is as many statements, whatever is in it."""

    def statements(self, *calls: Any) -> list[str]:
        async_to_sync(self.at_once)(self.add(body()))  # the token's use was noted
        with CaptureQueriesContext(connection) as captured:
            async_to_sync(self.at_once)(*calls)
        # SQLite's are preceded by how many rows one was run for: "20 times: INSERT".
        return [query["sql"].split("times: ")[-1].split(None, 1)[0] for query in captured.captured_queries]

    def test_adding_one_is_as_many_as_adding_twenty(self) -> None:
        one = self.statements(self.add(body()))
        many = self.statements(*(self.add(body()) for _ in range(SENT)))
        tokens_and_rights = ["SELECT", "SELECT"]
        written = ["SET", "WITH", "WITH"] if connection.vendor == "postgresql" else ["SELECT", *["INSERT"] * 3]
        self.assertEqual(many, one)
        self.assertEqual(one, [*tokens_and_rights, "BEGIN", *written, "COMMIT"])
