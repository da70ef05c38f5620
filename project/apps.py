"""The site as a Django app: its table of tries, who counts them, and its system checks."""

from __future__ import annotations

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in, user_login_failed

from project import checks


class ProjectConfig(AppConfig):
    """Registers the checks of the site's settings, counts wrong tokens of sockets, and notes who signs in."""

    name = "project"

    def ready(self) -> None:
        from project.accounts import attempts  # noqa: PLC0415  (models are there only from here on)

        checks.register_all()
        user_login_failed.connect(attempts.take_failed_sign_in, dispatch_uid="project.accounts.attempts")
        user_logged_in.connect(attempts.note_sign_in, dispatch_uid="project.accounts.attempts")
