"""`python -m tests.faults`: the long set, 100,000 records and 50 clients while everything breaks; see `--help`."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from pathlib import Path

from tests.faults import harness
from tests.faults.breaking import FAULTS, SHORT
from tests.faults.stage import Cables, set_up
from tests.support import services
from tests.support.processes import make_installation


async def one_round(arguments: argparse.Namespace, seed: int) -> None:
    kafka, postgres, redis = services.kafka_of(Cables), services.postgres(), services.redis()
    with tempfile.TemporaryDirectory() as folder:
        installation = make_installation(Path(folder), postgres, {"KAFKA_ITEMS_TOPIC": kafka.create_topic()})
        stage = await set_up(installation, kafka, postgres, redis, seed, pace=arguments.pace)
        faults = arguments.faults * arguments.times
        stage.dice.shuffle(faults)
        try:
            result = await harness.run(stage, records=arguments.records, clients=arguments.clients, faults=faults)
            print(f"seed {seed}, {arguments.clients} clients: {result}", flush=True)
        except BaseException:
            print(installation.logs())
            raise
        finally:
            installation.close()
            stage.close()


def named(text: str) -> list[str]:
    faults = {"all": list(FAULTS), "short": SHORT}.get(text, text.split(","))
    if unknown := set(faults) - FAULTS.keys():
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: there is {', '.join(FAULTS)}")
    return list(faults)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--seed", type=int, default=None, help="of the first round; the next ones count on")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--times", type=int, default=1, help="how often each fault happens in a round")
    parser.add_argument("--pace", type=float, default=1.0, help="what every pause is multiplied with")
    parser.add_argument(
        "--faults", type=named, default="all", help=f"all, short, or names with commas between: {', '.join(FAULTS)}"
    )
    arguments = parser.parse_args()
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(10**6)
    try:
        for number in range(seed, seed + arguments.rounds):
            print(f"seed {number}", flush=True)
            asyncio.run(one_round(arguments, number))
    finally:
        services.close_all()
    return 0


if __name__ == "__main__":
    sys.exit(main())
