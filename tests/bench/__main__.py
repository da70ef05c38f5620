"""`python -m tests.bench [row …] [--rounds N] [--seconds N] [--minutes N] [--against PATH]`: runs the rows (all but
`growth` and `long-export`, when none is named) and prints the table; `.run/bench.md` gets it as Markdown. `growth`
writes docs/performance-growth.svg.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
import traceback
from pathlib import Path

from tests.bench import (
    board,
    decoding,
    delivery,
    growth,
    handshaking,
    importing,
    kafka,
    memory,
    pages,
    posting,
    searching,
)
from tests.bench.against import compare
from tests.bench.measure import CLIENT_CORE, RUN, SERVER_CORE
from tests.bench.run import Line, PeerMissing, Run, log, markdown, plain

ROWS = {
    "deliver": delivery.deliver,
    "filters": delivery.filters,
    "many": delivery.many,
    "commit": kafka.commit_to_client,
    "fanout": kafka.fanout,
    "decode": decoding.decode,
    "relay": kafka.relay,
    "viewers": kafka.viewers,
    "channels": kafka.channels,
    "memory": memory.memory,
    "alive": memory.alive,
    "stalled": memory.stalled,
    "post": posting.post,
    "pages": pages.pages,
    "handshake": handshaking.handshake,
    "import": importing.import_rows,
    "search": searching.search,
    "export": searching.export,
    "long-export": searching.long_export,
    "board": board.board,
    "growth": growth.growth,
}
DEFAULT = [name for name in ROWS if name not in {"growth", "long-export"}]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="row", help=f"of {', '.join(ROWS)}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="of one server's turn")
    parser.add_argument("--minutes", type=float, default=1.0, help="of the row `board`")
    parser.add_argument(
        "--against", type=Path, metavar="PATH", help="another checkout, whose product takes turns with this one's"
    )
    options = parser.parse_args()
    if unknown := set(options.rows) - ROWS.keys():
        parser.error(f"no such row: {', '.join(unknown)}; there are {', '.join(ROWS)}")
    load = os.getloadavg()[0]
    log(f"Servers on core {SERVER_CORE}, the client on core {CLIENT_CORE}; load average before: {load:.1f}.")
    if SERVER_CORE == CLIENT_CORE:
        log("There is one core only: the client and the server compete, and the numbers mean little.")
    if load > 1.5:
        log("Something else is running here: the numbers will be worse, and ratios less certain.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # services and servers are ended on the way out
    began, lines, failed = time.monotonic(), list[Line](), False
    run = Run(options.rounds, options.seconds, minutes=options.minutes)
    try:
        for name in options.rows or DEFAULT:
            log(f"=== {name}")
            try:
                if options.against:
                    lines += compare(ROWS[name], options.rounds, options.seconds, options.against.resolve())
                else:
                    lines += ROWS[name](run)
                (RUN / "bench.md").write_text(markdown(lines) + "\n")
            except PeerMissing as error:
                log(f"  left out: {error}")
            except Exception:  # noqa: BLE001  (one row that fails must not take the others' numbers with it)
                failed = True
                traceback.print_exc()
    finally:
        run.close()
        print(plain(lines))
    took = time.monotonic() - began
    print(f"\n{options.rounds} rounds of {options.seconds:g} s in turns; median (lowest–highest); {took:.0f} s in all.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
