"""What HTTP asks of an API, beside what ours means: HEAD, kinds of bodies, and how many parameters there may be."""

from __future__ import annotations

import gzip
import json

from django.conf import settings
from django.test import override_settings

from project import unavailable
from tests.support.people import PeopleTestCase, detail_of

ITEM = json.dumps({"name": "Lamp", "price": "1"}).encode()


class HeadTests(PeopleTestCase):
    def test_head_is_get_without_its_body(self) -> None:
        caller = self.caller(self.owner)
        for path in ("/api/", "/api/items/", f"/api/items/{self.item.pk}", "/api/openapi.json", "/api/docs"):
            get, head = caller.send("GET", path), caller.send("HEAD", path)
            self.assertEqual((head.status_code, head.content), (200, b""), path)
            self.assertEqual(head["Content-Length"], str(len(get.content)), path)
            for name in ("Content-Type", "ETag"):
                self.assertEqual(head.get(name), get.get(name), path)

    def test_head_is_refused_where_get_is_not_there(self) -> None:
        answer = self.caller(self.owner).send("HEAD", "/api/items/bulk")
        self.assertEqual(answer.status_code, 405)
        self.assertNotIn("HEAD", answer["Allow"])

    def test_head_of_what_is_not_there_and_of_a_stranger(self) -> None:
        self.assertEqual(self.caller(self.owner).send("HEAD", "/api/items/999999").status_code, 404)
        self.assertEqual(self.client.head("/api/items/").status_code, 401)


class BodyTests(PeopleTestCase):
    def test_a_body_that_is_packed_is_no_type_of_ours(self) -> None:
        answer = self.caller(self.owner).send("POST", "/api/items/", gzip.compress(ITEM), Content_Encoding="gzip")
        self.assertEqual(answer.status_code, 415)
        self.assertEqual(answer["Accept-Encoding"], "identity")
        self.assertIn("gzip", detail_of(answer))

    def test_a_body_of_another_type_is_told_which_is_right(self) -> None:
        for content_type, body in {
            "application/xml": "<item/>",
            "application/x-www-form-urlencoded": "name=Lamp&price=1",
            "multipart/form-data; boundary=x": '--x\r\nContent-Disposition: form-data; name="name"\r\n\r\nL\r\n--x--',
            "text/plain": "Lamp",
        }.items():
            for method, path in (
                ("POST", "/api/items/"),
                ("POST", "/api/items/bulk"),
                ("PATCH", f"/api/items/{self.item.pk}"),
            ):
                answer = self.caller(self.owner).send(method, path, body, Content_Type=content_type)
                self.assertEqual(answer.status_code, 415, content_type)
                self.assertIn("application/json", detail_of(answer))

    def test_json_is_read_whatever_it_is_called(self) -> None:
        for content_type in ("application/json; charset=utf-8", "text/plain", "application/x-www-form-urlencoded"):
            answer = self.caller(self.owner).send("POST", "/api/items/", ITEM, Content_Type=content_type)
            self.assertEqual(answer.status_code, 201, content_type)

    def test_json_that_is_broken_is_a_bad_request(self) -> None:
        answer = self.caller(self.owner).send("POST", "/api/items/", '{"name": ')
        self.assertEqual(answer.status_code, 400)

    def test_the_description_says_415(self) -> None:
        paths = self.client.get("/api/openapi.json").json()["paths"]
        for path, operations in paths.items():
            for method, operation in operations.items():
                self.assertEqual("415" in operation["responses"], "requestBody" in operation, (method, path))


class TooManyTests(PeopleTestCase):
    def test_too_many_parameters_are_named_with_their_bound(self) -> None:
        address = "&".join(f"p{number}=1" for number in range(settings.DATA_UPLOAD_MAX_NUMBER_FIELDS + 1))
        answer = self.caller(self.owner).send("GET", f"/api/items/?{address}")
        self.assertEqual((answer.status_code, detail_of(answer)), (400, unavailable.too_many_fields()))
        self.assertIn(str(settings.DATA_UPLOAD_MAX_NUMBER_FIELDS), detail_of(answer))

    def test_pages_say_it_too(self) -> None:
        self.client.force_login(self.owner)
        address = "&".join(f"p{number}=1" for number in range(2_000))
        for debug in (False, True):
            with override_settings(DEBUG=debug):
                answer = self.client.get(f"/items/?{address}")
                self.assertContains(answer, "There are too many parameters", status_code=400)
                answer = self.client.post("/items/new/", {f"p{number}": "1" for number in range(2_000)})
                self.assertContains(answer, "There are too many parameters", status_code=400)
