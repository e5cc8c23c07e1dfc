"""How columns go together, and which of them say the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from segmentation.reports.exploration.explored_table import PAIR_ROWS, Table
from segmentation.reports.exploration.plain import CELLS
from segmentation.schema import Column
from segmentation.types import FloatArray, IntArray

REDUNDANT = 0.95
INFLATED = 10.0
STRONGEST = 6
SHOWN_POINTS = 1_500
PANDAS_COLUMNS = 40


@dataclass(frozen=True)
class Pair:
    """Two columns that go together.

    Parameters
    ----------
    first, second
        Columns.
    measure
        ``"Spearman"``, ``"Cramér's V"`` or ``"correlation ratio"``.
    value
        In [-1, 1] for Spearman, else in [0, 1].
    points
        Shape (m, 2): at most 1,500 random customers.
    """

    first: Column
    second: Column
    measure: str
    value: float
    points: FloatArray = field(metadata=CELLS)


@dataclass(frozen=True)
class Inflation:
    """A column the others nearly determine.

    Parameters
    ----------
    column
        Name.
    factor
        Variance inflation 1 / (1 - R²) on ranks, at least 1.
    """

    column: str
    factor: float


@dataclass(frozen=True)
class Associations:
    """How columns go together.

    Parameters
    ----------
    rows
        Number of customers looked at.
    names
        Columns of numbers, ordered so that similar ones are neighbours.
    pearson, spearman
        Shape (p, p), in that order.
    all_names
        All columns, ordered likewise.
    strength
        Shape (d, d), in [0, 1]: absolute Spearman between numbers and ordered categories,
        bias-corrected Cramér's V between categories (Bergsma 2013, Journal of the Korean
        Statistical Society 42), correlation ratio between the two.
    pairs
        The strongest, at most six.
    redundant
        Pairs (kept, redundant) whose absolute Spearman or Pearson correlation is 0.95 or more.
    inflated
        Columns of numbers whose variance inflation is 10 or more.
    """

    rows: int
    names: tuple[str, ...]
    pearson: FloatArray
    spearman: FloatArray
    all_names: tuple[str, ...]
    strength: FloatArray
    pairs: tuple[Pair, ...]
    redundant: tuple[tuple[str, str, float], ...]
    inflated: tuple[Inflation, ...]


def associations(table: Table) -> Associations:
    """Return how columns go together, from at most 50,000 customers."""
    sample = table.sample(PAIR_ROWS)
    numbers = sample[table.number_names]
    pearson, spearman = _pearson(numbers), _spearman(numbers)
    strength, measures = _strength(table, sample, spearman)
    order, everything = similar_first(spearman), similar_first(strength)
    names = table.number_names
    return Associations(
        rows=len(sample),
        names=tuple(names[i] for i in order),
        pearson=pearson[np.ix_(order, order)],
        spearman=spearman[np.ix_(order, order)],
        all_names=tuple(table.names[i] for i in everything),
        strength=strength[np.ix_(everything, everything)],
        pairs=tuple(_strongest(table, strength, measures, spearman)),
        redundant=tuple(_redundant(names, pearson, spearman)),
        inflated=tuple(_inflated(names, spearman)),
    )


def similar_first(strength: FloatArray) -> IntArray:
    """Return an order of columns in which similar ones are neighbours.

    Average linkage on 1 - |strength| with optimal leaf order (Bar-Joseph et al. 2001).

    Parameters
    ----------
    strength
        Shape (d, d), symmetric; NaN counts as 0.
    """
    count = len(strength)
    if count < 3:
        return np.arange(count)
    distance = 1 - np.abs(np.nan_to_num(strength))
    distance = np.clip((distance + distance.T) / 2, 0, None)
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), "average", optimal_ordering=count <= 100)
    return np.asarray(leaves_list(tree), dtype=np.int64)


def cramers_v(first: FloatArray, second: FloatArray) -> float:
    """Return the bias-corrected Cramér's V of two columns of codes, in [0, 1]; NaN left out."""
    known = ~(np.isnan(first) | np.isnan(second))
    crossed = pd.crosstab(first[known], second[known]).to_numpy(dtype=np.float64)
    rows, columns = crossed.shape
    total = crossed.sum()
    if min(rows, columns) < 2 or total < 2:
        return 0.0
    expected = np.outer(crossed.sum(axis=1), crossed.sum(axis=0)) / total
    phi2 = ((crossed - expected) ** 2 / expected).sum() / total
    phi2 = max(0.0, phi2 - (columns - 1) * (rows - 1) / (total - 1))
    fewer = min(rows - (rows - 1) ** 2 / (total - 1), columns - (columns - 1) ** 2 / (total - 1))
    return float(min(np.sqrt(phi2 / (fewer - 1)), 1.0)) if fewer > 1 else 0.0


def correlation_ratio(codes: FloatArray, values: FloatArray) -> float:
    """Return η of values by level, in [0, 1]: root of the share of variance between levels."""
    known = ~(np.isnan(codes) | np.isnan(values))
    codes, values = codes[known].astype(np.int64), values[known]
    total = ((values - values.mean()) ** 2).sum() if len(values) else 0.0
    if total <= 0:
        return 0.0
    sizes = np.bincount(codes)
    sums = np.bincount(codes, weights=values)
    means = sums[sizes > 0] / sizes[sizes > 0]
    between = (sizes[sizes > 0] * (means - values.mean()) ** 2).sum()
    return float(np.sqrt(min(between / total, 1.0)))


def _pearson(numbers: pd.DataFrame) -> FloatArray:
    return numbers.corr().to_numpy() if numbers.shape[1] else np.empty((0, 0))


def _spearman(numbers: pd.DataFrame) -> FloatArray:
    """Return Spearman's correlations; in wide tables ranks are taken once, not for each pair."""
    if numbers.shape[1] > PANDAS_COLUMNS:
        return _pearson(numbers.rank())
    return numbers.corr("spearman").to_numpy() if numbers.shape[1] else np.empty((0, 0))


def _strength(
    table: Table, sample: pd.DataFrame, spearman: FloatArray
) -> tuple[FloatArray, dict[tuple[int, int], str]]:
    """Return the strength of every pair of columns, and what it was measured by."""
    columns = table.schema.columns
    place = {name: i for i, name in enumerate(table.number_names)}
    matrix = sample.to_numpy()
    strength, measures = np.eye(len(columns)), {}
    for i, first in enumerate(columns):
        for j in range(i):
            second = columns[j]
            if first.name in place and second.name in place:
                value, measure = spearman[place[first.name], place[second.name]], "Spearman"
            else:
                value, measure = _mixed(first, matrix[:, i], second, matrix[:, j])
            strength[i, j] = strength[j, i] = np.abs(np.nan_to_num(value))
            measures[i, j] = measure
    return strength, measures


def _mixed(first: Column, one: FloatArray, second: Column, other: FloatArray) -> tuple[float, str]:
    if "category" not in {first.kind, second.kind}:
        known = ~(np.isnan(one) | np.isnan(other))
        frame = pd.DataFrame({"a": one[known], "b": other[known]})
        return float(frame.corr("spearman").to_numpy()[0, 1]), "Spearman"
    if first.categorical and second.categorical:
        return cramers_v(one, other), "Cramér's V"
    if first.categorical:
        return correlation_ratio(one, other), "correlation ratio"
    return correlation_ratio(other, one), "correlation ratio"


def _strongest(
    table: Table,
    strength: FloatArray,
    measures: dict[tuple[int, int], str],
    spearman: FloatArray,
) -> Iterator[Pair]:
    ranked = sorted(measures, key=lambda pair: -strength[pair])
    place = {name: i for i, name in enumerate(table.number_names)}
    shown = table.sample(SHOWN_POINTS)
    for i, j in ranked[:STRONGEST]:
        first, second = table.schema.columns[j], table.schema.columns[i]
        value = float(strength[i, j])
        if first.name in place and second.name in place:
            value = float(spearman[place[first.name], place[second.name]])
        points = shown[[first.name, second.name]].to_numpy()
        yield Pair(first, second, measures[i, j], value, points)


def _redundant(
    names: list[str], pearson: FloatArray, spearman: FloatArray
) -> Iterator[tuple[str, str, float]]:
    gone: set[str] = set()
    for i, kept in enumerate(names):
        for j in range(i + 1, len(names)):
            value = max(spearman[i, j], pearson[i, j], key=abs)
            if abs(value) >= REDUNDANT and not gone & {kept, names[j]}:
                gone.add(names[j])
                yield kept, names[j], float(value)


def _inflated(names: list[str], spearman: FloatArray) -> Iterator[Inflation]:
    """Yield columns the others nearly determine, from the inverse of the rank correlations."""
    usable = np.flatnonzero(~np.isnan(spearman).all(axis=0))
    if len(usable) < 2:
        return
    matrix = np.nan_to_num(spearman[np.ix_(usable, usable)])
    inverse = np.linalg.pinv(matrix + 1e-6 * np.eye(len(usable)), hermitian=True)
    for j in np.argsort(-np.diag(inverse), kind="stable"):
        if inverse[j, j] >= INFLATED:
            yield Inflation(names[usable[j]], float(inverse[j, j]))
