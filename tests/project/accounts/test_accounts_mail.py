"""EMAIL_URL: what it may say, and that mail really leaves by SMTP."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage
from django.core.mail.backends.smtp import EmailBackend

from project.environment import Mail, mail


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", Mail()),
        ("console://", Mail()),
        ("console://?from=board@example.com", Mail(sender="board@example.com")),
        ("smtp://localhost:1025", Mail("localhost", 1025)),
        ("smtp://u:p@127.0.0.1:1025", Mail("127.0.0.1", 1025, "u", "p")),
        ("smtp://u:p%40ss@mail.example:587", Mail("mail.example", 587, "u", "p@ss", starttls=True)),
        ("smtp://u:p@mail.example", Mail("mail.example", 587, "u", "p", starttls=True)),
        ("smtp://mail.example", Mail("mail.example", 25)),
        (
            "smtps://u%40a.example:p@mail.example",
            Mail("mail.example", 465, "u@a.example", "p", tls=True, sender="u@a.example"),
        ),
        ("smtps://mail.example:46?from=a@b.example", Mail("mail.example", 46, tls=True, sender="a@b.example")),
    ],
)  # fmt: skip
def test_what_email_url_may_say(monkeypatch: pytest.MonkeyPatch, value: str, expected: Mail) -> None:
    monkeypatch.setenv("EMAIL_URL", value)
    assert mail("EMAIL_URL") == expected


@pytest.mark.parametrize(
    "value",
    ["mail.example", "console://x", "http://mail.example", "smtp://", "smtp://mail.example:x", "smtp://mail.example:0",
     "smtp://mail.example/path", "smtp://mail.example?form=a@b.c", "smtp://mail.example?x", "smtp://[::1"],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_without_being_shown(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("EMAIL_URL", value)
    with pytest.raises(ImproperlyConfigured, match="EMAIL_URL") as refusal:
        mail("EMAIL_URL")
    assert value not in str(refusal.value).replace("smtp://user:password@host:port", "")


class Postbox(socketserver.ThreadingTCPServer):
    """A mail server that keeps what it is given."""

    daemon_threads = True
    mails: list[str]


class Session(socketserver.StreamRequestHandler):
    server: Postbox

    def handle(self) -> None:
        self.wfile.write(b"220 ready\r\n")
        for line in self.rfile:
            command = line[:4].upper()
            if command == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                self.server.mails.append(b"".join(iter(self.rfile.readline, b".\r\n")).decode())
            self.wfile.write(b"221 bye\r\n" if command == b"QUIT" else b"250 ok\r\n")


@pytest.fixture
def postbox() -> Iterator[Postbox]:
    with Postbox(("127.0.0.1", 0), Session) as server:
        server.mails = []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join(30)


def test_mail_leaves_by_smtp(postbox: Postbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMAIL_URL", f"smtp://127.0.0.1:{postbox.server_address[1]}?from=board@example.com")
    parts = mail("EMAIL_URL")
    backend = EmailBackend(parts.host, parts.port, parts.user, parts.password, parts.starttls, use_ssl=parts.tls)
    sent = EmailMessage("Subject", "Text", parts.sender, ["olga@example.com"], connection=backend).send()
    assert sent == 1
    assert "From: board@example.com" in postbox.mails[0]
    assert "Text" in postbox.mails[0]
