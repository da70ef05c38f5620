"""The way of an item's versions by the API: what the outbox knows, as the relay marks it, and who is told where."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.models import Group, User
from django.utils import timezone

from items import services
from streams.models import OutboxMessage, Topic
from streams.outbox import messages
from streams.outbox.messages import Placed
from streams.topics import watch_items_topic
from tests.support.people import PeopleTestCase


class WayTests(PeopleTestCase):
    @classmethod
    def setUpTestData(cls) -> None:
        super().setUpTestData()
        watch_items_topic()
        services.update_item(cls.item.pk, actor=cls.owner, expected_version=1, price="259.00")

    def way(self, user: User) -> dict[str, object]:
        response = self.caller(user).send("GET", f"/api/items/{self.item.pk}/way")
        self.assertEqual(response.status_code, 200, response.content)
        told: dict[str, object] = response.json()
        return told

    def versions(self, user: User | None = None) -> list[dict[str, object]]:
        versions: list[dict[str, object]] = self.way(user or self.owner)["versions"]  # type: ignore[assignment]
        return versions

    def messages(self) -> list[OutboxMessage]:
        return list(OutboxMessage.objects.filter(key=str(self.item.pk)).order_by("id"))

    def test_versions_wait_from_their_save_on_newest_first(self) -> None:
        newest, oldest = self.versions()
        self.assertEqual((newest["version"], newest["type"], newest["state"]), (2, "item.updated", "waiting"))
        self.assertEqual((oldest["version"], oldest["type"], oldest["state"]), (1, "item.created", "waiting"))
        self.assertIsNone(newest["published_at"])
        self.assertEqual(self.way(self.owner)["link"], "unknown")  # this process has no live side

    def test_what_kafka_acknowledged_has_its_time_and_place_and_what_it_refused_says_so(self) -> None:
        first, second = self.messages()
        messages.mark_published([Placed(first.pk, 3, 1842)])
        messages.note_failure([second.pk], "not now")
        messages.park(second.pk, "too large")
        newest, oldest = self.versions()
        self.assertEqual((oldest["state"], oldest["partition"], oldest["offset"]), ("published", 3, 1842))
        self.assertIsNotNone(oldest["published_at"])
        self.assertEqual((newest["state"], newest["attempts"], newest["offset"]), ("parked", 2, None))

    def test_places_are_for_who_may_watch_the_items_topic(self) -> None:
        messages.mark_published([Placed(self.messages()[0].pk, 3, 1842)])
        Topic.objects.get().readers.add(Group.objects.create(name="few"))
        self.assertEqual([each["offset"] for each in self.versions(self.colleague)], [None, None])
        self.assertEqual([each["offset"] for each in self.versions(self.staff)], [None, 1842])

    def test_what_the_outbox_dropped_is_left_out_and_an_item_that_is_none_has_no_way(self) -> None:
        old = timezone.now() - timedelta(days=8)
        OutboxMessage.objects.filter(pk=self.messages()[0].pk).update(created_at=old, published_at=old)
        messages.prune()
        self.assertEqual([each["version"] for each in self.versions()], [2])
        for number in (self.item.pk + 1, 10**30):
            response = self.caller(self.owner).send("GET", f"/api/items/{number}/way")
            self.assertEqual((response.status_code, response.json()["versions"]), (200, []))

    def test_a_stranger_is_told_nothing(self) -> None:
        self.assertEqual(self.client.get(f"/api/items/{self.item.pk}/way").status_code, 401)
