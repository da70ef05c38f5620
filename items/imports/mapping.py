"""From the cells of a row to the fields of an item: which column is which field, and how its text is understood."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.core.exceptions import ValidationError

from items.imports.amounts import plain_number
from items.imports.html import text_of
from items.imports.rows import Row, Shape
from items.services.changes import ItemFields
from items.values import money, texts
from items.values.cells import plain

FIELDS = ("name", "description", "price", "tax", "link", "sku")
REQUIRED = ("name", "price")
GUESSES: dict[str, tuple[str, ...]] = {
    "name": ("name", "title", "product name", "item name", "product", "item", "product title"),
    "description": ("description", "body (html)", "body html", "body", "details", "text", "long description"),
    "price": ("price", "variant price", "unit price", "amount", "regular price", "sale price"),
    "tax": ("tax", "vat", "tax amount"),
    "link": ("link", "url", "website", "product url", "web address", "href"),
    "sku": ("sku", "variant sku", "article number", "item number", "product code", "article", "part number", "code"),
}
SHOPIFY = {"handle", "variant price"}  # the columns that a Shopify product export is known by
OPTIONS = ("Option1 Value", "Option2 Value", "Option3 Value")
DEFAULT_OPTION = "Default Title"  # what Shopify writes for a product without variants


class Skip(Exception):
    """The row is no item of its own, such as a further picture of a product in a Shopify export."""


def guess(columns: Iterable[str]) -> dict[str, str]:
    """field -> column, for the fields that a column's name points at."""
    by_name = {_plain_name(column): column for column in reversed(list(columns)) if column}
    found = {}
    for name, likely in GUESSES.items():
        column = next((by_name[word] for word in likely if word in by_name), None)
        if column is not None:
            found[name] = column
    return found


def _plain_name(column: str) -> str:
    return " ".join(column.replace("_", " ").lower().split())


def problem_of(mapping: dict[str, str], columns: Iterable[str]) -> str:
    """Why the mapping cannot be used, or ""."""
    known = set(columns)
    for name, column in mapping.items():
        if name not in FIELDS:
            return f"There is no field {name}; the fields are {', '.join(FIELDS)}."
        if column not in known:
            return f"There is no column {column!r} for {name}."
    for name in REQUIRED:
        if name not in mapping:
            return f"Say which column holds the {name}."
    return ""


@dataclass(slots=True)
class Mapper:
    """Understands the rows of one file in their order: a variant of a Shopify product looks back at its product."""

    shape: Shape
    mapping: dict[str, str]
    shopify: bool = field(init=False)
    _product: dict[str, str] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.shopify = {_plain_name(column) for column in self.shape.columns} >= SHOPIFY

    def fields(self, row: Row) -> ItemFields:
        """The fields as services take them. Raises ValidationError by field, and Skip."""
        cells = {name: cell.strip() for name, cell in row.cells.items()}
        values = {name: cells.get(column, "") for name, column in self.mapping.items()}
        if self.shape.delimiter:
            values = {name: plain(text) for name, text in values.items()}
        if self.shopify:
            self._complete(cells, values)
        errors: dict[str, list[str]] = {}
        for name in ("price", "tax"):
            if values.get(name):
                try:
                    values[name] = money.written(money.amount(plain_number(values[name])))
                except ValueError as error:
                    errors[name] = [str(error)]
        for name in REQUIRED:
            if not values.get(name):
                errors[name] = ["This is required."]
        if "(html)" in self.mapping.get("description", "").lower():
            values["description"] = text_of(values["description"])
        if errors:
            raise ValidationError(errors)
        given: dict[str, object] = dict(values)
        if "tax" in given:
            given["tax"] = given["tax"] or None
        if "description" in given:
            given["description"] = str(given["description"]).replace("\r\n", "\n")
        return given  # type: ignore[return-value]  # the keys are those of FIELDS

    def _complete(self, cells: dict[str, str], values: dict[str, str]) -> None:
        """What Shopify writes once for a product goes to its variants too; an item without a SKU gets one."""
        handle = cells.get("Handle", "")
        options = [value for name in OPTIONS if (value := cells.get(name, "")) and value != DEFAULT_OPTION]
        if not values.get("name") and not values.get("price"):
            raise Skip
        if self._product.get("handle") == handle and handle:
            for name in ("name", "description", "link"):
                if name in self.mapping and not values.get(name):
                    values[name] = self._product.get(name, "")
        else:
            self._product = {"handle": handle}
        for name in ("name", "description", "link"):
            if values.get(name):
                self._product.setdefault(name, values[name])
        if not values.get("sku") and handle:
            values["sku"] = short_sku("-".join([handle, *options]))


def short_sku(wanted: str) -> str:
    """One word, in the length of a SKU; what is too long ends in a piece of its hash, so that it stays the only one."""
    word = "-".join(wanted.split())
    if len(word) <= texts.SKU_LENGTH:
        return word
    return f"{word[: texts.SKU_LENGTH - 9]}-{hashlib.sha256(word.encode()).hexdigest()[:8]}"
