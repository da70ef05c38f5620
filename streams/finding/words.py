"""What is known of topics in words for a page. Pure functions; None is what nobody told, and becomes ""."""

from __future__ import annotations

from streams.kafka.storage import Kept

THIN_SPACE = "\u202f"
UNITS = ["B", "KiB", "MiB", "GiB", "TiB"]
PERIODS = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s")]  # ms


def grouped(number: int) -> str:
    """A whole number with thin spaces between groups of three digits."""
    return f"{number:,}".replace(",", THIN_SPACE)


def rate(per_second: float | None) -> str:
    """Records a second: one place below 10."""
    if per_second is None:
        return ""
    return f"{per_second:.1f}/s" if 0 < per_second < 10 else f"{grouped(round(per_second))}/s"


def size(length: int | None) -> str:
    """A number of bytes with its unit."""
    if length is None:
        return ""
    value, unit = float(length), 0
    while value >= 1024 and unit < len(UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.1f} {UNITS[unit]}" if unit else f"{length} B"


def period(ms: int) -> str:
    """A time in the largest unit that says it without a rest."""
    for length, unit in PERIODS:
        if ms >= length and ms % length == 0:
            return f"{grouped(ms // length)} {unit}"
    return f"{grouped(ms)} ms"


def retention(kept: Kept | None) -> str:
    """For how long a partition's records stay, or up to how many bytes, whichever ends first; and whether the newest of
    each key stays for good."""
    if kept is None or kept.cleanup is None:
        return ""
    said = []
    if "compact" in kept.cleanup:
        said.append("newest of each key")
    if "delete" in kept.cleanup:
        bounds = []
        if kept.retention_ms is not None and kept.retention_ms >= 0:
            bounds.append(period(kept.retention_ms))
        if kept.retention_bytes is not None and kept.retention_bytes >= 0:
            bounds.append(f"{size(kept.retention_bytes)} a partition")
        said.append(" or ".join(bounds) or "for ever")
    return ", ".join(said)
