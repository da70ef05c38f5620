"""Whether a request comes from this machine itself: the one rule for all that is shown on loopback only."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

# A proxy in front makes everybody look like loopback: whoever comes with one of these came through one.
PROXY_HEADERS = frozenset(
    {
        "x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto", "x-real-ip", "forwarded", "via",
        "cf-connecting-ip", "true-client-ip", "x-client-ip",
    }
)  # fmt: skip


def is_local(peer: str | None, headers: Iterable[str]) -> bool:
    """Whether the connection came from a loopback address, and not through a proxy.

    peer: the address it came from, as the server knows it. headers: the names of the request's headers.
    """
    return is_loopback(peer) and not any(name.lower() in PROXY_HEADERS for name in headers)


def is_loopback(address: str | None) -> bool:
    """Whether this is a loopback address; what is no IP address is none."""
    try:
        return address is not None and ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
