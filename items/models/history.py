"""The steps in the life of an item."""

from __future__ import annotations

from django.db import models

from items.models.item import Item


class ItemVersion(models.Model):
    """One step in the life of an item, written in the transaction of the step. Goes when the item is gone for good."""

    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="versions", db_index=False)
    version = models.PositiveIntegerField()
    type = models.CharField(max_length=20)  # as the event's: item.created, item.updated, …
    actor = models.CharField(max_length=150, blank=True, default="")  # the username at that time; "": the system
    at = models.DateTimeField()
    changes = models.JSONField(default=dict)  # field -> [before, after], as the API shows the field

    class Meta:
        constraints = [models.UniqueConstraint(fields=["item", "version"], name="item_version_once")]

    def __str__(self) -> str:
        return f"{self.type} {self.version}"
