"""What each column holds, and whether the table's own arithmetic holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any, cast

import numpy as np
import pandas as pd

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
TAIL_SHARE, LEAST_TAIL = 0.05, 10
TOLERANCE = 0.01
FOUND_HOLDS, FOUND_ROWS, FOUND_COLUMNS, PART_VARIES = 0.95, 500, 60, 0.05


@dataclass(frozen=True)
class ColumnSummary:
    """One column in numbers; NaN where a number makes no sense for its kind.

    Parameters
    ----------
    name, label, kind, unit, sensitive
        From the schema.
    count, nulls, zeros, distinct
        Numbers of rows with a value, without one, with exactly 0, and of different values.
    mean, std, minimum, q01, q05, q25, median, q75, q95, q99, maximum
        In the column's unit; `std` is the sample's (n - 1).
    skew, kurtosis
        As pandas computes them: unbiased, excess.
    tail
        Hill's estimate (1975, Annals of Statistics 3) of the tail index over the largest 5 %:
        0 for a light tail, above 0.5 the variance does not exist.
    top, top_share
        Most frequent level of a category and its share of the known values in [0, 1].
    constant
        Whether all known values are one.
    """

    name: str
    label: str
    kind: str
    unit: str
    sensitive: bool
    count: int
    nulls: int
    zeros: int
    distinct: int
    mean: float
    std: float
    minimum: float
    q01: float
    q05: float
    q25: float
    median: float
    q75: float
    q95: float
    q99: float
    maximum: float
    skew: float
    kurtosis: float
    tail: float
    top: str
    top_share: float
    constant: bool

    @property
    def null_share(self) -> float:
        """Share of rows without a value, in [0, 1]."""
        return self.nulls / max(self.nulls + self.count, 1)

    @property
    def zero_share(self) -> float:
        """Share of known values that are exactly 0, in [0, 1]."""
        return self.zeros / max(self.count, 1)


@dataclass(frozen=True)
class IdentityCheck:
    """How often internal arithmetic fails.

    Parameters
    ----------
    total, parts
        Columns: the total should be the sum of its parts.
    broken, rows
        How often it is not, by more than 0.01 and 1 % of the total, and in how many rows all
        columns are known.
    declared
        True when the schema says so, False when the table suggests it.
    """

    total: str
    parts: tuple[str, ...]
    broken: int
    rows: int
    declared: bool


@dataclass(frozen=True)
class Descriptive:
    """The table in numbers.

    Parameters
    ----------
    rows
        Of the table.
    columns
        One summary per feature.
    duplicated
        Rows that equal an earlier row in every feature.
    identities
        Declared ones first.
    identifier
        Name of the identifier column, or None.
    excluded
        Columns that are no features, and why.
    constants
        Features with one value only.
    """

    rows: int
    columns: tuple[ColumnSummary, ...]
    duplicated: int
    identities: tuple[IdentityCheck, ...]
    identifier: str | None
    excluded: tuple[tuple[str, str], ...]
    constants: tuple[str, ...]


def describe(table: Table) -> Descriptive:
    """Return the table in numbers, from all rows."""
    columns = tuple(_summary(table.customers[c.name], c) for c in table.schema.columns)
    return Descriptive(
        rows=len(table),
        columns=columns,
        duplicated=int(table.customers.duplicated().sum()),
        identities=(*_declared(table), *_found(table)),
        identifier=table.schema.identifier,
        excluded=tuple(table.schema.excluded.items()),
        constants=tuple(c.name for c in columns if c.constant),
    )


def tail_index(values: FloatArray) -> float:
    """Return Hill's tail index of the largest 5 % of values (at least 10), NaN where undefined.

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


def _summary(values: pd.Series[float], column: Column) -> ColumnSummary:
    known = values.dropna()
    distinct = int(known.nunique())
    found: dict[str, Any] = dict.fromkeys(NUMBERS, float("nan"))
    found |= {"zeros": 0, "top": "", "top_share": float("nan")}
    if column.categorical:
        frequent = known.value_counts(normalize=True)
        if len(frequent):
            top = column.levels[int(frequent.index[0])]
            found |= {"top": top, "top_share": float(frequent.iloc[0])}
    else:
        found |= dict(zip(NUMBERS, _numbers(known, distinct), strict=True))
        found["zeros"] = int((known == 0).sum())
    return ColumnSummary(
        name=column.name,
        label=column.label,
        kind=column.kind,
        unit=column.unit,
        sensitive=column.sensitive,
        count=len(known),
        nulls=len(values) - len(known),
        distinct=distinct,
        constant=distinct <= 1,
        **found,
    )


NUMBERS = ("mean", "std", "minimum", *QUANTILES, "maximum", "skew", "kurtosis", "tail")


def _numbers(known: pd.Series[float], distinct: int) -> Iterator[float]:
    yield float(known.mean())
    yield float(known.std())
    yield float(known.min())
    yield from known.quantile(list(QUANTILES.values())).tolist()
    yield float(known.max())
    varies = distinct > 1
    yield float(cast(float, known.skew())) if varies else float("nan")
    yield float(cast(float, known.kurt())) if varies else float("nan")
    yield tail_index(np.asarray(known, dtype=np.float64))


def _declared(table: Table) -> Iterator[IdentityCheck]:
    for identity in table.schema.identities:
        yield _check(table.customers, identity, declared=True)


def _found(table: Table) -> Iterator[IdentityCheck]:
    """Yield sums of two columns that nearly always hold, though the schema does not say so."""
    names = table.number_names[:FOUND_COLUMNS]
    values = table.sample(FOUND_ROWS)[names].to_numpy()
    declared = {frozenset((i.total, *i.parts)) for i in table.schema.identities}
    moving = [j for j in range(len(names)) if _moves(values[:, j])]
    for a, b in combinations(moving, 2):
        together = values[:, a] + values[:, b]
        for j in moving:
            if j in {a, b} or frozenset((names[j], names[a], names[b])) in declared:
                continue
            if _broken(values[:, j], together).mean() <= 1 - FOUND_HOLDS:
                identity = Identity(names[j], (names[a], names[b]))
                check = _check(table.customers, identity, declared=False)
                if check.rows and check.broken <= (1 - FOUND_HOLDS) * check.rows:
                    yield check


def _moves(values: FloatArray) -> bool:
    known = values[~np.isnan(values)]
    return len(known) > 0 and float((known != 0).mean()) > PART_VARIES and bool(np.ptp(known) > 0)


def _check(customers: pd.DataFrame, identity: Identity, declared: bool) -> IdentityCheck:
    known = customers[[identity.total, *identity.parts]].dropna()
    total = known[identity.total].to_numpy()
    broken = _broken(total, known[list(identity.parts)].sum(axis=1).to_numpy())
    return IdentityCheck(identity.total, identity.parts, int(broken.sum()), len(known), declared)


def _broken(total: FloatArray, together: FloatArray) -> FloatArray:
    """Say where a total is not the sum: by more than 0.01 and 1 %, or unknown."""
    gap = np.abs(total - together)
    return np.asarray(~(gap <= np.maximum(TOLERANCE, TOLERANCE * np.abs(total))), dtype=np.float64)
