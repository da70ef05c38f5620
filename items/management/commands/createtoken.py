"""`manage.py createtoken USERNAME`: a new API token, alone on one line of the output, so that scripts can take it."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from items import tokens


class Command(BaseCommand):
    help = "Prints a new API token of a user. It is shown once; only its hash is kept."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--name", default="", help="what the token is for, to recognise it in the admin")
        parser.add_argument(
            "--days",
            type=int,
            default=tokens.DAYS,
            help=f"how long it works, 1 to {tokens.LONGEST_DAYS:,}; 0: for ever (default {tokens.DAYS})",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        days = options["days"]
        if not 0 <= days <= tokens.LONGEST_DAYS:
            raise CommandError(f"Give --days from 1 to {tokens.LONGEST_DAYS}, or 0 for a token that never expires.")
        users = get_user_model()
        user = users.objects.filter(**{users.USERNAME_FIELD: options["username"]}).first()
        if user is None:
            raise CommandError(f"There is no user {options['username']!r}.")
        if not user.is_active:
            raise CommandError(f"The user {options['username']!r} cannot sign in, so a token would not work.")
        if not tokens.may_sign_in(user):
            self.stderr.write("The demo account's token works where its password does: at what `make run` started.")
        self.stdout.write(tokens.issue(user, options["name"][:100], days or None))
