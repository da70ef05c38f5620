"""Static files of a production: addresses hold their version and may be kept for a year; compressed once collected."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import httpx
import pytest
from django.contrib.staticfiles import finders
from django.test import AsyncRequestFactory, override_settings

from project import static_files
from tests.conftest import Install
from tests.support.processes import Installation, Process

YEAR = "max-age=31536000"
SHEET = re.compile(r'href="(/static/v-[0-9a-f]{12}/project/base\.css)"')


@pytest.fixture
def installation(install: Install) -> Installation:
    return install()


@pytest.fixture
def browser() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=30) as client:
        yield client


def sheet(browser: httpx.Client, web: Process) -> httpx.Response:
    """The style sheet of a page, by the address that the page names."""
    page = browser.get(f"{web.url}/accounts/login/").text
    found = SHEET.search(page)
    assert found is not None, page
    return browser.get(web.url + found[1])


def test_they_need_no_step_and_their_addresses_may_be_kept(installation: Installation, browser: httpx.Client) -> None:
    web = installation.web()
    answer = sheet(browser, web)
    assert answer.status_code == 200
    assert YEAR in answer.headers["Cache-Control"]
    assert "immutable" in answer.headers["Cache-Control"]
    again = browser.get(
        str(answer.url),
        headers={"If-None-Match": answer.headers.get("ETag", ""), "If-Modified-Since": answer.headers["Last-Modified"]},
    )
    assert again.status_code == 304
    for other in ("/static/project/base.css", "/static/v-000000000000/project/base.css"):
        answer = browser.get(web.url + other)
        assert answer.status_code == 200
        assert YEAR not in answer.headers["Cache-Control"], "what is no address of this version is not kept"
    for nothing in ("/static/v-000000000000/../../manage.py", "/static/v-000000000000/%2e%2e/settings.py"):
        assert browser.get(web.url + nothing).status_code in {400, 404}


@pytest.mark.parametrize("debug", ["true", "false"])
def test_what_is_not_collected_is_compressed_for_who_takes_it(
    install: Install, browser: httpx.Client, debug: str
) -> None:
    web = install(DEBUG=debug).web()
    names = {"admin/css/base.css": True, "admin/js/theme.js": True, "ninja/favicon.svg": True,
             "ninja/favicon.png": False}  # fmt: skip
    for name, is_text in names.items():
        address = f"{web.url}/static/{name}"
        for takes, is_compressed in (("gzip, deflate", is_text), ("br;q=1, gzip;q=0", False), ("identity", False)):
            answer = browser.get(address, headers={"Accept-Encoding": takes})
            assert answer.content == Path(str(finders.find(name))).read_bytes()
            assert (answer.headers.get("Content-Encoding") == "gzip") is is_compressed, (name, takes)
            assert ("Accept-Encoding" in answer.headers.get("Vary", "")) is is_text
            size = int(answer.headers["Content-Length"])
            assert (size < len(answer.content)) is is_compressed
        headers = {"If-None-Match": answer.headers.get("ETag", ""), "Accept-Encoding": "gzip"}
        assert browser.get(address, headers=headers).status_code == 304


def test_collected_they_are_compressed(installation: Installation, browser: httpx.Client) -> None:
    installation.manage("collectstatic", "--noinput")
    web = installation.web()
    answer = sheet(browser, web)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in answer.headers["Vary"]
    assert YEAR in answer.headers["Cache-Control"]
    assert "body" in answer.text


def test_what_was_collected_for_another_version_is_not_served(
    installation: Installation, browser: httpx.Client
) -> None:
    installation.manage("collectstatic", "--noinput")
    old = Path(installation.env["TEST_RUN_DIR"]) / "staticfiles" / "project" / "base.css"
    old.write_text("old {}")
    web = installation.web()
    assert "old {}" not in sheet(browser, web).text
    assert "run collectstatic again" in web.log()


@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=0-9"}], ids=["whole", "a part"])
async def test_nobody_who_asks_for_one_has_a_thread_or_an_open_file_here(headers: dict[str, str]) -> None:
    """Connections are counted as one open file each, and are held by strangers for as long as they like."""
    name = "admin/js/vendor/select2/select2.full.js"

    async def others(request: object) -> None:
        pass

    with override_settings(SERVESTATIC_USE_FINDERS=True):
        served = static_files.StaticFiles(others)
    with mock.patch("servestatic.responders.AsyncFile", side_effect=AssertionError("a file was opened")):
        for _ in range(2):
            answer = await served(AsyncRequestFactory().get(f"/static/{name}", headers=headers))
            assert answer.status_code == 200
            sent = b"".join([piece async for piece in answer.streaming_content])
            assert sent == Path(str(finders.find(name))).read_bytes()
