"""What each column holds: moments and quantiles, distributions, level counts, broken sums."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import cast

import numpy as np
import pandas as pd
from scipy.optimize import nnls

from segmentation.reports.exploration.explored_table import Table
from segmentation.schema import Column, Identity
from segmentation.types import FloatArray

QUANTILES = {
    "q01": 0.01,
    "q05": 0.05,
    "q25": 0.25,
    "median": 0.5,
    "q75": 0.75,
    "q95": 0.95,
    "q99": 0.99,
}
NUMBERS = ("mean", "std", "minimum", *QUANTILES, "maximum", "skew", "kurtosis", "tail")
TAIL_SHARE, LEAST_TAIL = 0.05, 10
# A sum counts as broken beyond this absolute and relative gap.
TOLERANCE = 0.01
# An undeclared sum of columns is proposed where it holds in this share of the rows.
SUM_HOLDS, SUM_ROWS, SUM_COLUMNS, PART_VARIES = 0.95, 500, 60, 0.05
# Sums of more columns are looked for where there are so many rows for each of them.
LEAST_PARTS, ROWS_A_PART = 3, 3
BINS, FEW_VALUES = 30, 20
LOG_SKEW, LOG_LOWEST = 2.0, 0.01
FENCE = 1.5
SHOWN_LEVELS = 12


@dataclass(frozen=True)
class ColumnSummary:
    """One column in numbers, in its unit; NaN where a number makes no sense for its kind."""

    name: str
    label: str
    kind: str
    unit: str
    sensitive: bool
    count: int
    missing: int
    zeros: int
    distinct: int
    mean: float
    std: float  # of the sample (n - 1)
    minimum: float
    q01: float
    q05: float
    q25: float
    median: float
    q75: float
    q95: float
    q99: float
    maximum: float
    skew: float  # unbiased, as in pandas
    kurtosis: float  # unbiased and excess, as in pandas
    tail: float  # see tail_index
    top: str  # most frequent level of a category
    top_share: float  # of the values that are present, in [0, 1]
    constant: bool

    @property
    def missing_share(self) -> float:
        """Share of rows without a value, in [0, 1]."""
        return self.missing / max(self.missing + self.count, 1)

    @property
    def zero_share(self) -> float:
        """Share of values that are exactly 0, in [0, 1]."""
        return self.zeros / max(self.count, 1)


@dataclass(frozen=True)
class IdentityCheck:
    """In how many complete rows a total is not the sum of its parts, within 0.01 and 1%."""

    total: str
    parts: tuple[str, ...]
    broken: int
    rows: int
    declared: bool  # False: not in the schema, suggested by the table


@dataclass(frozen=True)
class Descriptive:
    """The table in numbers."""

    rows: int
    columns: tuple[ColumnSummary, ...]
    duplicated: int  # rows that equal an earlier one in every feature
    identities: tuple[IdentityCheck, ...]  # declared ones first
    identifier: str | None
    excluded: tuple[tuple[str, str], ...]  # column and reason
    constants: tuple[str, ...]


@dataclass(frozen=True)
class Box:
    """Tukey's box: quartiles, whiskers to the last value inside the fences, counts outside."""

    q25: float
    median: float
    q75: float
    low: float
    high: float
    below: int
    above: int


@dataclass(frozen=True)
class Distribution:
    """Histogram of a numeric column; on a log scale zeros are counted on their own."""

    column: Column
    log: bool
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    zeros: int  # in no bin; 0 on a linear scale
    integers: bool  # each bin is one whole value
    box: Box  # of all values


@dataclass(frozen=True)
class LevelCounts:
    """Level counts of a category: ordered levels in their order, others most frequent first."""

    column: Column
    levels: tuple[str, ...]
    counts: tuple[int, ...]
    merged: int  # levels in the last entry; 0 where none are merged
    missing: int


def describe(table: Table) -> Descriptive:
    """Return the table in numbers, from all rows."""
    columns = tuple(
        _summary(table.customers[c.name], table.published[c.name], c) for c in table.schema.columns
    )
    declared = (_check(table.customers, sum_, True) for sum_ in table.schema.identities)
    return Descriptive(
        rows=len(table),
        columns=columns,
        duplicated=int(table.customers.duplicated().sum()),
        identities=(*declared, *_undeclared_sums(table)),
        identifier=table.schema.identifier,
        excluded=tuple(table.schema.excluded.items()),
        constants=tuple(c.name for c in columns if c.constant),
    )


def tail_index(values: FloatArray) -> float:
    """Return Hill's tail index (1975, Annals of Statistics 3) of the largest 5% of values.

    0 for a light tail; above 0.5 the variance does not exist. At least 10 values are used; NaN
    where there are no more than that, or where they are not positive.

    Parameters
    ----------
    values
        Shape (n,), without missing values.
    """
    count = max(int(TAIL_SHARE * len(values)), LEAST_TAIL)
    if len(values) <= count:
        return float("nan")
    largest = np.partition(values, len(values) - count - 1)[len(values) - count - 1 :]
    threshold = largest.min()
    if threshold <= 0:
        return float("nan")
    return float(np.log(largest / threshold).sum() / count)


def _summary(
    values: pd.Series[float], published: pd.Series[float], column: Column
) -> ColumnSummary:
    present = values.dropna()
    distinct = int(present.nunique())
    numbers = dict.fromkeys(NUMBERS, float("nan"))
    top, top_share, zeros = "", float("nan"), 0
    if column.categorical:
        frequent = present.value_counts(normalize=True)
        if len(frequent):
            top = column.levels[int(frequent.index[0])]
            top_share = float(frequent.iloc[0])
    else:
        numbers = dict(
            zip(NUMBERS, _numbers(present, published.dropna(), distinct > 1), strict=True)
        )
        zeros = int((present == 0).sum())
    return ColumnSummary(
        name=column.name,
        label=column.label,
        kind=column.kind,
        unit=column.unit,
        sensitive=column.sensitive,
        count=len(present),
        missing=len(values) - len(present),
        zeros=zeros,
        distinct=distinct,
        top=top,
        top_share=top_share,
        constant=distinct <= 1,
        **numbers,
    )


def _numbers(
    values: pd.Series[float], published: pd.Series[float], varies: bool
) -> Iterator[float]:
    """Yield moments of all values, and extremes and quantiles of those that may be published."""
    yield float(values.mean())
    yield float(values.std())
    yield float(published.min())
    yield from published.quantile(list(QUANTILES.values())).tolist()
    yield float(published.max())
    yield float(cast(float, values.skew())) if varies else float("nan")
    yield float(cast(float, values.kurt())) if varies else float("nan")
    yield tail_index(np.asarray(values, dtype=np.float64))


def _undeclared_sums(table: Table) -> Iterator[IdentityCheck]:
    """Yield sums of other columns that nearly always hold, though the schema does not say so."""
    names = table.number_names[:SUM_COLUMNS]
    values = table.sample(SUM_ROWS)[names].to_numpy()
    declared = {frozenset((i.total, *i.parts)) for i in table.schema.identities}
    varying = [j for j in range(len(names)) if _varies(values[:, j])]
    summed: set[str] = {identity.total for identity in table.schema.identities}
    for a, b in combinations(varying, 2):
        sums = values[:, a] + values[:, b]
        for j in varying:
            if j in {a, b} or frozenset((names[j], names[a], names[b])) in declared:
                continue
            if _broken(values[:, j], sums).mean() <= 1 - SUM_HOLDS:
                check = _check(table.customers, Identity(names[j], (names[a], names[b])), False)
                if _nearly_holds(check):
                    summed.add(names[j])
                    yield check
    for j, parts in _long_sums(values, varying):
        if names[j] not in summed:
            sum_ = Identity(names[j], tuple(names[part] for part in parts))
            if _nearly_holds(check := _check(table.customers, sum_, False)):
                yield check


def _nearly_holds(check: IdentityCheck) -> bool:
    return check.rows > 0 and check.broken <= (1 - SUM_HOLDS) * check.rows


def _long_sums(values: FloatArray, varying: Sequence[int]) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Yield columns and three or more parts that may add up to them.

    Parts are columns of which non-negative least squares take the whole.
    """
    complete = values[~np.isnan(values[:, list(varying)]).any(axis=1)]
    amounts = [j for j in varying if len(complete) and complete[:, j].min() >= 0]
    _, first = np.unique(complete[:, amounts], axis=1, return_index=True)
    amounts = [amounts[place] for place in sorted(first)]  # of columns that are equal, the first
    for j in amounts:
        total = complete[:, j]
        below = [i for i in amounts if i != j and (complete[:, i] <= total).mean() >= SUM_HOLDS]
        if len(below) < LEAST_PARTS or len(complete) < ROWS_A_PART * len(below):
            continue
        weights, _ = nnls(complete[:, below], total)
        parts = tuple(i for i, weight in zip(below, weights, strict=True) if weight > 0.5)
        if len(parts) >= LEAST_PARTS:
            yield j, parts


def _varies(values: FloatArray) -> bool:
    present = values[~np.isnan(values)]
    return len(present) > 0 and float((present != 0).mean()) > PART_VARIES and bool(np.ptp(present))


def _check(customers: pd.DataFrame, identity: Identity, declared: bool) -> IdentityCheck:
    complete = customers[[identity.total, *identity.parts]].dropna()
    sums = complete[list(identity.parts)].sum(axis=1).to_numpy()
    broken = _broken(complete[identity.total].to_numpy(), sums)
    return IdentityCheck(identity.total, identity.parts, int(broken.sum()), len(complete), declared)


def _broken(total: FloatArray, sums: FloatArray) -> FloatArray:
    """Return 1 where a total is not the sum, or is missing, else 0."""
    holds = np.abs(total - sums) <= np.maximum(TOLERANCE, TOLERANCE * np.abs(total))
    return np.asarray(~holds, dtype=np.float64)


def distributions(table: Table) -> tuple[Distribution, ...]:
    """Return the distribution of every numeric column that has values, from all rows.

    What is drawn is what may be published; how many values lie outside the fences is counted
    among all.
    """
    shapes = []
    for column in table.numbers:
        values = table.customers[column.name].dropna().to_numpy()
        if len(values):
            shape = distribution(table.published[column.name].dropna().to_numpy(), column)
            counted = box_of(values)
            box = replace(shape.box, below=counted.below, above=counted.above)
            shapes.append(replace(shape, box=box))
    return tuple(shapes)


def distribution(values: FloatArray, column: Column) -> Distribution:
    """Return the histogram of values, shape (n,), without missing ones, on a fitting scale."""
    different = np.unique(values)
    low, high = different[0], different[-1]
    few = len(different) <= FEW_VALUES and high - low <= 2 * FEW_VALUES
    integers = bool(few and (different == np.round(different)).all())
    log = not integers and low >= 0 and skewness(values) > LOG_SKEW
    binned = values[values > 0] if log else values
    if integers:
        edges = np.arange(low - 0.5, high + 1.0)
    elif log:
        low = np.quantile(binned, LOG_LOWEST)
        binned = binned.clip(low)
        edges = np.geomspace(low, high, BINS + 1) if high > low else np.array([low, low + 1])
        edges[0], edges[-1] = min(edges[0], low), max(edges[-1], high)
    else:
        edges = np.histogram_bin_edges(values, BINS)
    counts = np.histogram(binned, edges)[0]
    return Distribution(
        column=column,
        log=log,
        edges=tuple(edges.tolist()),
        counts=tuple(counts.tolist()),
        zeros=len(values) - len(binned),
        integers=integers,
        box=box_of(values),
    )


def spread_of(values: FloatArray) -> tuple[float, float]:
    """Return deviation and skew of values, shape (n,), without bias, as :func:`describe` does.

    NaN where there are too few.
    """
    sample = pd.Series(values)
    return float(sample.std()), float(cast(float, sample.skew()))


def skewness(values: FloatArray) -> float:
    """Return the biased skewness of values, shape (n,), and 0 where they do not vary."""
    spread = values.std()
    return float(((values - values.mean()) ** 3).mean() / spread**3) if spread > 0 else 0.0


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
    """Return how often each level of every category occurs, from all rows."""
    return tuple(_level_counts(table, column) for column in table.categories)


def _level_counts(table: Table, column: Column) -> LevelCounts:
    codes = table.customers[column.name].to_numpy()
    present = codes[~np.isnan(codes)].astype(np.int64)
    counts = np.bincount(present, minlength=len(column.levels))
    order = np.arange(len(counts))
    if column.kind == "category" or len(order) > SHOWN_LEVELS:
        order = np.argsort(-counts, kind="stable")
    first, rest = order[:SHOWN_LEVELS], order[SHOWN_LEVELS:]
    levels = tuple(column.levels[i] for i in first)
    numbers = tuple(counts[first].tolist())
    if len(rest):
        levels, numbers = (*levels, f"{len(rest)} others"), (*numbers, int(counts[rest].sum()))
    return LevelCounts(column, levels, numbers, len(rest), len(codes) - len(present))
