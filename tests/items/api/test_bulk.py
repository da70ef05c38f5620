from __future__ import annotations

from items import services
from items.models import Item
from streams.models import OutboxMessage
from tests.support.people import Caller, PeopleTestCase, detail_of, events

ADDRESS = "/api/items/bulk"


class BulkTests(PeopleTestCase):
    def setUp(self) -> None:
        self.carl = self.caller(self.colleague)

    def test_all_items_are_added_in_their_order_each_with_its_event(self) -> None:
        rows = [{"name": f"Lamp {number}", "price": number, "sku": f"L{number}"} for number in range(30)]
        with events() as told:
            response = self.carl.send("POST", ADDRESS, {"items": rows})
        answer = response.json()
        self.assertEqual((response.status_code, answer["status"], answer["count"]), (201, "success", 30))
        self.assertEqual([item["name"] for item in answer["items"]], [row["name"] for row in rows])
        self.assertEqual([event.payload for event in told], [item | {"actor": "carl"} for item in answer["items"]])
        self.assertEqual(Item.objects.filter(owner=self.colleague, version=1).count(), 30)
        self.assertEqual(OutboxMessage.objects.filter(key__in=[item["id"] for item in answer["items"]]).count(), 30)

    def test_a_list_alone_will_do(self) -> None:
        response = self.carl.send("POST", ADDRESS, [{"name": "Lamp", "price": 1}])
        self.assertEqual((response.status_code, response.json()["count"]), (201, 1))

    def test_wrong_fields_are_named_with_their_row_and_nothing_is_added(self) -> None:
        rows = [{"name": "Lamp", "price": 1}, {"name": "", "price": 1}, {"name": "Lamp", "price": "x"}]
        response = self.carl.send("POST", ADDRESS, {"items": rows})
        places = [problem["loc"] for problem in detail_of(response)]
        self.assertEqual(
            (response.status_code, places), (422, [["body", "items", 1, "name"], ["body", "items", 2, "price"]])
        )
        self.assertEqual(Item.objects.count(), 1)

    def test_one_sku_twice_names_the_later_row(self) -> None:
        rows = [{"name": "Lamp", "price": 1, "sku": "A"}, {"name": "Lamp", "price": 1, "sku": " A "}]
        response = self.carl.send("POST", ADDRESS, {"items": rows})
        self.assertEqual((response.status_code, detail_of(response)[0]["loc"]), (422, ["body", "items", 1, "sku"]))

    def test_a_taken_sku_is_a_conflict_that_names_the_row(self) -> None:
        rows = [{"name": "Lamp", "price": 1, "sku": "A"}, {"name": "Lamp", "price": 1, "sku": "TENT-1"}]
        with events() as told:
            response = self.carl.send("POST", ADDRESS, {"items": rows})
        self.assertEqual((response.status_code, "items[1]" in detail_of(response)), (409, True))
        self.assertEqual((told, Item.objects.count()), ([], 1))
        services.delete_item(self.item.pk, actor=None)
        self.assertEqual(self.carl.send("POST", ADDRESS, {"items": rows}).status_code, 409)  # it keeps its sku

    def test_more_than_a_thousand_or_none_are_too_many_or_too_few(self) -> None:
        row = {"name": "n", "price": 1}
        for rows, status in (([], 422), ([row] * 1_001, 422), ([row] * 1_000, 201)):
            response = self.carl.send("POST", ADDRESS, {"items": rows})
            self.assertEqual((len(rows), response.status_code), (len(rows), status))
        self.assertEqual(Item.objects.count(), 1_001)

    def test_a_stranger_adds_nothing(self) -> None:
        self.assertEqual(Caller().send("POST", ADDRESS, {"items": [{"name": "n", "price": 1}]}).status_code, 401)
