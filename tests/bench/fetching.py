"""Fetching 15 pages of a slow server, one after the other and concurrently: `python -m tests.bench.fetching`.

The server is local and answers each page after 0.3 to 0.5 s, as servers far away do. Both runs use the product's link
check (items/links/checking.py), once with one request under way and once with all of them.
"""

from __future__ import annotations

import asyncio
import time

from items.links.checking import check_links
from items.links.transport import Limits

PAGES = 15
FASTEST, SLOWEST = 0.3, 0.5  # s; the pages lie evenly between
PAGE = b"<!doctype html><title>Page</title>" + b"<p>Text</p>" * 1000


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers `/pages/N` after its time."""
    head = await reader.readuntil(b"\r\n\r\n")
    number = int(head.split(b" ")[1].rpartition(b"/")[2])
    await asyncio.sleep(FASTEST + (SLOWEST - FASTEST) * number / (PAGES - 1))
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n" % len(PAGE) + PAGE)
    await writer.drain()
    writer.close()
    await writer.wait_closed()


async def fetch(urls: list[str], at_once: int) -> float:
    """Seconds for all of them with so many requests under way."""
    began = time.perf_counter()
    limits = Limits(overall=at_once, per_host=at_once)
    results = await check_links(urls, inside=lambda _: False, limits=limits)
    took = time.perf_counter() - began
    failed = [result for result in results.values() if result.status != 200]
    if failed or len(results) != PAGES:
        raise SystemExit(f"Not every page was fetched: {failed}")
    return took


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    urls = [f"http://127.0.0.1:{port}/pages/{number}" for number in range(PAGES)]
    try:
        await fetch(urls, PAGES)  # what only the first run pays: imports, certificates
        one_by_one = await fetch(urls, 1)
        concurrently = await fetch(urls, PAGES)
    finally:
        server.close()
        await server.wait_closed()
    print(f"{PAGES} pages, {FASTEST:g} to {SLOWEST:g} s each")
    print(f"one after the other  {one_by_one:6.2f} s")
    print(f"concurrently         {concurrently:6.2f} s")
    print(f"ratio                {one_by_one / concurrently:6.1f}")


if __name__ == "__main__":
    asyncio.run(main())
