"""Which limit holds for which address; how they hold on a server is in tests/product/test_body_limits.py."""

from __future__ import annotations

import asyncio
from io import BytesIO
from typing import Any
from unittest import mock

import pytest
from django.core.handlers.asgi import ASGIRequest

from items import tokens
from items.imports import jobs
from items.models.import_job import ImportJob
from project import body_limits
from tests.support.people import PeopleTestCase

WAIT_S = 30


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


KINDS = {
    "": 200,
    "application/json": 200,
    "application/json; charset=latin-1": 200,
    "multipart/form-data; boundary=b": 200,
    "multipart/form-data; boundary=b; charset=utf8": 200,
    "application/x-www-form-urlencoded; charset=UTF-8": 200,
    "application/x-www-form-urlencoded; charset=nobody-knows": 200,
    "application/x-www-form-urlencoded; charset=utf8": 415,
    "application/x-www-form-urlencoded; charset=latin-1": 415,
    "Multipart/form-data; boundary=b; Charset=rot13": 415,
    "multipart/form-data; boundary*=nobody-knows''b": 415,
    'a; x="' + ";" * 250_000: 415,
}


@pytest.mark.parametrize(("kind", "status"), KINDS.items(), ids=[kind[:60] for kind in KINDS])
async def test_what_a_body_is_said_to_be_is_looked_at_before_django_does(kind: str, status: int) -> None:
    async def django(scope: dict[str, Any], receive: Any, send: Any) -> None:
        request = ASGIRequest(scope, BytesIO(b"name=a"))
        assert request.POST is not None  # or it raises
        await send({"type": "http.response.start", "status": 200})

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    sent: list[dict[str, Any]] = []
    half = len(kind) // 2  # each of several is short
    headers = [(b"content-type", kind.encode())] if half < 100 else [(b"content-type", kind[:half].encode())] * 2
    scope = {"type": "http", "method": "POST", "path": "/", "headers": [*headers, (b"content-length", b"6")]}
    await body_limits.BodyLimits(django)(scope, receive, send)
    assert sent[0]["status"] == status


async def test_what_is_here_is_taken_at_once_and_what_does_not_come_is_refused_in_time() -> None:
    parts: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    body = body_limits.Body(parts.get, most=4)
    for part in (b"ab", b"c"):
        parts.put_nowait({"type": "http.request", "body": part, "more_body": True})
        assert (await body.receive())["body"] == part
    waiting = asyncio.create_task(body.receive())
    await asyncio.sleep(0)
    parts.put_nowait({"type": "http.request", "body": b"d", "more_body": True})
    assert ((await waiting)["body"], body.refusal) == (b"d", 0)
    with mock.patch.object(body_limits, "SILENCE_S", 0.05):
        async with asyncio.timeout(WAIT_S):
            assert await body.receive() == {"type": "http.disconnect"}
    assert body.refusal == 408


async def test_who_is_cancelled_while_a_body_is_on_its_way_ends() -> None:
    body = body_limits.Body(asyncio.Queue[dict[str, Any]]().get, most=4)
    waiting = asyncio.create_task(body.receive())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert body.refusal == 0
