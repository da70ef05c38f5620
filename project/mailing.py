"""Mail that is sent after the answer: how long it takes tells nobody whether an address is known."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

log = logging.getLogger(__name__)

WAITING = 100  # mails; more are dropped and told in the log (EMAIL_TIMEOUT bounds each)
STOP_S = 5.0  # for those that wait when the process ends

_sender = ThreadPoolExecutor(1, thread_name_prefix="mail")
_room = threading.BoundedSemaphore(WAITING)


def send_later(send: Callable[[], None]) -> None:
    """Has `send` called in a thread of its own, after those that wait. Its failure is told in the log."""
    if not _room.acquire(blocking=False):
        log.error("%d mails wait to be sent; one more was dropped. Does the server of EMAIL_URL answer?", WAITING)
        return
    _sender.submit(_send, send)


def _send(send: Callable[[], None]) -> None:
    try:
        send()
    except Exception:
        log.exception("A mail could not be sent.")
    finally:
        _room.release()


def wait_sent(seconds: float) -> None:
    """Returns when everything given so far was sent. Raises TimeoutError."""
    _sender.submit(lambda: None).result(seconds)


def stop() -> None:
    """Gives the mails that wait a moment, and drops the rest. For the end of the process."""
    try:
        wait_sent(STOP_S)
    except TimeoutError:
        log.error("The process ends before all mails were sent.")
    _sender.shutdown(wait=False, cancel_futures=True)
