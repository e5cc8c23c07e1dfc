"""Draw how columns go together, and the table as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from segmentation.interpretation.formatting import inside_sentence, percent, sentence_case
from segmentation.reports.exploration.bivariate import Pair
from segmentation.reports.exploration.drawing.canvas import compact, dots, heat, plain_axes, room
from segmentation.reports.exploration.multivariate import Components, NeighbourMap
from segmentation.reports.exploration.outliers import Outliers
from segmentation.reports.figures.style import ACCENT, CONTRAST, GRID, INK, QUIET, short
from segmentation.schema import Column
from segmentation.types import FloatArray

SHOWN_COLUMNS = 40
ARROWS = 8
SKEWED = 2.0
CLASSES = 5


def draw_correlations(
    labels: Mapping[str, str], names: Sequence[str], below: FloatArray, above: FloatArray
) -> Figure:
    """Draw two matrices of the same columns as one: `below` and `above` the diagonal."""
    places = strongest_places(np.maximum(np.abs(below), np.abs(above)))
    lower, upper = below[np.ix_(places, places)], above[np.ix_(places, places)]
    matrix = np.where(np.tri(len(places), dtype=bool), lower, upper)
    np.fill_diagonal(matrix, 0)
    texts = [short(labels[names[i]], 30) for i in places]
    side = 0.27 * len(texts)
    name = 0.15 + 0.072 * max(map(len, texts))
    figure, axes = plain_axes(name + 0.15 + side, name + 0.1 + side, (name, 0.15, name, 0.1))
    heat(axes, matrix, texts, texts)
    return figure


def strongest_places(strength: FloatArray) -> list[int]:
    """Return the places of at most 40 columns, those that go together most, in order."""
    matrix = np.nan_to_num(strength).copy()
    np.fill_diagonal(matrix, 0)
    order = np.argsort(-matrix.max(axis=0, initial=0), kind="stable")[:SHOWN_COLUMNS]
    return sorted(order.tolist())


def draw_pair(pair: Pair) -> Figure:
    """Draw two columns against each other; skewed ones on a log scale, levels spread a little."""
    figure, axes = plain_axes(3.6, 2.7, (0.62, 0.15, 0.5, 0.1))
    known = ~np.isnan(pair.points).any(axis=1)
    x, y = pair.points[known].T
    x, y = _spread(x, pair.first, 0), _spread(y, pair.second, 1)
    if len(x):
        room(axes, x, y)
        _scale(axes, pair.first, x, "x")
        _scale(axes, pair.second, y, "y")
        dots(axes, x, y, ACCENT, alpha=0.6)
    axes.set_xlabel(short(pair.first.label, 40), fontsize=8, color=INK)
    axes.set_ylabel(short(pair.second.label, 32), fontsize=8, color=INK)
    return figure


def _spread(values: FloatArray, column: Column, seed: int) -> FloatArray:
    if not column.categorical:
        return values
    return values + np.random.default_rng(seed).uniform(-0.3, 0.3, len(values))


def _scale(axes: Axes, column: Column, values: FloatArray, which: str) -> None:
    axis = axes.xaxis if which == "x" else axes.yaxis
    if column.categorical:
        places = range(len(column.levels))
        axis.set_ticks(places, [short(level, 12) for level in column.levels])
        axis.set_tick_params(labelsize=6.5)
        return
    spread = values.std()
    skew = ((values - values.mean()) ** 3).mean() / spread**3 if spread > 0 else 0
    if skew > SKEWED and values.min() > 0:
        (axes.set_xscale if which == "x" else axes.set_yscale)("log")
        axis.set_minor_locator(NullLocator())
    elif skew > SKEWED and values.min() == 0:
        small = float(np.quantile(values[values > 0], 0.05))
        (axes.set_xscale if which == "x" else axes.set_yscale)("symlog", linthresh=small)
        top = np.log10(values.max() / small)
        step = max(1, int(np.ceil(top / 4)))
        first = int(np.ceil(np.log10(small)))
        axis.set_ticks([0, *(10.0 ** (first + i) for i in range(0, int(top) + 1, step))])
        (axes.set_xlim if which == "x" else axes.set_ylim)(-small / 3, values.max() * 1.3)
        axis.set_minor_locator(NullLocator())
    else:
        axis.set_major_locator(MaxNLocator(5, integer=bool((values == np.round(values)).all())))
    axis.set_major_formatter(compact)


def draw_explained(found: Components) -> Figure:
    """Draw the share of variance of each component, and all of it so far."""
    shares = np.array(found.explained[:15])
    figure, axes = plain_axes(4.0, 2.9, (0.5, 0.15, 0.45, 0.15))
    places = np.arange(1, len(shares) + 1)
    axes.bar(places, shares, color=ACCENT, alpha=0.75, width=0.75)
    axes.plot(places, shares.cumsum(), "o-", color=CONTRAST, markersize=3.5, linewidth=1.2)
    axes.axhline(0.9, color=QUIET, linewidth=0.8, linestyle=(0, (3, 3)))
    axes.set_ylim(0, 1.05)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 0.9], ["0", "25%", "50%", "75%", "90%"])
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.set_xlabel("component", fontsize=8, color=QUIET)
    return figure


def draw_loadings(found: Components) -> Figure:
    """Draw how the first components correlate with the columns."""
    strength = np.abs(found.loadings).max(axis=0)
    kept = sorted(np.argsort(-strength, kind="stable")[:SHOWN_COLUMNS].tolist())
    order = sorted(kept, key=lambda j: _place(found.loadings[:, j]))
    rows = [short(found.names[j], 28) for j in order]
    columns = [f"C{i + 1}" for i in range(len(found.loadings))]
    figure, axes = plain_axes(
        2.0 + 0.36 * len(columns), 0.4 + 0.23 * len(rows), (1.85, 0.15, 0.28, 0.1)
    )
    heat(axes, found.loadings.T[order], rows, columns)
    axes.tick_params(axis="x", rotation=0)
    return figure


def _place(loadings: FloatArray) -> tuple[int, float]:
    strongest = int(np.abs(loadings).argmax())
    return strongest, -float(loadings[strongest])


def draw_biplot(found: Components) -> Figure:
    """Draw customers on the first two components, and the columns that pull most as arrows."""
    figure, axes = plain_axes(4.3, 3.9, (0.28, 0.12, 0.28, 0.1))
    x, y = found.scores.T
    dots(axes, x, y, QUIET, alpha=0.45)
    room(axes, x, y)
    if len(found.loadings) >= 2:
        _arrows(
            axes, found, 0.85 * min(np.abs(axes.get_xlim()).min(), np.abs(axes.get_ylim()).min())
        )
    shares = [*found.explained, 0.0, 0.0]
    axes.set_xlabel(f"component 1, {percent(shares[0])}", fontsize=8, color=QUIET)
    axes.set_ylabel(f"component 2, {percent(shares[1])}", fontsize=8, color=QUIET)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_color(GRID)
    return figure


def _arrows(axes: Axes, found: Components, reach: float) -> None:
    """Draw the longest arrows; labels that would lie on another are moved up or down."""
    lengths = np.hypot(*found.loadings[:2])
    longest = np.argsort(-lengths, kind="stable")[:ARROWS]
    taken: list[tuple[float, float]] = []
    step = 0.036 * float(np.ptp(axes.get_ylim()))
    for j in longest:
        x, y = found.loadings[:2, j] * reach
        axes.annotate(
            "", (x, y), (0, 0), arrowprops={"arrowstyle": "-|>", "color": ACCENT, "lw": 1.3}
        )
        where = y * 1.06
        while any(abs(where - v) < step and u * x > 0 for u, v in taken):
            where += step if y >= 0 else -step
        taken.append((x, where))
        axes.text(
            *(x * 1.05, where, short(found.names[j], 26)),
            ha="left" if x >= 0 else "right",
            va="center",
            size=8,
            color=INK,
        )
    left, right = axes.get_xlim()
    axes.set_xlim(min(left, -2.7 * reach), max(right, 2.7 * reach))


def draw_map(found: NeighbourMap) -> Figure:
    """Draw the neighbour map, denser where the colouring dimension is larger."""
    figure, axes = plain_axes(4.3, 3.9, (0.1, 0.1, 0.1, 0.1))
    places = np.argsort(np.argsort(found.colour)) * CLASSES // len(found.colour)
    for k in range(CLASSES):
        x, y = found.points[places == k].T
        shade = CONTRAST if k < CLASSES // 2 else QUIET if k == CLASSES // 2 else ACCENT
        strong = abs(k - CLASSES // 2) == CLASSES // 2
        if len(x):
            dots(axes, x, y, shade, size=3, alpha=0.85 if strong else 0.5)
    room(axes, *found.points.T)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    return figure


def draw_outliers(found: Outliers) -> Figure:
    """Draw isolation score against robust distance, with the thresholds of both."""
    figure, axes = plain_axes(4.0, 3.0, (0.55, 0.15, 0.45, 0.1))
    both = (found.scores > 0.6) & (found.distances > 1)
    x, y = np.minimum(found.distances, 10), found.scores
    shown = np.flatnonzero(~both)[:2_000]
    room(axes, x, y)
    dots(axes, x[shown], y[shown], QUIET, alpha=0.45)
    if both.any():
        dots(axes, x[both], y[both], CONTRAST, size=4, alpha=0.9)
    axes.axvline(1, color=QUIET, linewidth=0.8, linestyle=(0, (3, 3)))
    axes.axhline(0.6, color=QUIET, linewidth=0.8, linestyle=(0, (3, 3)))
    axes.set_ylim(min(0.35, y.min()), max(0.65, y.max()) + 0.02)
    axes.set_xlabel("robust distance, 1 = limit", fontsize=8, color=QUIET)
    axes.set_ylabel("isolation score", fontsize=8, color=QUIET)
    return figure


def caption_of(pair: Pair) -> str:
    """Return what a pair's picture shows."""
    first, second = inside_sentence(pair.first.label), inside_sentence(pair.second.label)
    value = f"{pair.value:.2f}".replace("-", "−")
    return f"{sentence_case(pair.measure)} {value}: {first} and {second}"
