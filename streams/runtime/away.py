"""Neighbours that are away: what that is called, and which errors say it."""

from __future__ import annotations

from aiokafka.errors import KafkaError
from django.db import Error as DatabaseError
from redis.exceptions import RedisError


class Unavailable(Exception):
    """Kafka did not answer in time, or not usefully. Its text is for anybody; what a library said, which may have
    addresses in it, is its cause."""


# What happens when a neighbour is away: one line tells it. Anything else is a fault of ours, with its traceback.
EXPECTED = (Unavailable, KafkaError, DatabaseError, RedisError, OSError, TimeoutError)


def described(error: BaseException) -> str:
    """The error and its cause in one line: for logs, and for people at the command line."""
    text = str(error) or repr(error)
    return text if error.__cause__ is None else f"{text} ({error.__cause__!r})"
