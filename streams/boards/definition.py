"""A board as JSON: `streamboard.board.v1`, as the API shows it, as it is exported, and as it is read back.

Every model here refuses names that it does not know and bounds every text and list, so that whatever passes is small
and complete. `docs/board.schema.json` is made of these models (`manage.py boardschema`).
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from unicodedata import category

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from streams.board.schemas import FormatIn

FORMAT: Final = "streamboard.board.v1"
COLUMNS = 12  # of the grid
ROWS = 2_000  # of the grid, 40 px each
TILES = 60  # of one board
TILE_COLUMNS = 50  # columns of one tile
NAME_LENGTH = 100
SLUG_LENGTH = 80
PATH_LENGTH = 200  # characters of a field's path
FILTER_LENGTH = 2_000  # characters, as in a subscribe
TEXT_LENGTH = 10_000  # characters of a tile that is a text
NARROWEST, WIDEST = 40, 2_000  # px of a column
GROUPS = 50
LONGEST_S = 7 * 24 * 3600  # a window that ends now
MAX_MS = 8_640_000_000_000_000  # what JavaScript can hold as a date


# What no line of words holds: control characters, line and paragraph separators, halves of characters.
NO_WORDS = {"Cc", "Zl", "Zp", "Cs"}
# They turn round what stands behind them, which is not theirs. Marks of direction, joiners and spaces are words' own.
TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def _one_line(text: str) -> str:
    if not text.isprintable() and any(category(sign) in NO_WORDS or sign in TURNING for sign in text):
        raise ValueError("Write it in one line, without control characters.")
    return text.strip()


def _name(text: str) -> str:
    named = _one_line(text)
    if not any(sign.isprintable() and not sign.isspace() for sign in named):
        raise ValueError("Give it a name that can be seen.")
    return named


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("The character U+0000 cannot be kept.")
    return text


Name = Annotated[str, Field(min_length=1, max_length=NAME_LENGTH), AfterValidator(_name)]
Title = Annotated[str, Field(max_length=NAME_LENGTH), AfterValidator(_one_line)]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=SLUG_LENGTH)]
TopicName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+$", max_length=249)]
Path = Annotated[str, Field(min_length=1, max_length=PATH_LENGTH), AfterValidator(_one_line)]
Filter = Annotated[str, Field(max_length=FILTER_LENGTH), AfterValidator(_storable)]
GroupName = Annotated[str, Field(min_length=1, max_length=150), AfterValidator(_storable)]
Milliseconds = Annotated[int, Field(ge=0, le=MAX_MS, description="Milliseconds since 1970, UTC.")]
Aggregate = Literal["none", "count", "sum", "mean", "min", "max", "p50", "p95"]
Audience = Literal["private", "groups", "everyone"]


def _unsaid(description: str) -> Any:
    """A field that is left out where nobody said it: boards are read as they always were."""
    return Field(default=None, exclude_if=lambda value: value is None, description=description)


class Part(BaseModel):
    """A part of a board: names that it does not know are refused."""

    model_config = ConfigDict(extra="forbid", strict=True)


class LastSeconds(Part):
    """A window that ends now."""

    last_seconds: int = Field(ge=1, le=LONGEST_S)


class Between(Part):
    """A window that stands still: `from` is in it, `to` is not."""

    from_: Milliseconds = Field(alias="from")
    to: Milliseconds

    @model_validator(mode="after")
    def _in_order(self) -> Between:
        if self.to <= self.from_:
            raise ValueError("`to` must be later than `from`.")
        return self


class Since(Part):
    """A window that begins where the board is opened."""

    since: Literal["opened"]


def _one_of_three(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    """In a sentence; what each of the three lacks would be told otherwise, by names of classes."""
    try:
        return read(value)
    except ValidationError as error:
        ways = f'{{"last_seconds": 1 to {LONGEST_S}}}, {{"from": ms, "to": later ms}} or {{"since": "opened"}}'
        raise ValueError(f"A window is {ways}.") from error


Window = Annotated[LastSeconds | Between | Since, WrapValidator(_one_of_three)]


class Sharing(Part):
    """Who reads the board, and who changes it; the groups are those of both. The owner always may."""

    read: Audience = "private"
    edit: Audience = "private"
    groups: list[GroupName] = Field(default=[], max_length=GROUPS)

    @model_validator(mode="after")
    def _edit_within_read(self) -> Sharing:
        order = ("private", "groups", "everyone")
        if order.index(self.edit) > order.index(self.read):
            raise ValueError("Who may edit must be able to read: `edit` is wider than `read`.")
        if "groups" in {self.read, self.edit} and not self.groups:
            raise ValueError("Name at least one group, or share with nobody or everyone.")
        return self


class OfRecords(Part):
    """By which formats a tile reads the records of its topic; none: by those of the topic."""

    value_format: FormatIn = _unsaid("By which values are read; without it, as the topic has them.")
    key_format: FormatIn = _unsaid("By which keys are read; without it, as the topic has them.")


class StreamOptions(OfRecords):
    """Rows of records; without columns, a line about each."""

    columns: list[Path] = Field(default=[], max_length=TILE_COLUMNS)
    order: Literal["newest", "oldest"] = "newest"
    widths: list[Annotated[int, Field(ge=NARROWEST, le=WIDEST)]] = Field(
        default=[],
        max_length=TILE_COLUMNS + 2,
        exclude_if=lambda widths: not widths,  # who never set one reads boards as they always were
        description="In CSS px: of the time, of each column (without columns: of key and value), and of the place. "
        "None: each as wide as what it holds.",
    )


class TableOptions(OfRecords):
    """The latest record of each key, or of each value of a field."""

    by: Path = "key"
    columns: list[Path] = Field(default=[], max_length=TILE_COLUMNS)
    sort: Annotated[str, Field(max_length=PATH_LENGTH + 1), AfterValidator(_storable)] = Field(
        default="", description="A column; with `-` before it the largest stand first."
    )


class ChartOptions(OfRecords):
    """A field, or the count, over time."""

    y: Path = Field(default="count", description="The path of a numeric field, or `count`.")
    aggregate: Aggregate = "none"
    split: Path | None = None
    form: Literal["line", "points", "bars"] = "line"
    bucket_seconds: int | None = Field(default=None, ge=1, le=24 * 3600)


class TopOptions(OfRecords):
    """The most frequent values of a field."""

    field: Path
    limit: int = Field(default=10, ge=1, le=100)


class DistributionOptions(OfRecords):
    """How the numbers of a field are spread."""

    field: Path
    bins: int | None = Field(default=None, ge=2, le=100)


class NumberOptions(OfRecords):
    """One figure of the window."""

    figure: Literal["count", "rate", "sum", "mean", "min", "max", "p50", "p95", "distinct"] = "count"
    field: Path | None = None

    @model_validator(mode="after")
    def _field_where_needed(self) -> NumberOptions:
        if self.figure not in {"count", "rate"} and self.field is None:
            raise ValueError(f"The figure {self.figure} needs a `field`.")
        return self


class MapOptions(OfRecords):
    """Points by latitude and longitude, or by a field with a GeoJSON point."""

    latitude: Path | None = None
    longitude: Path | None = None
    geojson: Path | None = None
    size: Path | None = None
    colour: Path | None = None

    @model_validator(mode="after")
    def _one_place(self) -> MapOptions:
        pair = self.latitude is not None and self.longitude is not None
        if pair == (self.geojson is not None) or (self.latitude is None) != (self.longitude is None):
            raise ValueError("Name `latitude` and `longitude`, or `geojson`.")
        return self


class TextOptions(Part):
    """A heading or a note."""

    text: Annotated[str, Field(max_length=TEXT_LENGTH), AfterValidator(_storable)] = ""


class Place(Part):
    """What every tile has: its name in the board, and where it stands on the grid of 12 columns, in rows of 40 px."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$", max_length=40)]
    title: Title = ""
    filter: Filter = ""
    x: int = Field(ge=0, lt=COLUMNS)
    y: int = Field(ge=0, lt=ROWS)
    w: int = Field(ge=1, le=COLUMNS)
    h: int = Field(ge=1, le=100)

    @model_validator(mode="after")
    def _on_the_grid(self) -> Place:
        if self.x + self.w > COLUMNS:
            raise ValueError(f"The grid has {COLUMNS} columns: `x` and `w` reach beyond it.")
        return self


class OfTopic(Place):
    """A tile that shows a topic."""

    topic: TopicName


class StreamTile(OfTopic):
    """Rows."""

    kind: Literal["stream"]
    options: StreamOptions = StreamOptions()


class TableTile(OfTopic):
    """The latest of each key."""

    kind: Literal["table"]
    options: TableOptions = TableOptions()


class ChartTile(OfTopic):
    """Over time."""

    kind: Literal["chart"]
    options: ChartOptions = ChartOptions()


class TopTile(OfTopic):
    """The most frequent values."""

    kind: Literal["top"]
    options: TopOptions


class DistributionTile(OfTopic):
    """Bins of a number."""

    kind: Literal["distribution"]
    options: DistributionOptions


class NumberTile(OfTopic):
    """One figure."""

    kind: Literal["number"]
    options: NumberOptions = NumberOptions()


class MapTile(OfTopic):
    """Points on the world."""

    kind: Literal["map"]
    options: MapOptions


class TextTile(Place):
    """Words."""

    kind: Literal["text"]
    topic: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]*$", max_length=249)] = ""  # shows nothing of it
    options: TextOptions = TextOptions()


Tile = Annotated[
    StreamTile | TableTile | ChartTile | TopTile | DistributionTile | NumberTile | MapTile | TextTile,
    Field(discriminator="kind"),
]


EXAMPLE: dict[str, JsonValue] = {
    "format": FORMAT,
    "slug": "sales",
    "name": "Sales",
    "version": 3,
    "owner": "ada",
    "sharing": {"read": "groups", "edit": "private", "groups": ["Shop"]},
    "window": {"last_seconds": 900},
    "filter": "value.price > 12",
    "clock": "utc",
    "tiles": [
        {
            "id": "orders", "kind": "number", "title": "Orders", "topic": "orders.v1", "filter": "",
            "x": 0, "y": 0, "w": 3, "h": 3, "options": {"figure": "count", "field": None},
        }
    ],
}  # fmt: skip


class Board(Part):
    """A board as people and programs write it. What the server knows better is taken and not looked at: `slug` (but
    when a board is made), `version` and `owner`."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    format: Literal["streamboard.board.v1"] = FORMAT
    slug: Slug | None = None
    name: Name
    version: int | None = None
    owner: str | None = None
    sharing: Sharing = Sharing()
    window: Window = LastSeconds(last_seconds=900)
    filter: Filter = ""
    clock: Literal["utc", "local", "relative"] = "local"
    tiles: list[Tile] = Field(default=[], max_length=TILES)

    @model_validator(mode="after")
    def _ids_once(self) -> Board:
        seen: set[str] = set()
        for tile in self.tiles:
            if tile.id in seen:
                raise ValueError(f"Two tiles have the id {tile.id}.")
            seen.add(tile.id)
        return self


def written(part: BaseModel) -> dict[str, JsonValue]:
    """The part as JSON, under the names of the format."""
    return part.model_dump(mode="json", by_alias=True)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a board."""
    schema = Board.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "A Streamboard board"}
