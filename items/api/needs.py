"""What operations of the items API may declare that they need (items/api/depends.py)."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated

from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from ninja import Query
from ninja.errors import HttpError
from ninja.params.functions import Header as HeaderParam

from items import services
from items.api import answers, idempotency
from items.api.depends import Need
from items.api.schemas import ItemQuery
from items.listing import queries
from items.models import Item
from items.services.turns import write

Work = Callable[[], HttpResponse]
"""What is done in a thread: it calls a service and makes the answer. It may raise what services raise."""

_ETAG = re.compile(r'\s*(?:(?:W/)?"([0-9]{1,9})"|([0-9]{1,9}))\s*')  # scripts forget the quotes

IfMatch = Annotated[
    str | None,
    HeaderParam(
        alias="If-Match",
        description='The ETag you have read, such as `"3"`; with an older one nothing happens and you get 412.',
    ),
]
IdempotencyKey = Annotated[
    str | None,
    HeaderParam(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="A text of your own for this request, such as a UUID. The same request with the same key gets the"
        " first answer again for 24 hours, and adds nothing; another request with it gets 409.",
    ),
]


async def signed_in(request: HttpRequest) -> User:
    """The user who calls. project/api/api.py has found that out and put it into the request."""
    user: User = request.auth  # type: ignore[attr-defined]
    return user


SignedIn = Annotated[User, Need(signed_in)]


async def item_to_read(request: HttpRequest, item_id: int) -> Item:
    """The item of the address. Raises ItemNotFound."""
    item = await sync_to_async(queries.item)(item_id)
    if item is None:
        raise services.ItemNotFound
    return item


ItemToRead = Annotated[Item, Need(item_to_read)]


async def item_to_change(request: HttpRequest, user: SignedIn, item: ItemToRead) -> Item:
    """The item of the address, which the caller may change. Raises ItemNotFound and NotAllowed.

    The service that changes it looks again, under the item's lock.
    """
    if not services.may_change(user, item):
        raise services.NotAllowed
    return item


ItemToChange = Annotated[Item, Need(item_to_change)]


async def expected_version(request: HttpRequest, item: ItemToRead, if_match: IfMatch = None) -> int | None:
    """The version that the caller has read, None when every version will do. Of several in If-Match it is the one that
    is there now.

    Raises HttpError 412 for an ETag that no version of an item has had.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    found = [_ETAG.fullmatch(etag) for etag in if_match.split(",")]
    versions = [int(etag[1] or etag[2]) for etag in found if etag is not None]
    if len(versions) < len(found):
        raise HttpError(412, "If-Match has to be an ETag that you have read from this item.")
    return item.version if item.version in versions else versions[0]


ExpectedVersion = Annotated[int | None, Need(expected_version)]


async def found_page(request: HttpRequest, query: Query[ItemQuery]) -> queries.Page:
    """The page of items that the address asks for."""
    return await sync_to_async(queries.page)(query.narrowed(), query.ordering, query.limit, query.offset)


FoundPage = Annotated[queries.Page, Need(found_page)]


async def once(
    request: HttpRequest, user: SignedIn, key: IdempotencyKey = None
) -> Callable[[Work], Awaitable[HttpResponse]]:
    """Does the work when it is its turn; with an Idempotency-Key that came before it gives the answer of that time."""
    if key is None:
        return write
    digest = idempotency.digest_of(request)
    return lambda work: write(idempotency.once, user, key, digest, partial(_settled, work))


Once = Annotated[Callable[[Work], Awaitable[HttpResponse]], Need(once)]


def _settled(work: Work) -> HttpResponse:
    """A refusal is an answer too, and is remembered as one."""
    try:
        return work()
    except (services.Refused, ValidationError) as refusal:
        return answers.refusal(refusal)
