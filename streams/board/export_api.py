"""The export API: all of a topic that matches a filter, as a file."""

from __future__ import annotations

from typing import Literal

import orjson
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from ninja import Query, Router, Schema
from ninja.errors import ValidationError as InvalidRequest
from pydantic import Field

from streams.board.api import _log_of, _not_now, _problem, checked_formats
from streams.board.asker import still_reads, who_asks
from streams.board.filters_api import BadFilterOut
from streams.board.schemas import Problem
from streams.board.search_api import HEADERS, NDJSON, too_many
from streams.filters.bad_filter import BadFilter
from streams.filters.filters import filter_of
from streams.hub import current
from streams.models import FormatName
from streams.runtime.away import Unavailable
from streams.runtime.threads import in_database
from streams.search import exporting, running
from streams.search.jobs import Job
from streams.search.places import milliseconds, spans_between
from streams.search.rows import BadColumn, column_names
from streams.search.turns import TooManyWaiting

router = Router(tags=["topics"])

COLUMNS_TEXT = 8_000  # characters of the names of columns
TIME_TEXT = 64
CONTENT_TYPES = {"ndjson": NDJSON, "csv": "text/csv; charset=utf-8"}
BUSY = "Other exports are under way; try again when one of them is done."
NO_RIGHT = "You may not export this topic; an administrator can add your group to those who may."

EXAMPLE = """\
{"partition":0,"offset":1842,"timestamp":1740821400000,"key":"7","headers":{},"size":17,"encoding":"json",\
"value":{"name":"a lamp"}}
{"type":"end","reason":"complete","records":1,"failed":0,"unchecked":0,"undecodable":0}
"""
EXAMPLE_CSV = """\
offset,key,value.name
1842,7,a lamp
# {"type":"end","reason":"complete","records":1,"failed":0,"unchecked":0,"undecodable":0}
"""


class Asked(Schema):
    """What is exported, and how. An empty text counts as left out, as forms send it."""

    format: Literal["ndjson", "csv"] = Field(default="ndjson", description="How it is written.")
    filter: str | None = Field(default=None, description="Only what matches; none: everything.")
    from_: str | None = Field(
        default=None, alias="from", max_length=TIME_TEXT, examples=["2026-01-31T12:00:00Z"],
        description="From this time on: ISO 8601 (UTC without a zone), or milliseconds since 1970.",
    )  # fmt: skip
    to: str | None = Field(
        default=None, max_length=TIME_TEXT, description="Before this time.", examples=["1740821400000"]
    )
    columns: str | None = Field(
        default=None, max_length=COLUMNS_TEXT, examples=["offset,key,value.name"],
        description="Names as in a filter, with commas between; none: whole records.",
    )  # fmt: skip
    value_format: FormatName | Literal[""] | None = Field(
        default=None, description="By which values are read; none: the topic's."
    )
    key_format: FormatName | Literal[""] | None = Field(
        default=None, description="By which keys are read; none: the topic's."
    )


def _lines(content_type: str, example: str) -> dict[str, object]:
    return {content_type: {"schema": {"type": "string"}, "examples": {"lines": {"value": example}}}}


@router.get(
    "/{topic}/export",
    response={401: Problem, 403: Problem, 404: Problem, 422: BadFilterOut, 429: Problem, 503: Problem},
    by_alias=True,
    summary="Export a topic",
    openapi_extra={
        "responses": {
            200: {
                "description": "Rows, and a last line that says whether that is all.",
                "content": {**_lines(NDJSON, EXAMPLE), **_lines(CONTENT_TYPES["csv"], EXAMPLE_CSV)},
            }
        }
    },
)
async def export_topic(request: HttpRequest, topic: str, asked: Query[Asked]) -> HttpResponseBase:
    """All records that match, the oldest of a partition first, without a bound; described in docs/interface.md,
    "Exporting". The last line says `complete`, or why it is not.

    For who may watch the topic and belongs to a group of its exporters, and for superusers.
    """
    asker = await in_database(who_asks, request, topic)
    topic_log, refusal = _log_of(topic, is_readable=asker.may_read)
    if topic_log is None:
        return refusal
    if not asker.may_export:
        return _problem(403, NO_RIGHT)
    try:
        chosen = filter_of(asked.filter) if asked.filter else None
    except BadFilter as error:
        return _bad_filter(error)
    columns, formats = _columns(asked.columns), checked_formats(topic, asked, "query")
    start, end = _time("from", asked.from_), _time("to", asked.to)
    headers = {**HEADERS, "Content-Disposition": f'attachment; filename="{_name(topic, asked.format)}"'}
    if request.META["REQUEST_METHOD"] == "HEAD":  # `method` says GET (project/api/api.py)
        return HttpResponse(content_type=CONTENT_TYPES[asked.format], headers=headers)
    history = current.current().history
    try:
        turn = await exporting.turn_for(running.current(), asker.credentials.user_id)
    except TooManyWaiting:
        turn = None
    if turn is None:
        return too_many(BUSY)
    try:
        bounds = await history.bounds(topic, topic_log.positions)
        spans = await spans_between(history, topic, bounds, start, end)
        job = Job(
            topic, spans, None if chosen is None else chosen.normalised, newest_first=False, output=asked.format,
            columns=columns, declared=asker.declared, read_as=formats,
        )  # fmt: skip
        still = still_reads(asker, topic, topic_log.epoch, exports=True)
        rows = exporting.pieces(running.current(), turn, job, still)
    except BaseException as error:
        running.current().exports.leave(turn)
        if isinstance(error, Unavailable):
            return _not_now(error)
        raise
    return StreamingHttpResponse(rows, content_type=CONTENT_TYPES[asked.format], headers=headers)


def _name(topic: str, form: str) -> str:
    return f"{topic}-{timezone.now():%Y-%m-%d}.{form}"


def _columns(asked: str | None) -> list[str]:
    if not asked:
        return []
    try:
        return column_names(asked)
    except BadColumn as error:
        raise _invalid("columns", str(error)) from error


def _time(name: str, text: str | None) -> int | None:
    """The milliseconds since 1970 of a time in an address; None where there is none. Raises InvalidRequest."""
    if not text:
        return None
    try:
        return milliseconds(text)
    except ValueError as error:
        raise _invalid(name, f"{error} A + in an address is %2B.") from error


def _invalid(name: str, sentence: str) -> InvalidRequest:
    return InvalidRequest([{"loc": ("query", name), "msg": sentence, "type": "value_error"}])


def _bad_filter(error: BadFilter) -> HttpResponse:
    message = str(error)
    detail = [{"loc": ["query", "filter"], "msg": message, "type": "bad_filter"}]
    content = {"code": "bad_filter", "message": message, "at": error.at, "detail": detail}
    return HttpResponse(orjson.dumps(content), status=422, content_type="application/json")
