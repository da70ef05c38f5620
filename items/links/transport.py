"""How links are fetched: the host is resolved here, and the connection goes to the very address that was vetted, so
neither a redirect nor a name that changes its address leads inside the own network."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from items.links.addresses import Resolve

ADDRESSES = 3  # of a host tried, one after the other


@dataclass(frozen=True, slots=True)
class Limits:
    """At most so many requests are under way, and a link may take so long (s), waiting for its turn not counted."""

    overall: int = 50
    per_host: int = 4
    connect: float = 5.0
    read: float = 10.0
    total: float = 15.0


DEFAULT_LIMITS = Limits()


class Unreachable(Exception):
    """We did not go there; the text is a sentence for people."""


class VettedTransport(httpx.AsyncBaseTransport):
    """Connects to an address that was looked at, under the name that was asked for (Host header, SNI, certificate).

    Raises Unreachable for a host without an address, and for one of whose addresses any leads inside.
    """

    def __init__(self, resolve: Resolve, inside: Callable[[str], bool], limits: Limits, trust: ssl.SSLContext) -> None:
        self._resolve, self._inside, self._limits = resolve, inside, limits
        # No connection is kept: the pool knows them by address, and two names of one address are not one server.
        self._inner = httpx.AsyncHTTPTransport(
            verify=trust,
            trust_env=False,
            limits=httpx.Limits(max_connections=limits.overall, max_keepalive_connections=0),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.raw_host.decode("ascii")
        addresses = await self._vetted(host, request.url.port or (443 if request.url.scheme == "https" else 80))
        for address in addresses[:-1]:
            try:
                return await self._send(request, host, address)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue  # a host with several addresses is there as long as one of them answers
        return await self._send(request, host, addresses[-1])

    async def _send(self, request: httpx.Request, host: str, address: str) -> httpx.Response:
        response = await self._inner.handle_async_request(_at(request, host, address))
        # Out of the client's sight: it would prepare the next request, and raise for a target it does not understand.
        response.extensions["location"] = response.headers.pop("Location", "")
        return response

    async def _vetted(self, host: str, port: int) -> list[str]:
        try:
            async with asyncio.timeout(self._limits.connect):
                addresses = await self._resolve(host, port)
        except TimeoutError as error:
            raise Unreachable(f"The name {host} was not resolved within {self._limits.connect:g} s.") from error
        except (OSError, UnicodeError) as error:
            raise Unreachable(f"There is no address for the name {host}.") from error
        if not addresses:
            raise Unreachable(f"There is no address for the name {host}.")
        if any(self._inside(address) for address in addresses):
            raise Unreachable(f"{host} is inside this network or reserved; such links are not fetched.")
        return addresses[:ADDRESSES]

    async def aclose(self) -> None:
        await self._inner.aclose()


def _at(request: httpx.Request, host: str, address: str) -> httpx.Request:
    """The same request to this address; its Host header was made from the name already."""
    return httpx.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": host.rstrip(".")},
    )
