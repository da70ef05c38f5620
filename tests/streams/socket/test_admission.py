"""Who is let in at the socket: many are looked up together, and each gets the answer that is theirs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from importlib import import_module
from unittest import mock

import orjson
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.contrib.sessions.models import Session
from django.db import OperationalError
from django.test import TestCase
from django.utils import timezone

from items import tokens
from items.models import ApiToken
from streams.models import Topic
from streams.rights.credentials import Credentials, Known, Presented, look_again, look_up
from streams.rights.topics import shown, shown_as_json
from streams.socket.admission import A_ROUND, Desk
from tests.support.people import sign_in
from tests.support.waiting import until

PATIENCE_S = 20.0


def session_of(user: User) -> str:
    return sign_in(user).cookies["sessionid"].value


class LookUpTests(TestCase):
    users: list[User]
    readers: Group

    @classmethod
    def setUpTestData(cls) -> None:
        cls.readers = Group.objects.create(name="readers")
        Topic.objects.get_or_create(name="open")
        Topic.objects.create(name="closed").readers.add(cls.readers)
        cls.users = [User.objects.create_user(f"user-{number}", password="word") for number in range(20)]
        cls.users[0].groups.add(cls.readers)

    def test_each_is_known_by_what_they_come_with(self) -> None:
        token, session = Presented(token=tokens.issue(self.users[0])), Presented(session_key=session_of(self.users[1]))
        known = look_up([token, session, Presented(token="sb_wrong"), Presented(session_key="unknown")])
        self.assertEqual({each: known[each].username for each in known}, {token: "user-0", session: "user-1"})
        self.assertEqual(set(known[token].topics) - set(known[session].topics), {"closed"})
        again = look_again([known[token].credentials, known[session].credentials])
        self.assertEqual(again[known[token].credentials], known[token].topics)
        self.assertEqual(again[known[session].credentials], known[session].topics)

    def test_many_need_no_more_queries_than_one(self) -> None:
        def asked(count: int) -> list[Presented]:
            some = self.users[:count]
            by_session = [Presented(session_key=session_of(user)) for user in some]
            return [*by_session, *(Presented(token=tokens.issue(user)) for user in some)]

        one, many = asked(1), asked(20)
        look_up([*one, *many])  # the use of each token is noted, once a minute
        with self.assertNumQueries(5):  # tokens, sessions, users, topics with their readers, groups
            look_up(one)
        with self.assertNumQueries(5):
            self.assertEqual(len(look_up(many)), 40)

    def test_who_may_the_same_shares_one_object_until_that_changes(self) -> None:
        reads, other, another, chief = self.users[:4]
        chief.is_superuser = True
        chief.save()
        some = {user: Presented(token=tokens.issue(user)) for user in (reads, other, another, chief)}
        known = look_up(some.values())
        topics = {user: known[each].topics for user, each in some.items()}
        self.assertEqual(set(topics[reads]) - set(topics[other]), {"closed"})
        self.assertIs(topics[other], topics[another])
        self.assertIs(topics[reads], topics[chief], "all of them")
        self.assertIs(look_again([known[some[other]].credentials])[known[some[other]].credentials], topics[other])
        self.assertEqual(orjson.dumps(shown_as_json(topics[reads])), orjson.dumps(shown(topics[reads])))
        self.assertIs(shown_as_json(topics[reads]), shown_as_json(topics[chief]))
        self.assertEqual(orjson.dumps(shown_as_json(topics[other])), orjson.dumps(shown(topics[other])))
        Topic.objects.filter(name="open").update(label="For everybody")
        later = look_up([some[other]])[some[other]].topics
        self.assertEqual((topics[other]["open"], later["open"]), ("open", "For everybody"))
        self.assertEqual(orjson.dumps(shown_as_json(later)), orjson.dumps(shown(later)))

    def test_what_counts_no_more_lets_nobody_in(self) -> None:
        user = self.users[2]
        token, session = Presented(token=tokens.issue(user)), Presented(session_key=session_of(user))
        self.assertEqual(len(look_up([token, session])), 2)
        ApiToken.objects.filter(user=user).update(revoked_at=timezone.now())
        self.assertEqual(set(look_up([token, session])), {session})
        user.set_password("another word")
        user.save()
        self.assertEqual(look_up([token, session]), {})

    def test_a_user_who_is_off_or_signed_out_is_not_known(self) -> None:
        off, out = self.users[3], self.users[4]
        sessions = [Presented(session_key=session_of(user)) for user in (off, out)]
        User.objects.filter(pk=off.pk).update(is_active=False)
        Session.objects.filter(pk=sessions[1].session_key).delete()
        self.assertEqual(look_up(sessions), {})

    def test_a_session_that_was_made_by_hand_spoils_nothing(self) -> None:
        store = import_module(settings.SESSION_ENGINE).SessionStore()
        store.update({"_auth_user_id": "nobody", "_auth_user_backend": settings.AUTHENTICATION_BACKENDS[0]})
        store.create()
        good = Presented(session_key=session_of(self.users[5]))
        self.assertEqual(set(look_up([Presented(session_key=store.session_key), good])), {good})


# The desk ---------------------------------------------------------------------------------------------------------


def known_as(presented: Presented) -> Known:
    return Known(str(presented.token), Credentials(1, token=presented.token), {})


class Rounds:
    """In place of the look at the database; the first round lasts until it is told to end."""

    def __init__(self) -> None:
        self.rounds: list[list[Presented]] = []
        self.may_end = threading.Event()
        self.error: Exception | None = None

    def look(self, presented: Iterable[Presented]) -> dict[Presented, Known]:
        self.rounds.append(list(presented))
        assert self.may_end.wait(PATIENCE_S)
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        return {each: known_as(each) for each in self.rounds[-1] if each.token != "wrong"}


def tokens_of(*names: str) -> list[Presented]:
    return [Presented(token=name) for name in names]


async def test_who_comes_during_a_round_is_looked_up_in_the_next_together() -> None:
    rounds = Rounds()
    desk = Desk(rounds.look)
    first = asyncio.create_task(desk.ask(Presented(token="first")))
    await until(lambda: len(rounds.rounds) == 1, "a round is under way")
    later = [asyncio.create_task(desk.ask(each)) for each in tokens_of("a", "b", "wrong", "a")]
    await asyncio.sleep(0)
    rounds.may_end.set()
    assert await first == known_as(Presented(token="first"))
    names = [known and known.username for known in await asyncio.gather(*later)]
    assert names == ["a", "b", None, "a"]
    assert rounds.rounds == [tokens_of("first"), tokens_of("a", "b", "wrong")]


async def test_who_comes_soon_after_a_round_joins_those_who_came_during_it() -> None:
    rounds = Rounds()
    desk = Desk(rounds.look)
    first = asyncio.create_task(desk.ask(Presented(token="first")))
    await until(lambda: len(rounds.rounds) == 1, "a round is under way")
    during = asyncio.create_task(desk.ask(Presented(token="during")))
    await asyncio.sleep(0)
    with mock.patch("streams.socket.admission.PAUSE_S", 0.5):
        rounds.may_end.set()
        await first
        await asyncio.gather(during, desk.ask(Presented(token="after")))
    assert rounds.rounds == [tokens_of("first"), tokens_of("during", "after")]


async def test_nothing_is_remembered() -> None:
    rounds = Rounds()
    rounds.may_end.set()
    desk = Desk(rounds.look)
    for _ in range(2):
        await desk.ask(Presented(token="a"))
    assert len(rounds.rounds) == 2


async def test_a_round_has_a_bound() -> None:
    rounds = Rounds()
    rounds.may_end.set()
    desk = Desk(rounds.look)
    await asyncio.gather(*(desk.ask(Presented(token=str(number))) for number in range(A_ROUND + 1)))
    assert [len(each) for each in rounds.rounds] == [A_ROUND, 1]


async def test_a_client_that_goes_harms_nobody_who_waits_with_it() -> None:
    rounds = Rounds()
    desk = Desk(rounds.look)
    gone, stays = (asyncio.create_task(desk.ask(Presented(token="same"))) for _ in range(2))
    await until(lambda: len(rounds.rounds) == 1, "a round is under way")
    gone.cancel()
    rounds.may_end.set()
    assert await stays == known_as(Presented(token="same"))
    assert await desk.ask(Presented(token="next")) is not None


async def test_when_the_database_is_away_all_of_the_round_hear_it_and_the_next_is_tried() -> None:
    rounds = Rounds()
    rounds.may_end.set()
    rounds.error = OperationalError("planted")
    desk = Desk(rounds.look)
    answers = await asyncio.gather(*map(desk.ask, tokens_of("a", "b")), return_exceptions=True)
    assert all(isinstance(answer, OperationalError) for answer in answers)
    assert await desk.ask(Presented(token="a")) == known_as(Presented(token="a"))
