"""The process that goes through topics for a web process: `python -m streams.search.worker CONTROL [ADDRESS]`.

CONTROL is an open socket over which one byte and another socket come for each job; over that one go a job and what is
told of it. Whoever closes a job's socket ends the job, whoever closes CONTROL ends the process. ADDRESS: of the web
process's embedded broker, which no other process could find. It asks no database, and starts without Django's apps and
their models, which take a second of CPU: pyproject.toml holds that nothing here imports them.
"""

from __future__ import annotations

import os
import signal
import socket
import sys

import uvloop
from django.conf import settings
from django.utils.log import configure_logging

NICE = 10  # the web process comes first on every core


def main(arguments: list[str]) -> None:
    """Serves until the web process wants it no more."""
    control = socket.socket(fileno=int(arguments[0]))
    _close_what_was_inherited(control.fileno())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C at the terminal is the web process's
    os.nice(NICE)
    configure_logging(settings.LOGGING_CONFIG, settings.LOGGING)

    from streams.kafka import embedded
    from streams.runtime import interpreter
    from streams.search.serving import serve

    interpreter.settle()
    if len(arguments) > 1:
        embedded.borrow(arguments[1])
    uvloop.run(serve(control))


def _close_what_was_inherited(control: int) -> None:
    """Closes what uvloop leaves open in a process that it starts: sockets of librdkafka, which the web process could
    not close for others to see."""
    os.closerange(3, control)
    os.closerange(control + 1, os.sysconf("SC_OPEN_MAX"))


if __name__ == "__main__":
    main(sys.argv[1:])
