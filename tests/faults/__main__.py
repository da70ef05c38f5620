"""`python -m tests.faults`: every fault once, or `--hours H` of them at random; see `--help`."""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import uvloop

from tests.faults.breaking import FAULTS, IN_MODE, SHORT
from tests.faults.harness import Run, endless
from tests.faults.stage import Cables, Stage, embedded, with_redis, without_redis
from tests.support import services
from tests.support.processes import Installation, make_installation

HOUR_SECONDS = 3600


async def set_up(mode: str, folder: Path) -> Stage:
    """The services and processes of a mode."""
    if mode == "embedded":
        return await embedded(make_installation(folder, None, {}))
    kafka, postgres = services.kafka_of(Cables), services.postgres()
    installation = make_installation(folder, postgres, {"KAFKA_ITEMS_TOPIC": kafka.create_topic()})
    if mode == "kafka":
        return await without_redis(installation, kafka, postgres)
    return await with_redis(installation, kafka, postgres, services.redis())


async def one_round(arguments: argparse.Namespace, seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        stage: Stage | None = None
        try:
            stage = await set_up(arguments.mode, Path(folder))
            stage.dice.seed(seed)
            stage.pace, stage.stands = arguments.pace, arguments.stands
            run = Run(
                stage, clients=arguments.clients, rate=arguments.rate, joins=arguments.joins,
                faults=faults_of(stage, arguments), exploring=arguments.explore,
            )  # fmt: skip
            print(f"seed {seed}, {arguments.clients} clients: {await run.run()}", flush=True)
        except BaseException:
            if stage is not None:
                print(shown(stage.installation, arguments.logs))
            raise
        finally:
            if stage is not None:
                stage.installation.close()
                stage.close()


def shown(installation: Installation, logs: Path | None) -> str:
    """The logs of a run that failed; into a folder, as they are, when one is named."""
    if logs is not None:
        logs.mkdir(parents=True, exist_ok=True)
        for process in installation.processes:
            (logs / process.log_path.name).write_bytes(process.log_path.read_bytes())
    return installation.logs()


def faults_of(stage: Stage, arguments: argparse.Namespace) -> Iterable[str]:
    names: list[str] = [name for name in arguments.faults if name in IN_MODE[arguments.mode]]
    if arguments.hours is not None:
        return endless(stage, names, arguments.hours * HOUR_SECONDS)
    times: int = arguments.times
    faults = names * times
    stage.dice.shuffle(faults)
    return faults


def named(text: str) -> list[str]:
    faults = {"all": [name for name in FAULTS if name != "nothing"], "short": SHORT}.get(text, text.split(","))
    if unknown := set(faults) - FAULTS.keys():
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: there is {', '.join(FAULTS)}")
    return list(faults)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--mode", choices=list(IN_MODE), default="redis", help="with Redis, without, or embedded")
    parser.add_argument("--hours", type=float, default=None, help="so long, in place of --times")
    parser.add_argument("--times", type=int, default=1, help="how often each fault happens in a round")
    parser.add_argument("--seed", type=int, default=None, help="of the first round; the next ones count on")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--rate", type=float, default=1000, help="records a second")
    parser.add_argument("--clients", type=int, default=50, help="that stay; some of them come back again and again")
    parser.add_argument("--joins", type=float, default=12, help="newcomers a second")
    parser.add_argument("--explore", action="store_true", help="some clients have filters, and some search in history")
    parser.add_argument("--pace", type=float, default=1.0, help="what every pause is multiplied with")
    parser.add_argument("--stands", type=int, default=2, help="how often a process is stopped in one fault")
    parser.add_argument("--logs", type=Path, default=None, help="a folder for the processes' logs, if it fails")
    parser.add_argument(
        "--faults", type=named, default="all", help=f"all, short, or names with commas between: {', '.join(FAULTS)}"
    )
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # services and processes are ended on the way out
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(10**6)
    try:
        for number in range(seed, seed + arguments.rounds):
            print(f"seed {number}", flush=True)
            uvloop.run(one_round(arguments, number))
    finally:
        services.close_all()
    return 0


if __name__ == "__main__":
    sys.exit(main())
