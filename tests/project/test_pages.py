"""What pages are written in: text of people stays text, forms can be sent, addresses lead below the path that we are
known under."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.conf import settings
from django.http import HttpRequest
from django.template import engines
from django.test import Client, RequestFactory
from django.urls import set_script_prefix

from project import pages

TEMPLATES = settings.BASE_DIR / "templates"
NAMES = sorted(str(path.relative_to(TEMPLATES)) for path in TEMPLATES.rglob("*.*"))
ATTACK = "\"><script>alert('1')</script>&"


@pytest.fixture
def below() -> Iterator[None]:
    set_script_prefix("/below/")
    yield
    set_script_prefix("/")


def request() -> HttpRequest:
    return RequestFactory().get("/")


def rendered(source: str, asked: HttpRequest | None = None, **context: object) -> str:
    made = engines["jinja2"].from_string(source)
    return str(made.render(context, asked))


@pytest.mark.parametrize("name", NAMES)
def test_a_template_can_be_read(name: str) -> None:
    engines["jinja2"].get_template(name)


def test_text_of_people_stays_text() -> None:
    shown = rendered(
        '<p title="{{ text }}">{{ text }}{{ text|linebreaksbr }}{{ text|truncatechars(90) }}</p>', text=ATTACK
    )
    assert not re.search(r"""<script|alert\('|"><|&(?!\w+;|#)""", shown)


def test_nothing_is_said_to_be_safe_but_the_help_texts_of_our_forms() -> None:
    said = {name: re.findall(r".*\|\s*safe.*|.*autoescape.*", (TEMPLATES / name).read_text()) for name in NAMES}
    (help_text,) = said.pop("_fields.html")
    assert "field.help_text|safe" in help_text
    assert {name: lines for name, lines in said.items() if lines} == {}


def test_what_is_missing_is_empty() -> None:
    assert rendered("{{ none.of.this }}{% if not none.of.this %}!{% endif %}") == "!"


# Forms ---------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_form_is_taken_with_the_token_of_its_page_alone() -> None:
    browser = Client(enforce_csrf_checks=True)
    page = browser.get("/accounts/login/").content.decode()
    (token,) = re.findall(r'name="csrfmiddlewaretoken" value="(\w{64})"', page)
    wrong = {"username": "nobody", "password": "nothing"}
    assert browser.post("/accounts/login/", {**wrong, "csrfmiddlewaretoken": token}).status_code == 200
    assert browser.post("/accounts/login/", wrong).status_code == 403


def test_all_forms_of_a_page_have_one_token_which_no_other_page_has() -> None:
    forms = "{{ csrf_input }}{{ csrf_input }}{{ csrf_token }}"
    found = [set(re.findall(r"\w{64}", rendered(forms, request()))) for _ in range(2)]
    assert [len(tokens) for tokens in found] == [1, 1]
    assert found[0] != found[1]


def test_a_page_without_a_form_makes_no_token() -> None:
    """With a token comes a cookie."""
    asked = request()
    rendered("{{ url('login') }}", asked)
    assert "CSRF_COOKIE" not in asked.META


# Addresses -----------------------------------------------------------------------------------------------------------

LEADING = "{{ url('items:list') }} {{ url('items:edit', 7) }} {{ static('ninja/swagger-ui.css') }}"


def test_addresses_are_below_the_path_that_we_are_known_under(below: None) -> None:
    shown = rendered(LEADING, request()).split()
    assert shown == rendered(LEADING).split()
    assert shown[:2] == ["/below/items/", "/below/items/7/edit/"]
    assert re.fullmatch(r"/below/static/(v-\w+/)?ninja/swagger-ui.css", shown[2])


def test_what_was_found_below_one_path_is_not_said_below_another(below: None) -> None:
    source = LEADING + "{{ module('streams/topics/' ~ 'list.js') }}"
    first = rendered(source, request())
    set_script_prefix("/elsewhere/")
    then = rendered(source, request())
    assert first.count("/below/") > 5
    assert then == first.replace("/below/", "/elsewhere/")


# Times ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("iso", "2025-03-01T09:30:07.000123+00:00"),
        ("to_seconds", "2025-03-01 09:30:07"),
        ("to_minutes", "2025-03-01 09:30"),
        ("to_day", "2025-03-01"),
    ],
)
def test_times(name: str, shown: str) -> None:
    assert getattr(pages, name)(datetime(2025, 3, 1, 9, 30, 7, 123, UTC)) == shown
