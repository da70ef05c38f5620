"""What `make run` says on standard output once the server has started: where it is, and how to get in."""

from __future__ import annotations

from django.conf import settings

from project.demo import account as demo
from streams.kafka import embedded


def text() -> str:
    """What to print: a line each for the address, the demo account and the embedded broker; "" where `make run` did not
    start the server."""
    if not settings.RUN_ADDRESS:
        return ""
    lines = [f"Streamboard: {settings.RUN_ADDRESS}"]
    account, broker = demo.account(), embedded.current()
    if account is not None:
        lines.append(f"Sign in as:  {account.username}  password: {account.password}")
    if broker is not None:
        lines.append(f"Kafka:       {broker.address} (embedded: it forgets its records when it ends)")
    return "\n".join(lines) + "\n"
