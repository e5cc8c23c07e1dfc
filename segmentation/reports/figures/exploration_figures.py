"""Pictures of an exploration, by section of its report."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_rgba_array
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from segmentation.interpretation.formatting import (
    inside_sentence,
    percent,
    quantity,
    sentence_case,
)
from segmentation.reports.exploration.analysis import Exploration
from segmentation.reports.exploration.bivariate import Associations, Pair
from segmentation.reports.exploration.descriptive import (
    Box,
    Distribution,
    LevelCounts,
    skewness,
)
from segmentation.reports.exploration.missingness import MissingColumn
from segmentation.reports.exploration.multivariate import Components, NeighbourMap
from segmentation.reports.exploration.outcome_associations import Ranged
from segmentation.reports.exploration.outliers import ISOLATED, Outliers
from segmentation.reports.figures.style import (
    ACCENT,
    CARD,
    CONTRAST,
    GRID,
    INK,
    QUIET,
    axis_labels,
    figure_with_axes,
    named_bars,
    short,
    themed_svg,
    wrapped,
)
from segmentation.schema import Column
from segmentation.types import FloatArray

CHARACTERS_AN_INCH = 15
MOST_PICTURES = 60
MOST_ROWS = 40
MOST_MISSING = 20
PAIR_POINTS, GRID_POINTS = 1_500, 500
GRID_BINS, GRID_INCHES, CELL_GAP = 24, 1.5, 0.12
LOG_SKEW = 2.0
ARROWS = 8
DASHED = (0, (3, 3))


@dataclass(frozen=True)
class Picture:
    """A figure without a title, with a caption that also stands for it as text."""

    name: str  # file name without ending, unique in a report
    caption: str
    figure: Figure
    wide: bool = False  # takes the full width of a page

    def svg(self) -> str:
        """Return the picture as an SVG element in the colours of the page's theme."""
        return themed_svg(self.figure, self.name)

    def captioned(self) -> Figure:
        """Return the figure with its caption above it, for a file that stands alone."""
        caption = wrapped(self.caption, int(CHARACTERS_AN_INCH * self.figure.get_figwidth()), 6)
        self.figure.suptitle(caption, y=1, va="bottom", fontsize=8, color=INK, parse_math=False)
        return self.figure


def pictures(exploration: Exploration) -> dict[str, tuple[Picture, ...]]:
    """Draw everything there is to draw, by section."""
    with mpl.rc_context({"text.parse_math": False}):  # a dollar sign is money
        return {section: tuple(draw(exploration)) for section, draw in SECTIONS.items()}


def _univariate(exploration: Exploration) -> Iterator[Picture]:
    for number, shape in enumerate(exploration.distributions[:MOST_PICTURES], 1):
        name = f"distribution-{number:02d}-{_file(shape.column.name)}"
        yield Picture(name, _about_distribution(shape), draw_distribution(shape))
    for number, levels in enumerate(exploration.levels[:MOST_PICTURES], 1):
        name = f"levels-{number:02d}-{_file(levels.column.name)}"
        yield Picture(name, _about_levels(levels), draw_levels(levels))


def _about_levels(levels: LevelCounts) -> str:
    top = int(np.argmax(levels.counts))
    share = percent(levels.counts[top] / max(sum(levels.counts), 1))
    return f"{levels.column.label}: {levels.levels[top]} is most frequent, {share} of values"


def _about_distribution(shape: Distribution) -> str:
    box, total = shape.box, max(sum(shape.counts) + shape.zeros, 1)
    outside = percent((box.below + box.above) / total)
    text = (
        f"{shape.column.label}: median {quantity(box.median, shape.column)}, "
        f"{outside} outside the fences"
    )
    if shape.zeros:
        return f"{text}; {percent(shape.zeros / total)} zero, the rest on a log scale"
    return f"{text}; log scale" if shape.log else text


def _bivariate(exploration: Exploration) -> Iterator[Picture]:
    pairs, labels = exploration.associations, exploration.table.labels
    yield from _matrices(pairs, labels, bool(exploration.levels))
    if len(pairs.principal) >= 2:
        columns = [exploration.table.schema.column(name) for name in pairs.principal]
        caption = (
            f"The {len(columns)} columns that say most about the others "
            f"({percent(pairs.principal_share)} of the variance of all ranks), in pairs; "
            "skewed ones on log scales"
        )
        grid = _sampled(exploration, GRID_POINTS)[list(pairs.principal)].dropna().to_numpy()
        yield Picture("pairs", caption, draw_pairs(columns, grid), wide=True)
    sample = _sampled(exploration, PAIR_POINTS)
    for number, pair in enumerate(pairs.pairs, 1):
        first, second = pair.first, pair.second
        value = f"{pair.value:.2f}".replace("-", "−")
        caption = (
            f"{sentence_case(pair.measure)} {value}: {inside_sentence(first.label)} and "
            f"{inside_sentence(second.label)}"
        )
        points = sample[[first.name, second.name]].dropna().to_numpy()
        name = f"pair-{number}-{_file(first.name)}-{_file(second.name)}"
        yield Picture(name, caption, draw_pair(pair, points))


def _sampled(exploration: Exploration, rows: int) -> pd.DataFrame:
    """Return a sample of customers, every coordinate one that several have, or their average."""
    table = exploration.table
    return table.published.loc[table.sample(rows).index]


def _matrices(
    pairs: Associations, labels: Mapping[str, str], categories: bool
) -> Iterator[Picture]:
    if len(pairs.names) >= 2:
        caption = "Spearman below the diagonal, Pearson above, similar columns side by side"
        if len(pairs.names) > MOST_ROWS:
            caption += f" (the {MOST_ROWS} with the strongest correlations)"
        texts = [labels[name] for name in pairs.names]
        figure = draw_correlations(texts, pairs.spearman, pairs.pearson)
        yield Picture("correlations", caption, figure, wide=True)
    if categories and len(pairs.all_names) >= 2:
        caption = (
            "Strength of every pair, categories included: absolute Spearman between numbers and "
            "ordered levels, Cramér's V between categories, correlation ratio between the two"
        )
        texts = [labels[name] for name in pairs.all_names]
        figure = draw_correlations(texts, pairs.strength, pairs.strength)
        yield Picture("strength", caption, figure, wide=True)


def _multivariate(exploration: Exploration) -> Iterator[Picture]:
    axes, neighbours = exploration.components, exploration.map
    if not axes.explained:
        return
    caption = f"{axes.needed(0.9)} of {len(axes.names)} components explain 90% of the variance"
    yield Picture("components", caption, draw_explained(axes))
    caption = "Correlation of the first components with the columns, in hundredths from 50 on"
    yield Picture("loadings", caption, draw_loadings(axes))
    if len(axes.loadings) >= 2:
        who = sentence_case(exploration.table.schema.customers)
        caption = f"{who} on the first two components; arrows: where a column grows"
        yield Picture("biplot", caption, draw_biplot(axes))
    if neighbours is not None:
        caption = (
            "Neighbour map (t-SNE): neighbours are alike, distances across mean nothing; violet: "
            f"high {inside_sentence(neighbours.dimension)}, rose: low"
        )
        yield Picture("map", caption, draw_map(neighbours))


def _missing(exploration: Exploration) -> Iterator[Picture]:
    columns = exploration.missingness.columns
    if columns:
        label, share = columns[0].column.label, percent(columns[0].share)
        caption = f"{label} is missing most often: {share} of rows"
        yield Picture("missing", caption, draw_missing(columns[:MOST_MISSING]))


def _outliers(exploration: Exploration) -> Iterator[Picture]:
    far = exploration.outliers
    if far.rows and far.distances.any():
        who = exploration.table.schema.customers
        caption = f"{far.both:,} of {far.rows:,} {who} are far out by both measures"
        yield Picture("outliers", caption, draw_outliers(far))


def _outcomes(exploration: Exploration) -> Iterator[Picture]:
    for number, outcome in enumerate(exploration.outcomes[:MOST_PICTURES], 1):
        title, name = outcome.whole.title, f"outcome-{number:02d}-{_file(outcome.whole.column)}"
        if outcome.levels and len(outcome.levels.column.levels) > 2:
            yield Picture(name, _about_levels(outcome.levels), draw_levels(outcome.levels))
        elif outcome.shape and not outcome.whole.level:
            yield Picture(
                name, _about_distribution(outcome.shape), draw_distribution(outcome.shape)
            )
        if outcome.by_strongest:
            column = inside_sentence(outcome.by_strongest.column.label)
            average = "" if outcome.whole.level else "Average "
            caption = (
                f"{average}{inside_sentence(title) if average else title} by {column}, with 95% "
                "intervals; dashed: the whole table"
            )
            yield Picture(f"{name}-by", caption, draw_ranged(outcome.by_strongest))


def _file(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "column"


SECTIONS: Mapping[str, Callable[[Exploration], Iterator[Picture]]] = MappingProxyType(
    {
        "univariate": _univariate,
        "bivariate": _bivariate,
        "multivariate": _multivariate,
        "missingness": _missing,
        "outliers": _outliers,
        "outcomes": _outcomes,
    }
)


def draw_distribution(shape: Distribution) -> Figure:
    """Draw a histogram with Tukey's box above it; zeros of a log scale stand at the left."""
    figure, axes = _canvas(3.6, 2.2, (0.15, 0.15, 0.26, 0.05))
    edges, counts = np.array(shape.edges), np.array(shape.counts, dtype=np.float64)
    top = counts.max() or 1.0
    if shape.log:
        axes.set_xscale("log")
        axes.xaxis.set_minor_locator(NullLocator())
        subs = (1, 2, 5) if edges[-1] < 100 * edges[0] else (1,)
        axes.xaxis.set_major_locator(LogLocator(subs=subs, numticks=7))
    else:
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=shape.integers))
    axes.xaxis.set_major_formatter(compact)
    widths = np.diff(edges) * (0.9 if shape.integers else 1.0)
    axes.bar(edges[:-1], counts, widths, align="edge", color=ACCENT, alpha=0.75)
    if shape.zeros:
        _draw_zeros(axes, edges, top, shape.zeros)
    axes.set_ylim(0, 1.38 * top)
    _draw_box(axes, shape.box, 1.2 * top, 0.12 * top, edges[0] if shape.log else -np.inf)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="x", length=2, color=GRID)
    return figure


def _draw_zeros(axes: Axes, edges: FloatArray, top: float, zeros: int) -> None:
    """Draw zeros as a bar left of the log scale, at most as tall as the others."""
    ratio = edges[-1] / edges[0]
    left, right = edges[0] / ratio**0.16, edges[0] / ratio**0.08
    height = min(zeros, top)
    axes.bar([left], [height], [right - left], align="edge", color=CONTRAST, alpha=0.8)
    text = f" {zeros:,} zeros" if zeros > top else " zeros"
    axes.text(left, height, text, va="bottom", ha="left", size=7.5, color=INK)
    axes.set_xlim(left / ratio**0.02, edges[-1] * ratio**0.03)
    axes.set_xticks([tick for tick in axes.get_xticks() if edges[0] <= tick <= edges[-1]])


def _draw_box(axes: Axes, box: Box, middle: float, height: float, lowest: float) -> None:
    """Draw the box; on a log scale, what lies left of the lowest edge ends there."""
    ends = {"whislo": box.low, "q1": box.q25, "med": box.median, "q3": box.q75, "whishi": box.high}
    axes.bxp(
        [{name: max(value, lowest) for name, value in ends.items()}],
        positions=[middle],
        widths=[height],
        orientation="horizontal",
        manage_ticks=False,
        showfliers=False,
        showcaps=False,
        patch_artist=True,
        boxprops={"facecolor": QUIET, "alpha": 0.4, "linewidth": 0},
        whiskerprops={"color": QUIET},
        medianprops={"color": INK, "linewidth": 1.6},
    )


def draw_levels(levels: LevelCounts) -> Figure:
    """Draw the count of each level, and of missing ones, as bars."""
    names, counts = list(levels.levels), list(levels.counts)
    colours = [ACCENT] * len(names)
    if levels.missing:
        names, counts = [*names, "missing"], [*counts, levels.missing]
        colours = [*colours, CONTRAST]
    shares = np.array(counts) / max(sum(counts), 1)
    return _bars([short(name, 22) for name in names], shares, colours, name_inches=1.35)


def draw_missing(columns: Sequence[MissingColumn]) -> Figure:
    """Draw the share of missing values of each column."""
    names = [short(column.column.label, 28) for column in columns]
    shares = np.array([column.share for column in columns])
    return _bars(names, shares, [CONTRAST] * len(names), name_inches=1.7)


def _bars(names: list[str], shares: FloatArray, colours: list[str], name_inches: float) -> Figure:
    height = max(0.35 + 0.26 * len(names), 1.2)
    figure, axes = _canvas(2.25 + name_inches, height, (name_inches, 0.55, 0.1, 0.1))
    bars = {"color": colours, "height": 0.7, "alpha": 0.78}
    named_bars(axes, shares, names, [*map(percent, shares)], size=8, **bars)
    axes.set(ylim=(len(names) - 0.4, -0.6), xlim=(0, shares.max() or 1.0))
    axes.tick_params(labelcolor=INK)
    return figure


def draw_ranged(ranged: Ranged) -> Figure:
    """Draw the rate or mean of an outcome in each range or level of a column."""
    texts, outcomes = [short(text, 26) for text in ranged.texts], ranged.outcomes
    figure, axes = _canvas(4.2, max(0.7 + 0.27 * len(texts), 1.4), (1.75, 0.2, 0.35, 0.1))
    for place, outcome in enumerate(outcomes):
        group = outcome.segment
        if group.value is None:
            continue
        if group.low is not None and group.high is not None:
            axes.hlines(place, group.low, group.high, color=ACCENT, alpha=0.45, linewidth=5)
        axes.plot([group.value], [place], "o", color=ACCENT, markersize=5)
    whole = outcomes[0].whole.value
    if whole is not None:
        axes.axvline(whole, color=QUIET, linewidth=0.9, linestyle=DASHED)
    axes.set_yticks(range(len(texts)), texts)
    axes.set_ylim(len(texts) - 0.4, -0.6)
    axes.tick_params(axis="y", labelcolor=INK)
    if axes.get_xlim()[0] > 0:
        axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    rate = bool(outcomes[0].level)
    axes.xaxis.set_major_formatter((lambda value, _: percent(value)) if rate else compact)
    return figure


def draw_correlations(labels: Sequence[str], below: FloatArray, above: FloatArray) -> Figure:
    """Draw two matrices of the same columns as one: `below` and `above` the diagonal."""
    matrix = np.nan_to_num(np.where(np.tri(len(labels), dtype=bool), below, above))
    np.fill_diagonal(matrix, 0)
    strength = np.maximum(np.abs(matrix).max(axis=0), np.abs(matrix).max(axis=1))
    places = np.sort(np.argsort(-strength, kind="stable")[:MOST_ROWS])
    texts = [short(labels[i], 30) for i in places]
    side, name = 0.27 * len(texts), 0.15 + 0.072 * max(map(len, texts))
    figure, axes = _canvas(name + 0.15 + side, name + 0.1 + side, (name, 0.15, name, 0.1))
    _heat(axes, matrix[np.ix_(places, places)], texts, texts)
    axes.tick_params(axis="x", rotation=90)
    return figure


def draw_pair(pair: Pair, points: FloatArray) -> Figure:
    """Draw two columns against each other, points of shape (m, 2), on scales that fit them."""
    figure, axes = _canvas(3.6, 2.7, (0.62, 0.15, 0.5, 0.1))
    x, y = _spread(points[:, 0], pair.first, 0), _spread(points[:, 1], pair.second, 1)
    if len(x):
        _scale(axes, axes.xaxis, pair.first, x)
        _scale(axes, axes.yaxis, pair.second, y)
        _dots(axes, x, y, ACCENT, alpha=0.6)
    axis_labels(axes, short(pair.first.label, 40), short(pair.second.label, 32), size=8, colour=INK)
    return figure


def draw_pairs(columns: Sequence[Column], points: FloatArray) -> Figure:
    """Draw each column's distribution on the diagonal, below it each pair.

    `points` has shape (m, number of columns).
    """
    count, left, bottom = len(columns), 1.15, 0.75
    side = count * GRID_INCHES
    figure, whole = _canvas(left + side, bottom + side, (left, 0.1, bottom, 0.1))
    whole.set_axis_off()
    values = [_spread(points[:, i], column, i) for i, column in enumerate(columns)]
    width, height = figure.get_size_inches()
    for row, column in itertools.product(range(count), repeat=2):
        if column > row:
            continue
        place = (left + column * GRID_INCHES, bottom + (count - 1 - row) * GRID_INCHES)
        inside = GRID_INCHES - CELL_GAP
        axes = figure.add_axes(
            (place[0] / width, place[1] / height, inside / width, inside / height)
        )
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(GRID)
        axes.tick_params(length=0, labelsize=7, labelcolor=QUIET)
        if len(points):
            _scale(axes, axes.xaxis, columns[column], values[column])
            if row == column:
                _histogram(axes, values[column])
            else:
                _scale(axes, axes.yaxis, columns[row], values[row])
                _dots(axes, values[column], values[row], ACCENT, alpha=0.5)
        _label_cell(axes, columns, row, column)
    return figure


def _histogram(axes: Axes, values: FloatArray) -> None:
    """Draw a histogram with bars of one width on the scale of the axis."""
    scale = axes.xaxis.get_transform()
    counts, edges = np.histogram(scale.transform(values), GRID_BINS)
    axes.stairs(counts, scale.inverted().transform(edges), fill=True, color=ACCENT, alpha=0.75)
    axes.set_yticks([])


def _label_cell(axes: Axes, columns: Sequence[Column], row: int, column: int) -> None:
    """Name columns below and left of the grid only."""
    if row < len(columns) - 1:
        axes.tick_params(labelbottom=False)
    else:
        text = wrapped(columns[column].label, 20, 2)
        axes.set_xlabel(text, fontsize=8, color=INK)
    if column:
        axes.tick_params(labelleft=False)
    else:
        axes.set_ylabel(wrapped(columns[row].label, 20, 2), fontsize=8, color=INK)
        axes.yaxis.set_label_coords(-0.42, 0.5)


def _spread(values: FloatArray, column: Column, seed: int) -> FloatArray:
    """Spread levels a little, so that points do not cover each other."""
    if not column.categorical:
        return values
    return values + np.random.default_rng(seed).uniform(-0.3, 0.3, len(values))


def _scale(axes: Axes, axis: Axis, column: Column, values: FloatArray) -> None:
    """Set scale and ticks: levels by name; skewed numbers on a log scale, zeros in view."""
    if column.categorical:
        levels = [short(level, 12) for level in column.levels]
        axis.set_ticks(range(len(levels)), levels)
        axis.set_tick_params(labelsize=6.5)
        return
    which = "x" if axis is axes.xaxis else "y"
    skewed = skewness(values) > LOG_SKEW
    if skewed and values.min() > 0:
        axes.set(**{f"{which}scale": "log"})
        axis.set_minor_locator(NullLocator())
    elif skewed and values.min() == 0:
        small = float(np.quantile(values[values > 0], 0.05))
        (axes.set_xscale if which == "x" else axes.set_yscale)("symlog", linthresh=small)
        decades = int(np.log10(values.max() / small)) + 1
        first, step = int(np.ceil(np.log10(small))), max(1, -(-decades // 4))
        axis.set_ticks([0, *(10.0 ** (first + i) for i in range(0, decades, step))])
        axes.set(**{f"{which}lim": (-small / 3, values.max() * 1.3)})
        axis.set_minor_locator(NullLocator())
    else:
        axis.set_major_locator(MaxNLocator(5, integer=bool((values == np.round(values)).all())))
    axis.set_major_formatter(compact)


def draw_explained(components: Components) -> Figure:
    """Draw the share of variance of each component, and the cumulative share."""
    shares = np.array(components.explained[:15])
    figure, axes = _canvas(4.0, 2.9, (0.5, 0.15, 0.45, 0.15))
    places = np.arange(1, len(shares) + 1)
    axes.bar(places, shares, color=ACCENT, alpha=0.75, width=0.75)
    axes.plot(places, shares.cumsum(), "o-", color=CONTRAST, markersize=3.5, linewidth=1.2)
    axes.axhline(0.9, color=QUIET, linewidth=0.8, linestyle=DASHED)
    axes.set_ylim(0, 1.05)
    ticks = [0, 0.25, 0.5, 0.75, 0.9]
    axes.set_yticks(ticks, [percent(tick) for tick in ticks])
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.set_xlabel("component", fontsize=8, color=QUIET)
    return figure


def draw_loadings(components: Components) -> Figure:
    """Draw how the first components correlate with the columns."""
    loadings = components.loadings
    strongest = np.argsort(-np.abs(loadings).max(axis=0), kind="stable")[:MOST_ROWS]
    main = np.abs(loadings).argmax(axis=0)
    order = sorted(strongest.tolist(), key=lambda j: (main[j], -loadings[main[j], j], j))
    rows = [short(components.names[j], 28) for j in order]
    columns = [f"C{i + 1}" for i in range(len(loadings))]
    width, height = 2.0 + 0.36 * len(columns), 0.4 + 0.23 * len(rows)
    figure, axes = _canvas(width, height, (1.85, 0.15, 0.28, 0.1))
    _heat(axes, loadings.T[order], rows, columns)
    return figure


def draw_biplot(components: Components) -> Figure:
    """Draw customers on the first two components, and the columns that pull most as arrows."""
    figure, axes = _canvas(4.3, 3.9, (0.28, 0.12, 0.28, 0.1))
    x, y = components.scores.T
    _dots(axes, x, y, QUIET)
    limits = np.abs([axes.get_xlim(), axes.get_ylim()])
    _arrows(axes, components, 0.85 * float(limits.min()))
    first, second = (*components.explained, 0.0)[:2]
    axis_labels(axes, f"component 1, {percent(first)}", f"component 2, {percent(second)}", size=8)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_color(GRID)
    return figure


def _arrows(axes: Axes, components: Components, reach: float) -> None:
    """Draw the longest arrows; labels that would lie on another are moved up or down."""
    longest = np.argsort(-np.hypot(*components.loadings[:2]), kind="stable")[:ARROWS]
    labelled: list[tuple[float, float]] = []
    step = 0.036 * float(np.ptp(axes.get_ylim()))
    for j in longest:
        x, y = components.loadings[:2, j] * reach
        arrow = {"arrowstyle": "-|>", "color": ACCENT, "lw": 1.3}
        axes.annotate("", (x, y), (0, 0), arrowprops=arrow)
        height = y * 1.06
        while any(abs(height - other) < step and side * x > 0 for side, other in labelled):
            height += step if y >= 0 else -step
        labelled.append((x, height))
        side, text = "left" if x >= 0 else "right", short(components.names[j], 26)
        axes.text(x * 1.05, height, text, ha=side, va="center", size=8, color=INK)
    left, right = axes.get_xlim()
    axes.set_xlim(min(left, -2.7 * reach), max(right, 2.7 * reach))


def draw_map(neighbours: NeighbourMap) -> Figure:
    """Draw the neighbour map in fifths of the colouring dimension, from rose to violet."""
    figure, axes = _canvas(4.3, 3.9, (0.1, 0.1, 0.1, 0.1))
    ranks = np.argsort(np.argsort(neighbours.colour))
    fifths = ((CONTRAST, 0.85), (CONTRAST, 0.5), (QUIET, 0.5), (ACCENT, 0.5), (ACCENT, 0.85))
    for number, (colour, alpha) in enumerate(fifths):
        x, y = neighbours.points[ranks * len(fifths) // len(ranks) == number].T
        _dots(axes, x, y, colour, size=3, alpha=alpha)
    axes.set_axis_off()
    return figure


def draw_outliers(outliers: Outliers) -> Figure:
    """Draw isolation score against robust distance, with the thresholds of both."""
    figure, axes = _canvas(4.0, 3.0, (0.55, 0.15, 0.45, 0.1))
    x, y = np.minimum(outliers.distances, 10), outliers.scores
    both = (y > ISOLATED) & (x > 1)
    others = np.flatnonzero(~both)[:2_000]
    _dots(axes, x[others], y[others], QUIET)
    _dots(axes, x[both], y[both], CONTRAST, size=4, alpha=0.9)
    axes.axvline(1, color=QUIET, linewidth=0.8, linestyle=DASHED)
    axes.axhline(ISOLATED, color=QUIET, linewidth=0.8, linestyle=DASHED)
    axes.set_ylim(min(0.35, y.min()), max(0.65, y.max()) + 0.02)
    axis_labels(axes, "robust distance, 1 = limit", "isolation score", size=8)
    return figure


def _canvas(
    width: float, height: float, margins: tuple[float, float, float, float]
) -> tuple[Figure, Axes]:
    figure, axes = figure_with_axes(width, height, margins)
    axes.tick_params(labelsize=8, labelcolor=QUIET)
    return figure, axes


def _dots(
    axes: Axes, x: FloatArray, y: FloatArray, colour: str, *, size: float = 2.6, alpha: float = 0.45
) -> None:
    """Draw points as very short round strokes of one path: a tenth of the size of markers."""
    if not len(x):
        return
    length = np.full(len(x), 1e-4 * (np.ptp(x) or 1.0))
    if axes.get_xscale() != "linear":
        length = np.maximum(1e-3 * x, 1e-3 * x[x > 0].min())
    gaps = np.full(len(x), np.nan)
    axes.plot(
        np.column_stack([x, x + length, gaps]).ravel(),
        np.column_stack([y, y, gaps]).ravel(),
        color=colour,
        linewidth=size,
        alpha=alpha,
        solid_capstyle="round",
        snap=False,  # on whole pixels a stroke would have no length, and vanish
    )


def _heat(axes: Axes, matrix: FloatArray, rows: list[str], columns: list[str]) -> None:
    """Draw a matrix in [-1, 1] as cells: accent above 0, contrast below, the stronger the denser.

    Numbers from 0.5 on are written in hundredths.
    """
    values = np.nan_to_num(matrix)
    flat = values.ravel()
    colours = to_rgba_array(np.where(flat > 0, ACCENT, CONTRAST), 0.85 * np.abs(flat))
    axes.pcolormesh(colours.reshape(*values.shape, 4), edgecolors=GRID, linewidth=0.5)
    for (i, j), value in np.ndenumerate(values):
        if abs(value) >= 0.5 and len(columns) <= 24:
            text = f"{100 * value:.0f}".replace("-", "−")
            ink = CARD if value >= 0.65 or value <= -0.85 else INK
            place = (j + 0.5, i + 0.5, text)
            axes.text(*place, ha="center", va="center_baseline", size=7, color=ink)
    axes.set_xticks(np.arange(len(columns)) + 0.5, columns)
    axes.set_yticks(np.arange(len(rows)) + 0.5, rows)
    axes.invert_yaxis()
    axes.tick_params(labelsize=8, labelcolor=INK)
    axes.spines[:].set_visible(False)


def compact(value: float, _: object = None) -> str:
    """Return a number for an axis: ``0.05``, ``250``, ``1.5k``, ``2M``; also a tick formatter."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}".replace("-", "−")
    return f"{value:.3g}".replace("-", "−")
