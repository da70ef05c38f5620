"""Topics and the outbox in the admin."""

from __future__ import annotations

from django.contrib.auth.models import Group, Permission, User
from django.test import TestCase
from django.urls import reverse
from django.utils import timezone

from streams.models import OutboxMessage, Topic
from streams.outbox import messages

LIST = "/admin/streams/outboxmessage/"


def message(**fields: object) -> OutboxMessage:
    defaults = {"topic": "t", "key": "1", "value": '{"näme": 1}'.encode(), "created_at": timezone.now()}
    return OutboxMessage.objects.create(**{**defaults, **fields})


class OutboxAdminTests(TestCase):
    def setUp(self) -> None:
        self.admin = User.objects.create_superuser("root")
        self.client.force_login(self.admin)

    def test_the_list_shows_state_attempts_and_the_last_error(self) -> None:
        message(key="41", parked_at=timezone.now(), attempts=2, last_error="too large", headers={"ce_type": "item.x"})
        message(key="42", published_at=timezone.now(), partition=3, offset=17)
        text = self.client.get(LIST).content.decode()
        for shown in ("too large", "item.x", "parked", "published", "3: 17"):
            assert shown in text

    def test_the_state_filters(self) -> None:
        rows = {
            "waiting": message(),
            "parked": message(parked_at=timezone.now()),
            "published": message(published_at=timezone.now()),
        }
        for state, row in rows.items():
            answer = self.client.get(LIST, {"state": state})
            assert list(answer.context["cl"].result_list) == [row]

    def test_the_list_counts_no_further_than_a_bound_and_reads_no_values(self) -> None:
        message()
        with self.assertNumQueries(4) as queries:  # session, user, bounded count, one page
            self.client.get(LIST)
        assert not any('"value"' in query["sql"] for query in queries.captured_queries)

    def test_a_message_shows_its_value_and_cannot_be_changed(self) -> None:
        row = message()
        address = reverse("admin:streams_outboxmessage_change", args=[row.pk])
        answer = self.client.get(address)
        self.assertContains(answer, "näme")
        self.assertNotContains(answer, 'name="_save"')
        assert self.client.post(address, {"attempts": 7}).status_code == 403
        assert self.client.get(f"{LIST}add/").status_code == 403

    def test_send_again_lets_a_parked_message_go(self) -> None:
        row = message(parked_at=timezone.now())
        assert not messages.next_batch(10)
        answer = self.client.post(LIST, {"action": "send_again", "_selected_action": [row.pk]}, follow=True)
        self.assertContains(answer, "1 parked message(s) will be sent again.")
        assert [next_row.id for next_row in messages.next_batch(10)] == [row.pk]

    def test_who_may_only_look_may_not_send_again(self) -> None:
        viewer = User.objects.create_user("viewer", is_staff=True)
        viewer.user_permissions.add(Permission.objects.get(codename="view_outboxmessage"))
        self.client.force_login(viewer)
        row = message(parked_at=timezone.now())
        self.client.post(LIST, {"action": "send_again", "_selected_action": [row.pk]})
        assert not messages.next_batch(10)


AUTO = {"value_format": "auto", "key_format": "auto"}
AVRO = '{"type": "record", "name": "A", "fields": [{"name": "n", "type": "long"}]}'


class TopicAdminTests(TestCase):
    def test_formats_are_set_and_a_schema_that_is_no_use_is_refused(self) -> None:
        self.client.force_login(User.objects.create_superuser("root"))
        topic = Topic.objects.create(name="orders.v1")
        address = f"/admin/streams/topic/{topic.pk}/change/"
        before = topic.formats_version
        form = {"name": "orders.v1", **AUTO, "value_format": "avro", "value_schema": AVRO}
        answer = self.client.post(address, {**form, "value_schema": "{"})
        self.assertContains(answer, "Its Avro schema is none.")
        answer = self.client.post(address, {**form, "value_format": "text"})
        self.assertContains(answer, "takes no schema")
        self.client.post(address, form)
        topic.refresh_from_db()
        assert (topic.value_format, topic.value_schema) == ("avro", AVRO)
        assert topic.formats_version != before

    def test_the_preview_is_for_who_may_change_the_topic_and_saves_nothing(self) -> None:
        topic = Topic.objects.create(name="orders.v1")
        address = f"/admin/streams/topic/{topic.pk}/preview/"
        form = {"name": "orders.v1", **AUTO, "value_format": "cbor"}
        viewer = User.objects.create_user("viewer", is_staff=True)
        viewer.user_permissions.add(Permission.objects.get(codename="view_topic"))
        self.client.force_login(viewer)
        assert self.client.post(address, form).status_code == 403
        self.client.force_login(User.objects.create_superuser("root"))
        assert self.client.get(address).status_code == 404
        self.assertContains(self.client.post(address, form), "no live side")
        topic.refresh_from_db()
        assert topic.value_format == "auto"
        self.assertContains(self.client.get(f"/admin/streams/topic/{topic.pk}/change/"), "Preview newest records")

    def test_a_topic_is_added_with_its_readers(self) -> None:
        self.client.force_login(User.objects.create_superuser("root"))
        group = Group.objects.create(name="ops")
        form = {"name": "orders.v1", "label": "Orders", "readers": [group.pk], **AUTO}
        answer = self.client.post("/admin/streams/topic/add/", form, follow=True)
        self.assertContains(answer, "ops")
        assert list(Topic.objects.get(name="orders.v1").readers.all()) == [group]

    def test_a_name_that_kafka_would_refuse_is_refused(self) -> None:
        self.client.force_login(User.objects.create_superuser("root"))
        answer = self.client.post("/admin/streams/topic/add/", {"name": "or ders"})
        self.assertContains(answer, "Use letters, digits, dots, underscores and dashes")
