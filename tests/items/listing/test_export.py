from __future__ import annotations

import csv
import io
import json
from typing import Any
from unittest import mock

from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.db import connection
from django.test import AsyncClient, Client, TransactionTestCase

from items import services
from items.listing import files, queries
from items.listing.filters import NO_FILTERS
from items.models import Item
from items.values.cells import plain
from tests.support.people import PeopleTestCase

FORMULAS = (
    "=1+1", "+1", "-1", "@x", "'=1+1", "'quoted'", "a=b", "＝1+1", "＋1", "－1", "＠x", "a;=1+1", "a;'=1", 'a;"=1"',
    "a;;＝1+1;-2", "a; b", "it's; 'quoted'",
)  # fmt: skip


class ExportTests(PeopleTestCase):
    async def browser(self, user: User) -> AsyncClient:
        client = AsyncClient()
        await client.aforce_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    async def download(self, query: str) -> tuple[Any, str]:
        response: Any = await (await self.browser(self.colleague)).get(f"/items/export/?{query}")
        self.assertEqual(response.status_code, 200)
        return response, b"".join([piece async for piece in response.streaming_content]).decode()

    async def make(self, count: int) -> None:
        def many() -> None:
            services.create_items(
                actor=self.colleague,
                rows=[{"name": f"Lamp, “{n}”", "price": n, "description": 'a "b"\nc;'} for n in range(count)],
            )

        await sync_to_async(many)()

    async def test_ndjson_holds_each_item_as_the_api_shows_it_in_the_order_of_the_list(self) -> None:
        await self.make(30)
        with mock.patch.object(files, "PIECE", 7):
            response, body = await self.download("format=ndjson&ordering=price&owner=carl")
        self.assertEqual(response["Content-Type"], "application/x-ndjson")
        self.assertRegex(response["Content-Disposition"], r'\Aattachment; filename="items-[\d-]+\.ndjson"\Z')
        expected = [item.as_object() async for item in Item.objects.select_related("owner").filter(
            owner=self.colleague
        ).order_by("price")]  # fmt: skip
        self.assertEqual([json.loads(line) for line in body.splitlines()], expected)

    async def test_csv_reads_back_as_the_same_texts(self) -> None:
        await self.make(12)
        with mock.patch.object(files, "PIECE", 5):
            response, body = await self.download("format=csv&search=lamp")
        self.assertEqual(response["Content-Type"], "text/csv; charset=utf-8")
        rows = list(csv.DictReader(io.StringIO(body, newline="")))
        self.assertEqual(len(rows), 12)
        self.assertEqual(tuple(rows[0]), files.COLUMNS)
        self.assertEqual((rows[-1]["name"], rows[-1]["price"], rows[-1]["tax"]), ("Lamp, “0”", "0.00", ""))
        self.assertEqual(rows[-1]["description"], 'a "b"\nc;')

    async def test_no_cell_is_a_formula_and_reading_back_is_exact(self) -> None:
        for text in FORMULAS:
            await sync_to_async(services.create_item)(actor=None, name=text, price=1, description=f"{text}\nx")
        _, body = await self.download("format=csv&price_max=1&ordering=id")
        rows = list(csv.DictReader(io.StringIO(body, newline="")))
        cells = [row["name"] for row in rows]
        begins = [piece.lstrip('"') for cell in cells for piece in cell.split(";")]
        self.assertFalse([piece for piece in begins if piece[:1] in tuple("=+-@＝＋－＠")])
        self.assertEqual(tuple(plain(cell) for cell in cells), FORMULAS)
        self.assertEqual([plain(row["description"]) for row in rows], [f"{text}\nx" for text in FORMULAS])

    async def test_nothing_found_is_an_empty_file(self) -> None:
        self.assertEqual((await self.download("format=ndjson&owner=x"))[1], "")
        self.assertEqual((await self.download("format=csv&owner=x"))[1], ",".join(files.COLUMNS) + "\r\n")

    async def test_a_filter_or_format_that_means_nothing_is_refused(self) -> None:
        client = await self.browser(self.colleague)
        for query in ("format=xls", "format=csv&price_min=x", "format=csv&changed_since=x"):
            self.assertEqual((await client.get(f"/items/export/?{query}")).status_code, 400)

    def test_a_stranger_gets_nothing(self) -> None:
        response = Client().get("/items/export/?format=csv")
        self.assertEqual((response.status_code, "/accounts/login/" in response["Location"]), (302, True))

    def test_deleted_items_are_not_exported(self) -> None:
        services.delete_item(self.item.pk, actor=None)
        self.assertEqual(files.Export(None, NO_FILTERS, queries.NEWEST_FIRST, "ndjson").next_piece(), b"")


class ConnectionTests(TransactionTestCase):
    def test_each_piece_gives_its_connection_back(self) -> None:
        services.create_items(actor=None, rows=[{"name": f"n{number}", "price": 1} for number in range(5)])
        exporting = files.Export(None, NO_FILTERS, queries.NEWEST_FIRST, "ndjson")
        with mock.patch.object(files, "PIECE", 3):
            lines = []
            while piece := exporting.next_piece():
                lines.append(piece.count(b"\n"))
                self.assertIsNone(connection.connection)
        self.assertEqual(lines, [3, 2])
