"""One look for all pictures: sizes, colours a colour-blind person can tell apart, titles."""

from __future__ import annotations

import re
from collections.abc import Sequence
from io import StringIO
from textwrap import shorten, wrap
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from segmentation.types import FloatArray

DPI = 110
INK = "#22252b"
QUIET = "#6b7280"
GRID = "#e5e7eb"
ACCENT = "#332288"
CONTRAST = "#CC6677"
CARD = "#fefdfe"
# The variables of the report's style sheet that these colours become in its pictures.
THEME = {
    "ink": INK,
    "quiet": QUIET,
    "grid": GRID,
    "accent": ACCENT,
    "contrast": CONTRAST,
    "card": CARD,
}
# The style sheet replaces the font; points that are close to each other all stay.
SVG_OPTIONS = {"svg.fonttype": "none", "font.sans-serif": ["DejaVu Sans"], "path.simplify": False}
# Paul Tol's muted scheme (2021, SRON/EPS/TN/09-002), neighbours in the list far apart in hue.
PALETTE = (
    "#332288",
    "#CC6677",
    "#44AA99",
    "#DDCC77",
    "#882255",
    "#88CCEE",
    "#117733",
    "#AA4499",
    "#999933",
    "#661100",
)


def colour(number: int) -> str:
    """Return the colour of cluster `number`, from 0; it repeats after ten."""
    return PALETTE[number % len(PALETTE)]


def figure_with_axes(
    width: float,
    height: float,
    margins: tuple[float, float, float, float],
) -> tuple[Figure, Axes]:
    """Return a figure in inches with one axes inside (left, right, bottom, top) margins.

    Margins are given in inches too: an automatic layout would cost as much time as the
    drawing. No pyplot, so that threads can draw at once.
    """
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    left, right, bottom, top = margins
    box = (
        left / width,
        bottom / height,
        (width - left - right) / width,
        (height - bottom - top) / height,
    )
    axes = figure.add_axes(box)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GRID)
    axes.tick_params(colors=QUIET, labelcolor=INK, labelsize=9, length=0)
    return figure, axes


def axis_labels(axes: Axes, across: str, up: str, *, size: float = 9, colour: str = QUIET) -> None:
    """Name both axes."""
    axes.set_xlabel(across, fontsize=size, color=colour)
    axes.set_ylabel(up, fontsize=size, color=colour)


def named_bars(
    axes: Axes,
    shares: Sequence[float] | FloatArray,
    names: Sequence[str],
    texts: Sequence[str],
    *,
    size: float = 9,
    **style: Any,
) -> None:
    """Draw horizontal bars from top to bottom with names at the left and texts at their ends."""
    axes.barh(range(len(names)), shares, **style)
    for place, (share, text) in enumerate(zip(shares, texts, strict=True)):
        axes.text(share, place, f" {text}", va="center", fontsize=size, color=INK)
    axes.set_yticks(range(len(names)), names)
    axes.set(xticks=[], ylim=(len(names) - 0.5, -0.5))
    axes.spines["bottom"].set_visible(False)


def themed_svg(figure: Figure, name: str) -> str:
    """Return a figure as an SVG element that follows a page's light or dark theme.

    Parameters
    ----------
    figure
        In the colours of this module.
    name
        Unique on the page: ids begin with it.
    """
    stream = StringIO()
    metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with mpl.rc_context({**SVG_OPTIONS, "svg.hashsalt": name}):
        figure.savefig(stream, format="svg", transparent=True, metadata=metadata)
    text = stream.getvalue()
    text = re.sub(r'(?<= id=")|(?<=url\(#)|(?<=href="#)', f"{name}-", text[text.index("<svg") :])
    for variable, colour in THEME.items():
        text = text.replace(colour.lower(), f"var(--{variable})")
    return re.sub(r"(\d+\.\d\d)\d+", r"\1", text).replace("\n", " ")


def titles(figure: Figure, title: str, subtitle: str = "") -> Figure:
    """Write the finding on top of a figure, flush left, and below it how to read it."""
    left, height = 0.16 / figure.get_figwidth(), figure.get_figheight()
    for down, text, size, ink, weight in (
        (0.14, title, 12.5, INK, "bold"),
        (0.41, subtitle, 9.0, QUIET, "normal"),
    ):
        figure.text(
            left, 1 - down / height, text, va="top", fontsize=size, color=ink, fontweight=weight
        )
    return figure


def short(text: str, width: int) -> str:
    """Return text cut at a word to at most `width` characters."""
    return shorten(text, width, placeholder=" …")


def wrapped(text: str, width: int, lines: int) -> str:
    """Return text in at most `lines` lines of about `width` characters."""
    return "\n".join(wrap(text, width, max_lines=lines, placeholder=" …"))
