"""`manage.py demo`: what `make run` prepares on a loopback address: the demo account, the demo topics, a board of them,
a few items."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from items import services
from items.models import Item
from project.demo import account as demo
from streams.boards import services as boards
from streams.boards.definition import Board as Definition
from streams.demo import replay
from streams.models import Board, Topic

TOPIC_LABEL = "Earthquakes, one week (USGS)"
AVRO_LABEL = "Earthquakes, as Avro"
ITEMS: tuple[services.ItemFields, ...] = (
    {"name": "Notebook, dotted, A5", "sku": "NB-A5-DOT", "price": "12.50", "tax": "2.38"},
    {"name": "Fountain pen, fine nib", "sku": "FP-FINE", "price": "39.00", "tax": "7.41"},
    {"name": "Ink, blue-black, 50 ml", "sku": "INK-BB-50", "price": "8.90", "tax": "1.69"},
    {"name": "Desk lamp", "sku": "LAMP-01", "price": "64.00", "tax": "12.16", "description": "Warm light, dimmable."},
    {"name": "Seismograph kit", "price": "189.00", "link": "https://earthquake.usgs.gov/"},
)


class Command(BaseCommand):
    help = "Prepares the demonstration: account, topics and a few items. Only with DEMO=true, which `make run` sets."

    def handle(self, *_: Any, **__: Any) -> None:
        if not settings.DEMO:
            raise CommandError("This makes an account whose password everybody knows: it is there for DEMO=true only.")
        try:
            user = demo.prepare_account()
        except demo.NameTaken as error:
            raise CommandError(
                f"There is an account {demo.USERNAME} with a password of its own. Rename it, or run with DEMO=false."
            ) from error
        if not settings.KAFKA_BOOTSTRAP_SERVERS:  # the demonstration is never replayed into a real Kafka
            Topic.objects.get_or_create(name=replay.TOPIC, defaults={"label": TOPIC_LABEL})
            carried = {"label": AVRO_LABEL, "value_format": "avro", "value_schema": replay.SCHEMA.read_text()}
            Topic.objects.get_or_create(name=replay.AVRO_TOPIC, defaults=carried)
            self._add_board(user)
        if not Item.with_deleted.exists():
            self._add_items(user)

    def _add_board(self, user: User) -> None:
        """The board of the demo topic, once: what somebody made of it stays."""
        definition = Definition.model_validate_json(replay.BOARD.read_bytes())
        if not Board.objects.filter(slug=definition.slug).exists():
            boards.create_board(definition, actor=user)

    def _add_items(self, user: User) -> None:
        for fields in ITEMS:
            services.create_item(actor=user, **fields)
