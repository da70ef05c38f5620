"""`make profile`: a flame graph of the web process under load, by py-spy, in .run/profile.svg.

python -m tests.bench.profile [--sockets N] [--rate N] [--sink transport|asgi] [--seconds N]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from tests.bench.measure import RUN
from tests.bench.run import Run, log

SAMPLES_S = 200


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sockets", type=int, default=1000)
    parser.add_argument("--rate", type=int, default=500, help="records a second")
    parser.add_argument("--sink", choices=("transport", "asgi"), default="transport")
    parser.add_argument("--seconds", type=int, default=10)
    options = parser.parse_args()
    picture = RUN / "profile.svg"
    run = Run(1, options.seconds)
    try:
        server = run.product(sink=options.sink)
        run.join_product("profile", server, options.sockets)
        server.say(f"rate {options.rate}")
        log(f"{options.sockets} sockets, {options.rate} records/s, {options.seconds} s …")
        spy = [str(Path(sys.executable).parent / "py-spy"), "record", "--pid", str(server.pid), "--native"]
        spy += ["--rate", str(SAMPLES_S), "--duration", str(options.seconds), "--output", str(picture)]
        done = subprocess.run(spy, capture_output=True, text=True, check=False)
        if not picture.is_file() or done.returncode != 0:
            log(f"py-spy failed; it may need to be root, or kernel.yama.ptrace_scope=0.\n{done.stderr}")
            return 1
    finally:
        run.close()
    print(f"Written: {picture}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
