"""Items as the database keeps them. Only services write them."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.core.validators import MaxLengthValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from items.values import money, texts
from items.values.moments import iso

FIELDS = ("name", "description", "price", "tax", "link", "sku")  # what people say of an item, as forms show it
REQUIRED = ("name", "price")
AMOUNTS = frozenset({"price", "tax"})
NOT_NEGATIVE = MinValueValidator(0, "Must not be below 0.")


class LiveItems(models.Manager["Item"]):
    """The items that are not deleted: what everybody sees."""

    def get_queryset(self) -> models.QuerySet[Item]:
        return super().get_queryset().filter(deleted_at__isnull=True)


class Item(models.Model):
    """One item. `version` counts its changes from 1 without holes, the deletion and a restoration included.

    A deleted item stays, with `deleted_at` set, and keeps its sku.
    """

    version = models.PositiveIntegerField(default=1, editable=False)
    sku = models.CharField(
        "SKU",
        max_length=texts.SKU_LENGTH,
        blank=True,
        default="",
        validators=[texts.validate_one_line],
        help_text="Your own article number. No two items have the same.",
    )
    name = models.CharField(max_length=texts.NAME_LENGTH, validators=[texts.validate_name])
    description = models.TextField(
        blank=True,
        default="",
        max_length=texts.DESCRIPTION_LENGTH,
        validators=[MaxLengthValidator(texts.DESCRIPTION_LENGTH), texts.validate_storable],
    )
    price = models.DecimalField(max_digits=money.DIGITS, decimal_places=money.PLACES, validators=[NOT_NEGATIVE])
    tax = models.DecimalField(
        max_digits=money.DIGITS, decimal_places=money.PLACES, null=True, blank=True, validators=[NOT_NEGATIVE]
    )
    link = models.CharField(
        max_length=texts.LINK_LENGTH,
        blank=True,
        default="",
        validators=[texts.validate_link],
        help_text="A page about it, starting with http:// or https://.",
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="items"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)
    deleted_at = models.DateTimeField(null=True, editable=False)
    # Which one-time form made it: the same form sent twice makes one item.
    submission = models.UUIDField(null=True, unique=True, editable=False)

    objects = LiveItems()
    with_deleted: ClassVar[models.Manager[Item]] = models.Manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="item_name_not_empty"),
            models.CheckConstraint(condition=Q(price__gte=0), name="item_price_not_negative"),
            models.CheckConstraint(condition=Q(tax__isnull=True) | Q(tax__gte=0), name="item_tax_not_negative"),
            models.CheckConstraint(condition=Q(version__gte=1), name="item_version_from_one"),
            models.UniqueConstraint(fields=["sku"], condition=~Q(sku=""), name="item_sku_unique"),
        ]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="item_newest", condition=Q(deleted_at__isnull=True)),
            models.Index(fields=["updated_at", "id"], name="item_updated", condition=Q(deleted_at__isnull=True)),
            models.Index(fields=["name", "id"], name="item_name", condition=Q(deleted_at__isnull=True)),
            models.Index(fields=["price", "id"], name="item_price", condition=Q(deleted_at__isnull=True)),
            models.Index(
                fields=["owner", "created_at", "id"], name="item_of_owner", condition=Q(deleted_at__isnull=True)
            ),
            # The unique one is partial: SQLite does not use it to look a SKU up, PostgreSQL not for more than 100.
            models.Index(fields=["sku"], name="item_sku"),
            models.Index(fields=["deleted_at"], name="item_deleted", condition=Q(deleted_at__isnull=False)),
            # For `LIKE 'lamp%'` in the admin's search; only PostgreSQL has such classes, the others ignore it.
            models.Index(fields=["name"], name="item_name_prefix", opclasses=["varchar_pattern_ops"]),
        ]

    def __str__(self) -> str:
        return self.name

    def as_object(self) -> dict[str, object]:
        """The item as the API and the events show it: only what JSON knows."""
        return {
            "id": self.pk,
            "version": self.version,
            "sku": self.sku,
            "name": self.name,
            "description": self.description,
            "price": money.written(self.price),
            "tax": None if self.tax is None else money.written(self.tax),
            "link": self.link,
            "owner": self.owner.get_username() if self.owner else None,
            "created_at": iso(self.created_at),
            "updated_at": iso(self.updated_at),
        }


class DeletedItem(Item):
    """The admin's name for items that are deleted; the same rows."""

    class Meta:
        proxy = True
        default_permissions = ()  # those of items count
