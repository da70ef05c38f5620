"""The items app: what people submit, and who may change it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import AppConfig
from django.conf import settings
from django.db.models.signals import pre_delete

if TYPE_CHECKING:
    from django.contrib.auth.models import User


class ItemsConfig(AppConfig):
    """The app of items. From its start on, the items of an account that is deleted are left to nobody."""

    name = "items"
    verbose_name = "Items"

    def ready(self) -> None:
        pre_delete.connect(_disown, sender=settings.AUTH_USER_MODEL, dispatch_uid="items.disown")


def _disown(instance: User, **_: Any) -> None:
    """In the transaction of the deletion: an item whose owner goes changes, and every change is told."""
    from items import services  # noqa: PLC0415  (models are there only later)

    services.disown_items(instance)
