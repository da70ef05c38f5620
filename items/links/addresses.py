"""Where a link may lead: only to addresses of the public internet. A server that fetches what people type must not
become their door to the machines beside it."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""(host, port) -> its IP addresses as texts, the best first. Raises OSError when there are none."""

RESOLVING_THREADS = 16  # the system's resolver blocks; these are its own, so that nothing else waits behind it

_IPV4_IN_IPV6 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: what DNS64 answers where there is only IPv6
_GLOBAL_IPV6 = ipaddress.IPv6Network("2000::/3")  # all that IANA has given out for unicast
# What Python's own tables (of its older releases) take for public.
_CLOSED = tuple(
    ipaddress.ip_network(network)
    for network in (
        "2002::/16",  # 6to4, and next its relays: they carry an IPv4 address to anywhere
        "192.88.99.0/24",
        "2001::/32",  # Teredo, likewise
        "168.63.129.16/32",  # Azure's own services for a machine
        "192.0.0.0/24",  # IETF protocol assignments
        "3fff::/20",  # documentation
    )
)

_threads = ThreadPoolExecutor(RESOLVING_THREADS, thread_name_prefix="link-names")


async def resolve(host: str, port: int) -> list[str]:
    """The addresses that this machine's resolver gives."""
    loop = asyncio.get_running_loop()
    found = await loop.run_in_executor(_threads, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def leads_inside(address: str) -> bool:
    """Whether an IP address is anything but a public one: loopback, private, link-local (there clouds serve their
    metadata), shared by carriers, multicast, reserved, or one of those wrapped in IPv6. So is what is no address."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return True
    if isinstance(found, ipaddress.IPv6Address):
        if found in _IPV4_IN_IPV6:
            return leads_inside(str(ipaddress.IPv4Address(int(found) & 0xFFFF_FFFF)))
        if found.ipv4_mapped is not None:
            return leads_inside(str(found.ipv4_mapped))
        if found not in _GLOBAL_IPV6:
            return True
    if any(found in network for network in _CLOSED if network.version == found.version):
        return True
    return not found.is_global or found.is_multicast or found.is_reserved
