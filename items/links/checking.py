"""Checks links: fetches many pages concurrently, within bounds, and never from inside the own network.

Every request goes through `VettedTransport` (items/links/transport.py). A failure is a value, not an exception.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from items.links.addresses import Resolve, leads_inside, resolve
from items.links.transport import DEFAULT_LIMITS, Limits, Unreachable, VettedTransport

log = logging.getLogger(__name__)

REDIRECTS = 5  # followed for one link
BODY_BYTES = 64 * 1024  # of a body read; more would tell nothing more about the link
REDIRECT_STATUSES = {301, 302, 303, 307, 308}
HEADERS = {
    "User-Agent": "Streamboard-link-check/1",
    "Accept": "text/html,*/*;q=0.8",
    "Accept-Encoding": "identity",  # nothing is unpacked here, so no small body can become a large one
}


@dataclass(frozen=True, slots=True)
class LinkResult:
    """What came of one link.

    status: of the last answer, None when there was none. took: seconds under way. redirected_to: where redirects led,
    "" when there were none. error: a sentence for people, "" when the link led to an answer of any status.
    """

    url: str
    status: int | None
    took: float
    redirected_to: str = ""
    error: str = ""


async def check_links(
    urls: Iterable[str],
    *,
    inside: Callable[[str], bool] = leads_inside,
    limits: Limits = DEFAULT_LIMITS,
    resolve: Resolve = resolve,
    trust: ssl.SSLContext | None = None,
    on_result: Callable[[LinkResult], None] | None = None,
) -> dict[str, LinkResult]:
    """Fetches each different url once. Returns url -> what came of it, in the order given; raises for no link.

    inside: tells of an IP address whether nothing may go there. resolve: finds a host's addresses. trust: whose
    certificates are believed; None: the usual authorities. on_result: told of each result when it is there.
    """
    transport = VettedTransport(resolve, inside, limits, trust or _usual_trust())
    wanted, results = list(dict.fromkeys(urls)), dict[str, LinkResult]()
    async with httpx.AsyncClient(
        transport=transport,
        headers=HEADERS,
        timeout=httpx.Timeout(limits.read, connect=limits.connect, pool=None),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # nobody's cookies go to anybody
        trust_env=False,
    ) as client:
        checker = _Checker(client, limits)

        async def check(url: str) -> None:
            results[url] = await checker.check(url)
            if on_result is not None:
                on_result(results[url])

        async with asyncio.TaskGroup() as tasks:
            for url in wanted:
                tasks.create_task(check(url))
    return {url: results[url] for url in wanted}


@cache
def _usual_trust() -> ssl.SSLContext:
    """Made once: reading the authorities takes some 20 ms."""
    return httpx.create_ssl_context(trust_env=False)


class _Checker:
    """Keeps the bounds of one run. A request waits for its host's turn first, so a slow host holds up nobody else."""

    def __init__(self, client: httpx.AsyncClient, limits: Limits) -> None:
        self._client, self._limits = client, limits
        self._turn = asyncio.Semaphore(limits.overall)
        self._hosts = defaultdict[str, asyncio.Semaphore](lambda: asyncio.Semaphore(limits.per_host))

    async def check(self, url: str) -> LinkResult:
        target, status, took, error = url, None, 0.0, ""
        try:
            for _ in range(1 + REDIRECTS):
                address = _address(target)
                async with self._hosts[address.host], self._turn:
                    began = time.monotonic()
                    try:
                        async with asyncio.timeout(self._limits.total - took):
                            status, location = await self._fetch(address)
                    finally:
                        took += time.monotonic() - began
                if not location:
                    break
                target = str(address.join(location))
            else:
                raise Unreachable(f"It redirects more than {REDIRECTS} times.")
        except TimeoutError:
            error = f"It took longer than {self._limits.total:g} s."
        except (Unreachable, httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as failure:
            error = _sentence(failure, self._limits)
        except Exception:  # one strange link must not end the check of all others
            log.exception("a link could not be checked: %s", url)
            error = "It could not be checked; why was logged."
        return LinkResult(url, status, took, "" if target == url else target, error)

    async def _fetch(self, address: httpx.URL) -> tuple[int, str]:
        """The status of one page, and where it redirects to, "" when it does not."""
        async with self._client.stream("GET", address, follow_redirects=False) as response:
            if response.status_code in REDIRECT_STATUSES and response.extensions["location"]:
                return response.status_code, response.extensions["location"]
            read = 0
            async for part in response.aiter_raw():
                read += len(part)
                if read >= BODY_BYTES:
                    break
            return response.status_code, ""


def _address(text: str) -> httpx.URL:
    """Raises Unreachable for what is not fetched whatever its host is, and httpx.InvalidURL."""
    address = httpx.URL(text)
    if address.scheme not in {"http", "https"}:
        raise Unreachable(f"Only http and https are fetched, not {address.scheme or 'this'}.")
    if address.userinfo:
        raise Unreachable("The address holds a user name or a password; such links are not fetched.")
    if not address.host:
        raise Unreachable("The address names no host.")
    if address.port is not None and not 0 < address.port < 65536:
        raise Unreachable(f"There is no port {address.port}.")
    return address


def _sentence(failure: Exception, limits: Limits) -> str:
    if isinstance(failure, Unreachable):
        return str(failure)
    if isinstance(failure, httpx.InvalidURL | ValueError):
        return "It, or where it redirects to, is not an address."
    if isinstance(failure, httpx.ConnectTimeout):
        return f"The server accepted no connection within {limits.connect:g} s."
    if isinstance(failure, httpx.TimeoutException):
        return f"The server said nothing for {limits.read:g} s."
    causes = _causes(failure)
    invalid = next((cause for cause in causes if isinstance(cause, ssl.SSLCertVerificationError)), None)
    if invalid is not None:
        return f"The server's certificate is not valid: {invalid.verify_message}."
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return "The server does not speak TLS as it should."
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return "The server refuses connections."
    if isinstance(failure, httpx.ConnectError):
        return "The server cannot be reached."
    if isinstance(failure, httpx.ProtocolError):
        return "The answer is not HTTP, or was cut off."
    return "The connection broke off."


def _causes(failure: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    at: BaseException | None = failure
    while at is not None and at not in found:
        found.append(at)
        at = at.__cause__ or at.__context__
    return found
