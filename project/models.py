"""What the project itself keeps in the database: how often somebody tried (project/accounts/attempts.py)."""

from __future__ import annotations

from django.db import models


class Attempts(models.Model):
    """The tries of one person or address at one thing: how many, and since when.

    key: a hash of the limit's name and of who is limited by it.
    """

    key = models.CharField(max_length=64, primary_key=True)
    count = models.PositiveIntegerField(default=0)
    since = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name_plural = "attempts"

    def __str__(self) -> str:
        return f"{self.count} since {self.since}"
