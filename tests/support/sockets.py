"""The TCP sockets of this machine, as Linux lists them."""

from __future__ import annotations

import contextlib
from pathlib import Path

ESTABLISHED, CLOSE_WAIT = "01", "08"  # in /proc/net/tcp; the latter: only the other side has closed


def open_connections(port: int) -> set[str]:
    """Those of the server on this port that it has not closed, "0" for all that it has not accepted: the names of
    their sockets."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    port_of_server = f":{port:04X}"
    return {row[9] for row in rows if row[1].endswith(port_of_server) and row[3] in {ESTABLISHED, CLOSE_WAIT}}


def sockets_of(pid: int) -> set[str]:
    """The names of a process's sockets."""
    links = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            links.add(str(entry.readlink()))
    return {link.removeprefix("socket:[").removesuffix("]") for link in links if link.startswith("socket:[")}
