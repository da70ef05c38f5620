"""What items keeps in the database, a file each. Only services write items."""

from items.models.import_job import ImportJob
from items.models.item import ApiToken, DeletedItem, GivenAnswer, Item, ItemVersion, LiveItems, iso
from items.models.link_check import LinkCheck

__all__ = [
    "ApiToken",
    "DeletedItem",
    "GivenAnswer",
    "ImportJob",
    "Item",
    "ItemVersion",
    "LinkCheck",
    "LiveItems",
    "iso",
]
