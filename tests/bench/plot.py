"""A small plot as SVG, without a library: panels side by side, sockets on a logarithmic axis."""

from __future__ import annotations

import math
from dataclasses import dataclass

WIDTH, HEIGHT, LEFT, TOP, BOTTOM, GAP = 300, 230, 52, 70, 40, 34
COLOURS = ["#0b6e99", "#b3541e", "#5b7f2b"]
STYLE = "font-family='system-ui, sans-serif' font-size='12' fill='#24292f'"
TITLE_STYLE = STYLE.replace("'12'", "'15'")


@dataclass
class Panel:
    """series: name -> points (sockets, number)."""

    title: str
    series: dict[str, list[tuple[int, float]]]
    unit: str


def nice(highest: float) -> float:
    """The end of an axis that holds `highest`: 1, 2, 4, 5 or 10 times a power of ten."""
    power = 10 ** math.floor(math.log10(max(highest, 1e-9)))
    return next(step * power for step in (1, 2, 4, 5, 10) if step * power >= highest)


def short(size: int) -> str:
    """10,000 as 10k: the axis has little room."""
    return f"{size / 1000:g}k" if size >= 1000 else str(size)


def _panel(panel: Panel, left: float) -> list[str]:
    points = [point for series in panel.series.values() for point in series]
    sizes = sorted({size for size, _ in points})
    top = nice(max(number for _, number in points))
    low, high = math.log10(sizes[0]), math.log10(sizes[-1])

    def x(size: float) -> float:
        return left + LEFT + (math.log10(size) - low) / (high - low or 1) * (WIDTH - LEFT - 14)

    def y(number: float) -> float:
        return TOP + (1 - number / top) * (HEIGHT - BOTTOM)

    out = [f"<text x='{left + LEFT}' y='{TOP - 12}' {STYLE} font-weight='600'>{panel.title}</text>"]
    for step in range(5):
        number = top * step / 4
        x1, x2, at = left + LEFT, left + WIDTH - 14, y(number)
        out += [
            f"<line x1='{x1}' x2='{x2}' y1='{at:.1f}' y2='{at:.1f}' stroke='#d0d7de'/>",
            f"<text x='{x1 - 6}' y='{at + 4:.1f}' text-anchor='end' {STYLE}>{number:g}{panel.unit}</text>",
        ]
    out += [f"<text x='{x(s):.1f}' y='{y(0) + 18:.1f}' text-anchor='middle' {STYLE}>{short(s)}</text>" for s in sizes]
    for colour, series in zip(COLOURS, panel.series.values(), strict=False):
        path = " ".join(f"{x(size):.1f},{y(number):.1f}" for size, number in series)
        out.append(f"<polyline points='{path}' fill='none' stroke='{colour}' stroke-width='2'/>")
        out += [f"<circle cx='{x(s):.1f}' cy='{y(n):.1f}' r='3.5' fill='{colour}'/>" for s, n in series]
    return out


def draw(title: str, panels: list[Panel]) -> str:
    """The SVG's text."""
    width, height = len(panels) * (WIDTH + GAP), HEIGHT + TOP
    out = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' role='img' aria-label='{title}'>",
        f"<rect width='{width}' height='{height}' fill='#ffffff'/>",
        f"<text x='16' y='24' {TITLE_STYLE} font-weight='600'>{title}</text>",
    ]
    place = 16
    for colour, name in zip(COLOURS, panels[0].series, strict=False):
        out.append(f"<circle cx='{place + 4}' cy='40' r='4' fill='{colour}'/>")
        out.append(f"<text x='{place + 14}' y='44' {STYLE}>{name}</text>")
        place += 34 + 8 * len(name)
    for number, panel in enumerate(panels):
        out += _panel(panel, number * (WIDTH + GAP))
    return "\n".join([*out, "</svg>", ""])
