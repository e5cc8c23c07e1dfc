"""Draw one segmentation: sizes, silhouettes, map and profile heat map."""

from __future__ import annotations

from math import isnan

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba_array
from matplotlib.figure import Figure

from segmentation.interpretation.formatting import inside_sentence, percent
from segmentation.interpretation.naming import NOTICEABLE
from segmentation.interpretation.profiles import SegmentProfile
from segmentation.reports.figures.data import (
    FigureData,
    SegmentMap,
    effect_table,
    segment_map,
    silhouette_profile,
    spread_apart,
)
from segmentation.reports.figures.style import (
    DPI,
    GRID,
    INK,
    QUIET,
    colour,
    figure_with_axes,
    short,
    titles,
    wrapped,
)

NAME_INCHES = 3.0
ROW_INCHES = 0.34
LINE_INCHES, GAP_INCHES = 0.15, 0.1
COLOURS = "PuOr_r"


def draw_segment_sizes(data: FigureData) -> Figure:
    """Draw the share of customers in each segment as bars."""
    profiles = data.profiles
    figure, axes = _rows_figure(len(profiles), bottom=0.2)
    shares = np.array([profile.share for profile in profiles])
    colours = [colour(number) for number in range(len(profiles))]
    axes.barh(range(len(profiles)), shares, height=0.68, color=colours)
    for place, profile in enumerate(profiles):
        text = f" {percent(profile.share)}  ({profile.size:,})"
        axes.text(profile.share, place, text, va="center", fontsize=9, color=INK)
    axes.set_xlim(0, shares.max() * 1.3)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    low, high = percent(shares.min()), percent(shares.max())
    _name_rows(axes, profiles)
    titles(
        figure,
        f"{_segments(len(profiles))}, {low} to {high} of customers each",
        f"Share and number of {len(data.segment):,} customers",
    )
    return figure


def draw_silhouette_profile(data: FigureData) -> Figure:
    """Draw the silhouette width of each customer, segment by segment."""
    found = silhouette_profile(data)
    profiles = data.profiles
    figure, axes = _rows_figure(len(profiles), bottom=0.5, row=0.46)
    for place, widths in enumerate(found.widths):
        if len(widths):
            heights = place - 0.42 + 0.84 * np.linspace(0, 1, len(widths))
            axes.fill_betweenx(heights, 0, widths, color=colour(place), linewidth=0)
    axes.axvline(0, color=INK, linewidth=0.8)
    lowest = min((float(w[-1]) for w in found.widths if len(w)), default=0.0)
    highest = max((float(w[0]) for w in found.widths if len(w)), default=1.0)
    axes.set_xlim(min(lowest, -0.1) - 0.02, max(highest, 0.1) + 0.02)
    axes.set_xlabel("silhouette width in the reference space", fontsize=9, color=QUIET)
    _name_rows(axes, profiles)
    if isnan(found.mean):
        titles(figure, "No silhouette: it needs at least two segments")
        return figure
    axes.axvline(found.mean, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    titles(
        figure,
        f"Silhouette {found.mean:.2f}: {percent(found.misplaced)} of customers sit closer to "
        "another segment",
        f"One line a customer, up to {len(data.sample()):,} of them; dashed: the mean",
    )
    return figure


def draw_map(data: FigureData) -> Figure:
    """Draw customers on the two axes along which they differ most."""
    found, count = segment_map(data), len(data.profiles)
    colours = [colour(number) for number in range(count)]
    figure, axes = figure_with_axes(9.0, 5.2, (0.55, NAME_INCHES + 0.25, 0.55, 0.8))
    axes.scatter(
        found.points[:, 0],
        found.points[:, 1],
        s=9,
        linewidths=0,
        alpha=0.65,
        c=to_rgba_array(colours)[found.segment],
    )
    places = spread_apart(found.centres, found.points)
    x, y = places.T
    axes.scatter(x, y, s=210, color="white", edgecolors=colours, linewidths=2)
    for number, (x, y) in enumerate(places):
        if not isnan(x):
            axes.text(
                x, y, str(number + 1), ha="center", va="center_baseline", size=9, weight="bold"
            )
    _label_axes(axes, found, data.labels)
    _legend(axes, data.profiles)
    titles(
        figure,
        f"{_segments(count)} on the two main axes, which show "
        f"{percent(sum(found.explained))} of all differences",
        f"{len(found.points):,} customers in the reference space; numbers mark segment centres",
    )
    return figure


def draw_profile_heatmap(data: FigureData) -> Figure:
    """Draw how much higher or lower each segment is in each column."""
    table = effect_table(data)
    rows, segments = table.effects.shape
    width = max(6.2, 2.5 + 1.12 * segments)
    names = [wrapped(f"{p.number}  {p.name}", 16, 4) for p in data.profiles]
    top = 0.85 + 0.16 * max(name.count("\n") + 1 for name in names)
    figure, axes = figure_with_axes(width, 0.15 + top + 0.3 * rows, (2.3, 0.2, 0.15, top))
    axes.imshow(table.effects, cmap=COLOURS, vmin=-1, vmax=1, aspect="auto")
    for i, j in np.argwhere(np.abs(table.effects) >= NOTICEABLE):
        effect = table.effects[i, j]
        ink = "white" if abs(effect) > 0.62 else INK
        weight = "bold" if abs(effect) >= 0.5 else "normal"
        text = f"{effect:+.2f}".replace("-", "−")
        axes.text(
            *(int(j), int(i), text), ha="center", va="center", size=8.5, color=ink, weight=weight
        )
    axes.set_yticks(range(rows), [short(label, 30) for label in table.labels])
    axes.set_xticks(range(segments), names)
    axes.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, length=0)
    axes.tick_params(axis="x", labelsize=8.5)
    axes.spines[:].set_visible(False)
    more = f"; {table.left_out} weaker columns not shown" if table.left_out else ""
    differ = f"Segments differ most in {inside_sentence(table.strongest)}"
    titles(
        figure,
        differ if segments > 1 else "1 segment: nothing to compare it with",
        f"+1: each member above everybody else, −1: below (rank-biserial correlation){more}",
    )
    return figure


def _rows_figure(rows: int, bottom: float, row: float = ROW_INCHES) -> tuple[Figure, Axes]:
    """Return a figure for horizontal bars, one a segment, with room for names at the left."""
    height = 0.85 + bottom + row * max(rows, 2)
    figure, axes = figure_with_axes(8.5, height, (NAME_INCHES + 0.3, 0.3, bottom, 0.78))
    axes.spines["left"].set_visible(False)
    return figure, axes


def _name_rows(axes: Axes, profiles: tuple[SegmentProfile, ...]) -> None:
    axes.set_yticks(range(len(profiles)), [_name(profile) for profile in profiles])
    axes.set_ylim(len(profiles) - 0.5, -0.5)


def _name(profile: SegmentProfile) -> str:
    return short(f"{profile.number}  {profile.name}", 44)


def _segments(count: int) -> str:
    return "1 segment" if count == 1 else f"{count} segments"


def _label_axes(axes: Axes, found: SegmentMap, labels: tuple[str, ...]) -> None:
    texts = [
        f"{', '.join(inside_sentence(labels[j]) for j in columns)} →" for columns in found.axes
    ]
    axes.set_xlabel(texts[0], fontsize=9, color=QUIET)
    axes.set_ylabel(texts[1], fontsize=9, color=QUIET)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_facecolor("#fafafa")
    axes.spines[:].set_color(GRID)


def _legend(axes: Axes, profiles: tuple[SegmentProfile, ...]) -> None:
    """Name the segments at the right; Matplotlib's legend takes as long as all else on a map."""
    height = axes.bbox.height / DPI
    top, marks = 1.0, []
    for profile in profiles:
        text = f"{wrapped(_name(profile), 38, 2)}\n{percent(profile.share)}"
        axes.text(1.045, top, text, va="top", fontsize=9, color=INK, transform=axes.transAxes)
        marks.append(top - 0.5 * LINE_INCHES / height)
        top -= (LINE_INCHES * (text.count("\n") + 1) + GAP_INCHES) / height
    colours = [colour(number) for number in range(len(profiles))]
    places = [1.025] * len(marks)
    axes.scatter(places, marks, s=64, c=colours, transform=axes.transAxes, clip_on=False)
