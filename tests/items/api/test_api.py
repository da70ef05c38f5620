from __future__ import annotations

import json
import re
from typing import Any

from django.test import AsyncClient, Client, override_settings

from items import services, tokens
from items.models import Item
from tests.support.people import Caller, PeopleTestCase, detail_of, events

ITEM_KEYS = {
    "id", "version", "sku", "name", "description", "price", "tax", "link", "owner", "created_at", "updated_at",
}  # fmt: skip


class WelcomeTests(PeopleTestCase):
    def test_the_welcome_needs_no_sign_in(self) -> None:
        response = Caller().send("GET", "/api/")
        self.assertEqual((response.status_code, response.json()), (200, {"message": "Welcome to Streamboard"}))


class AddTests(PeopleTestCase):
    def test_an_added_item_is_answered_whole_with_its_address(self) -> None:
        body = {
            "name": "Lamp",
            "price": 12.5,
            "tax": "1.25",
            "link": "https://example.com/l",
            "sku": "L",
            "description": "…",
        }
        with events() as told:
            response = self.caller(self.owner).send("POST", "/api/items/", body)

        self.assertEqual(response.status_code, 201)
        answer = response.json()
        item = Item.objects.get(name="Lamp")
        self.assertEqual(answer, {"status": "success", "item_added": "Lamp", "item": item.as_object()})
        self.assertEqual(set(answer["item"]), ITEM_KEYS)
        self.assertEqual(
            {key: answer["item"][key] for key in ("price", "tax", "owner", "version", "sku")},
            {"price": "12.50", "tax": "1.25", "owner": "olga", "version": 1, "sku": "L"},
        )
        self.assertRegex(answer["item"]["created_at"], r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\Z")
        self.assertEqual((response["Location"], response["ETag"]), (f"/api/items/{item.pk}", '"1"'))
        self.assertEqual(told[0].payload, answer["item"] | {"actor": "olga"})

    def test_what_is_left_out_or_null_is_empty(self) -> None:
        for body in (
            {"name": "Lamp", "price": 0},
            {"name": "Lamp", "price": 0, "tax": None, "link": None, "sku": None},
        ):
            item = self.caller(self.owner).send("POST", "/api/items/", body).json()["item"]
            empty = {key: item[key] for key in ("description", "tax", "link", "sku")}
            self.assertEqual(empty, {"description": "", "tax": None, "link": "", "sku": ""})

    def test_numbers_keep_the_digits_they_were_written_with(self) -> None:
        for written, answered in (
            ("0.1", "0.10"),
            ("9999999999.99", "9999999999.99"),
            ("1e2", "100.00"),
            ('"7"', "7.00"),
        ):
            response = self.caller(self.owner).send("POST", "/api/items/", f'{{"name": "n", "price": {written}}}')
            self.assertEqual(response.json()["item"]["price"], answered)

    def test_every_wrong_field_is_named(self) -> None:
        body = {
            "name": "",
            "price": "1.005",
            "tax": -1,
            "link": "javascript:alert(1)",
            "sku": "x" * 65,
            "colour": "red",
        }
        response = self.caller(self.owner).send("POST", "/api/items/", body)

        self.assertEqual(response.status_code, 422)
        detail = detail_of(response)
        self.assertEqual({tuple(problem["loc"]) for problem in detail}, {("body", name) for name in body})
        self.assertTrue(all(set(problem) == {"loc", "msg", "type"} for problem in detail))

    def test_values_that_cannot_be_are_refused(self) -> None:
        caller = self.caller(self.owner)
        wrong: list[tuple[str, object]] = [
            ("name", "x" * 201), ("name", "   "), ("name", None), ("name", 5), ("name", "a\nb"), ("name", "a\x00b"),
            ("description", "x" * 20_001), ("description", "\x00"), ("description", ["a"]),
            ("price", "NaN"), ("price", "Infinity"), ("price", True), ("price", None), ("price", 1.001),
            ("price", 1e11), ("price", "1.005"), ("price", " 1"), ("price", {}), ("tax", "-0.01"),
            ("price", "1,234"), ("price", "$10 $20"), ("price", "-0"),
            ("link", "example.com"), ("link", "ftp://example.com"), ("link", "http://"), ("link", "http://[1"),
            ("link", "https://example.com/" + "x" * 2_000),
        ]  # fmt: skip
        for field, value in wrong:
            with self.subTest(field=field, value=str(value)[:30]):
                response = caller.send("POST", "/api/items/", {"name": "n", "price": 1, field: value})
                self.assertEqual(response.status_code, 422)
                self.assertEqual([problem["loc"] for problem in detail_of(response)], [["body", field]])
        self.assertEqual(Item.objects.count(), 1)

    def test_amounts_are_taken_in_every_form_that_means_one_thing(self) -> None:
        for value, written in (("1,5", "1.50"), ("29.0000", "29.00"), ("€ 1.234,50", "1234.50"), (1e3, "1000.00")):
            response = self.caller(self.owner).send("POST", "/api/items/", {"name": "n", "price": value})
            self.assertEqual(response.status_code, 201, value)
            self.assertEqual(json.loads(response.content)["item"]["price"], written)

    def test_a_name_that_nobody_sees_is_refused_and_a_sku_is_kept_without_what_nobody_sees(self) -> None:
        caller = self.caller(self.owner)
        for name in ("\u200b", "\u3164", " \u2060\ufe0f ", "\u2800", "\U000e0041"):
            self.assertEqual(
                caller.send("POST", "/api/items/", {"name": name, "price": 1}).status_code, 422, ascii(name)
            )
        for name in ("👩\u200d🚀", "\u200bé"):
            self.assertEqual(caller.send("POST", "/api/items/", {"name": name, "price": 1}).status_code, 201)
        made = caller.send("POST", "/api/items/", {"name": "n", "price": 1, "sku": "\ufeffA\u200b-1 "})
        self.assertEqual(json.loads(made.content)["item"]["sku"], "A-1")
        again = caller.send("POST", "/api/items/", {"name": "n", "price": 1, "sku": "A\u00ad-1"})
        self.assertEqual(again.status_code, 409)
        for sku, status in (("CAF\u00c9", 201), ("CAFE\u0301", 409)):  # the same to whoever reads it
            self.assertEqual(
                caller.send("POST", "/api/items/", {"name": "n", "price": 1, "sku": sku}).status_code, status
            )

    def test_half_a_character_is_refused(self) -> None:
        for field in ("name", "description"):
            body = json.dumps({"name": "n", "price": 1} | {field: "\ud800"})
            response = self.caller(self.owner).send("POST", "/api/items/", body)
            self.assertEqual(response.status_code, 422)

    def test_the_longest_name_and_description_fit(self) -> None:
        body = {"name": "ä" * 200, "description": "😀" * 20_000, "price": 1}
        self.assertEqual(self.caller(self.owner).send("POST", "/api/items/", body).status_code, 201)

    def test_a_taken_sku_is_a_conflict(self) -> None:
        response = self.caller(self.colleague).send("POST", "/api/items/", {"name": "n", "price": 1, "sku": "TENT-1"})
        self.assertEqual(response.status_code, 409)
        self.assertIn("TENT-1", detail_of(response))


class BodyTests(PeopleTestCase):
    def test_a_body_that_is_not_json_is_told_so(self) -> None:
        bodies = [
            b"{", b"\xff\xfe{}", b"name=a&price=1", b'{"name": "n", "price": NaN}',
            b'{"name": "n", "price": -Infinity}',
        ]  # fmt: skip
        for body in bodies:
            with self.subTest(body[:20]):
                response = self.caller(self.owner).send("POST", "/api/items/", body)
                self.assertEqual(response.status_code, 400)
                self.assertIsInstance(detail_of(response), str)

    def test_a_number_of_any_length_is_only_too_large(self) -> None:
        for digits in (30, 399, 400, 5_000):
            response = self.caller(self.owner).send("POST", "/api/items/", f'{{"name": "n", "price": {"9" * digits}}}')
            self.assertEqual((response.status_code, detail_of(response)[0]["loc"]), (422, ["body", "price"]))

    def test_an_exponent_beyond_all_bounds_is_no_amount(self) -> None:
        for price in ("1e99999999999999999999", "-1e99999999999999999999", "1.5E-99999999999999999999", "1e999999999"):
            with self.subTest(price):
                response = self.caller(self.owner).send("POST", "/api/items/", f'{{"name": "n", "price": {price}}}')
                self.assertEqual((response.status_code, detail_of(response)[0]["loc"]), (422, ["body", "price"]))

    def test_json_that_is_no_object_is_invalid(self) -> None:
        for body in (b"", b"[]", b"null", b'"x"', b"1"):
            response = self.caller(self.owner).send("POST", "/api/items/", body)
            self.assertEqual((response.status_code, detail_of(response)[0]["loc"]), (422, ["body"]))

    def test_other_content_types_never_break_anything(self) -> None:
        caller = self.caller(self.owner)
        form = b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\nn\r\n--x--\r\n'
        kinds = ["multipart/form-data; boundary=x", "multipart/form-data", "text/plain; charset=nonsense", "x/y", ""]
        for kind in kinds:
            response = caller.send("POST", "/api/items/", form, Content_Type=kind)
            self.assertEqual((kind, response.status_code), (kind, 415))

    def test_a_huge_body_is_refused(self) -> None:
        for kind in ("application/json", "application/x-www-form-urlencoded"):
            response = self.caller(self.owner).send("POST", "/api/items/", b"x" * 3_000_000, Content_Type=kind)
            self.assertEqual((response.status_code, detail_of(response)), (413, "The body is too large."))


class ListTests(PeopleTestCase):
    @classmethod
    def setUpTestData(cls) -> None:
        super().setUpTestData()
        for name, price in (("Blue lamp", 5), ("Red lamp", 3), ("Chair", 9)):
            services.create_item(actor=cls.colleague, name=name, price=price, description="for the garden")

    def names(self, query: str) -> tuple[list[str], int]:
        answer = self.caller(self.owner).send("GET", f"/api/items/?{query}").json()
        self.assertEqual(set(answer), {"items", "count"})
        return [item["name"] for item in answer["items"]], answer["count"]

    def test_the_newest_come_first(self) -> None:
        self.assertEqual(self.names(""), (["Chair", "Red lamp", "Blue lamp", "Tent"], 4))

    def test_each_word_of_a_search_is_somewhere_in_the_item(self) -> None:
        self.assertEqual(self.names("search=LAMP"), (["Red lamp", "Blue lamp"], 2))
        self.assertEqual(self.names("search=garden+blue"), (["Blue lamp"], 1))
        self.assertEqual(self.names("search=tent-1"), (["Tent"], 1))
        self.assertEqual(self.names("search=%25"), ([], 0))

    def test_order_and_pages(self) -> None:
        self.assertEqual(self.names("ordering=price&limit=2"), (["Red lamp", "Blue lamp"], 4))
        self.assertEqual(self.names("ordering=price&limit=2&offset=2"), (["Chair", "Tent"], 4))
        self.assertEqual(self.names("ordering=-price&limit=1"), (["Tent"], 4))
        self.assertEqual(self.names("offset=1000000000"), ([], 4))

    def test_empty_values_count_as_left_out(self) -> None:
        empty = "search=&ordering=&limit=&offset=&owner=&price_min=&price_max=&changed_since="
        self.assertEqual(self.names(empty), (["Chair", "Red lamp", "Blue lamp", "Tent"], 4))

    def test_deleted_items_are_not_listed(self) -> None:
        services.delete_item(self.item.pk, actor=self.owner)
        self.assertEqual(self.names("search=tent"), ([], 0))

    def test_a_list_takes_a_fixed_number_of_queries(self) -> None:
        caller = self.caller(self.owner)
        caller.send("GET", "/api/items/")
        with self.assertNumQueries(3):  # the token, the count, the page with its owners
            caller.send("GET", "/api/items/")

    def test_what_a_list_cannot_do_is_invalid(self) -> None:
        wrong = {
            "limit": ["0", "501", "x", "1.5"], "offset": ["-1", "x", "1000000001"],
            "ordering": ["owner", "--id"], "search": ["%00", "x" * 201],
        }  # fmt: skip
        for name, values in wrong.items():
            for value in values:
                with self.subTest(name=name, value=value[:10]):
                    response = self.caller(self.owner).send("GET", f"/api/items/?{name}={value}")
                    self.assertEqual(response.status_code, 422)
                    self.assertEqual(detail_of(response)[0]["loc"], ["query", name])


class OneItemTests(PeopleTestCase):
    def setUp(self) -> None:
        self.path = f"/api/items/{self.item.pk}"
        self.mine = self.caller(self.owner)

    def test_reading_gives_the_etag_of_the_version(self) -> None:
        response = self.caller(self.colleague).send("GET", self.path)
        self.assertEqual((response.status_code, response["ETag"]), (200, '"1"'))
        self.assertEqual(response.json(), self.item.as_object())

    def test_a_patch_changes_what_it_names(self) -> None:
        response = self.mine.send("PATCH", self.path, {"price": "1.10", "tax": None})
        self.assertEqual((response.status_code, response["ETag"]), (200, '"2"'))
        self.assertEqual(response.json(), self.now().as_object())
        self.assertEqual(
            (response.json()["price"], response.json()["tax"], response.json()["name"]), ("1.10", None, "Tent")
        )

    def test_a_patch_that_changes_nothing_keeps_the_version(self) -> None:
        for body in ({}, {"price": 249}, {"name": "Tent"}):
            self.assertEqual(self.mine.send("PATCH", self.path, body)["ETag"], '"1"')

    def test_a_put_replaces_everything_but_the_owner(self) -> None:
        response = self.caller(self.staff).send("PUT", self.path, {"name": "Other", "price": 2})
        answer = response.json()
        self.assertEqual(
            {key: answer[key] for key in ("name", "price", "tax", "description", "sku", "owner", "version")},
            {
                "name": "Other",
                "price": "2.00",
                "tax": None,
                "description": "",
                "sku": "",
                "owner": "olga",
                "version": 2,
            },
        )

    def test_a_put_needs_the_whole_item(self) -> None:
        response = self.mine.send("PUT", self.path, {"price": 2})
        self.assertEqual((response.status_code, detail_of(response)[0]["loc"]), (422, ["body", "name"]))

    def test_a_patch_is_checked_like_a_new_item(self) -> None:
        for body in ({"name": None}, {"price": None}, {"price": -1}, {"owner": "carl"}, {"version": 7}, {"id": 1}):
            response = self.mine.send("PATCH", self.path, body)
            self.assertEqual((body, response.status_code), (body, 422))
        self.assertEqual(self.now().version, 1)

    def test_if_match_with_the_newest_version_lets_the_change_through(self) -> None:
        for version, header in enumerate(('"1"', 'W/"2"', "*"), start=1):
            response = self.mine.send("PATCH", self.path, {"price": version}, If_Match=header)
            self.assertEqual((header, response.status_code), (header, 200))
        self.assertEqual(self.mine.send("DELETE", self.path, If_Match='"4"').status_code, 204)

    def test_if_match_with_several_versions_of_which_one_is_there(self) -> None:
        for etags, status in (('"7", "1"', 200), ('"1","7"', 412), ('"2", W/"9"', 200), ("3", 200), ('"4', 412)):
            response = self.mine.send("PATCH", self.path, {"price": self.now().version}, If_Match=etags)
            self.assertEqual((etags, response.status_code), (etags, status))

    def test_an_item_that_was_read_can_be_put_back(self) -> None:
        item = self.mine.send("GET", self.path).json()
        answer = self.mine.send("PUT", self.path, item | {"price": "199.00", "owner": "carl"}).json()
        self.assertEqual(answer, item | {"price": "199.00", "version": 2, "updated_at": answer["updated_at"]})
        self.assertEqual(self.mine.send("PUT", self.path, item | {"colour": "red"}).status_code, 422)

    def test_if_match_with_another_version_changes_nothing(self) -> None:
        services.update_item(self.item.pk, actor=self.owner, price=1)
        for header in ('"1"', '"3"', '"99999999999999"', "1", "nonsense", '"1", "3"', ""):
            for method, body in (("PATCH", {"price": 5}), ("PUT", {"name": "n", "price": 5}), ("DELETE", None)):
                with self.subTest(header=header, method=method):
                    response = self.mine.send(method, self.path, body, If_Match=header)
                    self.assertEqual(response.status_code, 412)
                    self.assertIsInstance(detail_of(response), str)
        self.assertEqual(self.now().version, 2)
        self.assertEqual(self.mine.send("PATCH", self.path, {"price": 5}, If_Match='"1"')["ETag"], '"2"')

    def test_deleting_answers_with_nothing_and_afterwards_the_item_is_gone(self) -> None:
        response = self.mine.send("DELETE", self.path)
        self.assertEqual((response.status_code, response.content), (204, b""))
        for method, body in (("GET", None), ("PATCH", {}), ("PUT", {"name": "n", "price": 1}), ("DELETE", None)):
            response = self.mine.send(method, self.path, body)
            self.assertEqual(
                (method, response.status_code, detail_of(response)), (method, 404, "There is no such item.")
            )

    def test_a_patch_with_a_taken_sku_is_a_conflict(self) -> None:
        services.create_item(actor=None, name="n", price=1, sku="TAKEN")
        self.assertEqual(self.mine.send("PATCH", self.path, {"sku": "TAKEN"}).status_code, 409)

    def test_addresses_that_are_nothing_answer_in_json(self) -> None:
        for path in ("/api/items/abc", "/api/items/-1", "/api/nothing", f"{self.path}/", "/api/items/" + "9" * 5_000):
            response = self.mine.send("GET", path)
            self.assertEqual((response.status_code, response["Content-Type"][:16]), (404, "application/json"))
        self.assertEqual(self.mine.send("GET", "/api/items/" + "9" * 30).status_code, 404)

    def test_a_method_that_does_not_exist_is_refused_in_json(self) -> None:
        response = self.mine.send("POST", self.path, {})
        self.assertEqual((response.status_code, detail_of(response)), (405, "This address does not know POST."))
        self.assertEqual(set(response["Allow"].split(", ")), {"DELETE", "GET", "HEAD", "PATCH", "PUT"})


class RightsTests(PeopleTestCase):
    def setUp(self) -> None:
        self.path = f"/api/items/{self.item.pk}"

    def test_a_colleague_reads_but_does_not_change(self) -> None:
        carl = self.caller(self.colleague)
        self.assertEqual(carl.send("GET", self.path).status_code, 200)
        for method, body in (("PATCH", {"price": 1}), ("PUT", {"name": "n", "price": 1}), ("DELETE", None)):
            response = carl.send(method, self.path, body)
            self.assertEqual((response.status_code, isinstance(detail_of(response), str)), (403, True))
        self.assertEqual(self.now().version, 1)

    def test_a_stranger_is_told_to_sign_in_whatever_he_sends(self) -> None:
        calls = [("GET", "/api/items/"), ("POST", "/api/items/"), ("GET", self.path), ("PUT", self.path),
                 ("PATCH", self.path), ("DELETE", self.path)]  # fmt: skip
        for method, path in calls:
            response = Caller().send(method, path, b"nonsense")
            self.assertEqual((method, response.status_code), (method, 401))
            self.assertIsInstance(detail_of(response), str)
            self.assertEqual(response["WWW-Authenticate"], "Bearer")

    def test_a_wrong_token_is_refused_even_beside_a_session(self) -> None:
        client = Client()
        client.force_login(self.owner, backend="django.contrib.auth.backends.ModelBackend")
        for value in ("Bearer nonsense", "Bearer ", "Bearer " + "x" * 5_000, "Bearer \xe4"):
            response = client.get(self.path, headers={"Authorization": value})
            self.assertEqual((response.status_code, detail_of(response)), (401, "This token is not valid."))

    def test_a_session_reads_but_needs_the_csrf_token_to_change(self) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(self.owner, backend="django.contrib.auth.backends.ModelBackend")
        self.assertEqual(client.get(self.path).status_code, 200)

        refused = client.patch(self.path, {"price": 1}, content_type="application/json")
        self.assertEqual((refused.status_code, "CSRF" in detail_of(refused)), (403, True))

        page = client.get("/items/new/")
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.content.decode())
        assert found
        allowed = client.patch(
            self.path, {"price": 1}, content_type="application/json", headers={"X-CSRFToken": found[1]}
        )
        self.assertEqual((allowed.status_code, self.now().version), (200, 2))

    def test_a_bearer_needs_no_csrf_token(self) -> None:
        client = Client(enforce_csrf_checks=True)
        headers = {"Authorization": f"bearer {tokens.issue(self.owner)}"}
        response = client.patch(self.path, {"price": 1}, content_type="application/json", headers=headers)
        self.assertEqual(response.status_code, 200)

    def test_a_change_at_an_address_that_is_none_gets_json_without_a_csrf_token(self) -> None:
        response = Client(enforce_csrf_checks=True).put("/api/items/none", {}, content_type="application/json")
        self.assertEqual((response.status_code, response["Content-Type"]), (404, "application/json; charset=utf-8"))


class AsyncTests(PeopleTestCase):
    async def test_the_operations_run_on_a_loop(self) -> None:
        client = AsyncClient()
        await client.aforce_login(self.owner, backend="django.contrib.auth.backends.ModelBackend")
        added: Any = await client.post("/api/items/", {"name": "n", "price": 1}, content_type="application/json")
        self.assertEqual(added.status_code, 201)
        listed: Any = await client.get("/api/items/?search=n")
        self.assertGreaterEqual(listed.json()["count"], 1)


class FailureTests(PeopleTestCase):
    @override_settings(DEBUG=True)
    def test_debug_changes_no_answer(self) -> None:
        response = self.caller(self.owner).send("POST", "/api/items/", b"{")
        self.assertNotIn("Expecting", detail_of(response))
