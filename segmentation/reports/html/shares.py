"""The picture of segments over time: a line a segment."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup
from matplotlib.ticker import PercentFormatter

from segmentation.monitoring.history import History
from segmentation.reports.figures.style import (
    GRID,
    INK,
    colour,
    figure_with_axes,
    short,
    themed_svg,
)

LONGEST = 30
# A line of text, as a share of the picture's height.
TEXT = 1 / 15
TILTED_FROM = 8


def shares_picture(history: History) -> Markup:
    """Draw each segment's share of customers by day, named at the end of its line."""
    figure, axes = figure_with_axes(10.0, 4.2, (0.6, 3.0, 0.6, 0.2))
    days = [one.day.toordinal() for one in history.days]
    ends = []
    for place, (number, name) in enumerate(history.names.items()):
        shares = [one.sizes.get(number, 0) / max(len(one.segment), 1) for one in history.days]
        axes.plot(days, shares, color=colour(place), linewidth=2, marker="o", markersize=4)
        ends.append((shares[-1], place, f"{number} {short(name, LONGEST)}"))
    top = axes.get_ylim()[1]
    axes.set_ylim(0, top)
    axes.set_xticks(days, [f"{one.day:%-d %b %Y}" for one in history.days])
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.grid(axis="y", color=GRID)
    height = -TEXT * top
    for share, place, text in sorted(ends):
        height = max(share, height + TEXT * top)
        where: dict[str, Any] = {
            "xycoords": ("axes fraction", "data"),
            "va": "center",
            "fontsize": 9,
        }
        axes.annotate("■", (1.015, height), color=colour(place), **where)
        axes.annotate(text, (1.045, height), color=INK, **where)
    axes.tick_params(axis="x", labelrotation=30 if len(days) > TILTED_FROM else 0)
    return Markup(themed_svg(figure, "shares"))  # noqa: S704 # nosec B704 - drawn here
