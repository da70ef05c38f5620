"""Neighbours that are away: what that is called, and which errors say it."""

from __future__ import annotations

from aiokafka.errors import KafkaError
from django.db import Error as DatabaseError
from redis.exceptions import RedisError


class Unavailable(Exception):
    """Kafka did not answer in time, or not usefully."""


# What happens when a neighbour is away: one line tells it. Anything else is a fault of ours, with its traceback.
EXPECTED = (Unavailable, KafkaError, DatabaseError, RedisError, OSError, TimeoutError)
