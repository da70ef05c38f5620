"""A Kafka broker in memory, for rows that need one only as an address: the product asks it now and then.

python -m tests.bench.broker      prints {"port": …}, ends when its standard input ends
"""

from __future__ import annotations

import json
import sys

from confluent_kafka import Producer


def main() -> None:
    producer = Producer({"bootstrap.servers": "ignored", "test.mock.num.brokers": 1, "log_level": 0})
    [broker] = producer.list_topics(timeout=10).brokers.values()
    print(json.dumps({"port": broker.port}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
