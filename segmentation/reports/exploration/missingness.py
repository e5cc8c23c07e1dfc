"""Which values are missing, together with which others, depending on what, and imputation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2_contingency, mannwhitneyu
from threadpoolctl import threadpool_limits

from segmentation.preprocessing.imputation import MedianFill, RegressionFill
from segmentation.preprocessing.step import ArrayStep
from segmentation.reports.exploration.bivariate import cramers_v
from segmentation.reports.exploration.descriptive import spread_of
from segmentation.reports.exploration.explored_table import MODEL_ROWS, PAIR_ROWS, Table
from segmentation.schema import Column
from segmentation.types import FloatArray

LEAST_TESTED = 10
SIGNIFICANT = 0.01
NOTICEABLE = 0.1
SHOWN_PATTERNS = 8
SHOWN_DEPENDENCIES = 3
HIDDEN_SHARE = 0.1


@dataclass(frozen=True)
class MissingColumn:
    """In how many rows a column has no value, and their share in [0, 1]."""

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
    """Another column differs where this one is missing."""

    missing: str
    other: str
    # Rank-biserial correlation in [-1, 1], positive where `other` is larger in rows without
    # `missing`; Cramér's V in [0, 1] for categories.
    effect: float
    p: float  # of Mann and Whitney's test or chi-squared, Bonferroni-corrected


@dataclass(frozen=True)
class Imputation:
    """What one imputation method does to a column."""

    column: str
    method: str  # "median" or "iterative", as in clustering.spec.CHOICES
    mean_before: float  # of the values that are present
    mean_after: float  # of all values after imputation
    std_before: float
    std_after: float
    # Median absolute error on values hidden for the purpose, relative to imputing the median;
    # NaN where fewer than 10 were hidden.
    error: float


@dataclass(frozen=True)
class Missingness:
    """Missing values of a table."""

    columns: tuple[MissingColumn, ...]  # those with missing values, most first
    complete: int  # rows without a missing value
    rows: int
    patterns: tuple[Pattern, ...]  # the most frequent, of enough customers each
    together: FloatArray  # shape (m, m), as `columns`: correlation of being missing
    dependencies: tuple[Dependency, ...]  # significant at 0.01 and noticeable, by column
    imputations: tuple[Imputation, ...]  # by numeric column with missing values, and method


def missingness(table: Table) -> Missingness:
    """Return what is missing: counts from all rows, tests and imputations from a sample."""
    missing = table.customers.isna()
    counts = missing.sum()
    columns = sorted(
        (MissingColumn(c, int(counts[c.name]), float(counts[c.name] / max(len(table), 1)))
         for c in table.schema.columns if counts[c.name]),
        key=lambda item: -item.count,
    )  # fmt: skip
    names = [item.column.name for item in columns]
    flags = missing[names]
    return Missingness(
        columns=tuple(columns),
        complete=int((~flags.any(axis=1)).sum()) if names else len(table),
        rows=len(table),
        patterns=tuple(_patterns(flags, table.group)),
        together=np.nan_to_num(flags.astype(np.float64).corr().to_numpy()),
        dependencies=tuple(_dependencies(table, names)),
        imputations=tuple(_imputations(table)),
    )


def _patterns(flags: pd.DataFrame, group: int) -> Iterator[Pattern]:
    if not len(flags.columns):
        return
    some = flags[flags.any(axis=1)]
    counts = some.value_counts()
    for pattern, count in counts[counts >= group].head(SHOWN_PATTERNS).items():
        marks = pattern if isinstance(pattern, tuple) else (pattern,)
        names = tuple(n for n, mark in zip(flags.columns, marks, strict=True) if mark)
        yield Pattern(names, int(count))


def _dependencies(table: Table, names: list[str]) -> Iterator[Dependency]:
    """Yield what differs where a column is missing; every test counts for the correction."""
    sample = table.sample(PAIR_ROWS)
    tested: dict[str, list[Dependency]] = {name: [] for name in names}
    for name in names:
        absent: NDArray[np.bool_] = sample[name].isna().to_numpy()
        if min(absent.sum(), (~absent).sum()) < LEAST_TESTED:
            continue
        for other in table.schema.columns:
            values = sample[other.name].to_numpy()
            sides = (values[absent], values[~absent])
            if other.name != name and not any(np.isnan(side).all() for side in sides):
                tested[name].append(Dependency(name, other.name, *_effect(values, absent, other)))
    count = sum(map(len, tested.values()))
    for dependencies in tested.values():
        corrected = [replace(d, p=min(1.0, d.p * count)) for d in dependencies]
        clear = [d for d in corrected if d.p <= SIGNIFICANT and abs(d.effect) >= NOTICEABLE]
        yield from sorted(clear, key=lambda d: -abs(d.effect))[:SHOWN_DEPENDENCIES]


def _effect(values: FloatArray, absent: NDArray[np.bool_], other: Column) -> tuple[float, float]:
    """Return effect and p of the difference between rows without and with a value."""
    present = ~np.isnan(values)
    if other.kind == "category":
        crossed = pd.crosstab(values[present], absent[present]).to_numpy()
        if min(crossed.shape) < 2:
            return 0.0, 1.0
        return cramers_v(values, absent.astype(np.float64)), float(chi2_contingency(crossed).pvalue)
    one, rest = values[absent & present], values[~absent & present]
    result = mannwhitneyu(one, rest)
    return float(2 * result.statistic / (len(one) * len(rest)) - 1), float(result.pvalue)


def _imputations(table: Table) -> Iterator[Imputation]:
    """Yield what imputation does, and how well it restores values that were hidden."""
    matrix = table.sample(MODEL_ROWS)[table.number_names].to_numpy()
    absent = np.isnan(matrix)
    incomplete = np.flatnonzero(absent.any(axis=0))
    if not len(incomplete):
        return
    scale = np.nanmax(np.abs(matrix), axis=0, initial=0, where=~absent)
    scale[scale == 0] = 1.0
    hidden = ~absent & (np.random.default_rng(table.seed).random(matrix.shape) < HIDDEN_SHARE)
    hidden &= absent.any(axis=0)
    steps: dict[str, Callable[[], ArrayStep]] = {"median": MedianFill, "iterative": RegressionFill}
    with threadpool_limits(1):
        whole = {m: step().fit_transform(matrix / scale) * scale for m, step in steps.items()}
        holes = np.where(hidden, np.nan, matrix / scale)
        guesses = {m: step().fit_transform(holes) * scale for m, step in steps.items()}
    for j in incomplete:
        before = matrix[:, j]
        errors = {m: _error(before, guess[:, j], hidden[:, j]) for m, guess in guesses.items()}
        for method, imputed in whole.items():
            after = imputed[:, j]
            yield Imputation(
                table.number_names[j],
                method,
                mean_before=float(np.nanmean(before)),
                mean_after=float(after.mean()),
                std_before=spread_of(before[~absent[:, j]])[0],
                std_after=spread_of(after)[0],
                error=errors[method] / errors["median"] if errors["median"] > 0 else float("nan"),
            )


def _error(values: FloatArray, guesses: FloatArray, hidden: NDArray[np.bool_]) -> float:
    if hidden.sum() < LEAST_TESTED:
        return float("nan")
    return float(np.median(np.abs(values - guesses)[hidden]))
