"""One look for the report's pictures, in colours that follow the reader's light or dark theme."""

from __future__ import annotations

import re
from dataclasses import dataclass
from io import StringIO

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path

from segmentation.reports.figures.style import ACCENT, CONTRAST, GRID, INK, QUIET, figure_with_axes
from segmentation.types import FloatArray

SMALL = (3.6, 2.2)
# Colours of the pictures, and the style sheet's variables they become in the report.
THEME = {
    INK: "ink",
    QUIET: "quiet",
    GRID: "grid",
    ACCENT: "accent",
    CONTRAST: "contrast",
    "#fefdfe": "card",
}
CARD = "#fefdfe"
FONT = re.compile(r"font(-family)?: ([^;\"]*?)'DejaVu Sans'[^;\"]*")
HEAD = re.compile(r"^.*?(?=<svg)", re.DOTALL)
METADATA = re.compile(r"<metadata>.*?</metadata>", re.DOTALL)
DECIMALS = re.compile(r"(\d+\.\d\d)\d+")


@dataclass(frozen=True)
class Picture:
    """A figure with what is said about it.

    Parameters
    ----------
    name
        File name without ending, unique in a report.
    caption
        What it shows, as a finding where there is one.
    alternative
        The same for those who cannot see it.
    figure
        Drawn without a title.
    wide
        Whether it needs the full width of a page.
    """

    name: str
    caption: str
    alternative: str
    figure: Figure
    wide: bool = False

    def svg(self) -> str:
        """Return the picture as an SVG element for a page, its colours as CSS variables."""
        stream = StringIO()
        with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": self.name}):
            self.figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
        text = METADATA.sub("", HEAD.sub("", stream.getvalue()))
        text = re.sub(r'(?<=id=")|(?<=url\(#)|(?<=href="#)', f"{self.name}-", text)
        for colour, variable in THEME.items():
            text = text.replace(colour.lower(), f"var(--{variable})")
        text = FONT.sub(lambda m: f"font{m[1] or ''}: {m[2]}system-ui, sans-serif", text)
        text = DECIMALS.sub(r"\1", text)
        text = re.sub(r'<svg (.*?)width="[^"]*" height="[^"]*"', r"<svg \1", text, count=1)
        text = re.sub(r"<svg .*?viewBox=", "<svg role='img' viewBox=", text, count=1, flags=re.S)
        return text.replace("\n", " ")


def small() -> tuple[Figure, Axes]:
    """Return a picture for a third of a page or a phone's width."""
    return plain_axes(*SMALL, (0.15, 0.15, 0.26, 0.05))


def plain_axes(
    width: float, height: float, margins: tuple[float, float, float, float]
) -> tuple[Figure, Axes]:
    """Return a figure in inches and its axes; see :func:`figure_with_axes`."""
    figure, axes = figure_with_axes(width, height, margins)
    axes.patch.set_alpha(0)
    axes.tick_params(labelsize=8, labelcolor=QUIET)
    return figure, axes


def dots(
    axes: Axes, x: FloatArray, y: FloatArray, colour: str, *, size: float = 2.6, alpha: float = 0.45
) -> None:
    """Draw points as one path, a tenth of the size of as many markers in an SVG file."""
    step = 1e-4 * (np.ptp(x) or 1.0)
    vertices = np.empty((2 * len(x), 2))
    vertices[0::2, 0], vertices[1::2, 0] = x, x + step
    vertices[0::2, 1], vertices[1::2, 1] = y, y
    codes = np.tile([Path.MOVETO, Path.LINETO], len(x))
    path = Path(vertices, codes)
    path.should_simplify = False
    axes.add_patch(
        PathPatch(path, fill=False, edgecolor=colour, linewidth=size, alpha=alpha, capstyle="round")
    )


def compact(value: float, _: object = None) -> str:
    """Return a number for an axis: ``0.05``, ``250``, ``1.5k``, ``2M``; also a tick formatter."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}".replace("-", "−")
    return f"{value:.3g}".replace("-", "−")


def room(axes: Axes, x: FloatArray, y: FloatArray) -> None:
    """Set the limits around points, with a margin."""
    for values, limit in ((x, axes.set_xlim), (y, axes.set_ylim)):
        low, high = float(values.min()), float(values.max())
        margin = 0.05 * (high - low) or 0.5
        limit(low - margin, high + margin)


def heat(axes: Axes, matrix: FloatArray, rows: list[str], columns: list[str]) -> None:
    """Draw a matrix in [-1, 1] as cells: accent above 0, contrast below, the stronger the denser.

    Numbers from 0.5 on are written in hundredths.
    """
    for (i, j), value in np.ndenumerate(np.nan_to_num(matrix)):
        strong = abs(value)
        if strong >= 0.02:
            colour = ACCENT if value > 0 else CONTRAST
            cell = Rectangle((j - 0.5, i - 0.5), 1, 1, facecolor=colour, alpha=0.85 * strong, lw=0)
            axes.add_patch(cell)
        if strong >= 0.5 and len(columns) <= 24:
            text = f"{100 * value:.0f}".replace("-", "−")
            ink = CARD if value >= 0.65 or strong >= 0.85 else INK
            axes.text(j, i, text, ha="center", va="center_baseline", size=7, color=ink)
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xticks(range(len(columns)), columns, rotation=90)
    axes.set_yticks(range(len(rows)), rows)
    axes.tick_params(labelsize=8, labelcolor=INK)
    axes.spines[:].set_visible(False)
    axes.set_xticks(np.arange(len(columns) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(rows) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color=GRID, linewidth=0.5)
    axes.tick_params(which="minor", length=0)
