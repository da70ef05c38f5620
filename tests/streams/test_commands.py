"""addtopic, and what the bridge refuses before it starts."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import TestCase, override_settings
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from streams.decoding.parts import form
from streams.management.commands import addtopic
from streams.models import Topic
from tests.support.services import Kafka


def call(*arguments: str) -> tuple[str, str]:
    """What the command writes to its two outputs."""
    out, err = StringIO(), StringIO()
    call_command(*arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


class AddTopicTests(TestCase):
    def test_a_topic_is_for_everyone_who_is_signed_in_unless_groups_are_named(self) -> None:
        out, _ = call("addtopic", "orders.v1", "--label", "Orders")
        topic = Topic.objects.get(name="orders.v1")
        assert (topic.label, topic.readers.count()) == ("Orders", 0)
        assert "every signed-in user" in out

    def test_readers_are_groups(self) -> None:
        ops, sales = Group.objects.create(name="ops"), Group.objects.create(name="sales")
        out, _ = call("addtopic", "orders.v1", "--reader", "ops", "--reader", "sales")
        assert set(Topic.objects.get(name="orders.v1").readers.all()) == {ops, sales}
        assert "ops, sales" in out

    def test_exporters_are_groups_and_nobody_unless_they_are_named(self) -> None:
        ops = Group.objects.create(name="ops")
        call("addtopic", "orders.v1")
        topic = Topic.objects.get(name="orders.v1")
        assert not topic.exporters.exists()
        call("addtopic", "orders.v1", "--exporter", "ops")
        assert list(topic.exporters.all()) == [ops]
        call("addtopic", "orders.v1", "--label", "Orders")
        assert list(topic.exporters.all()) == [ops]

    def test_an_unknown_group_is_named_and_nothing_is_added(self) -> None:
        Group.objects.create(name="ops")
        with self.assertRaisesRegex(CommandError, r"There is no group nobody \(there is: .*\bops\b"):
            call("addtopic", "orders.v1", "--reader", "nobody")
        assert not Topic.objects.filter(name="orders.v1").exists()

    def test_run_again_it_changes_what_is_named_and_keeps_the_rest(self) -> None:
        ops = Group.objects.create(name="ops")
        call("addtopic", "orders.v1", "--label", "Orders", "--reader", "ops")
        epoch = Topic.objects.get(name="orders.v1").epoch
        call("addtopic", "orders.v1", "--label", "All orders")
        topic = Topic.objects.get(name="orders.v1")
        assert (topic.label, list(topic.readers.all()), topic.epoch) == ("All orders", [ops], epoch)
        call("addtopic", "orders.v1", "--everyone")
        assert not Topic.objects.get(name="orders.v1").readers.exists()

    def test_formats_are_remembered_and_a_schema_is_looked_at(self) -> None:
        with TemporaryDirectory() as folder:
            schema = Path(folder, "order.avsc")
            schema.write_text('{"type": "record", "name": "A", "fields": []}')
            call("addtopic", "orders.v1", "--value-format", "avro", "--value-schema", str(schema))
            call("addtopic", "orders.v1", "--key-format", "int64")
            topic = Topic.objects.get(name="orders.v1")
            assert (topic.value_format, topic.key_format) == ("avro", "int64")
            assert topic.value_schema == schema.read_text()
            schema.write_text("{")
            with self.assertRaisesMessage(CommandError, "Its Avro schema is none."):
                call("addtopic", "orders.v1", "--value-schema", str(schema))
            with self.assertRaisesMessage(CommandError, "cannot be read"):
                call("addtopic", "orders.v1", "--key-schema", f"{folder}/nowhere")

    def test_a_file_descriptor_set_is_taken_as_protoc_writes_it(self) -> None:
        order = FileDescriptorProto(name="order.proto", syntax="proto3")
        order.message_type.add(name="A").field.add(name="n", number=1, type=3, label=1)
        with TemporaryDirectory() as folder:
            schema = Path(folder, "order.desc")
            schema.write_bytes(FileDescriptorSet(file=[order]).SerializeToString())
            call("addtopic", "orders.v1", "--value-format", "protobuf", "--value-schema", str(schema))
        topic = Topic.objects.get(name="orders.v1")
        assert form("protobuf", topic.value_schema, "A").problem == ""

    def test_a_name_that_kafka_would_refuse_is_refused(self) -> None:
        with self.assertRaisesMessage(CommandError, "Use letters, digits, dots"):
            call("addtopic", "or ders")

    @override_settings(KAFKA_BOOTSTRAP_SERVERS=["127.0.0.1:1"])
    def test_kafka_does_not_have_to_be_there(self) -> None:
        _, err = call("addtopic", "orders.v1")
        assert err == ""


class AddTopicWithKafkaTests(TestCase):
    @pytest.fixture(autouse=True)
    def _services(self, kafka: Kafka) -> None:
        self.kafka = kafka

    def test_a_topic_that_kafka_lacks_is_told_and_not_made(self) -> None:
        patient = mock.patch.object(addtopic, "LOOK_S", 60.0)
        with patient, self.settings(KAFKA_BOOTSTRAP_SERVERS=[self.kafka.address]):
            _, err = call("addtopic", "mistyped")
            assert "Kafka has no topic mistyped yet" in err
            _, err = call("addtopic", self.kafka.create_topic())
            assert err == ""
        assert "mistyped" not in self.kafka.admin().list_topics(timeout=10).topics


class BridgeRefusalTests(TestCase):
    def test_the_embedded_broker_has_no_bridge_of_its_own(self) -> None:
        with self.assertRaisesMessage(CommandError, "KAFKA_BOOTSTRAP_SERVERS is not set"):
            call("bridge")

    @override_settings(KAFKA_BOOTSTRAP_SERVERS=["127.0.0.1:1"])
    def test_there_is_no_fanout_without_redis(self) -> None:
        with self.assertRaisesMessage(CommandError, "REDIS_URL is not set"):
            call("bridge", "fanout")

    @override_settings(KAFKA_BOOTSTRAP_SERVERS=["127.0.0.1:1"])
    def test_an_address_needs_host_and_port(self) -> None:
        for wrong in ("9000", "here:", "here:http", "here:²", "here:99999"):
            with self.assertRaisesMessage(CommandError, "write HOST:PORT"):
                call("bridge", "--listen", wrong)
