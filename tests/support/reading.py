"""Reads back what a topic holds, with a Kafka client of its own."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import orjson
from confluent_kafka import Consumer, TopicPartition

ANSWER_S = 30  # for one question to the broker


def records(address: str, topic: str) -> list[Any]:
    """Every record of the topic, partition by partition, each in order of offsets."""
    consumer = Consumer(
        {"bootstrap.servers": address, "group.id": "reading", "enable.auto.commit": False, "log_level": 0}
    )
    found: list[Any] = []
    try:
        for partition in consumer.list_topics(topic, timeout=ANSWER_S).topics[topic].partitions:
            place = TopicPartition(topic, partition, 0)
            low, high = consumer.get_watermark_offsets(place, timeout=ANSWER_S)
            consumer.assign([TopicPartition(topic, partition, low)])
            while low < high:
                record = consumer.poll(ANSWER_S)
                assert record is not None, f"{topic} {partition}: nothing at {low} of {high}"
                assert record.error() is None, record.error()
                found.append(record)
                low = (record.offset() or 0) + 1
    finally:
        consumer.close()
    return found


def versions(address: str, topic: str) -> dict[str, list[int]]:
    """key -> the versions in the order of their first occurrence."""
    seen: dict[str, list[int]] = defaultdict(list)
    for record in records(address, topic):
        key, version = record.key().decode(), orjson.loads(record.value())["version"]
        if version not in seen[key]:
            seen[key].append(version)
    return dict(seen)
