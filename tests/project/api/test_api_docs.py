"""The API's description and its two pages: complete, and with nothing from outside."""

from __future__ import annotations

import re
from typing import Any

from django.contrib.staticfiles import finders
from django.test import Client, SimpleTestCase

from project.api.api import api

STATUSES = {
    ("/api/items/", "post"): {"201", "400", "401", "403", "409", "413", "415", "422", "429", "503"},
    ("/api/items/bulk", "post"): {"201", "400", "401", "403", "409", "413", "415", "422", "429", "503"},
    ("/api/items/", "get"): {"200", "401", "422", "503"},
    ("/api/items/deleted", "get"): {"200", "401", "503"},
    ("/api/items/{item_id}/restore", "post"): {"200", "401", "403", "404", "503"},
    ("/api/items/{item_id}", "get"): {"200", "401", "404", "503"},
    ("/api/items/{item_id}", "put"): {"200", "400", "401", "403", "404", "409", "412", "413", "415", "422", "503"},
    ("/api/items/{item_id}", "patch"): {"200", "400", "401", "403", "404", "409", "412", "413", "415", "422", "503"},
    ("/api/items/{item_id}", "delete"): {"204", "401", "403", "404", "412", "503"},
}


class DescriptionTests(SimpleTestCase):
    def setUp(self) -> None:
        self.description: dict[str, Any] = Client().get("/api/openapi.json").json()

    def test_every_answer_of_the_items_api_is_described(self) -> None:
        for (path, method), statuses in STATUSES.items():
            self.assertEqual(set(self.description["paths"][path][method]["responses"]), statuses, (path, method))

    def test_it_is_made_once_and_anew_below_another_path(self) -> None:
        """Anybody may ask for it, and making it takes as long as hundreds of other answers."""
        once = api.get_openapi_schema()
        self.assertIs(api.get_openapi_schema(), once)
        below = api.get_openapi_schema(path_prefix="/sb/api/")
        self.assertEqual({f"/sb{path}" for path in once["paths"]}, set(below["paths"]))
        self.assertEqual(api.get_openapi_schema(), once)

    def test_every_operation_says_what_it_does_under_a_name_of_its_own(self) -> None:
        names = []
        for path, operations in self.description["paths"].items():
            for method, operation in operations.items():
                self.assertTrue(operation["summary"] and operation["description"], (path, method))
                self.assertTrue(operation["tags"], (path, method))
                names.append(operation["operationId"])
        self.assertEqual(len(names), len(set(names)))

    def test_failures_name_their_headers_and_no_parameter_is_null(self) -> None:
        failures = 0
        for path, operations in self.description["paths"].items():
            for method, operation in operations.items():
                for status, header in (("401", "WWW-Authenticate"), ("429", "Retry-After"), ("503", "Retry-After")):
                    if answer := operation["responses"].get(status):
                        failures += 1
                        self.assertIn(header, answer["headers"], (path, method, status))
                for parameter in operation.get("parameters", []):
                    self.assertNotIn("null", str(parameter["schema"]), (path, method))
        self.assertGreater(failures, len(STATUSES))

    def test_every_body_that_is_taken_or_given_has_an_example(self) -> None:
        schemas, seen = self.description["components"]["schemas"], set[str]()
        for path, operations in self.description["paths"].items():
            for method, operation in operations.items():
                bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
                for content in (body["content"] for body in bodies if "content" in body):
                    if "application/json" not in content:  # lines, and files
                        self.assertTrue(all(each["examples"] for each in content.values()), (path, method))
                        continue
                    name = content["application/json"]["schema"]["$ref"].rpartition("/")[2]
                    self.assertTrue(schemas[name].get("examples"), (path, method, name))
                    seen.add(name)
        self.assertGreaterEqual(seen, {"ItemInput", "ItemObject", "Problem"})

    def test_items_have_examples_and_both_ways_to_sign_in_are_there(self) -> None:
        components = self.description["components"]
        for schema in ("ItemInput", "ItemPatch", "ItemObject", "ItemAdded", "ValidationProblem"):
            self.assertTrue(components["schemas"][schema]["examples"], schema)
        kinds = {
            (scheme["type"], scheme.get("scheme"), scheme.get("in"))
            for scheme in components["securitySchemes"].values()
        }
        self.assertEqual(kinds, {("http", "bearer", None), ("apiKey", None, "cookie")})


class PagesTests(SimpleTestCase):
    def test_the_pages_load_local_files_only_and_hold_no_inline_code(self) -> None:
        for path in ("/api/docs", "/api/redoc"):
            page = Client().get(path).content.decode()
            addresses = re.findall(r'(?:src|href)="([^"]+)"', page)
            self.assertGreaterEqual(len(addresses), 4)
            for address in addresses:
                self.assertTrue(address == "/" or address.startswith(("/static/", "/api/")), address)
                if address.startswith("/static/"):
                    versionless = re.sub(r"^/static/(v-\w+/)?", "", address)
                    self.assertIsNotNone(finders.find(versionless), address)
            self.assertEqual(re.findall(r"<style|style=|\son\w+=|<script(?![^>]*\ssrc=)", page), [])

    def test_only_styles_and_redocs_worker_are_let_through(self) -> None:
        for path, allowed in (
            ("/api/docs", {"style-src 'self' 'unsafe-inline'"}),
            ("/api/redoc", {"style-src 'self' 'unsafe-inline'", "worker-src 'self' blob:"}),
        ):
            relaxed = directives(path) - directives("/accounts/login/")
            self.assertEqual(relaxed, allowed)


def directives(path: str) -> set[str]:
    """The Content-Security-Policy of a page."""
    return set(Client().get(path)["Content-Security-Policy"].split("; "))
