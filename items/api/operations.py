"""The items API. Each operation declares what it needs, calls one service (or one reading function), and says what came
of it, all in one hop into a thread (items/api/depends.py); project/api/errors.py makes answers of what services raise.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpResponse
from ninja import Router, Status

from items import services
from items.api import answers
from items.api.depends import reading, reading_much, writing_one, writing_together
from items.api.needs import (
    Address,
    ExpectedVersion,
    FoundPage,
    ItemToChange,
    ItemToDelete,
    ItemToRead,
    MayAdd,
    Once,
    OnceKey,
    SignedIn,
)
from items.api.schemas import (
    BulkInput,
    DeletedItems,
    ItemAdded,
    ItemInput,
    ItemList,
    ItemObject,
    ItemPatch,
    ItemReplacement,
    ItemsAdded,
    Problem,
    ValidationProblem,
)
from items.api.together import Writing
from items.listing import queries
from items.models import Item
from items.values.moments import iso

router = Router(tags=["items"])

SIGNED_IN: dict[Any, Any] = {401: Problem, 503: Problem}
WRITING: dict[Any, Any] = SIGNED_IN | {
    400: Problem,
    403: Problem,
    409: Problem,
    413: Problem,
    415: Problem,
    422: ValidationProblem,
}
ONE_ITEM: dict[Any, Any] = {404: Problem}
CONDITIONAL: dict[Any, Any] = {412: Problem}
ETAG = {"ETag": {"description": "The version, to send as If-Match.", "schema": {"type": "string"}}}
LOCATION = {"Location": {"description": "The item's address.", "schema": {"type": "string"}}}


def shown(item: Item | services.Saved, status: int = 200) -> HttpResponse:
    """The item's object, with the ETag of its version."""
    return answers.answer(status, item.as_object(), ETag=answers.etag(item))


def fields_of(item: ItemInput | ItemPatch) -> services.ItemFields:
    """What a service takes: of a patch, what was sent."""
    values: Any = item.__dict__
    return values if isinstance(item, ItemInput) else {name: values[name] for name in item.model_fields_set}  # type: ignore[return-value]


@router.post(
    "/",
    response={201: ItemAdded, 429: Problem} | WRITING,
    summary="Add an item",
    openapi_extra={"responses": {201: {"headers": LOCATION | ETAG}}},
)
@writing_together
def add_item(user: MayAdd, address: Address, key: OnceKey, item: ItemInput) -> Writing:
    """Adds an item of yours. It reaches the items topic, and every open board, within a second."""
    return Writing(services.Adding(user, fields_of(item)), partial(_added, address), key)


def _added(address: str, item: services.Saved) -> HttpResponse:
    content = {"status": "success", "item_added": item.name, "item": item.as_object()}
    return answers.answer(201, content, Location=f"{address}{item.pk}", ETag=answers.etag(item))


@router.post("/bulk", response={201: ItemsAdded, 429: Problem} | WRITING, summary="Add up to 1,000 items")
@writing_one
def add_items(user: MayAdd, once: Once, bulk: BulkInput) -> HttpResponse:
    """Adds all of the items, or none: what is wrong is named with the item's place in the list, from 0."""
    return once(partial(_add_all, user, bulk))


def _add_all(user: User, bulk: BulkInput) -> HttpResponse:
    rows: Any = [item.model_dump() for item in bulk.items]
    added = [item.as_object() for item in services.create_items(actor=user, rows=rows)]
    return answers.answer(201, {"status": "success", "count": len(added), "items": added})


@router.get("/", response={200: ItemList, 422: ValidationProblem} | SIGNED_IN, summary="List items")
@reading_much
def list_items(page: FoundPage) -> HttpResponse:
    """The items of everybody, searched, filtered, ordered and in pages."""
    return answers.answer(200, {"items": [item.as_object() for item in page.items], "count": page.count})


@router.get("/deleted", response={200: DeletedItems} | SIGNED_IN, summary="List deleted items")
@reading
def list_deleted_items(user: SignedIn) -> HttpResponse:
    """What you can restore, the last deleted first, at most 100: your own items, everybody's if you may change them."""
    items = queries.deleted(user)
    return answers.answer(200, {"items": [_deleted(item) for item in items]})


def _deleted(item: Item) -> dict[str, object]:
    return item.as_object() | {"deleted_at": item.deleted_at and iso(item.deleted_at)}


@router.get(
    "/{int:item_id}",
    response={200: ItemObject} | ONE_ITEM | SIGNED_IN,
    summary="Read an item",
    openapi_extra={"responses": {200: {"headers": ETAG}}},
)
@reading
def get_item(item: ItemToRead) -> HttpResponse:
    """One item, with the ETag of its version."""
    return shown(item)


@router.put(
    "/{int:item_id}",
    response={200: ItemObject} | ONE_ITEM | CONDITIONAL | WRITING,
    summary="Replace an item",
    openapi_extra={"responses": {200: {"headers": ETAG}, 412: {"headers": ETAG}}},
)
@writing_together
def replace_item(user: SignedIn, to_change: ItemToChange, version: ExpectedVersion, item: ItemReplacement) -> Writing:
    """Puts a whole item in its place: what is left out becomes empty. The owner stays."""
    return Writing(services.Changing(to_change.pk, user, fields_of(item), version), shown)


@router.patch(
    "/{int:item_id}",
    response={200: ItemObject} | ONE_ITEM | CONDITIONAL | WRITING,
    summary="Change fields of an item",
    openapi_extra={"responses": {200: {"headers": ETAG}, 412: {"headers": ETAG}}},
)
@writing_together
def change_item(user: SignedIn, to_change: ItemToChange, version: ExpectedVersion, item: ItemPatch) -> Writing:
    """Changes the fields that are sent. When that changes nothing, the version stays."""
    return Writing(services.Changing(to_change.pk, user, fields_of(item), version), shown)


@router.delete(
    "/{int:item_id}",
    response={204: None, 403: Problem} | ONE_ITEM | CONDITIONAL | SIGNED_IN,
    summary="Delete an item",
    openapi_extra={"responses": {412: {"headers": ETAG}}},
)
@writing_one
def delete_item(user: SignedIn, to_delete: ItemToDelete, version: ExpectedVersion) -> Status[None]:
    """Deletes the item for everybody; its SKU stays taken. It can be restored for 30 days."""
    services.delete_item(to_delete.pk, actor=user, expected_version=version)
    return Status(204, None)


@router.post(
    "/{int:item_id}/restore",
    response={200: ItemObject, 403: Problem} | ONE_ITEM | SIGNED_IN,
    summary="Restore a deleted item",
    openapi_extra={"responses": {200: {"headers": ETAG}}},
)
@writing_one
def restore_item(user: SignedIn, item_id: int) -> HttpResponse:
    """Brings an item back that was deleted in the last 30 days, as a new version; one that is there stays as it is."""
    return shown(services.restore_item(item_id, actor=user))
