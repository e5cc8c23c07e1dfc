"""Pictures of one segmentation: each computes its numbers, then draws them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import hypot, isnan
from types import MappingProxyType

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba_array
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy.cluster.hierarchy import dendrogram
from sklearn.metrics import silhouette_samples

from segmentation.evaluation.evaluator import EvaluatedSegmenter, Evaluator
from segmentation.interpretation.formatting import inside_sentence, percent, with_noun
from segmentation.interpretation.naming import NOTICEABLE
from segmentation.interpretation.profiles import SegmentProfile, profile_segments
from segmentation.reports.figures.style import (
    DPI,
    GRID,
    INK,
    QUIET,
    axis_labels,
    colour,
    figure_with_axes,
    named_bars,
    short,
    titles,
    wrapped,
)
from segmentation.reports.figures.trees import segment_tree
from segmentation.types import FloatArray, IntArray

SAMPLE = 2000
CLEARANCE = 0.06
MOST_COLUMNS = 20
NAME_INCHES, NUMBER_INCHES = 3.0, 1.4
ROW_INCHES = 0.34
LINE_INCHES, GAP_INCHES = 0.15, 0.1
COLOURS = "PuOr_r"


@dataclass(frozen=True)
class FigureData:
    """What all pictures of one segmentation are drawn from."""

    coordinates: FloatArray  # shape (n, d), customers in the reference space
    segment: IntArray  # shape (n,), integers in [0, k)
    columns: tuple[str, ...]  # names of the d columns
    labels: tuple[str, ...]
    profiles: tuple[SegmentProfile, ...]  # cluster 0 first
    seed: int = 0
    customers: str = "customers"  # what the schema calls them

    @classmethod
    def of(
        cls, evaluator: Evaluator, evaluated: EvaluatedSegmenter, *, named: bool = True
    ) -> FigureData:
        """Collect the numbers of an evaluated candidate.

        `named` segments have whole profiles; without, numbers and sizes, which a map can do with:
        names take a third of its time.
        """
        schema, segment = evaluator.schema, evaluated.segment
        profiles = (
            profile_segments(evaluator.matrix, segment, schema, rules=False)
            if named
            else _unnamed(segment)
        )
        return cls(
            coordinates=evaluator.table.coordinates,
            segment=segment,
            columns=schema.column_names,
            labels=tuple(column.label for column in schema.columns),
            profiles=profiles,
            seed=evaluator.seed,
            customers=schema.customers,
        )

    def sample(self) -> IntArray:
        """Return positions of the at most 2,000 customers that are drawn."""
        order = np.random.default_rng(self.seed).permutation(len(self.segment))
        return order[:SAMPLE]


@dataclass(frozen=True)
class SilhouetteProfile:
    """Silhouette widths of the drawn customers."""

    widths: tuple[FloatArray, ...]  # one array a segment, in [-1, 1] and falling; may be empty
    mean: float  # NaN where undefined
    misplaced: float  # share of customers closer to another segment, in [0, 1]


def silhouette_profile(data: FigureData) -> SilhouetteProfile:
    """Compute silhouette widths in the reference space (Rousseeuw 1987)."""
    rows = data.sample()
    labels = data.segment[rows]
    if not 1 < len(np.unique(labels)) < len(labels):
        return SilhouetteProfile(tuple(np.empty(0) for _ in data.profiles), np.nan, 0.0)
    widths = silhouette_samples(data.coordinates[rows], labels)
    by_segment = tuple(-np.sort(-widths[labels == k]) for k in range(len(data.profiles)))
    return SilhouetteProfile(by_segment, float(widths.mean()), float(np.mean(widths < 0)))


@dataclass(frozen=True)
class SegmentMap:
    """The drawn customers on the two axes along which they differ most."""

    points: FloatArray  # shape (m, 2)
    segment: IntArray  # shape (m,)
    centres: FloatArray  # shape (k, 2), median of a segment's points; NaN where it has none
    explained: tuple[float, float]  # share of variance that each axis shows, in [0, 1]
    axes: tuple[tuple[int, ...], tuple[int, ...]]  # positions of each axis' two main columns


def segment_map(data: FigureData) -> SegmentMap:
    """Project the reference space on its first two principal components.

    Each axis points to where its strongest column is high.
    """
    rows = data.sample()
    centred = data.coordinates[rows] - data.coordinates[rows].mean(axis=0)
    _, sizes, directions = np.linalg.svd(centred, full_matrices=False)
    # A table of one column or one row has no second axis: it is drawn on a line.
    axes = np.zeros((2, centred.shape[1]))
    axes[: len(directions[:2])] = directions[:2]
    strongest = np.argsort(-np.abs(axes), axis=1, kind="stable")[:, :2]
    axes *= np.where(np.take_along_axis(axes, strongest[:, :1], axis=1) < 0, -1.0, 1.0)
    points, labels = centred @ axes.T, data.segment[rows]
    total = max(float(np.sum(sizes**2)), np.finfo(float).tiny)
    shares = np.append(sizes**2 / total, 0.0)
    centres = np.full((len(data.profiles), 2), np.nan)
    for k in np.unique(labels):
        centres[k] = np.median(points[labels == k], axis=0)
    first, second = (tuple(int(j) for j in row) for row in strongest)
    return SegmentMap(
        points, labels, centres, (float(shares[0]), float(shares[1])), (first, second)
    )


def spread_apart(centres: FloatArray, points: FloatArray) -> FloatArray:
    """Move marks that would cover each other apart, each pair along its own line.

    Parameters
    ----------
    centres
        Shape (k, 2), NaN where there is nothing to mark.
    points
        Shape (m, 2), all that is drawn; two marks end at least 6% of its extent apart.

    Returns
    -------
    FloatArray
        Shape (k, 2).
    """
    extent = np.maximum(np.ptp(points, axis=0), np.finfo(float).tiny)
    places = centres / extent
    pairs = list(combinations(np.flatnonzero(~np.isnan(places[:, 0])), 2))
    for _ in range(50):
        moved = False
        for i, j in pairs:
            gap = places[j] - places[i]
            distance = hypot(*gap)
            if distance < CLEARANCE:
                moved = True
                line = gap / distance if distance else np.array([1.0, 0.0])
                push = line * (CLEARANCE - distance) / 2
                places[i] -= push
                places[j] += push
        if not moved:
            break
    return np.asarray(places * extent)


@dataclass(frozen=True)
class EffectTable:
    """How segments differ, column by column."""

    labels: tuple[str, ...]  # columns in the table's order
    effects: FloatArray  # shape (number of labels, k), in [-1, 1]
    strongest: str  # label of the column with the largest mean size of effect over customers
    left_out: int  # weaker columns that are not shown


def effect_table(data: FigureData) -> EffectTable:
    """Collect the effects of the at most 20 columns in which segments differ most."""
    by_name = [{c.column: c.effect for c in profile.columns} for profile in data.profiles]
    effects = np.array([[own[name] for own in by_name] for name in data.columns])
    strength = np.abs(effects).max(axis=1)
    typical = np.abs(effects) @ np.array([profile.share for profile in data.profiles])
    rows = np.sort(np.argsort(-strength, kind="stable")[:MOST_COLUMNS])
    return EffectTable(
        labels=tuple(data.labels[j] for j in rows),
        effects=effects[rows],
        strongest=data.labels[int(np.argmax(typical))],
        left_out=len(data.columns) - len(rows),
    )


def draw_segment_sizes(data: FigureData) -> Figure:
    """Draw the share of customers in each segment as bars."""
    profiles = data.profiles
    figure, axes = _rows_figure(len(profiles), bottom=0.2)
    shares = np.array([profile.share for profile in profiles])
    colours = [colour(number) for number in range(len(profiles))]
    texts = [f"{percent(profile.share)}  ({profile.size:,})" for profile in profiles]
    names = [_name(profile) for profile in profiles]
    named_bars(axes, shares, names, texts, height=0.68, color=colours)
    axes.set_xlim(0, shares.max() * 1.3)
    low, high = percent(shares.min()), percent(shares.max())
    return titles(
        figure,
        f"{with_noun(len(profiles), 'segment')}, {low} to {high} of {data.customers} each",
        f"Share and number of {len(data.segment):,} {data.customers}",
    )


def draw_silhouette_profile(data: FigureData) -> Figure:
    """Draw the silhouette width of each customer, segment by segment."""
    silhouettes, profiles = silhouette_profile(data), data.profiles
    figure, axes = _rows_figure(len(profiles), bottom=0.5, row=0.46)
    for place, widths in enumerate(silhouettes.widths):
        if len(widths):
            heights = place - 0.42 + 0.84 * np.linspace(0, 1, len(widths))
            axes.fill_betweenx(heights, 0, widths, color=colour(place), linewidth=0)
    axes.axvline(0, color=INK, linewidth=0.8)
    drawn = np.concatenate([*silhouettes.widths, [-0.1, 0.1]])
    axes.set_xlim(drawn.min() - 0.02, drawn.max() + 0.02)
    axes.set_xlabel("silhouette width in the reference space", fontsize=9, color=QUIET)
    axes.set_yticks(range(len(profiles)), [_name(profile) for profile in profiles])
    axes.set_ylim(len(profiles) - 0.5, -0.5)
    if isnan(silhouettes.mean):
        return titles(figure, "No silhouette: it needs at least two segments")
    axes.axvline(silhouettes.mean, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    return titles(
        figure,
        f"Silhouette {silhouettes.mean:.2f}: {percent(silhouettes.misplaced)} of "
        f"{data.customers} sit closer to another segment",
        f"A line for each of up to {len(data.sample()):,} {data.customers}; dashed: the mean",
    )


def draw_map(data: FigureData) -> Figure:
    """Draw customers on the two axes along which they differ most."""
    projection, count = segment_map(data), len(data.profiles)
    colours = [colour(number) for number in range(count)]
    legend = NAME_INCHES if any(profile.name for profile in data.profiles) else NUMBER_INCHES
    figure, axes = figure_with_axes(5.75 + legend + 0.25, 5.2, (0.55, legend + 0.25, 0.55, 0.8))
    customers = to_rgba_array(colours)[projection.segment]
    x, y = projection.points.T
    axes.scatter(x, y, s=9, linewidths=0, alpha=0.65, c=customers)
    places = spread_apart(projection.centres, projection.points)
    x, y = places.T
    axes.scatter(x, y, s=210, color="white", edgecolors=colours, linewidths=2)
    for number, (x, y) in enumerate(places):
        if not isnan(x):
            axes.text(
                x, y, str(number + 1), ha="center", va="center_baseline", size=9, weight="bold"
            )
    _label_axes(axes, projection, data.labels)
    _legend(axes, data.profiles)
    return titles(
        figure,
        f"{with_noun(count, 'segment')} on the two main axes, which show "
        f"{percent(sum(projection.explained))} of all differences",
        f"{len(projection.points):,} {data.customers} in the reference space; numbers "
        "mark the centres",
    )


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
    return titles(
        figure,
        differ if segments > 1 else "1 segment: nothing to compare it with",
        f"+1: each member above all others, −1: below (rank-biserial correlation){more}",
    )


def centres(data: FigureData) -> FloatArray:
    """Return the median of each segment's customers in the reference space, shape (k, d)."""
    return np.stack(
        [np.median(data.coordinates[data.segment == k], axis=0) for k in range(len(data.profiles))]
    )


def draw_dendrogram(data: FigureData) -> Figure:
    """Draw which segments are alike, as a tree of their centres."""
    return draw_segment_tree(
        centres(data), [_name(p) for p in data.profiles], [p.number for p in data.profiles]
    )


def draw_segment_tree(centres: FloatArray, names: Sequence[str], numbers: Sequence[int]) -> Figure:
    """Draw a tree of segments by their centres in the reference space, shape (k, d)."""
    figure, axes = _rows_figure(len(names), bottom=0.5, row=0.4)
    axes.set_xlabel("distance in the reference space, standard deviations", fontsize=9, color=QUIET)
    if len(names) < 2:
        axes.set_yticks([0], names)
        axes.set(ylim=(0.5, -0.5), xlim=(0, 1), xticks=[])
        return titles(figure, "1 segment: nothing to compare it with")
    tree = segment_tree(centres)
    order = _draw_tree(axes, tree, QUIET, width=1.6)
    axes.scatter(
        *(np.zeros(len(order)), range(len(order))),
        s=70,
        c=[colour(place) for place in order],
        zorder=3,
        clip_on=False,
    )
    axes.set_yticks(range(len(order)), [names[place] for place in order])
    axes.tick_params(axis="y", pad=9)
    axes.set_ylim(len(order) - 0.5, -0.5)
    limit = 1.05 * tree[-1, 2] or 1.0
    axes.set_xlim(0, limit)
    axes.set_xticks([tick for tick in MaxNLocator(6).tick_values(0, limit) if tick <= limit])
    one, other = (numbers[int(place)] for place in tree[0, :2])
    return titles(
        figure,
        f"Segments {min(one, other)} and {max(one, other)} are most alike",
        "Segments that join further left are more alike: average linkage of their medians",
    )


def draw_customer_tree(
    tree: FloatArray, segment: IntArray, profiles: Sequence[SegmentProfile], height: str
) -> Figure:
    """Draw how sampled customers merge, with a strip of their segments.

    Parameters
    ----------
    tree
        Shape (m - 1, 4), see :func:`segmentation.reports.figures.trees.customer_tree`.
    segment
        Shape (m,), integers in [0, k).
    profiles
        Cluster 0 first.
    height
        What the height of a merge is.
    """
    figure, axes = figure_with_axes(9.0, 5.2, (0.65, NAME_INCHES + 0.25, 0.5, 0.8))
    order = _draw_tree(axes, tree, QUIET, width=0.7, upright=True)
    strip, top = 0.05 * tree[-1, 2], 1.03 * tree[-1, 2]
    colours = [colour(segment[row]) for row in order]
    axes.bar(range(len(order)), -strip, width=1.0, bottom=-0.4 * strip, color=colours, linewidth=0)
    axes.set(xlim=(-0.5, len(order) - 0.5), ylim=(-1.4 * strip, top), xticks=[])
    axes.spines["bottom"].set_visible(False)
    axis_labels(axes, "one customer each, in the colour of the segment", height)
    _legend(axes, tuple(profiles))
    return titles(
        figure,
        f"How {len(order):,} sampled customers merge into {with_noun(len(profiles), 'segment')}",
        "Customers and groups that join lower are more alike; the strip shows their segments",
    )


def _draw_tree(
    axes: Axes, tree: FloatArray, ink: str, *, width: float, upright: bool = False
) -> list[int]:
    """Draw the lines of a tree, leaves at 0, 1, … of one axis; return the leaves in that order."""
    drawn = dendrogram(tree, no_plot=True)
    leaves = (np.array(drawn["icoord"]) - 5) / 10
    lines = np.stack([leaves, drawn["dcoord"]] if upright else [drawn["dcoord"], leaves], axis=-1)
    axes.add_collection(LineCollection(list(lines), colors=ink, linewidths=width))
    return list(drawn["leaves"])


def _rows_figure(rows: int, bottom: float, row: float = ROW_INCHES) -> tuple[Figure, Axes]:
    """Return a figure for horizontal bars, one a segment, with room for names at the left."""
    height = 0.85 + bottom + row * max(rows, 2)
    figure, axes = figure_with_axes(8.5, height, (NAME_INCHES + 0.3, 0.3, bottom, 0.78))
    axes.spines["left"].set_visible(False)
    return figure, axes


def _unnamed(segment: IntArray) -> tuple[SegmentProfile, ...]:
    """Return profiles that know the numbers and sizes of segments only."""
    shares = (sizes := np.bincount(segment)) / len(segment)
    return tuple(
        SegmentProfile(number + 1, "", "", int(size), float(share), (), (), ())
        for number, (size, share) in enumerate(zip(sizes, shares, strict=True))
    )


def _name(profile: SegmentProfile) -> str:
    return short(f"{profile.number}  {profile.name}", 44)


def _label_axes(axes: Axes, projection: SegmentMap, labels: tuple[str, ...]) -> None:
    texts = [
        f"{', '.join(inside_sentence(labels[j]) for j in columns)} →" for columns in projection.axes
    ]
    axis_labels(axes, texts[0], texts[1])
    axes.set(xticks=[], yticks=[], facecolor="#fafafa")
    axes.spines[:].set_color(GRID)


def _legend(axes: Axes, profiles: tuple[SegmentProfile, ...]) -> None:
    """Name the segments at the right; Matplotlib's legend takes as long as all else on a map."""
    height = axes.bbox.height / DPI
    top, marks = 1.0, []
    for profile in profiles:
        text = f"{wrapped(_name(profile), 38, 2)}\n{percent(profile.share)}"
        if not profile.name:
            text = f"{profile.number}  {percent(profile.share)}"
        axes.text(1.045, top, text, va="top", fontsize=9, color=INK, transform=axes.transAxes)
        marks.append(top - 0.5 * LINE_INCHES / height)
        top -= (LINE_INCHES * (text.count("\n") + 1) + GAP_INCHES) / height
    colours = [colour(number) for number in range(len(profiles))]
    places = [1.025] * len(marks)
    axes.scatter(places, marks, s=64, c=colours, transform=axes.transAxes, clip_on=False)


# A new picture is one entry and one function.
FIGURES: Mapping[str, Callable[[FigureData], Figure]] = MappingProxyType(
    {
        "segment_sizes": draw_segment_sizes,
        "silhouette_profile": draw_silhouette_profile,
        "map": draw_map,
        "profile_heatmap": draw_profile_heatmap,
        "dendrogram": draw_dendrogram,
    }
)
