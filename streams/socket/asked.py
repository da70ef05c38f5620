"""What a client's frame says, checked; nothing is done yet. What cannot be understood is a BadRequest, with why."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from streams.decoding.formats import BadFormat
from streams.decoding.named import formats_of
from streams.filters.bad_filter import BadFilter
from streams.filters.filters import Filter, filter_of
from streams.hub.view import View, stream_of
from streams.socket import starts
from streams.wire.ranges import Positions

INBOUND_BYTES = 64 * 1024  # of one frame
MOST_JUMPS = 1000  # that one `subscribe` may tell of


class BadRequest(Exception):
    """The client's request cannot be understood or done; becomes an `error` frame.

    code, message, at: as in the frame. number: the `id` of the request, where it had one.
    """

    def __init__(
        self, code: str, message: str, number: Any = None, retry_after_ms: int | None = None, at: int | None = None
    ) -> None:
        super().__init__(message)
        self.code, self.number, self.retry_after_ms, self.at = code, number, retry_after_ms, at


class Wanted(NamedTuple):
    """A checked `subscribe`.

    number: its `id`; form, value: its `start`; jumps: how many ranges did not join since the client last told. view:
    what of the topic is wanted.
    """

    number: int
    topic: str
    form: str
    value: Any
    jumps: int
    view: View

    @property
    def stream(self) -> str:
        """The name of the stream that this begins."""
        return stream_of(self.topic, self.view)


def is_too_long(data: str | bytes) -> bool:
    """Whether a frame is over INBOUND_BYTES."""
    return len(data) > INBOUND_BYTES or (isinstance(data, str) and len(data.encode()) > INBOUND_BYTES)


def parsed(text: str | None) -> dict[str, Any]:
    """The object in a text frame, of a known type. Raises BadRequest."""
    if text is None:
        raise BadRequest("bad_request", "Frames must be text with one JSON object.")
    try:
        request = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadRequest("bad_request", "The frame is not JSON.") from error
    if not isinstance(request, dict):
        raise BadRequest("bad_request", "The frame must be a JSON object.")
    if request.get("type") not in ("subscribe", "unsubscribe", "ack"):
        raise BadRequest("bad_request", "type must be subscribe, unsubscribe or ack.", request.get("id"))
    return request


def wanted_by(request: dict[str, Any]) -> Wanted:
    """A `subscribe`, checked. Raises BadRequest."""
    number, topic = request.get("id"), request.get("topic")
    if isinstance(number, bool) or not isinstance(number, int):
        raise BadRequest("bad_request", "subscribe: id must be an integer.")
    if not isinstance(topic, str):
        raise BadRequest("bad_request", "subscribe: topic must be text.", number)
    try:
        form, value = starts.check(request.get("start"))
    except starts.BadStart as error:
        raise BadRequest("bad_request", f"subscribe: {error}", number) from error
    jumps = request.get("jumps", 0)
    if type(jumps) is not int or not 0 <= jumps <= MOST_JUMPS:
        raise BadRequest("bad_request", f"subscribe: jumps must be an integer from 0 to {MOST_JUMPS}.", number)
    try:
        view = View(_filter(request.get("filter"), number), formats_of(request))
    except BadFormat as error:
        raise bad_format(error, number) from error
    return Wanted(number, topic, form, value, jumps, view)


def bad_format(error: BadFormat, number: int) -> BadRequest:
    """What is told of formats that a topic cannot be read by."""
    return BadRequest("bad_format", f"subscribe: {error}", number)


def _filter(text: Any, number: int) -> Filter | None:
    if text is None:
        return None
    if not isinstance(text, str):
        raise BadRequest("bad_request", "subscribe: filter must be text.", number)
    try:
        return filter_of(text)
    except BadFilter as error:
        raise BadRequest("bad_filter", str(error), number, at=error.at) from error


def stream_named(request: dict[str, Any]) -> str:
    """The `stream` of a request, whether or not there is one of that name. Raises BadRequest."""
    stream = request.get("stream")
    if not isinstance(stream, str):
        raise BadRequest("bad_request", f"{request['type']}: stream must be text.")
    return stream


def positions_in(given: Any) -> Positions:
    """The `positions` of an `ack`. Raises BadRequest."""
    positions = {}
    if isinstance(given, dict):
        for name, position in given.items():  # in one go: of what clients send, most are acks
            partition = starts.partition_of(name)
            if partition is None or type(position) is not int or not 0 <= position <= starts.MAX_OFFSET:
                break
            positions[partition] = position
        else:
            return positions
    raise BadRequest("bad_request", "ack: positions must be an object from partition to offset.")
