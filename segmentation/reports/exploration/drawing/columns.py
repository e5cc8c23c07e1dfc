"""Draw single columns: distributions with their boxes, and counts of levels."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from segmentation.interpretation.formatting import percent
from segmentation.reports.exploration.drawing.canvas import compact, plain_axes, small
from segmentation.reports.exploration.missingness import Nulls
from segmentation.reports.exploration.univariate import Box, Distribution, LevelCounts
from segmentation.reports.figures.style import ACCENT, CONTRAST, GRID, INK, QUIET, short
from segmentation.types import FloatArray


def draw_distribution(found: Distribution) -> Figure:
    """Draw a histogram with Tukey's box above it; zeros of a log scale stand at the left."""
    figure, axes = small()
    edges, counts = np.array(found.edges), np.array(found.counts, dtype=np.float64)
    log = found.scale == "log"
    if log:
        axes.set_xscale("log")
        if found.zeros:
            _with_zeros(axes, edges, counts, found.zeros)
    gap = 0.9 if found.few else 1.0
    axes.bar(edges[:-1], counts, np.diff(edges) * gap, align="edge", color=ACCENT, alpha=0.75)
    top = counts.max() or 1.0
    axes.set_ylim(0, 1.38 * top)
    _draw_box(axes, found.box, 1.2 * top, 0.12 * top, float(edges[0]) if log else None)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    _number_axis(axes, log, found)
    return figure


def _with_zeros(axes: Axes, edges: FloatArray, counts: FloatArray, zeros: int) -> None:
    """Draw zeros as a bar of their own left of the log scale; it may be the tallest."""
    ratio = edges[-1] / edges[0]
    left, right = edges[0] / ratio**0.16, edges[0] / ratio**0.08
    cap = max(float(counts.max()), 1.0)
    height = min(zeros, cap)
    axes.bar([left], [height], [right - left], align="edge", color=CONTRAST, alpha=0.8)
    share = f"{zeros:,}" if zeros > cap else ""
    axes.text(left, height, f" {share} zeros".rstrip(), va="bottom", ha="left", size=7.5, color=INK)
    axes.set_xlim(left / ratio**0.02, edges[-1] * ratio**0.03)


def _draw_box(axes: Axes, box: Box, middle: float, height: float, least: float | None) -> None:
    """Draw the box; on a log scale, whatever lies left of it ends at its left edge."""

    def inside(value: float) -> float:
        return value if least is None else max(value, least)

    low, q25, median, q75, high = (
        inside(v) for v in (box.low, box.q25, box.median, box.q75, box.high)
    )
    axes.plot([low, high], [middle, middle], color=QUIET, linewidth=1)
    axes.bar(
        [q25], [height], [q75 - q25], middle - height / 2, align="edge", color=QUIET, alpha=0.4
    )
    axes.plot([median] * 2, [middle - height / 2, middle + height / 2], color=INK, linewidth=1.6)


def _number_axis(axes: Axes, log: bool, found: Distribution) -> None:
    if log:
        axes.xaxis.set_minor_locator(NullLocator())
        decades = np.log10(found.edges[-1] / found.edges[0])
        axes.xaxis.set_major_locator(
            LogLocator(subs=(1, 2, 5) if decades < 2 else (1,), numticks=7)
        )
        axes.xaxis.set_major_formatter(compact)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=found.few))
        axes.xaxis.set_major_formatter(compact)
    axes.tick_params(axis="x", length=2, color=GRID)


def draw_levels(found: LevelCounts) -> Figure:
    """Draw the count of each level, and of missing ones, as bars."""
    names, counts = list(found.levels), list(found.counts)
    colours = [ACCENT] * len(names)
    if found.nulls:
        names, counts, colours = [*names, "missing"], [*counts, found.nulls], [*colours, CONTRAST]
    figure, axes = plain_axes(3.6, max(0.35 + 0.25 * len(names), 1.2), (1.35, 0.55, 0.08, 0.08))
    axes.barh(range(len(names)), counts, color=colours, height=0.7, alpha=0.75)
    total = max(sum(counts), 1)
    for place, count in enumerate(counts):
        axes.text(count, place, f" {percent(count / total)}", va="center", size=8, color=INK)
    axes.set_yticks(range(len(names)), [short(name, 22) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xticks([])
    axes.tick_params(labelcolor=INK)
    axes.spines["bottom"].set_visible(False)
    return figure


def draw_missing(found: Nulls, most: int = 20) -> Figure:
    """Draw the share of missing values of each column that has any."""
    shown = found.columns[:most]
    figure, axes = plain_axes(3.9, 0.4 + 0.27 * len(shown), (1.7, 0.55, 0.1, 0.1))
    axes.barh(range(len(shown)), [c.share for c in shown], color=CONTRAST, height=0.7, alpha=0.8)
    for place, column in enumerate(shown):
        axes.text(column.share, place, f" {percent(column.share)}", va="center", size=8, color=INK)
    axes.set_yticks(range(len(shown)), [short(c.column.label, 28) for c in shown])
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_xlim(0, max(c.share for c in shown))
    axes.set_xticks([])
    axes.tick_params(labelcolor=INK)
    axes.spines["bottom"].set_visible(False)
    return figure
