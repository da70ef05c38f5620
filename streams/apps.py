"""Connects the outbox to the items' signal, registers the checks, and keeps the items topic among the watched ones."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.apps import apps as installed
from django.conf import settings
from django.db.models.signals import post_migrate


def watch_items_topic(sender: Any, *, using: str, apps: Any = installed, **_: Any) -> None:
    """After a migration: has the items topic among the watched ones, without anybody adding it.

    apps: the models as they were migrated. `Topic` may be missing among them; after a flush Django gives none.
    """
    try:
        topics = apps.get_model("streams", "Topic").objects.using(using)
    except LookupError:
        return
    topics.get_or_create(name=settings.KAFKA_ITEMS_TOPIC, defaults={"label": "Items"})


class StreamsConfig(AppConfig):
    """The app of the live side. From its start on, item events are written to the outbox."""

    name = "streams"
    verbose_name = "Streams"

    def ready(self) -> None:
        from items.events import item_changed  # noqa: PLC0415  (models are there only from here on)
        from streams import checks  # noqa: PLC0415
        from streams.outbox import recording  # noqa: PLC0415

        item_changed.connect(recording.record, dispatch_uid="streams.outbox.record")
        checks.register_all()
        post_migrate.connect(watch_items_topic, sender=self, dispatch_uid="streams.watch_items_topic")
