"""What a segment is like: size, medians, what distinguishes it, a name and rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import isnan
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from segmentation.interpretation.decision_rules import segment_rules
from segmentation.interpretation.naming import segment_names, typical_sentence
from segmentation.preprocessing.columns import customer_matrix
from segmentation.schema import TableSchema
from segmentation.types import FloatArray, IntArray

SPREAD = {"q05": 0.05, "q25": 0.25, "q75": 0.75, "q95": 0.95}
QUANTILES = {"median": 0.5, **SPREAD}


@dataclass(frozen=True)
class ColumnProfile:
    """One column in one segment.

    Parameters
    ----------
    column, label, unit
        From the schema.
    median, book_median
        Of the segment and of all customers, over present values; NaN where there are none.
    effect
        In [-1, 1]: how much more often a customer of the segment has the larger value than one
        of the others, see :func:`rank_effects`.
    quantiles
        ``q05``, ``q25``, ``q75`` and ``q95`` of the segment; None where it has no value.
    """

    column: str
    label: str
    unit: str
    median: float
    book_median: float
    effect: float
    quantiles: Mapping[str, float | None]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that is valid JSON: None stands for NaN."""
        return {
            key: None if isinstance(value, float) and isnan(value) else value
            for key, value in asdict(self).items()
        }


@dataclass(frozen=True)
class SegmentProfile:
    """One segment as a person should know it.

    Parameters
    ----------
    number
        From 1; 1 is the largest segment.
    name, sentence
        A few words, unique in the model, and the figures behind them.
    size, share
        Customers, and their share in [0, 1].
    columns
        All columns, the one that sets the segment most apart first.
    rules
        Who belongs to it in plain words, from a decision tree; at most two.
    """

    number: int
    name: str
    sentence: str
    size: int
    share: float
    columns: tuple[ColumnProfile, ...]
    rules: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that is valid JSON."""
        columns = [column.to_dict() for column in self.columns]
        return {**asdict(self), "columns": columns, "rules": list(self.rules)}


def profile_segments(
    customers: pd.DataFrame | FloatArray,
    segment: IntArray,
    schema: TableSchema,
    *,
    rules: bool = True,
) -> tuple[SegmentProfile, ...]:
    """Describe each segment against the whole book.

    Parameters
    ----------
    customers
        Validated customers, shape (n, d).
    segment
        Shape (n,), integers in [0, k), each occurring.
    schema
        Their table.
    rules
        Whether to find the rules too, which takes most of the time.

    Returns
    -------
    tuple
        k profiles; the first describes cluster 0.
    """
    matrix = customer_matrix(customers, schema.column_names)
    sizes = np.bincount(segment)
    effects = rank_effects(matrix, segment)
    book = typical(matrix, schema)
    members = [matrix[segment == i] for i in range(len(sizes))]
    own = np.stack([typical(rows, schema) for rows in members])
    spread = [quantiles(rows, list(SPREAD.values())) for rows in members]
    names = segment_names(effects, schema)
    found = segment_rules(matrix, segment) if rules else ((),) * len(sizes)
    return tuple(
        SegmentProfile(
            number=number + 1,
            name=names[number],
            sentence=_sentence(effects[number], own[number], book, schema),
            size=int(size),
            share=float(size / len(matrix)),
            columns=_columns(effects[number], own[number], book, spread[number], schema),
            rules=tuple(rule.in_words(schema) for rule in found[number]),
        )
        for number, size in enumerate(sizes)
    )


def rank_effects(matrix: FloatArray, segment: IntArray) -> FloatArray:
    """Return the rank-biserial correlation of each column with belonging to each segment.

    It equals Cliff's delta: the chance that a customer of the segment has a larger value than
    a customer outside it, minus the chance of a smaller one (Cureton 1956, Psychometrika 21;
    Cliff 1993, Psychol. Bull. 114). It needs no unit and no distribution; by mean ranks it
    costs one sort a column: ``2 (mean rank inside - mean rank outside) / n``.

    Parameters
    ----------
    matrix
        Shape (n, d); missing values are left out.
    segment
        Shape (n,), integers in [0, k).

    Returns
    -------
    FloatArray
        Shape (k, d), in [-1, 1]; 0 where a segment or its complement has no value.
    """
    clusters = int(segment.max()) + 1
    effects = np.zeros((clusters, matrix.shape[1]))
    for j, column in enumerate(matrix.T):
        present = ~np.isnan(column)
        ranks, labels = rankdata(column[present]), segment[present]
        inside = np.bincount(labels, minlength=clusters)
        outside = len(ranks) - inside
        total = np.bincount(labels, weights=ranks, minlength=clusters)
        both = (inside > 0) & (outside > 0)
        mean_inside = total[both] / inside[both]
        mean_outside = (ranks.sum() - total[both]) / outside[both]
        effects[both, j] = 2 * (mean_inside - mean_outside) / max(1, len(ranks))
    return effects


def typical(matrix: FloatArray, schema: TableSchema) -> FloatArray:
    """Return each column's median, and the share of ones of an indicator, shape (d,)."""
    result = medians(matrix)
    for j, column in enumerate(schema.columns):
        if column.kind == "indicator":
            known = matrix[~np.isnan(matrix[:, j]), j]
            result[j] = known.mean() if len(known) else np.nan
    return result


def medians(matrix: FloatArray) -> FloatArray:
    """Return each column's median over its present values, NaN where it has none.

    Parameters
    ----------
    matrix
        Shape (n, d).

    Returns
    -------
    FloatArray
        Shape (d,).
    """
    return np.asarray(quantiles(matrix, [0.5])[0])


def quantiles(matrix: FloatArray, shares: list[float]) -> FloatArray:
    """Return quantiles of each column's present values, shape (len(shares), d)."""
    result = np.full((len(shares), matrix.shape[1]), np.nan)
    whole = ~np.isnan(matrix).any(axis=0)
    if len(matrix):
        # All columns at once take a fifth of the time.
        result[:, whole] = np.quantile(matrix[:, whole], shares, axis=0)
    for j in np.flatnonzero(~whole):
        present = matrix[~np.isnan(matrix[:, j]), j]
        if len(present):
            result[:, j] = np.quantile(present, shares)
    return result


def book_summary(
    customers: pd.DataFrame | FloatArray, schema: TableSchema
) -> dict[str, dict[str, float]]:
    """Return quantiles of the whole book by column: median, q05, q25, q75 and q95.

    A column without values is left out.
    """
    matrix = customer_matrix(customers, schema.column_names)
    table = quantiles(matrix, list(QUANTILES.values()))
    return {
        name: dict(zip(QUANTILES, table[:, j].tolist(), strict=True))
        for j, name in enumerate(schema.column_names)
        if not np.isnan(table[0, j])
    }


def _columns(
    effects: FloatArray, own: FloatArray, book: FloatArray, spread: FloatArray, schema: TableSchema
) -> tuple[ColumnProfile, ...]:
    return tuple(
        ColumnProfile(
            column=schema.columns[j].name,
            label=schema.columns[j].label,
            unit=schema.columns[j].unit,
            median=float(own[j]),
            book_median=float(book[j]),
            effect=float(effects[j]),
            quantiles={
                name: None if isnan(value) else value
                for name, value in zip(SPREAD, spread[:, j].tolist(), strict=True)
            },
        )
        for j in strongest_first(effects)
    )


def _sentence(effects: FloatArray, own: FloatArray, book: FloatArray, schema: TableSchema) -> str:
    order = strongest_first(effects)
    columns = [schema.columns[j] for j in order]
    return typical_sentence(columns, own[order].tolist(), book[order].tolist())


def strongest_first(effects: FloatArray) -> IntArray:
    """Return column positions by falling size of their effect, ties in the table's order."""
    return np.argsort(-np.abs(effects), kind="stable").astype(np.int64)
