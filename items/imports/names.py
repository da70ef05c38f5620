"""What columns are called: how names are compared, and which ones an item's fields are known by."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

NAME_LENGTH = 200  # characters of a column's name; a longer one is no name

# field -> names, the best first
GUESSES: dict[str, tuple[str, ...]] = {
    "name": (
        "name", "title", "product name", "item name", "product title", "item title", "product/service name", "product",
        "item",
    ),
    "description": (
        "description", "body (html)", "body html", "body", "details", "long description", "product description",
        "item description", "sales description",
    ),
    "price": (
        "price", "variant price", "unit price", "regular price", "retail price", "selling price", "sales unit price",
        "sales price", "sales price / rate",
    ),
    "tax": ("tax", "tax amount", "vat amount"),
    "link": ("link", "url", "website", "product url", "web address", "href"),
    "sku": (
        "sku", "variant sku", "seller sku", "item sku", "product sku", "custom label (sku)", "custom label",
        "article number", "item number", "product code", "item code", "article", "part number",
    ),
}  # fmt: skip
_KNOWN = frozenset().union(*GUESSES.values())
_BETWEEN = str.maketrans("_-", "  ")  # what stands between words of a name
_JOINED = re.compile(r"(?<=[a-z])(?=[A-Z][a-z])|(?<=[a-z])(?=SKU|URL)")  # where words of one like `unitPrice` meet


def plain_name(column: str) -> str:
    """A column's name as it is compared: `Product_Name`, `[product name]`, `product-name`, `productName` and the
    `*ProductName` of a template, where it is required, are `product name`. What nobody sees of it does not count: files
    that were saved twice begin with two marks of byte order."""
    seen = "".join(character for character in column if unicodedata.category(character) != "Cf")
    words = _JOINED.sub(" ", seen.translate(_BETWEEN))
    name = " ".join(words.casefold().split()).strip("* ")
    return name[1:-1] if name[:1] == "[" and name[-1:] == "]" else name


def are_known(columns: Iterable[str]) -> bool:
    """Whether at least two of these names are those of an item's fields. Of a file that names no columns they may be
    cells of a megabyte: whatever is longer than a name may be is none, and is not gone through."""
    return sum(len(column) <= NAME_LENGTH and plain_name(column) in _KNOWN for column in columns) > 1
