"""Summarise a batch of customers and a model's answers: shares and quantiles, no customer.

A quantile is a value that at least five customers have, or the average of five neighbours; of more
where the minimum group is larger.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from segmentation.disclosure import average_size
from segmentation.model.segmentation_model import SegmentationModel
from segmentation.preprocessing.columns import customer_matrix
from segmentation.schema.levels import encode
from segmentation.types import FloatArray

MOST_EDGES = 100
CONFIDENCE = "confidence"
# Of a model's description: the summary of its training customers.
REFERENCE = "reference"
# What fields are called in descriptions.
SAVED_AS = {"n_values": "known", "n_missing": "missing", "below_first": "less"}


@dataclass(frozen=True)
class ColumnSummary:
    """How the values of a column are distributed."""

    column: str
    n_values: int
    n_missing: int
    edges: tuple[float, ...]  # ascending, at most a hundred; none of fewer than five values
    below: tuple[float, ...]  # share of the values at or below each edge, in [0, 1]
    below_first: float = 0.0  # share of the values below the first edge, in [0, 1]

    @classmethod
    def of(
        cls, column: str, values: FloatArray, edges: Sequence[float] | None = None
    ) -> ColumnSummary:
        """Summarise values, shape (n,), NaN where missing, at given edges or at their quantiles.

        There is one quantile for every five values, at most a hundred.
        """
        present = np.sort(values[~np.isnan(values)])
        n_values = len(present)
        if edges is None:
            edges = _group_quantiles(present).tolist()
        below = np.searchsorted(present, edges, side="right") / max(n_values, 1)
        return cls(
            column,
            n_values,
            len(values) - n_values,
            tuple(map(float, edges)),
            tuple(below.tolist()),
            float(np.mean(present < edges[0])) if n_values and len(edges) else 0.0,
        )

    @property
    def n_outside(self) -> int:
        """Values below the first or above the last edge."""
        above_last = 1 - self.below[-1] if self.below else 0.0
        return round(self.n_values * (self.below_first + above_last))

    @property
    def median(self) -> float:
        """The smallest edge with half of the values at or below; NaN without edges."""
        middle = int(np.searchsorted(self.below, 0.5))
        return self.edges[min(middle, len(self.edges) - 1)] if self.edges else float("nan")

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that is valid JSON."""
        return {SAVED_AS.get(name, name): value for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> ColumnSummary:
        """Build a summary from what :meth:`to_dict` returned."""
        return cls(
            str(raw["column"]),
            int(raw["known"]),
            int(raw["missing"]),
            tuple(map(float, raw["edges"])),
            tuple(map(float, raw["below"])),
            float(raw["less"]),
        )


def _group_quantiles(present: FloatArray) -> FloatArray:
    """Return quantiles of sorted values, none of which tells the value of fewer than five.

    A value that so few have is replaced by its average with those around it, in the manner of
    microaggregation. The groups do not overlap, so that no value is the difference of two averages.
    """
    size = average_size()
    n_edges = min(MOST_EDGES, len(present) // size)
    if not n_edges:
        return np.empty(0)
    middle = ((np.arange(n_edges) + 0.5) * len(present) / n_edges).astype(np.int64)
    first = np.clip(middle - size // 2, 0, len(present) - size)
    groups = present[first[:, None] + np.arange(size)]
    counts = np.searchsorted(present, groups, "right") - np.searchsorted(present, groups, "left")
    shared = (counts >= size).all(axis=1)
    edges: FloatArray = np.unique(np.where(shared, present[middle], groups.mean(axis=1)))
    return edges


@dataclass(frozen=True)
class BatchSummary:
    """A batch of customers and a model's answers for it."""

    rows: int
    columns: tuple[ColumnSummary, ...]  # of the model's schema
    segments: Mapping[int, int]  # customers by segment number
    unlike: int  # customers unlike those the model was trained on
    confidence: ColumnSummary

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that is valid JSON."""
        return {
            "rows": self.rows,
            "columns": [column.to_dict() for column in self.columns],
            "segments": [[number, count] for number, count in self.segments.items()],
            "unlike": self.unlike,
            "confidence": self.confidence.to_dict(),
        }

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> BatchSummary:
        """Build a summary from what :meth:`to_dict` returned."""
        return cls(
            int(raw["rows"]),
            tuple(map(ColumnSummary.from_dict, raw["columns"])),
            {int(number): int(count) for number, count in raw["segments"]},
            int(raw["unlike"]),
            ColumnSummary.from_dict(raw["confidence"]),
        )


def summarise(
    model: SegmentationModel, customers: pd.DataFrame, reference: BatchSummary | None = None
) -> BatchSummary:
    """Return the summary of a batch and of the model's answers for it.

    Parameters
    ----------
    model
        Scores the customers.
    customers
        Validated, shape (n, d) with n at least 1; levels as codes or texts.
    reference
        The batch to compare with: its edges are used.

    Raises
    ------
    DataError
        When a column is missing.
    """
    names = model.schema.column_names
    matrix = customer_matrix(encode(customers, model.schema), names)
    answers = model.score(customers)
    segment = answers["segment"].to_numpy()
    edges = {column.column: column.edges for column in reference.columns} if reference else {}
    return BatchSummary(
        len(matrix),
        tuple(
            ColumnSummary.of(name, values, edges.get(name))
            for name, values in zip(names, matrix.T, strict=True)
        ),
        {number: int((segment == number).sum()) for number in model.numbering.numbers},
        int(answers["unlike_training"].sum()),
        ColumnSummary.of(
            CONFIDENCE,
            answers["confidence"].to_numpy(np.float64),
            reference.confidence.edges if reference else None,
        ),
    )


def with_reference(model: SegmentationModel, customers: pd.DataFrame) -> SegmentationModel:
    """Return the model with the summary of its training customers, to compare others with."""
    summary = summarise(model, customers).to_dict()
    return replace(model, description={**model.description, REFERENCE: summary})


def reference_batch(model: SegmentationModel) -> BatchSummary | None:
    """Return the summary of a model's training customers; None for a model without one."""
    raw = model.description.get(REFERENCE)
    return BatchSummary.from_dict(raw) if raw else None
