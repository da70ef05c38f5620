"""The opening of a WebSocket (RFC 6455, 4.2), as every browser and library sends it: understood and answered in a
small part of the time that the general way takes. What is unusual in any respect is left to that way, which refuses it
or not."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha1
from typing import NamedTuple

Headers = list[tuple[bytes, bytes]]

LONGEST = 8 * 1024  # bytes of a head; the general way takes no longer line
MOST_HEADERS = 100
MARK = b"\r\nsec-websocket-key: "  # in each opening, but for the case of its letters
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3

_TOKEN = rb"[-!#$%&'*+.^_`|~0-9A-Za-z]+"
# A path and a query as RFC 3986 writes them; what HTTP's parser makes of others is its to say.
_HEAD = re.compile(
    rb"GET (/[-A-Za-z0-9._~!$&'()*+,;=:@%/?]*) HTTP/1\.1\r\n"
    rb"((?:[-!#$%&'*+.^_`|~0-9A-Za-z]+: [\x09\x20-\x7e\x80-\xff]*\r\n)+)\r\n"
)
_TARGET = re.compile(rb"[\x21-\x7e]+")
_SAID = re.compile(rb"[\x09\x20-\x7e\x80-\xff]*")
_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")  # sixteen bytes
_PROTOCOLS = re.compile(rb"%b(?:, ?%b)*" % (_TOKEN, _TOKEN))
_CONNECTIONS = frozenset({b"upgrade", b"keep-alive, upgrade"})  # Firefox's is the second
# Each stands in a head once; a body has none of its own.
_ONCE = frozenset({
    b"connection", b"upgrade", b"sec-websocket-key", b"sec-websocket-version", b"sec-websocket-protocol", b"origin",
    b"content-length", b"transfer-encoding",
})  # fmt: skip


class Opening(NamedTuple):
    """What a client asks for. target: path and query. accept: what proves that its key was read."""

    target: str
    headers: Headers
    subprotocols: list[str]
    accept: bytes


def opening(head: bytes) -> Opening | None:
    """What the head of a request asks for; None when anything about it is unusual."""
    matched = _HEAD.fullmatch(head) if len(head) <= LONGEST else None
    if matched is None:
        return None
    lines = [line.partition(b": ") for line in matched[2].split(b"\r\n")[:-1]]
    return _asked(matched[1], [(name.lower(), value) for name, _, value in lines])


def opening_of(target: bytes, headers: Headers) -> Opening | None:
    """The same for a GET of HTTP 1.1 that a parser took apart: path and query, and headers with names in lower case."""
    said = b" ".join([part for header in headers for part in header])
    if len(target) + len(said) > LONGEST or not (_TARGET.fullmatch(target) and _SAID.fullmatch(said)):
        return None
    return _asked(target, headers)


def _asked(target: bytes, given: Headers) -> Opening | None:
    headers: Headers = []
    once: dict[bytes, bytes] = {}
    for name, said in given:
        value = said.strip(b" \t")
        if name in _ONCE:
            if name in once:
                return None
            once[name] = value
        headers.append((name, value))
    key, protocols = once.get(b"sec-websocket-key", b""), once.get(b"sec-websocket-protocol")
    is_usual = (
        len(headers) <= MOST_HEADERS
        and once.get(b"upgrade", b"").lower() == b"websocket"
        and once.get(b"connection", b"").lower() in _CONNECTIONS
        and once.get(b"sec-websocket-version") == b"13"
        and _KEY.fullmatch(key) is not None
        and (protocols is None or _PROTOCOLS.fullmatch(protocols) is not None)
        and b"content-length" not in once
        and b"transfer-encoding" not in once
    )
    if not is_usual:
        return None
    offered = [] if protocols is None else [each.strip() for each in protocols.decode("ascii").split(",")]
    accept = b64encode(sha1(key + GUID, usedforsecurity=False).digest())
    return Opening(target.decode("ascii"), headers, offered, accept)


def answer(asked: Opening, subprotocol: str | None, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The head that accepts it. headers: what stands in it besides."""
    lines = [
        b"HTTP/1.1 101 Switching Protocols",
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Accept: " + asked.accept,
        *(name + b": " + value for name, value in headers),
    ]
    if subprotocol:
        lines.append(b"Sec-WebSocket-Protocol: " + subprotocol.encode("latin-1"))
    return b"\r\n".join([*lines, b"", b""])
