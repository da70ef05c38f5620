"""`manage.py prepare HOST PORT`: what `make run` does before it starts the server."""

from __future__ import annotations

import os
import socket
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from project.environment import is_port


class Command(BaseCommand):
    help = (
        "Looks whether the server can listen there, migrates the database, brings the libraries of boards where it "
        "can, and prepares the demonstration if it is on."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("host")
        parser.add_argument("port")

    def handle(self, *_: Any, host: str, port: str, **__: Any) -> None:
        if not is_port(port):
            raise CommandError(f"PORT ({len(port)} characters) cannot be used: write a number from 1 to 65535.")
        try:
            family = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)[0][0]
            socket.create_server((host, int(port)), family=family).close()
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
            raise CommandError(
                f"Nothing can listen on {host}, port {port} ({reason}). "
                "Choose another port, for example: make run PORT=8001"
            ) from error
        call_command("migrate", interactive=False, verbosity=0)
        call_command("assets", optional=True)
        if settings.DEMO:
            call_command("demo")
