"""How many files this process may open, and so how many connections it can take."""

from __future__ import annotations

import logging
import resource

log = logging.getLogger(__name__)

KEPT = 256  # files for everything but clients: databases, Kafka, Redis, static files, bodies on disk, the log
WANTED = 4096  # below it a process is told to be a small one
MOST = 1_000_000  # of a system that sets no limit


def raise_limit() -> None:
    """Raises the limit to what the system lets this process have, and tells when that is little."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError) as error:  # macOS takes no more than it says elsewhere
            log.info("The limit of open files stays at %d: %s.", soft, error)
    if (limit := _limit()) < WANTED:
        log.warning(
            "This process may open %d files, so it takes %d connections at a time; for more raise the limit "
            "(LimitNOFILE= of systemd, ulimit -n of a shell).",
            limit,
            connections(),
        )


def connections() -> int:
    """How many clients may be connected at once, so that there are files for the rest of the work."""
    limit = _limit()
    return max(limit - KEPT, limit // 2)


def _limit() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if soft == resource.RLIM_INFINITY else min(soft, MOST)
