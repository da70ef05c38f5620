"""What streams keeps in the database: which topics people may watch, their favourites and boards, and the item events
on their way to Kafka."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.validators import MaxLengthValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone


def new_epoch() -> str:
    """A short random name for one life of a topic, for brokers that give topics no id."""
    return secrets.token_hex(4)


class FormatName(models.TextChoices):
    """How keys or values are written."""

    AUTO = "auto", "auto: JSON, by the registry, text, or bytes"
    JSON = "json", "json"
    TEXT = "text", "text"
    HEX = "hex", "hex"
    BASE64 = "base64", "base64"
    AVRO = "avro", "avro"
    PROTOBUF = "protobuf", "protobuf"
    JSON_SCHEMA = "json-schema", "json-schema"
    MSGPACK = "msgpack", "msgpack"
    CBOR = "cbor", "cbor"
    AVRO_CONTAINER = "avro-container", "avro-container: files with a schema of their own"
    INT32 = "int32", "int32"
    INT64 = "int64", "int64"
    FLOAT = "float", "float"
    DOUBLE = "double", "double"
    UUID = "uuid", "uuid"


SCHEMA_TEXT = 1024 * 1024  # characters of a topic's own schema
SCHEMA_HELP = (
    "For avro or protobuf without a registry: an Avro schema, the text of a .proto, or base64 of a FileDescriptorSet. "
    "Empty: the registry's, which each record names."
)
MESSAGE_HELP = "For protobuf with a schema of its own: which message it is; empty: the first."


class Topic(models.Model):
    """A Kafka topic that people may watch. The items topic is there without being added."""

    name = models.CharField(
        max_length=249,
        unique=True,
        validators=[
            RegexValidator(r"\A[A-Za-z0-9._-]+\Z", "Use letters, digits, dots, underscores and dashes, as Kafka does.")
        ],
        help_text="The topic's name in Kafka. It is never created there.",
    )
    label = models.CharField(max_length=100, blank=True, help_text="What people see; empty: the name.")
    readers = models.ManyToManyField(
        Group, blank=True, help_text="Groups that may watch it; none: every signed-in user."
    )
    exporters = models.ManyToManyField(
        Group,
        blank=True,
        related_name="exported_topic_set",
        help_text="Groups that may export it, if they may watch it; none: superusers only.",
    )
    epoch = models.CharField(max_length=32, default=new_epoch, editable=False)
    # With defaults in the database, too: processes of a version before go on to add topics during an upgrade.
    value_format = models.CharField(
        max_length=20, choices=FormatName, default=FormatName.AUTO, db_default=FormatName.AUTO
    )
    value_schema = models.TextField(
        blank=True, default="", db_default="", validators=[MaxLengthValidator(SCHEMA_TEXT)], help_text=SCHEMA_HELP
    )
    value_message = models.CharField(max_length=255, blank=True, default="", db_default="", help_text=MESSAGE_HELP)
    key_format = models.CharField(
        max_length=20, choices=FormatName, default=FormatName.AUTO, db_default=FormatName.AUTO
    )
    key_schema = models.TextField(
        blank=True, default="", db_default="", validators=[MaxLengthValidator(SCHEMA_TEXT)], help_text=SCHEMA_HELP
    )
    key_message = models.CharField(max_length=255, blank=True, default="", db_default="", help_text=MESSAGE_HELP)
    formats_version = models.CharField(
        max_length=16, default="", db_default="", editable=False
    )  # changes with them: see `save`

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.label or self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Keeps a digest of formats and schemas, so that processes see a change without reading schemas again."""
        told = (
            self.value_format, self.value_schema, self.value_message,
            self.key_format, self.key_schema, self.key_message,
        )  # fmt: skip
        self.formats_version = hashlib.sha256("\0".join(told).encode()).hexdigest()[:16]
        if (fields := kwargs.get("update_fields")) is not None:
            kwargs["update_fields"] = {*fields, "formats_version"}
        super().save(*args, **kwargs)


class FavouriteTopic(models.Model):
    """A topic that stands first for somebody. Only streams/finding/favourites.py writes it."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="favourite_topics")
    topic = models.ForeignKey(Topic, on_delete=models.CASCADE, related_name="favourites")
    added_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["topic__name"]
        constraints = [models.UniqueConstraint(fields=["user", "topic"], name="favourite_topic_once")]

    def __str__(self) -> str:
        return f"{self.topic} of {self.user}"


class OutboxMessage(models.Model):
    """One item event, written in the transaction of its change, until Kafka has acknowledged it (and a while longer).

    Waiting: `published_at IS NULL AND parked_at IS NULL`. Parked: Kafka refused it for good; later messages of the same
    key wait behind it. Ids order the messages of one key, because the item's row lock orders its writers.
    """

    id = models.BigAutoField(primary_key=True)
    topic = models.CharField(max_length=249)
    key = models.CharField(max_length=64)
    value = models.BinaryField()
    headers = models.JSONField(default=dict)  # header name -> text
    created_at = models.DateTimeField(db_index=True)
    published_at = models.DateTimeField(null=True)
    partition = models.IntegerField(null=True)
    offset = models.BigIntegerField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    last_error = models.TextField(blank=True, default="")
    parked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["id"], name="outbox_unpublished", condition=Q(published_at__isnull=True)),
            models.Index(
                fields=["topic", "key"],
                name="outbox_parked",
                condition=Q(published_at__isnull=True, parked_at__isnull=False),
            ),
            models.Index(fields=["topic", "key", "id"], name="outbox_key"),
        ]

    def __str__(self) -> str:
        return f"{self.topic} {self.key} #{self.pk}"


class Board(models.Model):
    """A board that somebody keeps. Only streams/boards/services.py writes it; `version` counts its changes from 1."""

    class Audience(models.TextChoices):
        """Who, beside the owner."""

        PRIVATE = "private", "nobody else"
        GROUPS = "groups", "the groups"
        EVERYONE = "everyone", "everyone who is signed in"

    slug = models.SlugField(max_length=80, unique=True)
    name = models.CharField(max_length=100)
    version = models.PositiveIntegerField(default=1, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="boards"
    )
    read = models.CharField("may be read by", max_length=10, choices=Audience.choices, default=Audience.PRIVATE)
    edit = models.CharField("may be changed by", max_length=10, choices=Audience.choices, default=Audience.PRIVATE)
    groups = models.ManyToManyField(Group, blank=True, related_name="boards")
    window = models.JSONField(default=dict)  # as in a board's JSON
    filter = models.TextField(blank=True, default="")
    clock = models.CharField(max_length=10, default="local")
    changed_by = models.CharField(max_length=150, blank=True, default="", editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)
    starred_by = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True, related_name="starred_boards")

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class BoardTile(models.Model):
    """One tile of a board; its place on a grid of 12 columns, in rows of 40 px."""

    board = models.ForeignKey(Board, on_delete=models.CASCADE, related_name="tiles")
    place = models.PositiveSmallIntegerField()  # in the board's list
    name = models.CharField(max_length=40)  # its id in the board's JSON
    kind = models.CharField(max_length=20)
    title = models.CharField(max_length=100, blank=True)
    topic = models.CharField(max_length=249, blank=True)
    filter = models.TextField(blank=True)
    x = models.PositiveSmallIntegerField()
    y = models.PositiveSmallIntegerField()
    w = models.PositiveSmallIntegerField()
    h = models.PositiveSmallIntegerField()
    options = models.JSONField(default=dict)

    class Meta:
        ordering = ["place"]
        constraints = [models.UniqueConstraint(fields=["board", "name"], name="board_tile_once")]

    def __str__(self) -> str:
        return self.title or f"{self.kind} {self.name}"
