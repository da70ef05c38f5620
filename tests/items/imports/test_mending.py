"""What a person does after an import: mends the rows that failed, without the file; and finds their columns again."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest import mock

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError
from django.utils import timezone

from items import services
from items.imports import jobs, looking, mending, recognising
from items.imports import saved as import_saved
from items.imports.rows import Unreadable
from items.models import Item
from items.models.import_job import SILENT, FailedRow, ImportJob, SavedColumns
from tests.items.imports.test_import import ImportTestCase
from tests.items.pages.test_pages import text
from tests.support.people import sign_in

FILE = 'sku,name,price,description\nA,Lamp,"1,234",warm\nTENT-1,Tent,5,\nC,,3,\nD,"Broken,4,\nE,Fine,5,\n'


class PageTestCase(ImportTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.browser = sign_in(self.colleague)

    def upload(self, content: str | bytes, name: str = "items.csv") -> Any:
        raw = content if isinstance(content, bytes) else content.encode()
        return self.browser.post("/items/import/", {"file": SimpleUploadedFile(name, raw, content_type="text/csv")})

    def run_job(self, **columns: str) -> ImportJob:
        job = ImportJob.objects.latest("pk")
        with mock.patch.object(jobs, "_accompany", new=mock.AsyncMock()):
            self.browser.post(f"/items/import/{job.pk}/start/", columns or job.mapping)
        job.refresh_from_db()
        if job.state == "running":
            jobs.run(ImportJob.objects.select_related("owner").get(pk=job.pk))
        return ImportJob.objects.get(pk=job.pk)

    def page(self) -> str:
        return text(self.browser.get(f"/items/import/{ImportJob.objects.latest('pk').pk}/"))


class MendingTests(PageTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.upload(FILE)
        self.job = self.run_job()
        self.rows = {row.line: row for row in FailedRow.objects.filter(job=self.job)}

    def mend(self, line: int, **typed: str) -> Any:
        row = self.rows[line]
        data = {f"row{row.pk}-{name}": value for name, value in typed.items()}
        return self.browser.post(f"/items/import/{self.job.pk}/rows/{row.pk}/", data)

    def counts(self) -> tuple[int, ...]:
        job = ImportJob.objects.get(pk=self.job.pk)
        found = job.created, job.updated, job.unchanged, job.failed, job.skipped
        self.assertEqual(sum(found), job.rows)
        return found

    def test_the_rows_that_failed_are_listed_with_reasons_and_what_stands_in_them(self) -> None:
        self.assertEqual((sorted(self.rows), self.counts()), ([2, 3, 4, 5], (1, 0, 0, 4, 0)))
        page = self.page()
        for shown in (
            "<summary>Line 2:", "1,234 means", 'value="1,234"', "somebody else", "This is required.",
            "opened on line 5", "D,&#34;Broken,4,",
        ):  # fmt: skip
            self.assertIn(shown, page)

    def test_a_mended_row_is_an_item_and_counts_as_one(self) -> None:
        self.job.source.unlink()
        answer = self.mend(2, sku="A", name="Lamp", price="1234", description="warm")
        self.assertRedirects(answer, f"/items/import/{self.job.pk}/")
        item = Item.objects.get(sku="A")
        self.assertEqual((str(item.price), item.owner, self.counts()), ("1234.00", self.colleague, (2, 0, 0, 3, 0)))
        self.assertNotIn("<summary>Line 2:", self.page())
        self.mend(4, sku="E", name="Finer", price="5")
        self.assertEqual((Item.objects.get(sku="E").name, self.counts()), ("Finer", (2, 1, 0, 2, 0)))

    def test_a_row_that_could_not_be_read_is_typed(self) -> None:
        answer = self.mend(5, sku="", name="", price="")
        self.assertEqual((answer.status_code, text(answer).count("This is required for a new item.")), (400, 4))
        self.mend(5, sku="D", name="Mended", price="4")
        self.assertEqual(Item.objects.get(sku="D").name, "Mended")

    def test_a_row_that_fails_again_says_why_and_keeps_what_was_typed(self) -> None:
        answer = self.mend(2, sku="A", name="My lamp", price="$10 $20")
        page = text(answer)
        self.assertEqual((answer.status_code, "at most one currency sign" in page), (400, True))
        self.assertIn('value="My lamp"', page)
        answer = self.mend(3, sku="TENT-1", name="Mine", price="5")
        self.assertEqual((answer.status_code, "somebody else" in text(answer)), (400, True))
        with mock.patch.object(mending, "mend", side_effect=IntegrityError):
            self.assertEqual(self.mend(2, sku="A", name="a", price="1").status_code, 400)
        self.assertEqual(self.counts(), (1, 0, 0, 4, 0))

    def test_a_row_can_be_left_out_and_counts_as_skipped(self) -> None:
        row = self.rows[3]
        self.browser.post(f"/items/import/{self.job.pk}/rows/{row.pk}/", {"leave_out": "1"})
        self.assertEqual(self.counts(), (1, 0, 0, 3, 1))
        self.assertIn("left out by you", self.page())

    def test_the_same_form_sent_twice_counts_once(self) -> None:
        for _ in range(2):
            self.mend(2, sku="A", name="Lamp", price="1234")
        self.assertEqual(self.counts(), (2, 0, 0, 3, 0))

    def test_others_and_running_imports_mend_nothing(self) -> None:
        self.browser = sign_in(self.owner)
        self.assertEqual(self.mend(2, sku="A", name="a", price="1").status_code, 404)
        self.browser = sign_in(self.colleague)
        for changed in ({"state": "running"}, {"state": "done", "dry_run": True}):
            ImportJob.objects.update(**changed, alive_at=timezone.now())
            self.mend(2, sku="A", name="a", price="1")
            self.assertEqual(self.counts()[3], 4)

    def test_only_so_many_are_kept_and_shown_and_the_page_says_so(self) -> None:
        with mock.patch.object(mending, "KEPT", 30):
            self.upload("name,price\n" + "x,free\n" * 50)
            job = self.run_job()
        self.assertEqual((job.failed, FailedRow.objects.filter(job=job).count()), (50, 30))
        page = self.page()
        self.assertEqual(len(re.findall(r"Try again", page)), 20)
        self.assertIn("the first 20 of 50", page)

    def test_running_it_again_forgets_what_was_left_of_the_first_run(self) -> None:
        self.run_job()
        self.assertEqual((FailedRow.objects.filter(job=self.job).count(), self.counts()), (4, (0, 0, 1, 4, 0)))


class SavedColumnsTests(PageTestCase):
    def test_what_a_person_chose_is_offered_for_the_same_columns_and_can_be_forgotten(self) -> None:
        self.upload("a,b,c\nLamp,1,X\n")
        self.run_job(name="a", price="b", sku="c")
        self.upload("c,a,b\nY,Tee,2\n")
        page = self.page()
        for shown in ("as you chose them", '<option value="a" selected>', "as you chose</td>"):
            self.assertIn(shown, page)
        job = ImportJob.objects.latest("pk")
        self.browser.post(f"/items/import/{job.pk}/columns/")
        self.assertNotIn("as you chose", self.page())
        self.assertEqual(SavedColumns.objects.count(), 0)

    def test_nothing_is_kept_of_a_guess_and_of_others_nothing_is_offered(self) -> None:
        self.upload("name,price\nLamp,1\n")
        self.run_job()
        self.assertEqual(SavedColumns.objects.count(), 0)
        import_saved.remember(self.owner, ["name", "price", "x"], {"name": "x", "price": "price"})
        self.upload("name,price,x\nLamp,1,y\n")
        self.assertEqual(ImportJob.objects.latest("pk").mapping, {"name": "name", "price": "price"})

    def test_one_person_keeps_so_many_choices(self) -> None:
        with mock.patch.object(import_saved, "KEPT", 3):
            for number in range(5):
                import_saved.remember(self.colleague, [f"c{number}"], {"name": f"c{number}"})
        kept = [saved.mapping["name"] for saved in SavedColumns.objects.order_by("used_at", "pk")]
        self.assertEqual(kept, ["c2", "c3", "c4"])


class PreviewTests(PageTestCase):
    def test_what_happens_to_each_column_is_said(self) -> None:
        self.upload("sku,name,price,VAT,name\nA,Lamp,5,19,Supplier Ltd\n")
        page = self.page()
        for shown in ("name (column 2)", "name (column 5)", "several columns have this name", "a rate in per cent"):
            self.assertIn(shown, page)

    def test_a_look_at_the_page_reads_nothing_of_the_file(self) -> None:
        self.upload("name,price\nLamp,1\n" + "\n" * 100_000)
        job = ImportJob.objects.latest("pk")
        job.source.write_bytes(b"")
        with mock.patch.object(recognising, "survey", side_effect=AssertionError("read again")):
            self.assertIn("Lamp", self.page())

    def test_while_a_large_file_is_looked_into_the_page_says_so_and_nothing_is_started(self) -> None:
        with mock.patch.object(looking, "SMALL", 10), mock.patch.object(looking, "_start") as begun:
            self.assertEqual(self.upload("name,price\nLamp,1\n").status_code, 302)
            page = self.page()
            self.assertIn("Looking at your file", page)
            self.assertIn('<meta http-equiv="refresh" content="2">', page)
            self.assertNotIn("Lamp", page)
            job = ImportJob.objects.get()
            answer = self.browser.post(f"/items/import/{job.pk}/start/", {"name": "name", "price": "price"})
            self.assertEqual(answer.status_code, 409)
            with self.assertRaises(jobs.UnderWay):
                jobs.claim(job.pk, {}, dry_run=False)
            self.assertEqual(begun.call_count, 1)
            ImportJob.objects.update(alive_at=timezone.now() - 2 * SILENT)  # its server has ended
            self.assertIn("Looking at your file", self.page())
            self.assertEqual(begun.call_count, 2)


class RoomTests(PageTestCase):
    def refused(self) -> str:
        answer = self.upload("name,price\nLamp,1\n")
        return text(answer) if answer.status_code == 400 else ""

    def test_a_person_keeps_so_many_files_and_bytes_and_all_together_so_many(self) -> None:
        self.upload("name,price\nLamp,1\n")
        with mock.patch.object(jobs, "PERSON_FILES", 1):
            self.assertIn("You keep 1 files here already", self.refused())
        with mock.patch.object(jobs, "PERSON_BYTES", 20):
            self.assertIn("Your files would take more than", self.refused())
        with mock.patch.object(jobs, "ALL_BYTES", 20):
            self.assertIn("There is no room", self.refused())
        with mock.patch.object(jobs, "LARGEST_FILE", 5):
            self.assertIn("Cut it into several", self.refused())
        self.assertEqual((ImportJob.objects.count(), len(list(self.folder.rglob("source")))), (1, 1))
        self.assertEqual(self.refused(), "")

    def test_who_has_no_room_is_told_before_a_file_is_chosen(self) -> None:
        self.upload("name,price\nLamp,1\n")
        with mock.patch.object(jobs, "PERSON_FILES", 1):
            self.assertContains(self.browser.get("/items/import/"), "You keep 1 files here already")
        self.assertNotContains(self.browser.get("/items/import/"), "files here already")

    def test_what_others_keep_does_not_count_for_a_person(self) -> None:
        self.upload("name,price\nLamp,1\n")
        with mock.patch.object(jobs, "PERSON_FILES", 1):
            self.assertEqual(jobs.room(self.owner), "")
            self.assertNotEqual(jobs.room(self.colleague), "")


class UpsertTests(ImportTestCase):
    def test_a_line_that_leaves_out_a_name_keeps_it_and_a_new_item_needs_it(self) -> None:
        old = services.create_item(actor=self.colleague, sku="N", name="Lamp", price=5, description="long", tax=1)
        results = services.upsert_items(
            owner=self.colleague, rows=[{"sku": "N\u200b", "price": "6.50"}, {"sku": "NEW", "price": "1"}]
        )
        self.assertEqual(results[0], "updated")
        self.assertEqual(results[1].message_dict, {"name": ["This is required for a new item."]})  # type: ignore[union-attr]
        now = Item.objects.get(pk=old.pk)
        self.assertEqual((now.name, str(now.price), now.description, str(now.tax)), ("Lamp", "6.50", "long", "1.00"))


async def test_a_file_that_was_removed_takes_no_turn_from_others(tmp_path: Path) -> None:
    """Who uploads and removes again and again would have all others wait."""
    turns = looking._turns[asyncio.get_running_loop()] = looking._Turns()
    turns.all = turn = asyncio.Semaphore(0)
    removed, kept = (
        SimpleNamespace(pk=n, owner_id=n, source=tmp_path / f"{n}", survey=tmp_path / f"{n}.json") for n in (1, 2)
    )
    run: list[Any] = []

    async def noted(job: Any) -> int:
        run.append(job)
        return 0

    with mock.patch.object(looking, "_run", noted):
        for job in (removed, kept):
            job.source.touch()
        waiting = [asyncio.create_task(looking._look_beside(cast("ImportJob", job))) for job in (removed, kept)]
        await asyncio.sleep(0)
        removed.source.unlink()
        turn.release()
        ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert (type(ended[0]), ended[1], run) == (Unreadable, None, [kept])
