"""How the values of each column are distributed, on a scale that shows it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segmentation.reports.exploration.explored_table import Table
from segmentation.schema import Column
from segmentation.types import FloatArray

BINS = 30
SKEWED = 2.0
FEW_VALUES = 20
FENCE = 1.5
LEAST = 0.01
SHOWN_LEVELS = 12


@dataclass(frozen=True)
class Box:
    """Tukey's box: quartiles, fences at 1.5 interquartile ranges, and what lies outside.

    Parameters
    ----------
    q25, median, q75
        Quartiles.
    low, high
        Ends of the whiskers: the outermost values inside the fences.
    below, above
        Numbers of values outside.
    """

    q25: float
    median: float
    q75: float
    low: float
    high: float
    below: int
    above: int


@dataclass(frozen=True)
class Distribution:
    """The distribution of one column of numbers.

    Parameters
    ----------
    column
        From the schema.
    scale
        ``"linear"``, or ``"log"``: then bins cover the positive values, evenly in their
        logarithm, and zeros are counted apart.
    edges, counts
        Shapes (m + 1,) and (m,): bins, or where there are few whole values one bin for each.
    zeros
        Number of values that are exactly 0 and in no bin (log scale only).
    few
        Whether each bin is one whole value.
    box
        Of all values.
    """

    column: Column
    scale: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    zeros: int
    few: bool
    box: Box


@dataclass(frozen=True)
class LevelCounts:
    """How often each level of a category occurs.

    Parameters
    ----------
    column
        From the schema.
    levels, counts
        Ordered levels in their order, others by falling count; beyond 12 merged into one.
    merged
        Number of levels in the last entry, 0 where none are merged.
    nulls
        Rows without a level.
    """

    column: Column
    levels: tuple[str, ...]
    counts: tuple[int, ...]
    merged: int
    nulls: int


def distributions(table: Table) -> tuple[Distribution, ...]:
    """Return the distribution of every column of numbers that has values, from all rows."""
    known = ((c, table.customers[c.name].dropna().to_numpy()) for c in table.numbers)
    return tuple(distribution(values, column) for column, values in known if len(values))


def distribution(values: FloatArray, column: Column) -> Distribution:
    """Return how `values`, shape (n,), without missing ones, are distributed."""
    different = np.unique(values)
    if len(different) <= FEW_VALUES and (different == np.round(different)).all():
        low, high = different[0], different[-1]
        if high - low <= 2 * FEW_VALUES:
            edges = np.arange(low - 0.5, high + 1.0)
            return _binned(values, edges, column, scale="linear", few=True)
    spread = values.std()
    skew = float(((values - values.mean()) ** 3).mean() / spread**3) if spread > 0 else 0.0
    if skew > SKEWED and values.min() >= 0:
        positive = values[values > 0]
        low, high = np.quantile(positive, LEAST), positive.max()
        edges = np.geomspace(low, high, BINS + 1) if high > low else np.array([low, low + 1])
        edges[0], edges[-1] = min(edges[0], low), high
        return _binned(positive.clip(low), edges, column, scale="log", everything=values)
    edges = np.histogram_bin_edges(values, BINS)
    return _binned(values, edges, column, scale="linear")


def _binned(
    values: FloatArray,
    edges: FloatArray,
    column: Column,
    *,
    scale: str,
    few: bool = False,
    everything: FloatArray | None = None,
) -> Distribution:
    counts = np.histogram(values, edges)[0]
    everything = values if everything is None else everything
    return Distribution(
        column=column,
        scale=scale,
        edges=tuple(edges.tolist()),
        counts=tuple(counts.tolist()),
        zeros=len(everything) - len(values),
        few=few,
        box=box_of(everything),
    )


def box_of(values: FloatArray) -> Box:
    """Return Tukey's box of values, shape (n,), n at least 1."""
    q25, median, q75 = np.quantile(values, [0.25, 0.5, 0.75])
    low, high = q25 - FENCE * (q75 - q25), q75 + FENCE * (q75 - q25)
    inside = values[(values >= low) & (values <= high)]
    return Box(
        *(float(q25), float(median), float(q75), float(inside.min()), float(inside.max())),
        below=int((values < low).sum()),
        above=int((values > high).sum()),
    )


def level_counts(table: Table) -> tuple[LevelCounts, ...]:
    """Return how often each level occurs, for every category, from all rows."""
    return tuple(_level_counts(table, column) for column in table.categories)


def _level_counts(table: Table, column: Column) -> LevelCounts:
    codes = table.customers[column.name].to_numpy()
    known = codes[~np.isnan(codes)].astype(np.int64)
    counts = np.bincount(known, minlength=len(column.levels))
    order = np.arange(len(counts))
    if column.kind == "category" or len(order) > SHOWN_LEVELS:
        order = np.argsort(-counts, kind="stable")
    shown, rest = order[:SHOWN_LEVELS], order[SHOWN_LEVELS:]
    levels = tuple(column.levels[i] for i in shown)
    numbers = tuple(counts[shown].tolist())
    if len(rest):
        levels, numbers = (*levels, f"{len(rest)} others"), (*numbers, int(counts[rest].sum()))
    return LevelCounts(column, levels, numbers, len(rest), len(codes) - len(known))
