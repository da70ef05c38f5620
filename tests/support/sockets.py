"""The TCP sockets of this machine, as Linux lists them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

ESTABLISHED, CLOSE_WAIT = "01", "08"  # in /proc/net/tcp; the latter: only the other side has closed


def open_connections(port: int) -> set[str]:
    """Those of the server on this port that it has not closed, "0" for all that it has not accepted: the names of
    their sockets."""
    return {name for here, _, state, name in _connections() if here == port and state in {ESTABLISHED, CLOSE_WAIT}}


def connections_to(pid: int, port: int) -> int:
    """How many connections of a process lead to this port."""
    leading = {name for _, there, state, name in _connections() if there == port and state == ESTABLISHED}
    return len(leading & sockets_of(pid))


def _connections() -> Iterator[tuple[int, int, str, str]]:
    """Of each its port here, its port there, its state and the name of its socket."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        row = line.split()
        here, there = (int(row[side].rpartition(":")[2], 16) for side in (1, 2))
        yield here, there, row[3], row[9]


def sockets_of(pid: int) -> set[str]:
    """The names of a process's sockets."""
    links = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            links.add(str(entry.readlink()))
    return {link.removeprefix("socket:[").removesuffix("]") for link in links if link.startswith("socket:[")}
