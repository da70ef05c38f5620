"""The product under load: its ASGI application under uvicorn, with real sign-in, rights, acks, statistics, ranges and
heartbeats; only Kafka is replaced, by records made in the process and given to the hub as the fan-out gives them.

    python -m tests.bench.server --database PATH [--url URL] [--ws NAME]
    python -m tests.bench.server --database PATH --prepare USERS      prints the users' tokens, a line each

PATH is an SQLite file; with --url the database is another one, and files lie beside PATH.

Commands on standard input: `rate N` (records a second), `tick MS`, `flood BYTES SIZE` (as many bytes
as fast as it goes, in values of SIZE), `flooded` (bytes still to come).
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path


def set_up(database: Path, url: str) -> None:
    os.environ.setdefault("SECRET_KEY", "only-for-benchmarks-of-this-product")
    os.environ["DATABASE_URL"] = url or f"sqlite:///{database}"
    os.environ["KAFKA_BOOTSTRAP_SERVERS"] = "127.0.0.1:9"  # nobody asks it: see web.py
    os.environ["TEST_RUN_DIR"] = str(database.parent)
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.product_settings"
    import django

    django.setup()


def prepare(users: int) -> None:
    """Migrates the database; makes the topic, and ordinary users with a token each (a process lets in 1,000 a user)."""
    from django.contrib.auth.models import User
    from django.core.management import call_command

    from items import tokens
    from streams.models import Topic

    call_command("migrate", interactive=False, verbosity=0)
    Topic.objects.create(name="bench")
    for number in range(users):
        print(tokens.issue(User.objects.create(username=f"bench-{number}")))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--database", type=Path, required=True)
    parser.add_argument("--url", default="")
    parser.add_argument("--prepare", type=int, metavar="USERS")
    parser.add_argument("--ws", default="streams.server:LiveProtocol")
    options = parser.parse_args()
    set_up(options.database, options.url)
    if options.prepare:
        prepare(options.prepare)
    else:
        from tests.bench.web import serve  # it imports models

        serve(options.ws)


if __name__ == "__main__":
    main()
