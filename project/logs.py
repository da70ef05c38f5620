"""What the log leaves out. Named in the settings, so it knows nothing of Django."""

from __future__ import annotations

import logging

FAILURE = 500  # and above: the server's own fault


class WithoutTraceOfRefusals(logging.Filter):
    """A request that was refused (403, 404, 413 …) is a line; a traceback is for faults of the server."""

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(record, "status_code", FAILURE) < FAILURE:
            record.exc_info = record.exc_text = None
        return True
