"""The lives of a topic: Kafka's id of it, or a value kept with it and renewed once, the same in every process."""

from __future__ import annotations

import asyncio
from unittest import mock

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.test import TestCase, TransactionTestCase, override_settings

from streams.hub import freshness, rights_watch, topic_watch
from streams.hub.hub import Hub
from streams.hub.topic_watch import TopicWatch
from streams.kafka.catalog import Catalog, TopicInfo
from streams.models import Topic
from streams.processes.web import WebProcess
from streams.runtime.away import Unavailable
from streams.topics import epoch_of, renew
from streams.wire.ranges import Status
from tests.support.readers import Client, Table, opened, settled
from tests.support.services import Kafka
from tests.support.waiting import until

KAFKAS_ID = "sWNfaL9vTpWw4bKYv1vcNQ"


class EpochTests(TestCase):
    def test_it_is_kafkas_id_where_there_is_one(self) -> None:
        assert epoch_of(TopicInfo("t", (0,), KAFKAS_ID), "kept") == KAFKAS_ID
        assert epoch_of(TopicInfo("t", (0,), None), "kept") == "kept"

    def test_of_many_who_renew_it_one_does(self) -> None:
        for info in (TopicInfo("t", (0,), None), TopicInfo("u", (0,), KAFKAS_ID)):
            kept = Topic.objects.create(name=info.name).epoch
            before = epoch_of(info, kept)
            assert renew(info, kept)
            assert not renew(info, kept)
            after = epoch_of(info, Topic.objects.get(name=info.name).epoch)
            assert after != before
            assert not renew(info, kept)
            assert after == epoch_of(info, Topic.objects.get(name=info.name).epoch)

    def test_a_renewed_value_ends_with_the_id_that_it_was_renewed_for(self) -> None:
        info = TopicInfo("t", (0,), KAFKAS_ID)
        renew(info, Topic.objects.create(name="t").epoch)
        assert epoch_of(TopicInfo("t", (0,), "another-id"), Topic.objects.get(name="t").epoch) == "another-id"


async def test_an_end_below_the_position_is_noticed_when_it_stays_there() -> None:
    hub, _ = await opened({0: 10, 1: 10})
    hub.status(Status("t", "e", {0: 10}, {0: 4}))
    assert hub.hearing.shrunk() == []  # a new leader may say so for a moment
    with mock.patch.object(freshness, "SHRUNK_S", -1.0):
        assert hub.hearing.shrunk() == ["t"]
        hub.status(Status("t", "e", {1: 10}, {1: 10}))  # another bridge, of its own partition
        assert hub.hearing.shrunk() == ["t"]
        hub.status(Status("t", "e", {0: 10}, {0: 10}))
        assert hub.hearing.shrunk() == []
    await hub.close()


class WithoutIdsTests(TransactionTestCase):
    """A real Kafka, asked as if it were one that gives topics no ids."""

    @pytest.fixture(autouse=True)
    def _services(self, kafka: Kafka) -> None:
        self.kafka = kafka

    def setUp(self) -> None:
        self.topic = self.kafka.create_topic(partitions=1)
        Topic.objects.create(name=self.topic)
        self.enterContext(override_settings(KAFKA_BOOTSTRAP_SERVERS=[self.kafka.address]))
        self.enterContext(mock.patch.object(Catalog, "_describe", side_effect=dict.fromkeys))
        self.enterContext(mock.patch.object(rights_watch, "LOOK_S", 600.0))  # nobody is signed in here
        self.enterContext(mock.patch.object(freshness, "SHRUNK_S", 1.0))
        self.enterContext(mock.patch.object(topic_watch, "LOOK_S", 0.5))
        self.enterContext(mock.patch.object(topic_watch, "CATALOG_S", 600.0))

    async def test_a_topic_made_anew_is_a_new_life_in_every_process(self) -> None:
        webs = [WebProcess(), WebProcess()]
        for web in webs:
            web.start()
        try:
            await until(lambda: all(self.topic in web.hub.logs for web in webs), "the topic is open")
            clients = [Client(web.hub, self.topic) for web in webs]
            for client in clients:
                client.join({0: 0})
            await asyncio.to_thread(self.kafka.produce, self.topic, [b"old"] * 5)
            await settled(lambda: all(client.positions == {0: 5} for client in clients))
            before = self.epochs(webs)
            await asyncio.to_thread(self.make_anew)
            await until(lambda: self.epochs(webs).isdisjoint(before | {None}), "the new life", 60)
            for client in clients:
                if "unsubscribed" in {frame["type"] for frame in client.frames}:  # its process saw that it was away
                    client.seen = {}
                    client.join({0: 0})
            await until(lambda: all(client.seen.get(0) == [0, 1] for client in clients), "the new life's records")
            after = self.epochs(webs)
        finally:
            for web in webs:
                await web.stop()
        assert len(before) == len(after) == 1
        assert after == {(await sync_to_async(Topic.objects.get)(name=self.topic)).epoch}
        for client in clients:
            resets = [frame["cursor"] for frame in client.frames if frame["type"] == "reset"]
            assert resets in ([], [{"epoch": next(iter(after)), "positions": {"0": 0}}])

    def make_anew(self) -> None:
        self.kafka.delete_topic(self.topic)
        self.kafka.create_topic(self.topic, partitions=1)
        self.kafka.produce(self.topic, [b"new"] * 2)

    def epochs(self, webs: list[WebProcess]) -> set[str | None]:
        return {web.hub.logs[self.topic].epoch if self.topic in web.hub.logs else None for web in webs}


async def test_the_items_topic_is_open_before_the_link_is_live() -> None:
    hub = Hub(Table({0: 0}))
    names = ["a-topic", settings.KAFKA_ITEMS_TOPIC, "z-topic"]
    infos = {name: TopicInfo(name, (0,), "e") for name in names}
    with mock.patch.object(Catalog, "ensure"), mock.patch.object(Catalog, "topics", return_value=infos):
        await TopicWatch(hub)._open(dict.fromkeys(names, "kept"))
    assert list(hub.logs) == [settings.KAFKA_ITEMS_TOPIC, "a-topic", "z-topic"]
    await hub.close()


async def test_a_finished_look_says_which_topics_kafka_does_not_have() -> None:
    hub = Hub(Table({0: 0}))
    rows = dict.fromkeys(["there", "gone", "nowhere"], "kept")
    infos = {name: TopicInfo(name, (0,), "e") for name in ("there", "gone")}
    watch = TopicWatch(hub)
    with mock.patch.object(Catalog, "ensure"), mock.patch.object(Catalog, "topics", side_effect=lambda _: dict(infos)):
        assert not hub.missing
        await watch._open(rows)
        assert hub.missing == {"nowhere"}
        del infos["gone"]
        await watch._open(rows)
        assert hub.missing == {"gone", "nowhere"}
        assert list(hub.logs) == ["there"]
        with mock.patch.object(Catalog, "topics", side_effect=Unavailable), pytest.raises(Unavailable):
            await watch._open(rows)
        assert hub.missing == {"gone", "nowhere"}
        infos["gone"] = TopicInfo("gone", (0,), "f")
        await watch._open({"gone": "kept", "there": "kept"})
        assert not hub.missing
        assert hub.logs.keys() == {"gone", "there"}
    await hub.close()
