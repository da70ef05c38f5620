"""Importing files through the services, by the command and by the page."""

from __future__ import annotations

import asyncio
import csv
import io
import tempfile
from collections.abc import Callable, Set
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any
from unittest import mock

from asgiref.sync import sync_to_async
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.db.models import QuerySet
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from items import services
from items.events import ItemEvent
from items.imports import jobs, looking, running
from items.imports import saved as import_saved
from items.listing import filters
from items.listing.files import COLUMNS, Export
from items.models import Item, ItemVersion
from items.models.import_job import SILENT, ImportJob
from items.services import patience, upserts
from tests.items.imports.test_reading import SHOPIFY
from tests.items.pages.test_pages import text
from tests.support.people import PeopleTestCase, events, sign_in
from tests.support.waiting import until

FILE = "sku,name,price\nA-1,Lamp,1\nA-2,Chair,2\nA-3,Table,3\n"


class ImportTestCase(PeopleTestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        settings = override_settings(RUN_DIR=self.folder / "run")
        settings.enable()
        self.addCleanup(settings.disable)


class CommandTests(ImportTestCase):
    def load(self, content: str, *options: str, owner: str | None = "carl") -> str:
        """What the command says. Raises CommandError."""
        path = self.folder / "items.csv"
        path.write_text(content, newline="")
        out = io.StringIO()
        chosen = [*options, *([f"--owner={owner}"] if owner else [])]
        report = self.folder / "failed.csv"
        call_command("importitems", str(path), "--report", str(report), *chosen, stdout=out, stderr=io.StringIO())
        return out.getvalue()

    def failures(self) -> list[tuple[str, str]]:
        with (self.folder / "failed.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertTrue(all(row["reason"] for row in rows))
        return [(row["line"], row["column"]) for row in rows]

    def test_rows_become_items_of_the_owner_each_with_event_and_history(self) -> None:
        with events() as told:
            self.assertIn("3 rows, 3 created", self.load(FILE))
        self.assertEqual([event.type for event in told], ["item.created"] * 3)
        self.assertEqual({event.payload["actor"] for event in told}, {"carl"})
        self.assertEqual(Item.objects.filter(owner=self.colleague, version=1).count(), 3)
        self.assertEqual(ItemVersion.objects.filter(item__owner=self.colleague).count(), 3)

    def test_the_same_file_again_writes_nothing(self) -> None:
        for content in (FILE, SHOPIFY, "name,price\nno sku,1\nnor this,2\n"):
            self.load(content)
            with events() as told:
                self.assertIn("0 created, 0 updated", self.load(content))
            self.assertEqual(told, [])

    def test_an_item_that_says_the_same_is_not_locked_whatever_its_digits_and_letters_are(self) -> None:
        amounts = ("0", "0.01", "0.1", "0.29", "1.15", "4503599627.37", "9999999999.99")
        rows = [f'"Ä""\\{amount}{tax}",Lamp,{amount},{tax}' for amount in amounts for tax in ("", amount)]
        content = "\n".join(["sku,name,price,tax", *rows])
        self.load(content)
        with events() as told, mock.patch.object(upserts, "_locked") as locked:
            self.assertIn(f"{len(rows)} unchanged", self.load(content))
        self.assertEqual((told, locked.mock_calls), ([], []))

    def test_of_rows_with_one_sku_the_first_counts_and_the_others_name_it(self) -> None:
        content = "sku,name,price\nA,Lamp,1\nB,Bed,2\n A ,Lamp,3\n,Rug,1\nA,Lamp,4\nB,Bed,2\nC,Chair,5\n"
        for chunk in (2, 3, 500):
            with self.subTest(chunk), mock.patch.object(running, "CHUNK", chunk), self.assertRaises(CommandError):
                self.load(content)
            with (self.folder / "failed.csv").open(newline="") as file:
                reasons = [(row["line"], row["column"], row["reason"]) for row in csv.DictReader(file)]
            self.assertEqual(
                reasons,
                [("4", "sku", "Line 2 has the SKU A already."), ("6", "sku", "Line 2 has the SKU A already."),
                 ("7", "sku", "Line 3 has the SKU B already.")],
            )  # fmt: skip
            self.assertEqual(Item.objects.get(sku="A").price, 1)

    def test_our_own_export_changes_nothing_when_it_comes_back(self) -> None:
        services.create_item(
            actor=self.colleague, sku="L", name="=Lamp", price=1, description="two\r\nlines\rand\nmore '=1"
        )
        for format_ in ("csv", "ndjson"):
            with self.subTest(format_):
                export = Export(self.colleague.pk, filters.NO_FILTERS, "id", format_)
                head = ",".join(COLUMNS) + "\r\n" if format_ == "csv" else ""
                with events() as told, self.assertRaises(CommandError):  # Olga's row is refused
                    self.load(head + export.next_piece().decode())
                self.assertEqual((told, self.failures()), ([], [("2" if head else "1", "sku")]))

    def test_a_known_sku_changes_its_item_and_nothing_else(self) -> None:
        self.load(FILE)
        with events() as told:
            self.assertIn("0 created, 1 updated, 2 unchanged", self.load(FILE.replace("Chair,2", "Chair,2.50")))
        self.assertEqual([(event.type, event.payload["price"]) for event in told], [("item.updated", "2.50")])
        changed = ItemVersion.objects.get(item__sku="A-2", version=2)
        self.assertEqual((changed.changes, changed.actor), ({"price": ["2.00", "2.50"]}, "carl"))

    def test_many_changed_rows_take_as_few_statements_as_some_and_each_is_a_version(self) -> None:
        rows: list[services.ItemFields] = [{"sku": f"S{n}", "name": f"Item {n}", "price": n} for n in range(300)]
        services.upsert_items(owner=self.colleague, rows=rows)
        before = {item.sku: item.pk for item in Item.objects.filter(owner=self.colleague)}
        changed: list[services.ItemFields] = [row | {"price": 7} for row in reversed(rows)]
        with events() as told, CaptureQueriesContext(connection) as statements:
            results = services.upsert_items(owner=self.colleague, rows=changed)
        self.assertEqual((results[-8], results.count(upserts.Outcome.UPDATED)), (upserts.Outcome.UNCHANGED, 299))
        self.assertLess(len(statements), 25)
        ids = [event.item_id for event in told]
        self.assertEqual((len(ids), ids), (299, sorted(ids)))
        self.assertEqual(
            {(event.type, event.version, event.payload["price"]) for event in told}, {("item.updated", 2, "7.00")}
        )
        self.assertEqual({item.sku: item.pk for item in Item.objects.filter(owner=self.colleague)}, before)
        self.assertEqual(Item.objects.filter(owner=self.colleague, price=7, version=2).count(), 299)
        self.assertEqual(ItemVersion.objects.filter(item__owner=self.colleague, version=2).count(), 299)

    def test_another_owners_sku_and_a_deleted_one_are_errors_of_their_rows(self) -> None:
        gone = services.create_item(actor=self.colleague, sku="GONE", name="Gone", price=1)
        services.delete_item(gone.pk, actor=self.colleague)
        with self.assertRaises(CommandError) as failed:
            self.load(FILE + "TENT-1,Stolen,1\nGONE,Back,1\n")
        self.assertEqual(failed.exception.returncode, 1)
        self.assertEqual(self.failures(), [("5", "sku"), ("6", "sku")])
        self.assertEqual((self.now().name, Item.objects.filter(owner=self.colleague).count()), ("Tent", 3))

    def test_wrong_rows_are_reported_with_line_and_column_and_the_others_are_imported(self) -> None:
        with self.assertRaises(CommandError):
            self.load('sku,name,price\nA,"two\nlines",1\nB,ok,x\nC,,1\nB2,ok,1\nB2,again,2\nD,ok,1,too,many\n')
        self.assertEqual(self.failures(), [("2", "name"), ("4", "price"), ("5", "name"), ("7", "sku"), ("8", "")])
        self.assertEqual([item.sku for item in Item.objects.filter(owner=self.colleague)], ["B2"])

    def test_a_row_whose_sku_no_database_takes_fails_by_itself(self) -> None:
        skus = ("A", r"B\ud800", r"B\udfff", r"C\u0000", "B?")
        with self.assertRaises(CommandError):
            self.load("".join(f'{{"sku": "{sku}", "name": "Lamp", "price": 1}}\n' for sku in skus))
        self.assertEqual(self.failures(), [("2", "sku"), ("3", "sku"), ("4", "sku")])
        self.assertEqual({item.sku for item in Item.objects.filter(owner=self.colleague)}, {"A", "B?"})

    def test_a_dry_run_says_the_same_and_writes_nothing(self) -> None:
        self.load("sku,name,price\nA-2,Chair,1\n")
        with events() as told:
            self.assertIn("3 rows, 2 created, 1 updated", self.load(FILE, "--dry-run"))
        self.assertEqual((told, Item.objects.filter(owner=self.colleague).count()), ([], 1))

    def test_columns_can_be_named(self) -> None:
        self.load("a;b;c\nLamp;3,50;X\n", "--map=name=a", "--map=price=b", "--map=sku=c")
        item = Item.objects.get(sku="X")
        self.assertEqual((item.name, str(item.price)), ("Lamp", "3.50"))

    def test_a_field_that_several_columns_may_be_is_asked_for_also_where_an_item_needs_it_not(self) -> None:
        content = "sku,name,price,SKU\nA-1,Lamp,1,B-1\n"
        with self.assertRaisesMessage(
            CommandError, "Several columns may be the sku. Say which one with --map sku=COLUMN"
        ):
            self.load(content)
        self.load(content, "--map=sku=SKU")
        self.assertEqual(Item.objects.get(owner=self.colleague).sku, "B-1")
        self.assertIn("1 rows, 1 created", self.load(content, "--map=sku="))

    def test_what_the_owner_chose_on_the_page_is_used_for_the_same_columns(self) -> None:
        chosen = {"name": "a", "price": "b", "sku": "name"}
        import_saved.remember(self.colleague, ["a", "b", "name"], chosen)
        self.load("name,b,a\nX,3.50,Lamp\n")
        self.assertEqual(Item.objects.get(sku="X").name, "Lamp")
        self.load("name,b,a\nY,4,Y\n", "--map=sku=")
        self.assertEqual(Item.objects.get(name="Y").sku, "")
        with self.assertRaises(CommandError):  # the guess knows of no price
            self.load("name,b,a\nX,3.50,Lamp\n", "--guess")
        with self.assertRaises(CommandError):
            self.load("name,b,a\nX,3.50,Lamp\n", owner="olga")

    def test_what_cannot_be_done_is_a_sentence(self) -> None:
        for options, owner in (
            (["--map=name"], None),
            (["--map=name=nope"], None),
            (["--map=price="], None),
            ([], "x"),
        ):
            with self.assertRaises(CommandError):
                self.load(FILE, *options, owner=owner)
        with self.assertRaises(CommandError):
            call_command("importitems", str(self.folder / "nowhere.csv"))

    def test_a_database_that_stays_away_is_a_sentence_that_says_how_to_go_on(self) -> None:
        gone = OperationalError("server closed the connection unexpectedly\n\tThis probably means …")
        with (
            mock.patch.object(patience, "TRIES", 1),
            mock.patch.object(upserts, "upsert_items", side_effect=gone),
            self.assertRaisesMessage(CommandError, "server closed the connection unexpectedly. What was written"),
        ):
            self.load(FILE)

    def test_without_an_owner_the_items_are_nobodys(self) -> None:
        self.load(FILE, owner=None)
        self.assertEqual(Item.objects.filter(owner=None).count(), 3)

    def test_chunks_are_whole(self) -> None:
        """Of a file that stops in its second chunk the first is there, and the same file finishes."""
        rows = "sku,name,price\n" + "".join(f"S{n},Item {n},{n}\n" for n in range(25))
        whole = upserts.upsert_items
        with mock.patch.object(running, "CHUNK", 10):

            def stopped(**call: Any) -> Any:
                if call["rows"][0]["sku"] != "S0":
                    raise KeyboardInterrupt
                return whole(**call)

            with (
                mock.patch.object(upserts, "upsert_items", stopped),
                self.assertRaises(KeyboardInterrupt),
            ):
                self.load(rows)
            self.assertEqual(Item.objects.filter(owner=self.colleague).count(), 10)
            self.assertIn("15 created, 0 updated, 10 unchanged", self.load(rows))


class PageTests(ImportTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.browser = sign_in(self.colleague)

    def upload(self, content: str | bytes = FILE, browser: Client | None = None) -> Any:
        raw = content if isinstance(content, bytes) else content.encode()
        file = SimpleUploadedFile("items.csv", raw, content_type="text/csv")
        return (browser or self.browser).post("/items/import/", {"file": file})

    def job(self) -> ImportJob:
        return ImportJob.objects.get()

    def start(self, **typed: str) -> Any:
        """Presses the button; the process that would be started is this one."""
        columns = {"sku": "sku", "name": "name", "price": "price"}
        with mock.patch.object(jobs, "_accompany", new=mock.AsyncMock()):
            answer = self.browser.post(f"/items/import/{self.job().pk}/start/", columns | typed)
        if self.job().state == "running":
            jobs.run(self.job())
        return answer

    def test_the_preview_shows_the_guess_and_what_the_rows_would_become(self) -> None:
        response = self.upload(SHOPIFY)
        self.assertRedirects(response, f"/items/import/{self.job().pk}/")
        page = text(self.browser.get(response["Location"]))
        for shown in ("top-Extra-Large-Red", 'value="Body (HTML)" selected', "CSV with commas, UTF-8", "Skipped"):
            self.assertIn(shown, page)
        self.assertEqual(Item.objects.filter(owner=self.colleague).count(), 0)

    def test_names_and_cells_with_what_no_page_can_show_are_shown_without_it(self) -> None:
        good = '{"sku": "A", "name": "Lamp", "price": 1}\n'
        for content in (
            good + r'{"sku": "B", "name": "half \ud800", "price": 2, "\udfff": 3, "\u0000": 4}',
            good + r'{"sku": "B", "name": "b", "\ud800": 2, "\ud800": 3}',
            b"sku,name,price,Gr\xfcn\n" + "A,Käse,1,x\nC,,3,Café\n".encode(),
        ):
            with self.subTest(content):
                ImportJob.objects.all().delete()
                Item.objects.filter(owner=self.colleague).delete()
                response = self.upload(content)
                self.assertEqual(self.browser.get(response["Location"]).status_code, 200)
                self.start()
                job = self.job()
                self.assertEqual((job.state, job.rows, job.created, job.failed), ("done", 2, 1, 1))
                self.assertEqual(self.browser.get(response["Location"]).status_code, 200)

    def test_what_an_earlier_version_kept_of_a_file_and_no_page_can_show_is_looked_at_again(self) -> None:
        response = self.upload()
        kept = self.job().survey
        kept.write_text(kept.read_text().replace('"name"', '"na\\udce9me"'))
        self.assertIn('value="name" selected', text(self.browser.get(response["Location"])))

    def test_the_import_counts_and_reports(self) -> None:
        self.upload(FILE + "TENT-1,Stolen,1\n,,\nX,No price,\n")
        self.start()
        job = self.job()
        self.assertEqual(
            (job.state, job.rows, job.created, job.failed, job.skipped, job.percent), ("done", 6, 3, 2, 1, 100)
        )
        page = text(self.browser.get(f"/items/import/{job.pk}/"))
        self.assertIn(f"/items/import/{job.pk}/report/", page)
        self.assertNotIn("http-equiv", page)
        report: Any = self.browser.get(f"/items/import/{job.pk}/report/")
        rows = list(csv.reader(io.StringIO(b"".join(report.streaming_content).decode(), newline="")))
        self.assertEqual([row[:2] for row in rows], [["line", "column"], ["5", "sku"], ["7", "price"]])

    def test_a_report_is_bounded_and_says_so_and_the_counts_are_of_all(self) -> None:
        self.upload("sku,name,price\n" + ",lamp,\n" * 2_000 + "A-1,lamp,1\n")
        with mock.patch.object(running, "REPORT_BYTES", 1_000):
            self.start()
        job = self.job()
        self.assertEqual((job.state, job.rows, job.created, job.failed), ("done", 2_001, 1, 2_000))
        self.assertLess(job.report.stat().st_size, 1_400)
        self.assertEqual(job.report.read_text().splitlines()[-1], f",,{running.MORE}")

    def test_a_dry_run_leads_to_the_import(self) -> None:
        self.upload()
        self.start(dry_run="1")
        page = text(self.browser.get(f"/items/import/{self.job().pk}/"))
        self.assertIn("Would be added", page)
        self.assertEqual(Item.objects.filter(owner=self.colleague).count(), 0)
        self.start()
        self.assertEqual(Item.objects.filter(owner=self.colleague).count(), 3)

    def test_other_columns_are_used_and_missing_ones_are_said(self) -> None:
        self.upload("a,b\nLamp,1\n")
        answer = self.start(name="", price="b", sku="")
        self.assertEqual((answer.status_code, "Say which column holds the name" in text(answer)), (400, True))
        self.start(name="a", price="b", sku="")
        self.assertEqual(Item.objects.get(owner=self.colleague).name, "Lamp")

    def test_of_several_columns_that_may_be_a_field_the_page_says_that_none_is_used(self) -> None:
        response = self.upload("sku,name,price,SKU\nA-1,Lamp,1,B-1\n")
        self.assertIn("No column is used as SKU:", text(self.browser.get(response["Location"])))
        self.start(sku="SKU")
        self.assertNotIn("No column is used as", text(self.browser.get(response["Location"])))
        self.assertEqual(Item.objects.get(owner=self.colleague).sku, "B-1")

    def test_a_column_whose_name_has_line_breaks_can_be_chosen(self) -> None:
        for broken in ("price\n(EUR)", "price\r\n(EUR)", "price\r(EUR)"):
            self.upload(f'sku,name,"{broken}"\nA-1,Lamp,1\n')
            answer = self.start(price="price\r\n(EUR)")  # browsers send every line break so
            self.assertEqual((answer.status_code, self.job().mapping["price"]), (302, broken))
            self.assertEqual(self.job().failed, 0)
            self.job().delete()

    def test_a_running_import_refreshes_its_page_and_can_be_cancelled(self) -> None:
        self.upload("sku,name,price\n" + "".join(f"S{n},Item {n},{n}\n" for n in range(25)))
        job = jobs.claim(self.job().pk, {"sku": "sku", "name": "name", "price": "price"}, dry_run=False)
        page = text(self.browser.get(f"/items/import/{job.pk}/"))
        self.assertIn('<meta http-equiv="refresh" content="2">', page)
        self.browser.post(f"/items/import/{job.pk}/cancel/")
        with mock.patch.object(running, "CHUNK", 10):
            jobs.run(self.job())
        job = self.job()
        self.assertEqual((job.state, job.created, job.rows), ("cancelled", 10, 10))

    def test_one_import_runs_once_at_a_time(self) -> None:
        self.upload()
        jobs.claim(self.job().pk, {}, dry_run=False)
        with self.assertRaises(jobs.UnderWay):
            jobs.claim(self.job().pk, {}, dry_run=False)

    def test_an_import_whose_process_went_silent_is_shown_as_interrupted_and_runs_again(self) -> None:
        self.upload()
        jobs.claim(self.job().pk, {"name": "name", "price": "price", "sku": "sku"}, dry_run=False)
        ImportJob.objects.update(alive_at=timezone.now() - 2 * SILENT)
        page = text(self.browser.get(f"/items/import/{self.job().pk}/"))
        self.assertIn("Interrupted", page)
        self.assertIn("Run again", page)
        self.start()
        self.assertEqual((self.job().state, self.job().created), ("done", 3))

    def test_a_file_that_is_no_table_is_an_error_of_the_field_and_is_not_kept(self) -> None:
        for content in (b"", b"\x00\x01\x02", b"[]"):
            answer = self.upload(content)
            self.assertEqual((answer.status_code, 'id="id_file_error"' in text(answer)), (400, True))
        self.assertEqual((ImportJob.objects.count(), list((self.folder / "run").rglob("source"))), (0, []))

    def test_others_see_neither_the_import_nor_its_report(self) -> None:
        self.upload()
        for page in ("", "report/"):
            address = f"/items/import/{self.job().pk}/{page}"
            self.assertEqual(sign_in(self.owner).get(address).status_code, 404)
            self.assertEqual(Client().get(address).status_code, 302)
        for page in ("start/", "cancel/", "remove/"):
            self.assertEqual(sign_in(self.staff).post(f"/items/import/{self.job().pk}/{page}").status_code, 404)
        self.assertEqual(self.upload(browser=Client()).status_code, 302)

    def test_removing_takes_the_file_and_leaves_the_items(self) -> None:
        self.upload()
        self.start()
        source = self.job().source
        self.assertTrue(source.is_file())
        self.browser.post(f"/items/import/{self.job().pk}/remove/")
        self.assertEqual((source.exists(), Item.objects.filter(owner=self.colleague).count()), (False, 3))

    def test_files_left_from_another_database_are_not_in_the_way(self) -> None:
        self.upload()
        left = self.job()
        self.job().delete()  # the row alone, as when somebody removes db.sqlite3
        fresh = jobs.keep(self.colleague, SimpleUploadedFile("items.csv", FILE.encode()))
        self.assertNotEqual(ImportJob(pk=left.pk, created_at=fresh.created_at).folder, left.folder)
        self.assertTrue(left.source.is_file())


class GoneTests(ImportTestCase):
    def test_a_row_makes_its_item_again_once_that_was_deleted_and_cannot_be_restored_any_more(self) -> None:
        """Known by its SKU, or without one by what it says."""
        known: services.ItemFields = {"name": "Lamp", "price": 1, "sku": "A"}
        unnamed: services.ItemFields = {"name": "Lamp", "price": 1}
        for row, past in product((known, unnamed), (timedelta(days=29), services.UNDO)):
            with self.subTest(row=row, past=past):
                Item.with_deleted.all().delete()
                self.assertEqual(upserts.upsert_items(owner=self.owner, rows=[row]), ["created"])
                services.delete_item(Item.objects.get().pk, actor=self.owner)
                Item.with_deleted.update(deleted_at=timezone.now() - past)
                (result,) = upserts.upsert_items(owner=self.owner, rows=[row])
                if past < services.UNDO:
                    self.assertIsInstance(result, upserts.WasDeleted)
                else:
                    self.assertEqual(result, "created")
                    self.assertEqual(list(Item.with_deleted.values_list("version", "deleted_at")), [(1, None)])
                    self.assertEqual(upserts.upsert_items(owner=self.owner, rows=[row]), ["unchanged"])


class MeanwhileTests(ImportTestCase):
    """Rows whose items others change between the look at what these say and their lock."""

    def imported(self, meanwhile: Callable[[QuerySet[Item]], object]) -> tuple[object, list[ItemEvent]]:
        """What comes of a row with a new price, to whose item somebody does `meanwhile` before it is locked."""
        Item.with_deleted.exclude(pk=self.item.pk).delete()
        lamp: services.ItemFields = {"sku": "A", "name": "Lamp", "price": 1}
        chair: services.ItemFields = {"sku": "B", "name": "Chair", "price": 2}
        new: services.ItemFields = {"name": "Stool", "price": 4}
        services.upsert_items(owner=self.colleague, rows=[lamp, chair])
        lock = upserts._locked

        def late(ids: list[int], skus: Set[str]) -> dict[str, Item]:
            meanwhile(Item.with_deleted.filter(sku="B"))
            return lock(ids, skus)

        with events() as told, mock.patch.object(upserts, "_locked", late):
            same, result, made = services.upsert_items(owner=self.colleague, rows=[lamp, chair | {"price": 3}, new])
        self.assertEqual((same, made), ("unchanged", "created"))
        return result, [event for event in told if event.payload["name"] != "Stool"]

    def test_what_they_change_is_kept_and_what_the_row_says_is_written_on_top_of_it(self) -> None:
        result, told = self.imported(lambda found: found.update(description="theirs", version=2))
        self.assertEqual((result, [event.version for event in told]), ("updated", [3]))
        self.assertEqual(Item.objects.values_list("description", "price", "version").get(sku="B"), ("theirs", 3, 3))

    def test_a_row_that_says_what_the_item_says_by_then_changes_nothing(self) -> None:
        self.assertEqual(self.imported(lambda found: found.update(price=3, version=2)), ("unchanged", []))

    def test_an_item_that_has_another_sku_by_then_is_left_alone_and_the_row_makes_its_own(self) -> None:
        for meanwhile in (lambda found: found.update(sku="C"), lambda found: found.update(sku="")):
            result, told = self.imported(meanwhile)
            self.assertEqual((result, [event.type for event in told]), ("created", ["item.created"]))
            self.assertEqual(Item.objects.filter(owner=self.colleague, name="Chair", price=2, version=1).count(), 1)

    def test_an_item_that_is_gone_by_then_is_made_again(self) -> None:
        self.assertEqual(self.imported(lambda found: found.delete())[0], "created")

    def test_an_item_that_is_no_longer_theirs_to_change_is_refused(self) -> None:
        result, told = self.imported(lambda found: found.update(owner=self.owner))
        self.assertEqual((type(result), told), (upserts.OfSomebodyElse, []))
        result, told = self.imported(lambda found: found.update(deleted_at=timezone.now()))
        self.assertEqual((type(result), told), (upserts.WasDeleted, []))


class StartedTests(ImportTestCase):
    async def test_one_that_finds_no_place_keeps_what_its_last_run_said(self) -> None:
        job = await ImportJob.objects.acreate(owner=self.owner, file_name="a.csv", state="done", rows=7, created=7)
        with mock.patch.object(jobs, "AT_ONCE", 0), self.assertRaises(jobs.TooManyImports):
            await jobs.start(job, {}, dry_run=False)
        await job.arefresh_from_db()
        self.assertEqual((job.state, job.rows, job.created), ("done", 7, 7))

    async def test_one_person_has_one_place_and_others_the_rest(self) -> None:
        mine, another, theirs, nobodys = [
            await ImportJob.objects.acreate(owner=owner, file_name="a.csv")
            for owner in (self.owner, self.owner, self.colleague, self.staff)
        ]
        may_end = asyncio.Event()

        async def accompany(*_: object) -> None:
            await may_end.wait()

        with mock.patch.object(jobs, "_accompany", accompany):
            await jobs.start(mine, {}, dry_run=True)
            with self.assertRaisesRegex(jobs.TooManyImports, "of yours"):
                await jobs.start(another, {}, dry_run=True)
            await jobs.start(theirs, {}, dry_run=True)
            with self.assertRaisesRegex(jobs.TooManyImports, "Other imports"):
                await jobs.start(nobodys, {}, dry_run=True)
        may_end.set()
        await until(lambda: not jobs._processes, "their places are free")

    async def test_one_person_has_one_file_looked_into_and_others_do_not_wait_behind_the_next(self) -> None:
        mine, another, theirs = [
            await ImportJob.objects.acreate(owner=owner, file_name="a.csv")
            for owner in (self.owner, self.owner, self.colleague)
        ]
        begun, may_end = list[ImportJob](), asyncio.Event()

        async def look(job: ImportJob) -> int:
            begun.append(job)
            await may_end.wait()
            return 0

        with mock.patch.object(looking, "_run", look), mock.patch("pathlib.Path.is_file", return_value=True):
            looks = [asyncio.create_task(looking._look_beside(job)) for job in (mine, another, theirs)]
            await until(lambda: len(begun) == 2, "as many as there are places")
            self.assertEqual(begun, [mine, theirs])
            may_end.set()
            await asyncio.gather(*looks)
        self.assertEqual(begun, [mine, theirs, another])

    async def test_one_that_runs_already_is_refused_and_takes_no_place(self) -> None:
        now = timezone.now()
        job = await ImportJob.objects.acreate(owner=self.owner, file_name="a.csv", state="running", alive_at=now)
        with self.assertRaises(jobs.UnderWay):
            await jobs.start(job, {}, dry_run=False)
        await until(lambda: not jobs._processes, "its place is free")

    async def test_a_run_that_was_begun_again_meanwhile_says_nothing_any_more(self) -> None:
        """As after a standstill of more than a minute."""
        source = SimpleUploadedFile("items.csv", FILE.encode())
        job = await sync_to_async(jobs.keep)(self.colleague, source)
        columns = {"sku": "sku", "name": "name", "price": "price"}
        first = await sync_to_async(jobs.claim)(job.pk, columns, dry_run=False)
        await ImportJob.objects.filter(pk=job.pk).aupdate(alive_at=timezone.now() - 2 * SILENT)
        second = await sync_to_async(jobs.claim)(job.pk, columns, dry_run=False)
        await sync_to_async(jobs.run)(first)
        await job.arefresh_from_db()
        self.assertEqual((job.state, job.rows, job.started_at), ("running", 0, second.started_at))
        assert first.started_at is not None
        await sync_to_async(jobs._interrupted)(job.pk, first.started_at)
        await sync_to_async(jobs.run)(second)
        await job.arefresh_from_db()
        self.assertEqual((job.state, job.rows, job.unchanged), ("done", 3, 3))
