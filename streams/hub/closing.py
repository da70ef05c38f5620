"""Why a connection is closed, and what is said before."""

from __future__ import annotations

from typing import Any

CODE_REASONS = {
    4001: "server going away",
    4002: "server error",
    4003: "session ended, sign in again",
    4008: "too slow",
    4009: "silent",
    4013: "too many connections just now",
    4500: "not this protocol",
    4501: "not signed in",
    4503: "every right taken away",
    4504: "too many connections for this user",
    4505: "too many wrong tokens",
}


FINAL_CODES = 4500  # a client does not come back after a close code from here on


def farewell(code: int, retry_after_ms: int) -> dict[str, Any]:
    """The `goodbye` message before a close. code: one of CODE_REASONS; retry_after_ms: how long the client waits at
    least."""
    return {"type": "goodbye", "code": code, "reason": CODE_REASONS[code], "retry_after_ms": retry_after_ms}
