"""Boards by the API: what one is, who may see and change it, and that nobody saves over somebody else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.contrib.auth.models import Group, Permission, User

from streams.boards import services
from streams.boards.definition import Board as Definition
from streams.boards.definition import json_schema
from streams.models import Board
from tests.support.people import Caller, PeopleTestCase, detail_of, sign_in

SCHEMA = Path(__file__).parents[3] / "docs/board.schema.json"

QUAKES: dict[str, Any] = {
    "format": "streamboard.board.v1",
    "name": "Earthquakes of the week",
    "sharing": {"read": "private", "edit": "private", "groups": []},
    "window": {"last_seconds": 900},
    "filter": "",
    "clock": "utc",
    "tiles": [
        {
            "id": "strongest", "kind": "number", "title": "Strongest", "topic": "realtime-events", "filter": "",
            "x": 0, "y": 0, "w": 3, "h": 3, "options": {"figure": "max", "field": "value.properties.mag"},
        },
        {
            "id": "map", "kind": "map", "title": "Where", "topic": "realtime-events", "filter": "",
            "x": 3, "y": 0, "w": 9, "h": 12, "options": {"geojson": "value.geometry", "size": "value.properties.mag"},
        },
        {
            "id": "note", "kind": "text", "title": "", "topic": "", "filter": "",
            "x": 0, "y": 3, "w": 3, "h": 9, "options": {"text": "From the USGS."},
        },
    ],
}  # fmt: skip


class BoardsTestCase(PeopleTestCase):
    def made(self, user: User, **changes: Any) -> dict[str, Any]:
        """A board of the user's, as the API answered."""
        response = self.caller(user).send("POST", "/api/boards/", QUAKES | changes)
        self.assertEqual(response.status_code, 201, response.content)
        board: dict[str, Any] = response.json()
        return board

    def status(self, caller: Caller, method: str, path: str, body: object = None, /, **headers: str) -> int:
        return int(caller.send(method, path, body, **headers).status_code)


class ListTests(BoardsTestCase):
    def test_boards_of_the_same_name_are_told_apart_on_their_page(self) -> None:
        one, other = self.made(self.owner), self.made(self.owner)
        self.made(self.owner, name="Lamps")
        self.client.force_login(self.owner)
        shown = self.client.get("/boards/").content.decode()
        for slug, times in ((one["slug"], 1), (other["slug"], 1), ("lamps", 0)):
            self.assertEqual(shown.count(f">{slug}<"), times, slug)


class DefinitionTests(BoardsTestCase):
    def test_a_board_is_read_back_as_it_was_written(self) -> None:
        response = self.caller(self.owner).send("POST", "/api/boards/", QUAKES)

        self.assertEqual((response["Location"], response["ETag"]), ("/api/boards/earthquakes-of-the-week", '"1"'))
        again = self.caller(self.owner).send("GET", response["Location"])
        self.assertEqual(again.json(), response.json())
        self.assertEqual(again["ETag"], '"1"')
        board = again.json()
        self.assertEqual((board.pop("slug"), board.pop("version"), board.pop("owner")),
                         ("earthquakes-of-the-week", 1, "olga"))  # fmt: skip
        for tile in board["tiles"]:  # options that were left out are there with what they are then
            tile["options"] = {name: value for name, value in tile["options"].items() if value is not None}
        self.assertEqual(board, QUAKES)

    def test_a_tile_of_words_may_name_a_topic_as_all_tiles_do(self) -> None:
        words = QUAKES["tiles"][2] | {"topic": "realtime-events"}
        self.assertEqual(self.made(self.owner, tiles=[words])["tiles"], [words])

    def test_a_tile_says_by_which_formats_it_reads_its_topic_where_these_are_not_the_topics(self) -> None:
        options = {"figure": "count", "field": None, "value_format": "msgpack"}
        board = self.made(self.owner, tiles=[QUAKES["tiles"][0] | {"options": options}])
        self.assertEqual(board["tiles"][0]["options"], options)  # as a name, and nothing of what nobody said
        wrong = QUAKES["tiles"][1]["options"] | {"value_format": "pickle"}
        response = self.caller(self.owner).send(
            "POST", "/api/boards/", QUAKES | {"tiles": [QUAKES["tiles"][1] | {"options": wrong}]}
        )
        self.assertEqual(response.status_code, 422)
        self.assertIn("value_format", response.content.decode())
        self.assertIn("msgpack", response.content.decode())

    def test_what_is_wrong_is_named_by_its_place(self) -> None:
        tile = QUAKES["tiles"][0]
        table = {name: tile[name] for name in ("id", "topic", "x", "y", "w", "h")} | {"kind": "table"}
        wrong: list[tuple[dict[str, Any], list[str | int]]] = [
            ({"name": "  "}, ["body", "name"]),
            ({"colour": "red"}, ["body", "colour"]),
            ({"clock": "noon"}, ["body", "clock"]),
            ({"window": {"from": 5, "to": 5}}, ["body", "window"]),
            ({"filter": "x" * 2_001}, ["body", "filter"]),
            ({"tiles": [tile | {"x": 10}]}, ["body", "tiles", 0]),
            ({"tiles": [tile | {"kind": "gauge"}]}, ["body", "tiles", 0]),
            ({"tiles": [tile | {"options": {"figure": "sum"}}]}, ["body", "tiles", 0]),
            ({"tiles": [tile | {"options": {"figure": "count", "x": 1}}]}, ["body", "tiles", 0]),
            ({"tiles": [tile | {"topic": "a/b"}]}, ["body", "tiles", 0]),
            ({"tiles": [tile, tile]}, ["body"]),
            ({"tiles": [tile | {"id": f"t{number}"} for number in range(61)]}, ["body", "tiles"]),
            ({"sharing": {"read": "private", "edit": "everyone"}}, ["body", "sharing"]),
            ({"sharing": {"read": "groups"}}, ["body", "sharing"]),
            ({"sharing": {"read": "groups", "groups": ["a\x00"]}}, ["body", "sharing", "groups", 0]),
            ({"tiles": [table | {"options": {"sort": "a\x00"}}]}, ["body", "tiles", 0]),
        ]
        for changes, place in wrong:
            response = self.caller(self.owner).send("POST", "/api/boards/", QUAKES | changes)
            self.assertEqual(response.status_code, 422, changes)
            self.assertTrue(
                any(problem["loc"][: len(place)] == place for problem in detail_of(response)),
                (changes, detail_of(response)),
            )
        self.assertEqual(Board.objects.count(), 0)

    def test_a_window_that_is_none_is_told_in_a_sentence(self) -> None:
        for window in ({"last_seconds": 0}, {"from": 5, "to": 5}, "15m", {}, {"since": "ever"}):
            problems = detail_of(self.caller(self.owner).send("POST", "/api/boards/", QUAKES | {"window": window}))
            self.assertEqual([problem["loc"] for problem in problems], [["body", "window"]], window)
            self.assertTrue(str(problems[0]["msg"]).startswith("A window is "), problems)

    def test_names_are_as_people_write_them(self) -> None:
        for name in ("売上\u3000合計", "2\u202f000 €", "A\u00a0B", "👩\u200d💻 team", "שלום\u200f!"):
            board = self.made(self.owner, name=name)
            self.assertEqual(board["name"], name)
            field = f'value["{name}"]'
            top = {"id": "t", "kind": "top", "topic": "x", "x": 0, "y": 0, "w": 4, "h": 4, "options": {"field": field}}
            self.assertEqual(self.made(self.owner, tiles=[top])["tiles"][0]["options"]["field"], field)
        for name in ("a\nb", "a\u2028b", "a\u202eb", "\u200b\u200d", "\u00a0", "a\x7f"):
            response = self.caller(self.owner).send("POST", "/api/boards/", QUAKES | {"name": name})
            self.assertEqual(response.status_code, 422, name)

    def test_a_body_is_bounded_before_it_is_looked_at(self) -> None:
        caller = self.caller(self.owner)
        many = {f"name{number}": 0 for number in range(10_000)}
        problems = detail_of(caller.send("POST", "/api/boards/", QUAKES | many))
        self.assertEqual([problem["type"] for problem in problems], ["too_long"])
        self.assertEqual(self.status(caller, "POST", "/api/boards/", b"[" + b"0," * 30_000 + b"0]"), 422)
        self.assertEqual(self.status(caller, "POST", "/api/boards/", b'"' + b"x" * 600_000 + b'"'), 413)
        self.assertEqual(self.status(caller, "POST", "/api/boards/", b"{"), 400)

    def test_an_address_that_no_database_takes_leads_nowhere(self) -> None:
        caller = self.caller(self.owner)
        for path in ("%00", "a%00b", "A"):
            self.assertEqual(self.status(caller, "GET", f"/api/boards/{path}"), 404, path)
            self.assertEqual(self.status(caller, "PUT", f"/api/boards/{path}/star"), 404, path)

    def test_a_name_with_an_underscore_makes_a_board_as_others(self) -> None:
        board = self.made(self.owner, name="Sales_2024 __ a")
        caller = self.caller(self.owner)
        path = f"/api/boards/{board['slug']}"
        self.assertEqual(self.status(caller, "PUT", path, board | {"name": "Sales"}), 200)
        self.assertEqual(self.status(caller, "POST", f"{path}/copy"), 201)
        exported = caller.send("GET", f"{path}/export").json()
        self.assertEqual(self.status(caller, "POST", "/api/boards/import", exported), 201)

    def test_the_schema_in_the_docs_is_the_programs(self) -> None:
        self.assertEqual(json.loads(SCHEMA.read_text()), json_schema())


class ChangeTests(BoardsTestCase):
    def test_a_change_counts_the_version_on_and_the_same_again_does_not(self) -> None:
        board = self.made(self.owner)
        caller = self.caller(self.owner)
        changed = caller.send("PUT", f"/api/boards/{board['slug']}", board | {"name": "Quakes"}, If_Match='"1"')
        self.assertEqual((changed.status_code, changed["ETag"]), (200, '"2"'))
        again = caller.send("PUT", f"/api/boards/{board['slug']}", changed.json(), If_Match='"2"')
        self.assertEqual(again.json(), changed.json())
        self.assertEqual(again.json()["slug"], board["slug"])  # the address stays

    def test_the_later_of_two_editors_is_told_and_overwrites_nothing(self) -> None:
        board = self.made(self.owner)
        path = f"/api/boards/{board['slug']}"
        self.caller(self.staff).send("PATCH", path, {"clock": "relative"}, If_Match='"1"')
        for method, body in (("PUT", board | {"clock": "local"}), ("PATCH", {"clock": "local"}), ("DELETE", None)):
            late = self.caller(self.owner).send(method, path, body, If_Match='"1"')
            self.assertEqual((late.status_code, late["ETag"]), (412, '"2"'))
            self.assertIn("stella", detail_of(late))
        self.assertEqual(self.caller(self.owner).send("GET", path).json()["clock"], "relative")

    def test_a_part_is_changed_and_the_rest_stays(self) -> None:
        board = self.made(self.owner)
        path = f"/api/boards/{board['slug']}"
        tiles = board["tiles"][:1]
        changed = self.caller(self.owner).send("PATCH", path, {"tiles": tiles}).json()
        self.assertEqual(changed, board | {"tiles": tiles, "version": 2})
        wrong = self.caller(self.owner).send("PATCH", path, {"name": None})
        self.assertEqual(wrong.status_code, 422)

    def test_a_deleted_board_is_gone(self) -> None:
        board = self.made(self.owner)
        path = f"/api/boards/{board['slug']}"
        self.assertEqual(self.status(self.caller(self.owner), "DELETE", path, None, If_Match='"1"'), 204)
        self.assertEqual(self.status(self.caller(self.owner), "GET", path), 404)

    def test_two_boards_of_one_name_have_two_addresses(self) -> None:
        slugs = [self.made(self.owner)["slug"] for _ in range(2)]
        self.assertEqual(slugs, ["earthquakes-of-the-week", "earthquakes-of-the-week-2"])
        asked_for = self.caller(self.owner).send("POST", "/api/boards/", QUAKES | {"slug": slugs[0]})
        self.assertEqual(asked_for.status_code, 409)
        self.assertEqual(self.made(self.owner, name="地震")["slug"], "board")

    def test_a_name_that_is_an_address_of_the_api_makes_another_one(self) -> None:
        board = self.made(self.owner, name="Import")
        self.assertEqual(board["slug"], "import-2")
        self.assertEqual(self.status(self.caller(self.owner), "GET", f"/api/boards/{board['slug']}"), 200)
        self.assertEqual(self.status(self.caller(self.owner), "POST", "/api/boards/", QUAKES | {"slug": "import"}), 409)

    def test_however_many_boards_have_a_name_there_is_an_address(self) -> None:
        addresses = ("board", *(f"board-{number}" for number in range(2, 2 * services.SLUGS_TRIED)))
        Board.objects.bulk_create(Board(slug=slug, name="地震", owner=self.colleague) for slug in addresses)
        slug = self.made(self.owner, name="地震")["slug"]
        self.assertRegex(slug, "^board-[0-9a-f]{8}$")

    def test_no_version_but_the_present_one_is_overwritten(self) -> None:
        path = f"/api/boards/{self.made(self.owner)['slug']}"
        for etag in ('"0"', '"2"'):
            for method, body in (("PATCH", {"name": "x"}), ("PUT", QUAKES), ("DELETE", None)):
                self.assertEqual(self.status(self.caller(self.owner), method, path, body, If_Match=etag), 412)

    def test_a_person_has_no_more_boards_than_the_bound(self) -> None:
        Board.objects.bulk_create(
            Board(slug=f"b{number}", name="b", owner=self.owner) for number in range(services.BOARDS_EACH)
        )
        self.assertEqual(self.status(self.caller(self.owner), "POST", "/api/boards/", QUAKES), 429)
        self.assertEqual(self.status(self.caller(self.colleague), "POST", "/api/boards/", QUAKES), 201)


class SharingTests(BoardsTestCase):
    def setUp(self) -> None:
        self.ops = Group.objects.create(name="ops")
        self.owner.groups.add(self.ops)
        self.member = User.objects.create_user("mia")
        self.member.groups.add(self.ops)

    def test_whom_it_is_shared_with_sees_it_and_nobody_else(self) -> None:
        for read, groups, seen_by in (
            ("private", [], {self.owner, self.staff}),
            ("groups", ["ops"], {self.owner, self.staff, self.member}),
            ("everyone", [], {self.owner, self.staff, self.member, self.colleague}),
        ):
            slug = self.made(self.owner, sharing={"read": read, "groups": groups})["slug"]
            for user in (self.owner, self.staff, self.member, self.colleague):
                expected = 200 if user in seen_by else 403
                for path in (f"/api/boards/{slug}", f"/api/boards/{slug}/export"):
                    self.assertEqual(self.status(self.caller(user), "GET", path), expected, (read, user))
                listed = self.caller(user).send("GET", "/api/boards/").json()["boards"]
                self.assertEqual(slug in {board["slug"] for board in listed}, expected == 200)
            self.assertEqual(self.status(Caller(), "GET", f"/api/boards/{slug}"), 401)

    def test_a_refusal_names_who_can_share(self) -> None:
        slug = self.made(self.owner)["slug"]
        self.assertIn("olga", detail_of(self.caller(self.colleague).send("GET", f"/api/boards/{slug}")))

    def test_who_may_edit_changes_it_and_does_not_share_or_delete_it(self) -> None:
        board = self.made(self.owner, sharing={"read": "everyone", "edit": "groups", "groups": ["ops"]})
        path = f"/api/boards/{board['slug']}"
        self.assertEqual(self.status(self.caller(self.colleague), "PATCH", path, {"clock": "local"}), 403)
        self.assertEqual(self.status(self.caller(self.member), "PATCH", path, {"clock": "local"}), 200)
        self.assertEqual(self.status(self.caller(self.member), "PATCH", path, {"sharing": {"read": "private"}}), 403)
        self.assertEqual(self.status(self.caller(self.member), "DELETE", path), 403)
        self.assertEqual(self.caller(self.member).send("GET", path).json()["sharing"], board["sharing"])

    def test_who_may_not_do_it_learns_that_whatever_is_sent_and_was_read(self) -> None:
        board = self.made(self.owner, sharing={"read": "everyone", "edit": "private", "groups": []})
        path = f"/api/boards/{board['slug']}"
        for method, body in (("PUT", {"tiles": 1}), ("PATCH", b"{"), ("PUT", board), ("DELETE", None)):
            for etag in ('"1"', '"7"'):
                self.assertEqual(self.status(self.caller(self.colleague), method, path, body, If_Match=etag), 403)

    def test_one_shares_with_groups_of_ones_own(self) -> None:
        Group.objects.create(name="boardroom")
        for names, expected in ((["boardroom"], 422), (["nobody"], 422), (["ops"], 201)):
            body = QUAKES | {"sharing": {"read": "groups", "groups": names}}
            self.assertEqual(self.status(self.caller(self.owner), "POST", "/api/boards/", body), expected, names)
        everything = QUAKES | {"sharing": {"read": "groups", "groups": ["boardroom"]}}
        self.assertEqual(self.status(self.caller(self.staff), "POST", "/api/boards/", everything), 201)
        # A group that is there already stays, whoever of those who may saves.
        slug = self.caller(self.staff).send("POST", "/api/boards/", everything | {"name": "b"}).json()["slug"]
        Board.objects.filter(slug=slug).update(owner=self.owner)
        self.assertEqual(self.status(self.caller(self.owner), "PATCH", f"/api/boards/{slug}", {"name": "c"}), 200)

    def test_a_copy_and_an_import_are_ones_own_and_private(self) -> None:
        board = self.made(self.owner, sharing={"read": "everyone"})
        copy = self.caller(self.colleague).send("POST", f"/api/boards/{board['slug']}/copy")
        self.assertEqual(copy.status_code, 201)
        exported = self.caller(self.colleague).send("GET", f"/api/boards/{board['slug']}/export")
        self.assertIn("attachment", exported["Content-Disposition"])
        imported = self.caller(self.colleague).send("POST", "/api/boards/import", exported.content)
        self.assertEqual(imported.status_code, 201)
        for mine in (copy.json(), imported.json()):
            self.assertEqual(
                (mine["owner"], mine["sharing"]["read"], mine["tiles"]), ("carl", "private", board["tiles"])
            )
            self.assertNotEqual(mine["slug"], board["slug"])
        self.assertEqual(copy.json()["name"], "Copy of Earthquakes of the week")

    def test_starred_ones_stand_first(self) -> None:
        for name in ("a", "b", "c"):
            self.made(self.owner, name=name)
        caller = self.caller(self.owner)
        self.assertEqual(self.status(caller, "PUT", "/api/boards/c/star"), 204)
        listed = caller.send("GET", "/api/boards/").json()["boards"]
        self.assertEqual([(board["slug"], board["starred"]) for board in listed],
                         [("c", True), ("a", False), ("b", False)])  # fmt: skip
        self.assertEqual(self.status(caller, "DELETE", "/api/boards/c/star"), 204)
        self.assertFalse(any(board["starred"] for board in caller.send("GET", "/api/boards/").json()["boards"]))

    def test_a_right_that_is_taken_away_counts_at_once(self) -> None:
        slug = self.made(self.owner, sharing={"read": "groups", "groups": ["ops"]})["slug"]
        self.member.groups.clear()
        self.assertEqual(self.status(self.caller(self.member), "GET", f"/api/boards/{slug}"), 403)

    def test_when_its_groups_are_deleted_a_board_is_private_and_works_on(self) -> None:
        slug = self.made(self.owner, sharing={"read": "groups", "edit": "groups", "groups": ["ops"]})["slug"]
        self.ops.delete()
        owner, path = self.caller(self.owner), f"/api/boards/{slug}"
        self.assertEqual(
            owner.send("GET", path).json()["sharing"], {"read": "private", "edit": "private", "groups": []}
        )
        self.assertEqual(self.status(owner, "PATCH", path, {"name": "Renamed"}), 200)
        self.assertEqual(self.status(owner, "PUT", path, QUAKES), 200)
        self.assertEqual(self.status(owner, "POST", f"{path}/copy", None), 201)
        self.assertEqual(self.status(owner, "PATCH", path, {"sharing": {"read": "everyone"}}), 200)


class AdminTests(BoardsTestCase):
    def test_the_admin_says_who_sees_a_board_and_its_editors_are_told(self) -> None:
        board = self.made(self.owner)
        row = Board.objects.get(slug=board["slug"])
        form = {"owner": self.colleague.pk, "read": "everyone", "edit": "private", "groups": []}
        saved = sign_in(self.staff).post(f"/admin/streams/board/{row.pk}/change/", form)
        self.assertEqual(saved.status_code, 302, saved.content)
        now = self.caller(self.colleague).send("GET", f"/api/boards/{board['slug']}").json()
        self.assertEqual((now["owner"], now["version"], now["sharing"]["read"]), ("carl", 2, "everyone"))
        late = self.caller(self.colleague).send("PATCH", f"/api/boards/{board['slug']}", {"name": "x"}, If_Match='"1"')
        self.assertEqual(late.status_code, 412)

    def test_the_admin_refuses_what_no_board_may_say(self) -> None:
        row = Board.objects.get(slug=self.made(self.owner)["slug"])
        for read, edit, word in (("private", "everyone", "no more than"), ("groups", "private", "at least one group")):
            form = {"owner": self.owner.pk, "read": read, "edit": edit, "groups": []}
            answer = sign_in(self.staff).post(f"/admin/streams/board/{row.pk}/change/", form)
            self.assertContains(answer, word)

    def test_the_permission_to_view_all_boards_shows_all(self) -> None:
        slug = self.made(self.owner)["slug"]
        self.colleague.user_permissions.add(Permission.objects.get(codename="view_board"))
        self.assertEqual(self.status(self.caller(self.colleague), "GET", f"/api/boards/{slug}"), 200)
        self.assertEqual(self.status(self.caller(self.colleague), "PATCH", f"/api/boards/{slug}", {"name": "x"}), 403)


class DefinitionOfTests(BoardsTestCase):
    def test_what_the_database_holds_is_a_definition(self) -> None:
        slug = self.made(self.owner)["slug"]
        board = services.definition_of(Board.objects.get(slug=slug))
        self.assertIsInstance(board, Definition)
        self.assertEqual([tile.kind for tile in board.tiles], ["number", "map", "text"])
