"""uvicorn's protocols as this product needs them, by the names that unit files have:
`--http streams.server:WebProtocol --ws streams.server:LiveProtocol`."""

from __future__ import annotations

from streams.server.live import LiveProtocol
from streams.server.web import WebProtocol
from streams.server.whole import send_whole

__all__ = ["LiveProtocol", "WebProtocol", "send_whole"]
