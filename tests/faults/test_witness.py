"""The second client itself."""

from __future__ import annotations

import asyncio
from typing import cast

from tests.faults.findings import Findings
from tests.faults.truth import Truth
from tests.faults.witness import Witness
from tests.support.waiting import until


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A server that takes what it is told, and says nothing."""
    while await reader.read(1024):
        pass
    writer.close()


async def test_who_is_stopped_while_it_leaves_has_left_too() -> None:
    """A run that ends stops newcomers, and some are on their way out just then. One that still counted as connected
    would wait for a word on a socket of its own that is closed, and call the server late."""
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    url = "http://{}:{}".format(*server.sockets[0].getsockname())
    witness = Witness("it", [url], "", {}, truth=cast("Truth", None), findings=Findings(), reconnect=False)
    async with server:
        await witness.__aenter__()
        await until(lambda: witness.is_connected, "it is connected", 30)
        leaving = asyncio.create_task(witness.__aexit__())
        await asyncio.sleep(0)  # it has begun
        leaving.cancel()
        await asyncio.wait({leaving})
        assert leaving.cancelled()
        await until(lambda: witness.ended, "its task ends", 30)
        assert not witness.is_connected
