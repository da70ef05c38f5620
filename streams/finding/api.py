"""The topics of the API: which there are, what is known of each, and a person's favourites among them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema
from pydantic import Field

from streams.board.schemas import Invalid, Problem, _example
from streams.finding import favourites
from streams.finding.known import Watchable, begin_to_ask, heard, watchable

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.contrib.auth.models import User

router = Router(tags=["topics"])

NAMES_TEXT = 8_000  # characters: the names that a page shows at a time, in an address that a server takes


class TopicOut(Schema):
    """A topic that the caller may watch."""

    name: str = Field(examples=["items.v1"], description="The topic's name in Kafka.")
    label: str = Field(examples=["Items"], description="What people see.")
    export: bool = Field(default=False, examples=[True], description="Whether you may export it.")
    favourite: bool = Field(default=False, description="Whether it is one of your favourites.")
    rate: float | None = Field(None, description="Records a second over the last 10 s; null when it is not in Kafka.")
    last: int | None = Field(
        None,
        description="When its newest record was produced, ms since 1970; null when this server has heard of none. "
        "What it has not heard of the topics in `names` it asks Kafka for, and says the next time.",
    )


class TopicsOut(Schema):
    """Topics that the caller may watch, by name."""

    model_config = _example(
        {
            "topics": [
                {
                    "name": "items.v1", "label": "Items", "export": True,
                    "favourite": False, "rate": 0.4, "last": 1740821400000,
                }
            ]
        }
    )  # fmt: skip

    topics: list[TopicOut]


class Which(Schema):
    """Which topics are asked for."""

    names: str | None = Field(
        None,
        max_length=NAMES_TEXT,
        pattern=r"^[A-Za-z0-9._,-]*$",  # what Kafka allows
        description="Names with commas between: only these of them, and your favourites. Left out: all.",
        examples=["items.v1,realtime-events"],
    )

    def chosen(self, known: Watchable) -> list[str]:
        """The names of those among the topics that somebody may watch, by name."""
        if self.names is None:
            return list(known.labels)
        wanted = {*self.names.split(","), *known.favourites}
        return [name for name in known.labels if name in wanted]


@router.get(
    "/", response={200: TopicsOut, 401: Problem, 422: Invalid, 503: Problem}, summary="The topics you may watch"
)
async def list_topics(request: HttpRequest, which: Query[Which]) -> HttpResponse:
    """Every topic that the signed-in user may watch, by name, with what this server has heard of it."""
    known = await sync_to_async(lambda: watchable(_caller(request)))()
    favourite, names = set(known.favourites), which.chosen(known)
    about = heard(names)
    if which.names is not None:
        begin_to_ask(about)  # those that somebody looks at
    rows = [
        {
            "name": name,
            "label": known.labels[name],
            "export": name in known.exportable,
            "favourite": name in favourite,
            "rate": about[name].rate,
            "last": about[name].last,
        }
        for name in names
    ]
    return HttpResponse(orjson.dumps({"topics": rows}), content_type="application/json")


CHANGING: dict[Any, Any] = {204: None, 401: Problem, 403: Problem, 404: Problem, 429: Problem, 503: Problem}


@router.put("/{topic}/favourite", response=CHANGING, summary="Put a topic first in your lists")
async def add_favourite(request: HttpRequest, topic: str) -> HttpResponse:
    """Makes the topic one of your favourites."""
    return await _done(request, lambda user: favourites.add_favourite(topic, actor=user))


@router.delete("/{topic}/favourite", response=CHANGING, summary="Take a topic from your favourites")
async def remove_favourite(request: HttpRequest, topic: str) -> HttpResponse:
    """Takes the topic from your favourites; 204 also when it was none."""
    return await _done(request, lambda user: favourites.remove_favourite(topic, actor=user))


def _caller(request: HttpRequest) -> User:
    """Who calls: signing in asks the database (project/api/auth.py)."""
    user: User = request.auth()  # type: ignore[attr-defined]
    return user


async def _done(request: HttpRequest, work: Callable[[User], None]) -> HttpResponse:
    """Signs in and does the work, in one go; a refusal becomes its answer."""
    try:
        await sync_to_async(lambda: work(_caller(request)))()
    except favourites.FavouriteRefused as refusal:
        return HttpResponse(
            orjson.dumps({"detail": str(refusal)}), status=refusal.status, content_type="application/json"
        )
    return HttpResponse(status=204)
