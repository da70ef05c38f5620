"""What the items API takes and gives, typed: the source of its validation and of its documentation."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from ninja import Field, Schema
from pydantic import (
    BaseModel,
    ConfigDict,
    JsonValue,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from items.api.field_types import Description, Link, Moment, Money, MoneyWritten, Name, OrEmpty, Search, Sku, Username
from items.listing import filters, queries
from items.models.item import FIELDS

EXAMPLE_ITEM: dict[str, JsonValue] = {
    "id": 7,
    "version": 1,
    "sku": "TENT-2P",
    "name": "Tent for two",
    "description": "Three seasons, 2.1 kg.",
    "price": "249.00",
    "tax": "39.76",
    "link": "https://example.com/tents/two",
    "owner": "ada",
    "created_at": "2025-03-01T09:30:00.000000Z",
    "updated_at": "2025-03-01T09:30:00.000000Z",
}
EXAMPLE_INPUT: dict[str, JsonValue] = {key: EXAMPLE_ITEM[key] for key in FIELDS}
EXAMPLE_DELETED = EXAMPLE_ITEM | {"version": 2, "deleted_at": "2025-03-02T17:00:00.000000Z"}

LARGEST_BULK = 1_000  # items in one request
PROBLEMS = 50  # that one answer tells


def _list_alone(schema: dict[str, Any]) -> None:
    """Describes both forms of the body, with one example."""
    both = schema.copy()
    title, description = both.pop("title"), both.pop("description")
    schema.clear()
    schema.update(
        title=title,
        description=description,
        anyOf=[both, both["properties"]["items"]],
        examples=[{"items": [EXAMPLE_INPUT]}],
    )


READ_ONLY = frozenset({"id", "version", "owner", "created_at", "updated_at"})


class ItemInput(BaseModel):
    """A whole item. Fields left out are empty."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [EXAMPLE_INPUT]})

    name: Name = Field(description="What it is called; one line.")
    description: Description = Field("", description="Free text.")
    price: Money
    tax: Money | None = Field(None, description="The part of the price that is tax, or null.")
    link: Link = Field("", description="An http or https address, or empty.")
    sku: Sku = Field("", description="Your own article number; no two items have the same.")


class ItemReplacement(ItemInput):
    """A whole item, to put it in place of another one. Fields left out are empty. What cannot be set (`id`, `version`,
    `owner`, `created_at`, `updated_at`) may be there as you have read it, and stays as it is."""

    @model_validator(mode="before")
    @classmethod
    def without_what_is_read_only(cls, value: Any) -> Any:
        """The body without the fields in READ_ONLY; what is not an object is left for the validation to refuse."""
        return {name: value[name] for name in value.keys() - READ_ONLY} if isinstance(value, dict) else value


def _one_after_the_other(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """Items checked until more is wrong than would be told. Pydantic alone looks for all of it first."""
    if not isinstance(value, list) or len(value) > LARGEST_BULK:
        return handler(value)
    items: list[ItemInput] = []
    problems: list[InitErrorDetails] = []
    for row, fields in enumerate(value):
        try:
            items.append(ItemInput.model_validate(fields))
        except ValidationError as error:
            for entry in error.errors(include_url=False, include_context=False, include_input=False):
                kind = PydanticCustomError(entry["type"], "{said}", {"said": entry["msg"]})
                problems.append(InitErrorDetails(type=kind, loc=(row, *entry["loc"]), input=None))
            if len(problems) > PROBLEMS:
                break
    if problems:
        raise ValidationError.from_exception_data("items", problems)
    return handler(items)


class BulkInput(BaseModel):
    """Items to add, all or none of them. A list alone is taken as well."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=_list_alone)

    items: Annotated[list[ItemInput], WrapValidator(_one_after_the_other)] = Field(
        min_length=1, max_length=LARGEST_BULK
    )

    @model_validator(mode="before")
    @classmethod
    def from_list(cls, value: Any) -> Any:
        """The body, with a list alone put in its place, under `items`."""
        return {"items": value} if isinstance(value, list) else value


class ItemPatch(Schema):
    """The fields to change; the others stay."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"price": "199.00"}]})

    # The defaults are never used: only what was sent is taken (`exclude_unset`).
    name: Name = ""
    description: Description = ""
    price: Money = Decimal(0)
    tax: Money | None = None
    link: Link = ""
    sku: Sku = ""


class ItemObject(Schema):
    """An item. `version` grows by one with every change; the ETag is made of it."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_ITEM]})

    id: int
    version: int
    sku: str = Field(description='"" when there is none.')
    name: str
    description: str
    price: MoneyWritten
    tax: MoneyWritten | None
    link: str
    owner: str | None = Field(description="The owner's user name.")
    created_at: str = Field(description="ISO 8601 in UTC.")
    updated_at: str = Field(description="ISO 8601 in UTC.")


class DeletedItemObject(ItemObject):
    """An item that was deleted and can be restored."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_DELETED]})

    deleted_at: str = Field(description="ISO 8601 in UTC. It can be restored for 30 days from then.")


class DeletedItems(Schema):
    """The deleted items that the caller can restore, the last deleted first."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [EXAMPLE_DELETED]}]})

    items: list[DeletedItemObject]


class ItemAdded(Schema):
    """The item that was added."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"status": "success", "item_added": EXAMPLE_ITEM["name"], "item": EXAMPLE_ITEM}]
        }
    )

    status: str
    item_added: str = Field(description="The name of the item.")
    item: ItemObject


class ItemsAdded(Schema):
    """All the items that were added."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"status": "success", "count": 1, "items": [EXAMPLE_ITEM]}]}
    )

    status: str
    count: int = Field(description="How many items were added: all that were sent.")
    items: list[ItemObject] = Field(description="In the order they were sent in.")


class ItemList(Schema):
    """One page of a list of items."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [EXAMPLE_ITEM], "count": 1}]})

    items: list[ItemObject]
    count: int = Field(description="How many were found in all, on every page together.")


class ItemQuery(Schema):
    """How a list is searched, ordered and cut into pages. Empty values count as left out."""

    search: Search = Field("", description="Words; each must be in the name, description or SKU.")
    owner: Username = Field("", description="A user name: only this person's items.")
    price_min: Annotated[Money | None, OrEmpty(None)] = Field(None, description="The lowest price.")
    price_max: Annotated[Money | None, OrEmpty(None)] = Field(None, description="The highest price.")
    changed_since: Annotated[Moment | None, OrEmpty(None)] = Field(
        None, description="ISO 8601; without a zone it is UTC. Items added or changed at this time or later."
    )
    ordering: Annotated[queries.Ordering, OrEmpty(queries.NEWEST_FIRST)] = Field(
        queries.NEWEST_FIRST, description="A field; with a minus, the largest first."
    )
    limit: Annotated[int, OrEmpty(50)] = Field(50, ge=1, le=queries.LARGEST_PAGE)
    offset: Annotated[int, OrEmpty(0)] = Field(0, ge=0, le=queries.LARGEST_OFFSET)

    def narrowed(self) -> filters.Filters:
        """The filters of the query, as `queries` takes them."""
        return filters.Filters(self.search, self.owner, self.price_min, self.price_max, self.changed_since)


class Problem(Schema):
    """Why nothing was done, in a sentence."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"detail": "There is no such item."}]})

    detail: str


class FieldProblem(Schema):
    """What is wrong with one field, and where it stands."""

    loc: list[str | int] = Field(description='Where: for example ["body", "price"].')
    msg: str
    type: str


class ValidationProblem(Schema):
    """What is wrong with which field."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"detail": [{"loc": ["body", "price"], "msg": "Must not be below 0.", "type": "money"}]}]
        }
    )

    detail: list[FieldProblem]
