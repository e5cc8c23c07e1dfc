"""The reliability diagram: what confidence states beside what happens."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from segmentation.reports.figures.style import (
    GRID,
    axis_labels,
    colour,
    figure_with_axes,
    titles,
)
from segmentation.types import FloatArray


def draw_reliability(series: Mapping[str, FloatArray]) -> Figure:
    """Draw how many customers keep their segment, by the confidence stated.

    Parameters
    ----------
    series
        By name, shape (m, 3) each: see
        :attr:`segmentation.model.calibration.Calibration.reliability`.
    """
    figure, axes = figure_with_axes(5.6, 5.2, (0.7, 0.2, 0.6, 0.75))
    axes.plot([0, 1], [0, 1], color=GRID, linewidth=1.5)
    for number, (name, rows) in enumerate(series.items()):
        axes.plot(rows[:, 0], rows[:, 1], "o-", color=colour(number), label=name, markersize=5)
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02))
    axis_labels(
        axes, "Confidence, mean of a tenth of the customers", "Share that keeps its segment"
    )
    if len(series) > 1:
        axes.legend(loc="upper left", frameon=False, fontsize=9)
    return titles(
        figure,
        "Does confidence mean what it says?",
        "On the line or above it: no surer than refits and a month's changes allow.",
    )
