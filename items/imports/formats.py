"""The product exports of shops, as they are: by which columns each is known, which of them are the fields of an item,
and what its rows mean beyond that. Column names are compared without upper and lower case: Shopify changed them once.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from items.imports.names import plain_name
from items.models.item import FIELDS
from items.values import texts

PARENTS_BYTES = 16 * 1024 * 1024  # of texts of products whose variations may follow: 7,000 of 500 characters
_BESIDE_PARENT = 500  # bytes that Python needs beside these texts, each

Cells = Mapping[str, str]
Values = dict[str, str | None]


class Skip(Exception):
    """The row is no item of its own; the text is a sentence for people."""


@dataclass(frozen=True, slots=True)
class Format:
    """One program's export. fields: field -> the column that holds it, by plain name. html: columns of HTML.
    helps: other columns that are looked at -> what for. reader: makes what completes the rows of one file."""

    name: str
    known_by: tuple[frozenset[str], ...]
    fields: Mapping[str, str]
    reader: Callable[[], Rows]
    html: frozenset[str] = frozenset()
    helps: Mapping[str, str] = field(default_factory=dict)
    notes: str = ""


class Rows:
    """Completes the rows of one file. The plain one leaves them as they are."""

    def complete(self, cells: Cells, values: Values) -> None:
        """Puts into `values` (field -> text) what the row leaves to others. cells: plain name of a column -> text.

        Raises Skip.
        """


class _Shopify(Rows):
    """A row for each variant; what is written once for a product holds for the rows below it. A row for each further
    picture."""

    OPTIONS = ("option1 value", "option2 value", "option3 value")
    DEFAULT = "Default Title"  # what Shopify writes for a product without variants

    def __init__(self) -> None:
        self._product: dict[str, str | None] = {}

    def complete(self, cells: Cells, values: Values) -> None:
        handle = cells.get("handle") or cells.get("url handle") or ""
        options = [value for name in self.OPTIONS if (value := cells.get(name, "")) and value != self.DEFAULT]
        if not (values.get("name") or values.get("price") or values.get("sku") or options):
            picture = cells.get("image src") or cells.get("product image url")
            raise Skip(f"a further picture of {handle}" if picture else "the row names a product, and nothing else")
        shared = [name for name in ("name", "description", "link") if name in values]
        if handle and self._product.get("handle") == handle:
            for name in shared:
                values[name] = values[name] or self._product.get(name, "")
        else:
            self._product = {"handle": handle}
        for name in shared:
            self._product[name] = self._product.get(name) or values[name]
        if "sku" in values and not values["sku"] and handle:
            values["sku"] = short_sku("-".join([handle, *options]))


class _WooCommerce(Rows):
    """A row for each simple product; for one with variations a row that is no item, and a row for each variation, which
    need not stand behind it."""

    SHARED = ("name", "description")  # what a variation that has none has of its product

    def __init__(self) -> None:
        # Of products with variations, by what these call them: their texts, and the bytes of those; the oldest first.
        self._parents: dict[str, tuple[Values, int]] = {}
        self._bytes = 0

    def complete(self, cells: Cells, values: Values) -> None:
        kinds = {kind.strip() for kind in cells.get("type", "").split(",")}
        number = cells.get("id", "")
        if "description" in values:
            values["description"] = (values["description"] or "").replace("\\n", "\n")
        if kinds & {"variable", "grouped"}:
            self._keep([f"id:{number}" if number else "", cells.get("sku", "")], values)
            kind = "product with variations" if "variable" in kinds else "group of products"
            raise Skip(f"a {kind}; what is sold has rows of its own")
        if "variation" in kinds and (found := self._parents.get(cells.get("parent", ""))):
            for name in self.SHARED:
                if name in values:
                    values[name] = values[name] or found[0].get(name, "")
        if "sku" in values and not values["sku"] and number:
            values["sku"] = short_sku(f"woocommerce-{number}")

    def _keep(self, names: list[str], values: Values) -> None:
        """For variations that come later, however far behind; within PARENTS_BYTES."""
        texts_of = {name: values.get(name) for name in self.SHARED}
        for name in filter(None, names):
            size = _BESIDE_PARENT + sum(sys.getsizeof(text) for text in (name, *texts_of.values()))
            self._forget(name)
            self._parents[name] = texts_of, size
            self._bytes += size
        while self._bytes > PARENTS_BYTES:
            self._forget(next(iter(self._parents)))

    def _forget(self, name: str) -> None:
        _, size = self._parents.pop(name, ({}, 0))
        self._bytes -= size


class _Square(Rows):
    """A row for each variation, with the item's name in each of them."""

    def complete(self, cells: Cells, values: Values) -> None:
        if (values.get("price") or "").casefold() == "variable":
            raise Skip("its price is said at each sale (variable)")
        token = cells.get("token", "")
        if "sku" in values and not values["sku"] and token:
            values["sku"] = short_sku(f"square-{token}")


VARIANTS = "which rows belong to one product; and for the SKU of what has none"
OPTION_SKU = "for the SKU of a variant that has none"
PICTURE = "rows of nothing but a picture are skipped"
OWN = Format(
    "an export of Streamboard",
    (frozenset({"id", "version", "sku", "name", "description", "price", "tax", "link", "created at", "updated at"}),),
    {name: name for name in FIELDS},
    Rows,
)
FORMATS = (
    OWN,
    Format(
        "Shopify's product export",
        (frozenset({"handle", "variant price"}),),
        {"name": "title", "description": "body (html)", "price": "variant price", "sku": "variant sku"},
        _Shopify,
        frozenset({"body (html)"}),
        {"handle": VARIANTS, **dict.fromkeys(_Shopify.OPTIONS, OPTION_SKU), "image src": PICTURE},
        "Each variant is an item; one without a SKU gets one of its handle and options. Rows of further pictures are"
        " skipped.",
    ),
    Format(
        "Shopify's product export",
        (frozenset({"title", "url handle", "price"}),),
        {"name": "title", "description": "description", "price": "price", "sku": "sku"},
        _Shopify,
        frozenset({"description"}),
        {"url handle": VARIANTS, **dict.fromkeys(_Shopify.OPTIONS, OPTION_SKU), "product image url": PICTURE},
        "Each variant is an item; one without a SKU gets one of its handle and options. Rows of further pictures are"
        " skipped.",
    ),
    Format(
        "WooCommerce's product export",
        (frozenset({"id", "type", "sku", "name", "published", "regular price"}),),
        {"name": "name", "description": "description", "price": "regular price", "sku": "sku"},
        _WooCommerce,
        frozenset({"name", "description", "short description"}),
        {
            "id": "for the SKU of what has none",
            "type": "rows of the types variable and grouped are skipped",
            "parent": "where a variation's name and description come from when it has none",
            "sale price": "the regular price is the item's",
        },
        "Each simple product and each variation is an item, at its regular price; one without a SKU gets one of its ID."
        " Products that have variations or are groups are skipped themselves.",
    ),
    Format(
        "Square's item library",
        (frozenset({"token", "item name", "price"}),),
        {"name": "item name", "description": "description", "price": "price", "sku": "sku"},
        _Square,
        frozenset({"description"}),
        {"token": "for the SKU of what has none", "variation name": "each variation is an item with the item's name"},
        "Each variation is an item; one without a SKU gets one of its token. Items with a variable price are skipped.",
    ),
    Format(
        "Etsy's listings",
        (frozenset({"title", "description", "price", "currency code", "quantity", "tags", "materials"}),),
        {"name": "title", "description": "description", "price": "price", "sku": "sku"},
        Rows,
        frozenset({"title", "description"}),
        {"currency code": "an item keeps no currency"},
        "Each listing is an item, also one with variations.",
    ),
    Format(
        "Lightspeed's product export",
        (frozenset({"handle", "sku", "name", "supply price", "retail price"}),),
        {"name": "name", "description": "description", "price": "retail price", "sku": "sku"},
        Rows,
        frozenset({"description"}),
        {"supply price": "it is what the shop pays, not the price"},
        "Each variant is an item, at its retail price.",
    ),
)


def format_of(columns: Iterable[str]) -> Format | None:
    """The program whose export has these columns, if it is known."""
    names = {plain_name(column) for column in columns}
    return next((known for known in FORMATS if any(marks <= names for marks in known.known_by)), None)


def short_sku(wanted: str) -> str:
    """One word, in the length of a SKU; what is too long ends in a piece of its hash, so that it stays the only one."""
    word = "-".join(wanted.split())
    if len(word) <= texts.SKU_LENGTH:
        return word
    digest = hashlib.sha256(word.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{word[: texts.SKU_LENGTH - 9]}-{digest[:8]}"
