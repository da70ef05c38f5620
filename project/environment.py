"""Typed readers of environment variables. Each one returns a usable value or stops the start with a sentence that
names the variable, the shape of its value (never the value: it may hold a password) and what is allowed."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

TRUE, FALSE = {"true", "1", "yes", "on"}, {"false", "0", "no", "off"}
TOPIC_NAME = re.compile(r"[A-Za-z0-9._-]{1,249}")
HOST = re.compile(r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?|\[[0-9A-Fa-f:.]+\])")  # IPv6 in brackets
PRIVATE = 0o600  # mode of a file that holds hashes of passwords and sessions
ORIGIN = re.compile(rf"https?://(?:\*\.)?{HOST.pattern}(?::(?P<port>.*))?")


def shape(value: str) -> str:
    """Describes a value without revealing it."""
    return f"{len(value)} characters" if value else "empty text"


def refuse(name: str, value: str, allowed: str) -> ImproperlyConfigured:
    """The error for a value that cannot be used, to be raised. name: the variable; allowed: what to write instead."""
    return ImproperlyConfigured(f"{name} ({shape(value)}) cannot be used: {allowed}")


def is_port(text: str) -> bool:
    """Whether it is the number of a TCP port that something can listen on, in ASCII digits."""
    return text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 65536


def text(name: str, default: str = "") -> str:
    """The variable's value without blanks around it. A variable that is empty, or not set, gives `default`."""
    return os.environ.get(name, "").strip() or default


def boolean(name: str, *, default: bool) -> bool:
    """True or False, written in one of the usual ways. Raises ImproperlyConfigured for anything else."""
    value = text(name).lower()
    if not value:
        return default
    if value in TRUE | FALSE:
        return value in TRUE
    raise refuse(name, value, "write true or false.")


def comma_list(name: str, default: str = "") -> list[str]:
    """The parts between the commas, without blanks around them; none when nothing is set. Raises ImproperlyConfigured
    for commas alone."""
    value = text(name, default)
    found = [part.strip() for part in value.split(",") if part.strip()]
    if value and not found:
        raise refuse(name, value, "write one or more values with commas between them.")
    return found


def hosts(name: str, default: str) -> list[str]:
    """Names or addresses of hosts, as ALLOWED_HOSTS takes them. Raises ImproperlyConfigured."""
    found = comma_list(name, default)
    for host in found:
        if host != "*" and not HOST.fullmatch(host.removeprefix(".")):
            raise refuse(name, host, "write names or addresses without scheme and port, such as board.example.com.")
    return found


def choice(name: str, allowed: tuple[str, ...], default: str) -> str:
    """One of the `allowed` values. Raises ImproperlyConfigured for another one."""
    value = text(name, default)
    if value not in allowed:
        raise refuse(name, value, f"write one of {', '.join(allowed)}.")
    return value


def topic_name(name: str, default: str) -> str:
    """The name of a topic that Kafka would take. Raises ImproperlyConfigured."""
    value = text(name, default)
    if not TOPIC_NAME.fullmatch(value) or value in {".", ".."}:
        raise refuse(name, value, "a Kafka topic's name has 1 to 249 letters, digits, dots, underscores and dashes.")
    return value


def servers(name: str) -> list[str]:
    """`host:port` of each server; none when nothing is set. Raises ImproperlyConfigured."""
    found = comma_list(name)
    for server in found:
        host, _, port = server.rpartition(":")
        if not HOST.fullmatch(host) or not is_port(port):
            raise refuse(name, server, "write host:port,host:port, for example localhost:9092.")
    return found


def redis_url(name: str) -> str | None:
    """A `redis://` or `rediss://` address, None when nothing is set. Raises ImproperlyConfigured."""
    value = text(name)
    if not value:
        return None
    allowed = "write redis://host:port/db (or rediss:// for TLS), for example redis://localhost:6379/0."
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"redis", "rediss"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable or not re.fullmatch(r"(/\d*)?", parts.path):
        raise refuse(name, value, allowed)
    return value


def http_url(name: str) -> str:
    """An `http://` or `https://` address, "" when nothing is set. Raises ImproperlyConfigured.

    Without a name and a password in it: those have settings of their own, which nobody prints.
    """
    value = text(name)
    if not value:
        return ""
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        usable = usable and not (parts.username or parts.password or parts.query or parts.fragment)
        usable = usable and bool(HOST.fullmatch(parts.hostname or "") or ":" in (parts.hostname or ""))
    except ValueError:
        usable = False
    if not usable:
        raise refuse(name, value, "write http://host:port or https://host:port, with a path where there is one.")
    return value


def origins(name: str) -> list[str]:
    """Origins (scheme, host and perhaps port), as CSRF_TRUSTED_ORIGINS takes them. Raises ImproperlyConfigured."""
    found = comma_list(name)
    for origin in found:
        written = ORIGIN.fullmatch(origin)
        if written is None or not is_port(written["port"] or "80"):
            raise refuse(name, origin, "write origins such as https://board.example.com, separated by commas.")
    return found


def database(name: str, default: str) -> dict[str, object]:
    """An entry of Django's DATABASES, from `postgres://user:password@host:port/name` or `sqlite:///path`. Raises
    ImproperlyConfigured."""
    value = text(name, default)
    allowed = "write postgres://user:password@host:port/name or sqlite:///path/to/file."
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"postgres", "postgresql", "sqlite"} and bool(unquote(parts.path).strip("/"))
        if parts.scheme != "sqlite":
            usable = usable and bool(parts.hostname or "host=" in parts.query) and parts.port != 0
        config = dict(dj_database_url.parse(value)) if usable else {}
    except (ValueError, KeyError) as error:
        raise refuse(name, value, allowed) from error
    if not config:
        raise refuse(name, value, allowed)
    return config


def keep_private(database: Path) -> None:
    """Lets nobody but this user read a SQLite file and what SQLite lays beside it; makes the file when it is not there.

    A file that is somebody else's is left as it is, and so is one in a folder that is not there.
    """
    if database.name == ":memory:" or not database.parent.is_dir():
        return
    with contextlib.suppress(OSError):
        os.close(os.open(database, os.O_RDWR | os.O_CREAT, PRIVATE))
    for suffix in ("", "-wal", "-shm", "-journal"):
        with contextlib.suppress(OSError):
            database.with_name(database.name + suffix).chmod(PRIVATE)


class Mail(NamedTuple):
    """How mail leaves: the parts of Django's EMAIL_* settings. host "" means to the console, sender "" nobody named."""

    host: str = ""
    port: int = 0
    user: str = ""
    password: str = ""
    starttls: bool = False
    tls: bool = False
    sender: str = ""


def mail(name: str) -> Mail:
    """How mail leaves, from `console://`, `smtp://user:password@host:port` or `smtps://…`, with `?from=address` for the
    sender. Raises ImproperlyConfigured.

    With smtp:// a password leaves this machine only after STARTTLS.
    """
    value = text(name, "console://")
    allowed = "write console://, smtp://user:password@host:port or smtps://user:password@host:port (and ?from=address)."
    try:
        parts = urlsplit(value)
        query = parse_qs(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        port = parts.port
    except ValueError as error:
        raise refuse(name, value, allowed) from error
    sender, user = query.pop("from", [""])[0], unquote(parts.username or "")
    if parts.path.strip("/") or query or parts.fragment or port == 0:
        raise refuse(name, value, allowed)
    if parts.scheme == "console" and not parts.netloc:
        return Mail(sender=sender)
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
        raise refuse(name, value, allowed)
    tls = parts.scheme == "smtps"
    local = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    return Mail(
        host=parts.hostname,
        port=port or (465 if tls else 587 if user else 25),
        user=user,
        password=unquote(parts.password or ""),
        starttls=not tls and bool(user) and not local,
        tls=tls,
        sender=sender or (user if "@" in user else ""),
    )
