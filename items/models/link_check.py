"""What the last check of an item's link found. It is not the item's data: writing it makes no version and no event."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models

from items.values import texts

if TYPE_CHECKING:
    from items.models.item import Item

ERROR_LENGTH = 300  # characters


def verdict(status: int | None, error: str) -> str:
    """One word for what came of a link: `works`, `broken` (an error status) or `failed` (no answer)."""
    if error:
        return "failed"
    return "works" if status is not None and status < 400 else "broken"


class LinkCheck(models.Model):
    """One row an item. `url` is the link that was fetched: when the item has another now, that is not checked yet."""

    item: models.OneToOneField[Item, Item] = models.OneToOneField(
        "items.Item", on_delete=models.CASCADE, primary_key=True, related_name="link_check"
    )
    url = models.CharField(max_length=texts.LINK_LENGTH)
    status = models.PositiveSmallIntegerField(null=True)
    took_ms = models.PositiveIntegerField()
    redirected_to = models.CharField(max_length=texts.LINK_LENGTH, blank=True, default="")
    error = models.CharField(max_length=ERROR_LENGTH, blank=True, default="")
    checked_at = models.DateTimeField()

    class Meta:
        indexes = [  # what people look for: few among many
            models.Index(
                fields=["item"], name="link_check_troubled", condition=~models.Q(error="") | models.Q(status__gte=400)
            )
        ]

    def __str__(self) -> str:
        return f"{self.url}: {self.verdict}"

    @classmethod
    def troubled(cls) -> models.QuerySet[LinkCheck]:
        """The checks that found a link broken or got no answer, by the index made for them."""
        return cls.objects.filter(~models.Q(error="") | models.Q(status__gte=400))

    @property
    def verdict(self) -> str:
        """What came of the link, in one word, as the function `verdict` says it."""
        return verdict(self.status, self.error)
