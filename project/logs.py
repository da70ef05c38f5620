"""What the log leaves out, and what it makes of the rest. Named in the settings, so it knows nothing of Django."""

from __future__ import annotations

import logging
import re

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
FAILURE = 500  # and above: the server's own fault


class WithoutTraceOfRefusals(logging.Filter):
    """A request that was refused (403, 404, 413 …) is a line; a traceback is for faults of the server."""

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(record, "status_code", FAILURE) < FAILURE:
            record.exc_info = record.exc_text = None
        return True


class OneLine(logging.Formatter):
    """A message is one line, whatever names and addresses stand in it; tracebacks follow as they are."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  (as logging calls it)
        return CONTROL.sub(lambda found: ascii(found[0])[1:-1], super().formatMessage(record))
