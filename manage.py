#!/usr/bin/env python
"""Django's command line. `runserver` on a loopback address is development, so DEBUG is on there unless it is set, or
others are let in."""

import argparse
import os
import sys

LOOPBACK_HOSTS = {"127.0.0.1", "localhost", "[::1]"}


def is_local_runserver(arguments: list[str]) -> bool:
    """Whether these arguments (without the program's name) start `runserver` on a loopback address."""
    if arguments[:1] != ["runserver"]:
        return False
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    parser.add_argument("address", nargs="?", default="")
    for name in ("--http_timeout", "--websocket_handshake_timeout", "--settings", "--pythonpath"):
        parser.add_argument(name)
    parser.add_argument("-v", "--verbosity")
    address = parser.parse_known_args(arguments[1:])[0].address
    host, colon, _port = address.rpartition(":")
    return not colon or host in LOOPBACK_HOSTS


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    lets_others_in = os.environ.get("ALLOWED_HOSTS") or os.environ.get("CSRF_TRUSTED_ORIGINS")
    if is_local_runserver(sys.argv[1:]) and not lets_others_in:
        os.environ.setdefault("DEBUG", "true")

    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import OperationalError

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"Streamboard cannot start. {error}")
    except OperationalError as error:
        if "--traceback" in sys.argv:
            raise
        sys.exit(
            f"The database cannot be used: {str(error).strip()}\n"
            "DATABASE_URL names it: is the address right, does the server run, and was `manage.py migrate` run?"
        )


if __name__ == "__main__":
    main()
