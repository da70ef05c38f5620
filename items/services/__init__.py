"""The only writers of items. Each service is one transaction that checks the right, keeps the versions without holes
and sends the item event inside it; whoever calls it from async code does so with one `sync_to_async`."""

from items.services import changes
from items.services.changes import SETTABLE_FIELDS, ItemFields
from items.services.items import create_item, create_items, delete_item, disown_items, restore_item, update_item
from items.services.purging import UNDO, gone_before, purge_deleted
from items.services.refusals import (
    AlreadySubmitted,
    ItemNotFound,
    NotAllowed,
    Refused,
    RowRefused,
    SkuTaken,
    VersionConflict,
)
from items.services.rights import MAY_NOT_ADD, may_add, may_change, may_change_all, may_delete
from items.services.together import Adding, Alone, Changing, Saved, Write, concerns_one, write, write_together
from items.services.upserts import upsert_items

__all__ = [
    "MAY_NOT_ADD",
    "SETTABLE_FIELDS",
    "UNDO",
    "Adding",
    "Alone",
    "AlreadySubmitted",
    "Changing",
    "ItemFields",
    "ItemNotFound",
    "NotAllowed",
    "Refused",
    "RowRefused",
    "Saved",
    "SkuTaken",
    "VersionConflict",
    "Write",
    "changes",
    "concerns_one",
    "create_item",
    "create_items",
    "delete_item",
    "disown_items",
    "gone_before",
    "may_add",
    "may_change",
    "may_change_all",
    "may_delete",
    "purge_deleted",
    "restore_item",
    "update_item",
    "upsert_items",
    "write",
    "write_together",
]
