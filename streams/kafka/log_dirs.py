"""Kafka's question DescribeLogDirs, which none of our libraries knows: how many bytes partitions have on the disks of a
broker. Version 1 of it: brokers speak that since Kafka 2.0, and those of 4 still do.
"""

from __future__ import annotations

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Int16, Int32, Int64, Schema, String


class LogDirsResponse(Response):
    """For each folder of a broker's disks: the partitions there, and the bytes of each."""

    API_KEY = 35
    API_VERSION = 1
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "results",
            Array(
                ("error_code", Int16),
                ("log_dir", String("utf-8")),
                (
                    "topics",
                    Array(
                        ("name", String("utf-8")),
                        (
                            "partitions",
                            Array(
                                ("partition_index", Int32),
                                ("partition_size", Int64),
                                ("offset_lag", Int64),
                                ("is_future_key", Boolean),
                            ),
                        ),
                    ),
                ),
            ),
        ),
    )


class LogDirsRequestStruct(RequestStruct):
    """Which partitions of which topics are asked about, as it travels."""

    API_KEY = 35
    API_VERSION = 1
    RESPONSE_TYPE = LogDirsResponse
    SCHEMA = Schema(("topics", Array(("topic", String("utf-8")), ("partitions", Array(Int32)))))


class LogDirsRequest(Request[LogDirsRequestStruct]):
    """Asks one broker about the sizes of partitions. topics: pairs of a name and its partitions."""

    API_KEY = 35

    def __init__(self, topics: list[tuple[str, list[int]]]) -> None:
        self._topics = topics

    def build(self, request_struct_class: type[LogDirsRequestStruct]) -> LogDirsRequestStruct:
        """The request as the broker speaks it; aiokafka calls this."""
        return request_struct_class(self._topics)
