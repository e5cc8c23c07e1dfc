"""Associations between columns, and columns that repeat others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform
from scipy.stats.contingency import expected_freq

from segmentation.reports.exploration.explored_table import PAIR_ROWS, Table
from segmentation.schema import Column
from segmentation.types import FloatArray, IntArray

REDUNDANT = 0.95
INFLATED = 10.0
STRONGEST = 6
PRINCIPAL, EXPLAINED = 5, 1e-6
PANDAS_COLUMNS = 40


@dataclass(frozen=True)
class Pair:
    """Two columns that are associated."""

    first: Column
    second: Column
    measure: str  # "Spearman", "Cramér's V" or "correlation ratio"
    value: float  # in [-1, 1] for Spearman, else in [0, 1]


@dataclass(frozen=True)
class Inflation:
    """A column the others nearly determine: variance inflation 1 / (1 - R²) on ranks."""

    column: str
    factor: float


@dataclass(frozen=True)
class Associations:
    """How columns are associated; matrices are ordered so that similar columns are neighbours."""

    rows: int
    names: tuple[str, ...]  # numeric columns
    pearson: FloatArray  # shape (p, p), in the order of `names`
    spearman: FloatArray
    all_names: tuple[str, ...]
    strength: FloatArray  # shape (d, d), in [0, 1], in the order of `all_names`
    pairs: tuple[Pair, ...]  # the strongest
    principal: tuple[str, ...]  # the few numeric columns that say most about the others
    principal_share: float  # share in [0, 1] of the variance of all ranks that these explain
    redundant: tuple[tuple[str, str, float], ...]  # column, its repetition, correlation
    inflated: tuple[Inflation, ...]


def associations(table: Table) -> Associations:
    """Return how columns are associated, from at most 50,000 customers.

    Strength is the absolute Spearman correlation between numbers and ordered categories, the
    bias-corrected Cramér's V between categories and the correlation ratio between the two.
    """
    sample = table.sample(PAIR_ROWS)
    numbers = sample[table.number_names]
    pearson, spearman = numbers.corr().to_numpy(), _spearman(numbers)
    pairs = dict(_pairs(table, sample, spearman))
    strength = np.eye(len(table.names))
    for (i, j), pair in pairs.items():
        strength[i, j] = strength[j, i] = abs(pair.value)
    names = table.number_names
    chosen, share = principal_variables(spearman)
    order, all_order = similar_first(spearman), similar_first(strength)
    return Associations(
        rows=len(sample),
        names=tuple(names[i] for i in order),
        pearson=pearson[np.ix_(order, order)],
        spearman=spearman[np.ix_(order, order)],
        all_names=tuple(table.names[i] for i in all_order),
        strength=strength[np.ix_(all_order, all_order)],
        pairs=tuple(sorted(pairs.values(), key=lambda pair: -abs(pair.value))[:STRONGEST]),
        principal=tuple(names[i] for i in chosen),
        principal_share=share,
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


def principal_variables(correlation: FloatArray) -> tuple[list[int], float]:
    """Return the at most five columns that explain most of all, and what share they explain.

    Forward selection of principal variables (McCabe 1984, Technometrics 26): each next column is
    the one whose part not yet explained explains most of what is left in the others.

    Parameters
    ----------
    correlation
        Shape (p, p), symmetric; columns with NaN, such as constant ones, are left out.
    """
    left = np.nan_to_num(correlation)
    total, chosen = float(np.trace(left)), list[int]()
    for _ in range(min(PRINCIPAL, int(np.count_nonzero(np.diag(left))))):
        own = np.diag(left)
        gains = np.where(own > EXPLAINED, (left**2).sum(axis=0) / np.maximum(own, EXPLAINED), 0.0)
        best = int(gains.argmax())
        if gains[best] <= 0:
            break
        chosen.append(best)
        left = left - np.outer(left[best], left[best]) / own[best]
    share = 1 - float(np.trace(left)) / total if chosen else 0.0
    return chosen, min(max(share, 0.0), 1.0)


def cramers_v(first: FloatArray, second: FloatArray) -> float:
    """Return Cramér's V of two columns of codes, in [0, 1]; rows with NaN are left out.

    Corrected for bias (Bergsma 2013, Journal of the Korean Statistical Society 42).
    """
    complete = ~(np.isnan(first) | np.isnan(second))
    crossed = pd.crosstab(first[complete], second[complete]).to_numpy(dtype=np.float64)
    rows, columns = crossed.shape
    total = crossed.sum()
    if min(rows, columns) < 2 or total < 2:
        return 0.0
    expected = expected_freq(crossed)
    phi2 = ((crossed - expected) ** 2 / expected).sum() / total
    phi2 = max(0.0, phi2 - (columns - 1) * (rows - 1) / (total - 1))
    fewer = min(rows - (rows - 1) ** 2 / (total - 1), columns - (columns - 1) ** 2 / (total - 1))
    return float(min(np.sqrt(phi2 / (fewer - 1)), 1.0)) if fewer > 1 else 0.0


def correlation_ratio(codes: FloatArray, values: FloatArray) -> float:
    """Return η of values by level, in [0, 1]: root of the share of variance between levels."""
    complete = ~(np.isnan(codes) | np.isnan(values))
    codes, values = codes[complete].astype(np.int64), values[complete]
    total = ((values - values.mean()) ** 2).sum() if len(values) else 0.0
    if total <= 0:
        return 0.0
    sizes = np.bincount(codes)
    sums = np.bincount(codes, weights=values)
    means = sums[sizes > 0] / sizes[sizes > 0]
    between = (sizes[sizes > 0] * (means - values.mean()) ** 2).sum()
    return float(np.sqrt(min(between / total, 1.0)))


def _spearman(numbers: pd.DataFrame) -> FloatArray:
    """Return Spearman's correlations; in wide tables ranks are taken once, not for each pair."""
    if numbers.shape[1] > PANDAS_COLUMNS:
        return numbers.rank().corr().to_numpy()
    return numbers.corr("spearman").to_numpy()


def _pairs(
    table: Table, sample: pd.DataFrame, spearman: FloatArray
) -> Iterator[tuple[tuple[int, int], Pair]]:
    """Yield every pair of columns by their positions (later, earlier); undefined values are 0."""
    columns, matrix = table.schema.columns, sample.to_numpy()
    number = {name: i for i, name in enumerate(table.number_names)}
    for i, later in enumerate(columns):
        for j, earlier in enumerate(columns[:i]):
            if later.name in number and earlier.name in number:
                value, measure = spearman[number[later.name], number[earlier.name]], "Spearman"
            else:
                value, measure = association(later, matrix[:, i], earlier, matrix[:, j])
            yield (i, j), Pair(earlier, later, measure, float(np.nan_to_num(value)))


def association(
    first: Column, one: FloatArray, second: Column, other: FloatArray
) -> tuple[float, str]:
    """Return how strongly two columns are associated, and the measure that fits their kinds.

    `one` and `other` are their values or codes, shape (n,); NaN where that is not defined.
    """
    if "category" not in {first.kind, second.kind}:
        frame = pd.DataFrame({"one": one, "other": other}).dropna()
        return float(frame.corr("spearman").to_numpy()[0, 1]), "Spearman"
    if first.categorical and second.categorical:
        return cramers_v(one, other), "Cramér's V"
    if first.categorical:
        return correlation_ratio(one, other), "correlation ratio"
    return correlation_ratio(other, one), "correlation ratio"


def _redundant(
    names: list[str], pearson: FloatArray, spearman: FloatArray
) -> Iterator[tuple[str, str, float]]:
    """Yield columns and their repetitions: at least 0.95 by Spearman or Pearson."""
    dropped: set[str] = set()
    for i, name in enumerate(names):
        for j in range(i + 1, len(names)):
            value = max(spearman[i, j], pearson[i, j], key=abs)
            if abs(value) >= REDUNDANT and not dropped & {name, names[j]}:
                dropped.add(names[j])
                yield name, names[j], float(value)


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
