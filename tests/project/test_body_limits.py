"""Which limit holds for which address; how they hold on a server is in tests/product/test_body_limits.py."""

from __future__ import annotations

from typing import Any

from items import tokens
from items.imports import jobs
from items.models.import_job import ImportJob
from project import body_limits
from tests.support.people import PeopleTestCase


class UploadTests(PeopleTestCase):
    def test_who_keeps_as_many_files_as_they_may_still_mends_rows_with_long_texts(self) -> None:
        ImportJob.objects.bulk_create(ImportJob(owner=self.colleague) for _ in range(jobs.PERSON_FILES))
        token = tokens.issue(self.colleague).encode()
        scope: dict[str, Any] = {"headers": [(b"authorization", b"Bearer " + token)]}
        for path, admitted in (
            ("/items/import/", None),
            ("/items/import/1/rows/2/", self.colleague),
            ("/items/import/1/start/", self.colleague),
            ("/items/1/edit/", self.colleague),
        ):
            with self.subTest(path):
                limit = body_limits.limit_of("POST", path)
                self.assertEqual(limit.admits(scope), admitted)
                self.assertEqual(limit.admitted, body_limits.PERSON_BYTES if admitted else body_limits.UPLOAD_BYTES)
