"""What the demonstration opens with: the board of its earthquakes."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import User
from django.urls import reverse

from streams.boards import sharing

SLUG = "earthquakes"  # of streams/demo/board.json


def page_for(user: User) -> str:
    """The address of the demonstration's board; "" where there is no demonstration, or the person may not see it."""
    if not settings.DEMO or not sharing.readable(user).filter(slug=SLUG).exists():
        return ""
    return reverse("boards:board", args=[SLUG])
