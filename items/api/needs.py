"""What operations of the items API may declare that they need (items/api/depends.py)."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Annotated

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from ninja import Query
from ninja.errors import HttpError
from ninja.params.functions import Header as HeaderParam

from items import services
from items.api import answers, depends, idempotency
from items.api.depends import Need
from items.api.schemas import ItemQuery
from items.listing import queries
from items.models import Item

Work = Callable[[], HttpResponse]
"""It calls a service and makes the answer. It may raise what services raise."""

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


def signed_in(request: HttpRequest) -> User:
    """The user who calls."""
    user: User = depends.signed_in(request)
    return user


SignedIn = Annotated[User, Need(signed_in)]


def address(request: HttpRequest) -> str:
    """The path that was asked for."""
    return request.path


Address = Annotated[str, Need(address)]


def may_add(request: HttpRequest, user: SignedIn) -> User:
    """Who calls, and may add items. Raises NotAllowed; the service looks again."""
    if not services.may_add(user):
        raise services.NotAllowed(services.MAY_NOT_ADD)
    return user


MayAdd = Annotated[User, Need(may_add)]


def item_to_read(request: HttpRequest, item_id: int) -> Item:
    """The item of the address. Raises ItemNotFound."""
    item: Item | None = request.item_read if hasattr(request, "item_read") else queries.item(item_id)
    if item is None:
        raise services.ItemNotFound
    return item


ItemToRead = Annotated[Item, Need(item_to_read)]


def item_to_change(request: HttpRequest, user: SignedIn, item: ItemToRead) -> Item:
    """The item of the address, which the caller may change. Raises ItemNotFound and NotAllowed.

    The service that changes it looks again, under the item's lock.
    """
    if not services.may_change(user, item):
        raise services.NotAllowed
    return item


ItemToChange = Annotated[Item, Need(item_to_change)]


def item_to_delete(request: HttpRequest, user: SignedIn, item: ItemToRead) -> Item:
    """The item of the address, which the caller may delete. Raises as `item_to_change` does."""
    if not services.may_delete(user, item):
        raise services.NotAllowed
    return item


ItemToDelete = Annotated[Item, Need(item_to_delete)]


def expected_version(request: HttpRequest, item: ItemToRead, if_match: IfMatch = None) -> int | None:
    """The version that the caller has read, None when every version will do; of several the one that is there now.

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


def found_page(request: HttpRequest, query: Query[ItemQuery]) -> queries.Page[Item]:
    """The page of items that the address asks for."""
    return queries.page(query.narrowed(), query.ordering, query.limit, query.offset)


FoundPage = Annotated[queries.Page[Item], Need(found_page)]


def once_key(request: HttpRequest, user: SignedIn, key: IdempotencyKey = None) -> idempotency.Key | None:
    """What the request is known by, when it came with an Idempotency-Key."""
    return None if key is None else idempotency.Key(user, key, idempotency.digest_of(request))


OnceKey = Annotated[idempotency.Key | None, Need(once_key)]


def once(request: HttpRequest, key: OnceKey) -> Callable[[Work], HttpResponse]:
    """Does the work; with an Idempotency-Key that came before it gives the answer of that time."""
    if key is None:
        return lambda work: work()
    return lambda work: idempotency.once(key, partial(answers.settled, work))


Once = Annotated[Callable[[Work], HttpResponse], Need(once)]
