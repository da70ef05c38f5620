"""The demo account opens the demo and nothing else."""

from __future__ import annotations

import socket
from io import StringIO
from typing import Any

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client, RequestFactory, TestCase, override_settings

from items import tokens
from items.models import Item
from project.demo import account as demo
from project.demo import greeting
from streams.demo import replay
from streams.kafka import embedded
from streams.models import Board, OutboxMessage, Topic

BACKENDS = ["django.contrib.auth.backends.ModelBackend", "items.tokens.TokenBackend"]
in_demo = override_settings(DEMO=True, AUTHENTICATION_BACKENDS=[*BACKENDS, "project.demo.account.DemoBackend"])


def prepare(**options: Any) -> str:
    out = StringIO()
    call_command("demo", stdout=out, **options)
    return out.getvalue()


def sign_in(username: str = demo.USERNAME, password: str = demo.PASSWORD) -> Any:
    return authenticate(request=None, username=username, password=password)


class DemoTests(TestCase):
    @in_demo
    def test_it_makes_account_topic_board_and_items_once(self) -> None:
        for _ in range(2):
            prepare()
        board = Board.objects.get()
        assert (board.slug, board.read, board.version) == ("earthquakes", "everyone", 1)
        assert {tile.topic for tile in board.tiles.all()} == {replay.TOPIC}
        assert Topic.objects.get(name=replay.TOPIC).label == "Earthquakes, one week (USGS)"
        user = User.objects.get()
        assert user.is_superuser
        assert user.is_staff
        assert not user.has_usable_password()
        assert 3 <= Item.objects.count() == OutboxMessage.objects.count() <= 10

    @in_demo
    @override_settings(KAFKA_BOOTSTRAP_SERVERS=["localhost:9092"])
    def test_with_a_real_kafka_there_is_no_demo_topic(self) -> None:
        prepare()
        assert not Topic.objects.filter(name=replay.TOPIC).exists()
        assert not Board.objects.exists()

    @in_demo
    def test_whoever_signs_in_sees_its_board_first_and_goes_elsewhere_when_they_wanted_to(self) -> None:
        prepare()
        account = {"username": demo.USERNAME, "password": demo.PASSWORD}
        for wanted, leads in (("", "/boards/earthquakes/"), ("/", "/boards/earthquakes/"), ("/items/", "/items/"),
                              ("/?topic=items.v1", "/?topic=items.v1")):  # fmt: skip
            answer = Client().post("/accounts/login/", {**account, "next": wanted})
            assert (answer.status_code, answer["Location"]) == (302, leads)
        Board.objects.all().delete()
        assert Client().post("/accounts/login/", account)["Location"] == "/"

    def test_what_make_run_says_is_how_to_get_in(self) -> None:
        assert greeting.text() == ""
        with override_settings(RUN_ADDRESS="http://127.0.0.1:8123/"):
            assert greeting.text() == "Streamboard: http://127.0.0.1:8123/\n"
            with in_demo:
                assert f"Sign in as:  {demo.USERNAME}  password: {demo.PASSWORD}" in greeting.text()
            broker = embedded.start()
            self.addCleanup(embedded.stop)
            assert broker.address in greeting.text()

    @in_demo
    def test_the_demo_account_does_not_sign_in_from_elsewhere(self) -> None:
        prepare()
        came: Any
        for came, is_let_in in (
            ({"SERVER_NAME": "127.0.0.1"}, True),
            ({"SERVER_NAME": "::1", "REMOTE_ADDR": "::1"}, True),
            ({"SERVER_NAME": "192.0.2.7"}, False),
            ({"REMOTE_ADDR": "192.0.2.7"}, False),
            ({"HTTP_X_FORWARDED_FOR": "127.0.0.1"}, False),
            ({"HTTP_VIA": "1.1 proxy"}, False),
        ):
            request = RequestFactory(**came).post("/accounts/login/")
            found = authenticate(request, username=demo.USERNAME, password=demo.PASSWORD)
            assert (found is not None) == is_let_in, came
            page = Client(**came, HTTP_HOST="localhost").get("/accounts/login/").content.decode()
            assert (demo.PASSWORD in page) == is_let_in, came

    def test_prepare_refuses_an_address_where_nothing_can_listen(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            with self.assertRaisesMessage(CommandError, f"Nothing can listen on 127.0.0.1, port {port}"):
                call_command("prepare", "127.0.0.1", port)
        for port in ("abc", "0", "65536", "٩"):
            with self.assertRaisesMessage(CommandError, "write a number from 1 to 65535"):
                call_command("prepare", "127.0.0.1", port)

    def test_outside_of_the_demo_it_refuses(self) -> None:
        with self.assertRaisesMessage(CommandError, "DEMO=true"):
            prepare()
        assert not User.objects.exists()

    @in_demo
    def test_the_demo_account_signs_in_with_its_password_only(self) -> None:
        assert sign_in() is None
        prepare()
        assert sign_in() == User.objects.get()
        assert sign_in(password="guess") is None
        assert sign_in(username="somebody") is None

    def test_neither_account_nor_session_nor_token_outlive_the_demo(self) -> None:
        with in_demo:
            prepare()
            user = sign_in()
            token = tokens.issue(user, "script")
            assert self.client.login(username=demo.USERNAME, password=demo.PASSWORD)
            assert self.client.get("/items/").status_code == 200
            assert authenticate(request=None, token=token) == user
        assert sign_in() is None
        assert self.client.get("/items/").status_code == 302
        assert authenticate(request=None, token=token) is None
        assert demo.account() is None

    def test_a_shell_without_the_settings_of_the_demo_makes_tokens_for_it(self) -> None:
        with in_demo:
            prepare()
        out, err = StringIO(), StringIO()
        call_command("createtoken", demo.USERNAME, stdout=out, stderr=err)
        (token,) = out.getvalue().splitlines()
        assert "make run" in err.getvalue()
        assert authenticate(request=None, token=token) is None
        with in_demo:
            assert authenticate(request=None, token=token) == User.objects.get()

    @override_settings(AUTHENTICATION_BACKENDS=[*BACKENDS, "project.demo.account.DemoBackend"])
    def test_the_backend_alone_opens_nothing(self) -> None:
        with in_demo:
            prepare()
            assert self.client.login(username=demo.USERNAME, password=demo.PASSWORD)
        assert sign_in() is None
        assert self.client.get("/items/").status_code == 302

    @in_demo
    def test_a_persons_own_account_of_that_name_is_left_alone(self) -> None:
        User.objects.create_user(demo.USERNAME, password="my own secret")
        with self.assertRaisesMessage(CommandError, "a password of its own"):
            prepare()
        assert not User.objects.get().is_superuser
        assert sign_in() is None
        assert sign_in(password="my own secret") is not None

    @in_demo
    def test_the_sign_in_page_shows_the_account(self) -> None:
        self.assertContains(self.client.get("/accounts/login/"), demo.PASSWORD)

    def test_the_sign_in_page_shows_no_account_outside_of_the_demo(self) -> None:
        assert not settings.DEMO
        self.assertNotContains(self.client.get("/accounts/login/"), demo.PASSWORD)
