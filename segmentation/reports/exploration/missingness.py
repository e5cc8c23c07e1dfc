"""What is missing, whether it is missing together, on what that depends, and how to fill it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2_contingency, mannwhitneyu
from threadpoolctl import threadpool_limits

from segmentation.preprocessing.imputation import MedianFill, RegressionFill
from segmentation.reports.exploration.bivariate import cramers_v
from segmentation.reports.exploration.explored_table import MODEL_ROWS, PAIR_ROWS, Table
from segmentation.schema import Column
from segmentation.types import FloatArray

LEAST_TESTED = 10
SIGNIFICANT = 0.01
NOTICEABLE = 0.1
SHOWN_PATTERNS = 8
SHOWN_DEPENDENCIES = 3
HIDDEN = 0.1


@dataclass(frozen=True)
class MissingColumn:
    """How much of a column is missing.

    Parameters
    ----------
    column
        From the schema.
    count
        Rows without a value.
    share
        In [0, 1].
    """

    column: Column
    count: int
    share: float


@dataclass(frozen=True)
class Pattern:
    """Columns that are missing in the same rows, and in how many rows exactly those are."""

    columns: tuple[str, ...]
    count: int


@dataclass(frozen=True)
class Dependency:
    """Another column differs where this one is missing.

    Parameters
    ----------
    missing, other
        Names of the columns.
    effect
        Rank-biserial correlation in [-1, 1] (positive: `other` is larger where `missing` is
        missing); for categories Cramér's V in [0, 1].
    p
        Of Mann and Whitney's test or chi-squared, times the number of tests made (Bonferroni),
        at most 1.
    """

    missing: str
    other: str
    effect: float
    p: float


@dataclass(frozen=True)
class Imputation:
    """What one way of filling a column does.

    Parameters
    ----------
    column
        Name.
    method
        As in :data:`segmentation.clustering.spec.CHOICES`: ``median`` or ``iterative``.
    mean_before, mean_after, std_before, std_after
        Of the known values, and of all after filling.
    error
        Median absolute error on known values that were hidden for the purpose, as a share of
        the error of filling with the median; NaN where too few are known.
    """

    column: str
    method: str
    mean_before: float
    mean_after: float
    std_before: float
    std_after: float
    error: float


@dataclass(frozen=True)
class Nulls:
    """Missing values of a table.

    Parameters
    ----------
    columns
        Those with missing values, most first.
    complete
        Rows in which nothing is missing.
    rows
        All rows.
    patterns
        The most frequent combinations, at most eight.
    together
        Shape (m, m), in the order of `columns`: correlation of being missing.
    dependencies
        At most three for each column, significant at 0.01 and noticeable, strongest first.
    imputations
        One for each column of numbers with missing values, and method.
    """

    columns: tuple[MissingColumn, ...]
    complete: int
    rows: int
    patterns: tuple[Pattern, ...]
    together: FloatArray
    dependencies: tuple[Dependency, ...]
    imputations: tuple[Imputation, ...]


def nulls(table: Table) -> Nulls:
    """Return what is missing: counts from all rows, tests and fillings from a sample."""
    missing = table.customers.isna()
    counts = missing.sum()
    columns = sorted(
        (MissingColumn(c, int(counts[c.name]), float(counts[c.name] / max(len(table), 1)))
         for c in table.schema.columns if counts[c.name]),
        key=lambda found: -found.count,
    )  # fmt: skip
    names = [found.column.name for found in columns]
    flags = missing[names]
    return Nulls(
        columns=tuple(columns),
        complete=int((~flags.any(axis=1)).sum()) if names else len(table),
        rows=len(table),
        patterns=tuple(_patterns(flags)),
        together=np.nan_to_num(flags.astype(np.float64).corr().to_numpy()),
        dependencies=tuple(_dependencies(table, names)),
        imputations=tuple(_imputations(table)),
    )


def _patterns(flags: pd.DataFrame) -> Iterator[Pattern]:
    if not len(flags.columns):
        return
    some = flags[flags.any(axis=1)]
    for pattern, count in some.value_counts().head(SHOWN_PATTERNS).items():
        marks = pattern if isinstance(pattern, tuple) else (pattern,)
        names = tuple(n for n, mark in zip(flags.columns, marks, strict=True) if mark)
        yield Pattern(names, int(count))


def _dependencies(table: Table, names: list[str]) -> Iterator[Dependency]:
    """Yield what differs where a column is missing; every test counts for the correction."""
    sample = table.sample(PAIR_ROWS)
    found: dict[str, list[Dependency]] = {}
    tests = 0
    for name in names:
        gone: NDArray[np.bool_] = sample[name].isna().to_numpy()
        if min(gone.sum(), (~gone).sum()) < LEAST_TESTED:
            continue
        for other in table.schema.columns:
            values = sample[other.name].to_numpy()
            if other.name == name or np.isnan(values[gone]).all() or np.isnan(values[~gone]).all():
                continue
            effect, p = _differs(values, gone, other)
            tests += 1
            found.setdefault(name, []).append(Dependency(name, other.name, effect, p))
    for dependencies in found.values():
        kept = [d for d in dependencies if d.p * tests <= SIGNIFICANT]
        kept = [d for d in kept if abs(d.effect) >= NOTICEABLE]
        for d in sorted(kept, key=lambda d: -abs(d.effect))[:SHOWN_DEPENDENCIES]:
            yield Dependency(d.missing, d.other, d.effect, min(1.0, d.p * tests))


def _differs(values: FloatArray, gone: NDArray[np.bool_], other: Column) -> tuple[float, float]:
    known = ~np.isnan(values)
    if other.kind == "category":
        crossed = pd.crosstab(values[known], gone[known]).to_numpy()
        if min(crossed.shape) < 2:
            return 0.0, 1.0
        p = float(chi2_contingency(crossed).pvalue)
        return cramers_v(values, gone.astype(np.float64)), p
    one, rest = values[gone & known], values[~gone & known]
    result = mannwhitneyu(one, rest)
    return float(2 * result.statistic / (len(one) * len(rest)) - 1), float(result.pvalue)


def _imputations(table: Table) -> Iterator[Imputation]:
    """Yield what filling does, and how well it finds values that were hidden."""
    sample = table.sample(MODEL_ROWS)[table.number_names]
    matrix = sample.to_numpy()
    filled_columns = np.flatnonzero(np.isnan(matrix).any(axis=0))
    if not len(filled_columns):
        return
    scale = np.nanmax(np.abs(matrix), axis=0, initial=0, where=~np.isnan(matrix))
    scale[scale == 0] = 1.0
    random = np.random.default_rng(table.seed)
    hidden = ~np.isnan(matrix) & (random.random(matrix.shape) < HIDDEN)
    hidden[:, ~np.isin(np.arange(matrix.shape[1]), filled_columns)] = False
    steps = {"median": MedianFill, "iterative": RegressionFill}
    with threadpool_limits(1):
        whole = {m: step().fit_transform(matrix / scale) * scale for m, step in steps.items()}
        holed = np.where(hidden, np.nan, matrix / scale)
        guessed = {m: step().fit_transform(holed) * scale for m, step in steps.items()}
    for j in filled_columns:
        errors = {m: _error(matrix[:, j], g[:, j], hidden[:, j]) for m, g in guessed.items()}
        for method, filled in whole.items():
            yield _imputation(table.number_names[j], method, matrix[:, j], filled[:, j], errors)


def _imputation(
    name: str, method: str, before: FloatArray, after: FloatArray, errors: Mapping[str, float]
) -> Imputation:
    return Imputation(
        name,
        method,
        mean_before=float(np.nanmean(before)),
        mean_after=float(after.mean()),
        std_before=float(np.nanstd(before)),
        std_after=float(after.std()),
        error=errors[method] / errors["median"] if errors["median"] > 0 else float("nan"),
    )


def _error(values: FloatArray, guesses: FloatArray, hidden: NDArray[np.bool_]) -> float:
    rows = np.flatnonzero(hidden)
    if len(rows) < LEAST_TESTED:
        return float("nan")
    return float(np.median(np.abs(values[rows] - guesses[rows])))
