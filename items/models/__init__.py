"""What items keeps in the database, a file each. Only services write items."""

from items.models.given_answer import GivenAnswer
from items.models.history import ItemVersion
from items.models.import_job import FailedRow, ImportJob, SavedColumns
from items.models.item import DeletedItem, Item, LiveItems
from items.models.link_check import LinkCheck
from items.models.token import ApiToken

__all__ = [
    "ApiToken", "DeletedItem", "FailedRow", "GivenAnswer", "ImportJob", "Item", "ItemVersion", "LinkCheck", "LiveItems",
    "SavedColumns",
]  # fmt: skip
