"""The services that other tests lean on: they start, survive what tests do to them, and come back on the same port."""

from __future__ import annotations

from concurrent.futures import Future

import psycopg
import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException

from tests.support import services
from tests.support.waiting import accepts_connections


def test_kafka_keeps_records_through_kill_and_restart(kafka: services.Kafka) -> None:
    topic = kafka.create_topic(partitions=2)
    placed = kafka.produce(topic, [b"one", None, b"three"], key=b"k", partition=1)
    assert placed == [(1, 0), (1, 1), (1, 2)]
    port = kafka.port
    kafka.kill()
    assert not accepts_connections(port)
    kafka.start()
    assert kafka.port == port
    kafka.delete_records(topic, {1: 1})
    reader = Consumer({"bootstrap.servers": kafka.address, "group.id": topic, "auto.offset.reset": "earliest"})
    reader.subscribe([topic])
    values = [message.value() for message in reader.consume(2, timeout=60)]
    reader.close()
    assert values == [None, b"three"]
    kafka.add_partitions(topic, 3)
    kafka.delete_topic(topic)


class Broker:
    """One that gives these answers to what it is asked, one after another; a name is of an error."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    def __call__(self, request_timeout: float) -> dict[int, Future[None]]:
        given: dict[int, Future[None]] = {}
        for number, name in enumerate(self.answers.pop(0)):
            future: Future[None] = Future()
            given[number] = future
            if name:
                future.set_exception(KafkaException(KafkaError(getattr(KafkaError, name))))
            else:
                future.set_result(None)
        return given


@pytest.mark.parametrize(
    "answers",
    [
        [["", ""]],
        [["", "INVALID_REPLICATION_FACTOR"], ["TOPIC_ALREADY_EXISTS", ""]],
        [["_TIMED_OUT", "REQUEST_TIMED_OUT"], ["", "NOT_LEADER_FOR_PARTITION"], ["TOPIC_ALREADY_EXISTS", ""]],
    ],
)
def test_a_broker_is_asked_until_it_has_done_it(answers: list[list[str]]) -> None:
    broker = Broker(*answers)
    services.carry_out(broker, "all of it", is_done=KafkaError.TOPIC_ALREADY_EXISTS)
    assert broker.answers == []


@pytest.mark.parametrize("answers", [[["TOPIC_ALREADY_EXISTS"]], [["_TIMED_OUT"], ["TOPIC_AUTHORIZATION_FAILED"]]])
def test_what_a_broker_refuses_is_a_failure(answers: list[list[str]]) -> None:
    with pytest.raises(KafkaException):
        services.carry_out(Broker(*answers), "all of it", is_done=KafkaError.TOPIC_ALREADY_EXISTS)


def test_postgres_comes_back_after_kill_with_its_data(postgres: services.Postgres) -> None:
    url = postgres.create_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (7)")
    left_open = psycopg.connect(url)
    postgres.kill()
    with pytest.raises(psycopg.OperationalError):
        left_open.execute("SELECT 1")
    left_open.close()
    postgres.start()
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (7,)


def test_redis_pauses_and_restarts(redis: services.Redis) -> None:
    redis.pause()
    redis.resume()
    redis.restart()
    assert accepts_connections(redis.port)


def test_no_test_starts_a_service_that_it_is_not_marked_for() -> None:
    with pytest.raises(pytest.fail.Exception, match=r"pytest\.mark\.redis"):
        services.redis()
