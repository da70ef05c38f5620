"""The site as a Django app: its table of tries, and its system checks."""

from __future__ import annotations

from django.apps import AppConfig

from project import checks


class ProjectConfig(AppConfig):
    """Registers the checks of the site's settings."""

    name = "project"

    def ready(self) -> None:
        checks.register_all()
