"""The picture of who moves: two columns of segments with bands between them."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup, escape

from segmentation.interpretation.formatting import flow_cell
from segmentation.monitoring.comparison import Comparison
from segmentation.reports.figures.style import (
    ACCENT,
    CONTRAST,
    INK,
    QUIET,
    figure_with_axes,
    short,
    themed_svg,
)
from segmentation.types import FloatArray

GAP = 0.02
NAME_INCHES = 2.6


def flow_picture(comparison: Comparison) -> Markup:
    """Draw every segment of two models by its share, and a band for every pair of segments."""
    figure, axes = figure_with_axes(9.0, 4.4, (NAME_INCHES, NAME_INCHES, 0.05, 0.05))
    axes.set_axis_off()
    axes.set(xlim=(-0.04, 1.04), ylim=(1, 0))
    shares = comparison.matrix / comparison.rows
    sides = (shares.sum(axis=1), shares.sum(axis=0))
    starts = tuple(_starts(side) for side in sides)
    scales = tuple(1 - GAP * (len(side) - 1) for side in sides)
    numbers = (comparison.before, comparison.after)
    for side, x, anchor in ((0, -0.02, "right"), (1, 1.02, "left")):
        heights = sides[side] * scales[side]
        middles = starts[side] + heights / 2
        axes.barh(middles, 0.04, np.maximum(heights, 0.002), x - 0.02, color=ACCENT)
        for number, middle in zip(numbers[side], middles, strict=True):
            text = short(f"{number} {comparison.names[side][number]}", 36)
            place = (x + (0.035 if side else -0.035), middle, text)
            axes.text(*place, ha=anchor, va="center", fontsize=9, color=INK)
    across = np.linspace(0, 1, 50)
    tips: dict[str, str] = {}
    curve = across * across * (3 - 2 * across)
    for i, j in np.argwhere(shares > 0):
        left, right = shares[i, j] * scales[0], shares[i, j] * scales[1]
        top = starts[0][i] + (starts[1][j] - starts[0][i]) * curve
        moves = numbers[0][i] != numbers[1][j]
        colour, alpha = (CONTRAST, 0.55) if moves else (QUIET, 0.22)
        bottom = top + left + (right - left) * curve
        band = axes.fill_between(across, top, bottom, color=colour, alpha=alpha, linewidth=0)
        band.set_gid(f"band-{i}-{j}")
        tips[f"flow-band-{i}-{j}"] = _tip(comparison, int(i), int(j))
        starts[0][i] += left
        starts[1][j] += right
    svg = themed_svg(figure, "flow")
    for name, tip in tips.items():
        svg = svg.replace(f'<g id="{name}">', f'<g id="{name}"><title>{escape(tip)}</title>')
    return Markup(svg)  # noqa: S704 # nosec B704


def _tip(comparison: Comparison, i: int, j: int) -> str:
    """Return what a band says at the pointer."""
    before, after = comparison.before[i], comparison.after[j]
    names, row = comparison.names, comparison.matrix[i]
    cell = flow_cell(int(row[j]), int(row.sum()))
    return f"{before} {names[0][before]} to {after} {names[1][after]}: {cell}"


def _starts(shares: FloatArray) -> FloatArray:
    """Return where each segment of a side begins, from 0 at the top, with gaps between them."""
    scale = 1 - GAP * (len(shares) - 1)
    before = np.concatenate([[0.0], np.cumsum(shares)[:-1]])
    return np.asarray(before * scale + GAP * np.arange(len(shares)))
