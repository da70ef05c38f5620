"""Which topics are watched, and in which life."""

from __future__ import annotations

from django.conf import settings

from streams.decoding import stored
from streams.kafka.catalog import Catalog, TopicInfo
from streams.models import Topic, new_epoch
from streams.runtime.threads import in_database


def topic_epochs() -> dict[str, str]:
    """name -> the epoch kept with it, of every topic that is watched."""
    return dict(Topic.objects.values_list("name", "epoch"))


def watch_items_topic() -> None:
    """Makes the items topic one of the watched; `migrate` does it too, but its name is a setting that can change."""
    Topic.objects.get_or_create(name=settings.KAFKA_ITEMS_TOPIC, defaults={"label": "Items"})


RENEWED = "~"  # between Kafka's id of a topic and the renewed part


def epoch_of(info: TopicInfo, kept: str) -> str:
    """The name of the topic's present life (docs/decisions/0009). kept: the value in the database."""
    if info.epoch is None or kept.startswith(info.epoch + RENEWED):
        return kept
    return info.epoch


def renew(info: TopicInfo, kept: str) -> bool:
    """Begins a new life of a topic, unless another process did so since `kept` was read. Returns whether it was this
    one. Asks the database."""
    fresh = new_epoch() if info.epoch is None else f"{info.epoch}{RENEWED}{new_epoch()}"
    return bool(Topic.objects.filter(name=info.name, epoch=kept).update(epoch=fresh))


async def present_epochs(catalog: Catalog) -> dict[str, str]:
    """Topic -> epoch of every topic that is watched and in Kafka; then it is known, too, what these carry. Raises
    Unavailable when Kafka does not answer."""
    await stored.look()
    rows = await in_database(topic_epochs)
    infos = await catalog.topics(rows)
    return {name: epoch_of(info, rows[name]) for name, info in infos.items()}
