"""The summary of a batch of customers: shares and quantiles, no customer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.types import FloatArray, IntArray

# Without the extremes: each of those is one customer's own value.
LEVELS = np.linspace(0.005, 0.995, 100)
CONFIDENCE = "confidence"


@dataclass(frozen=True)
class ColumnSummary:
    """How the values of a column are distributed.

    Parameters
    ----------
    column
        Name.
    known, missing
        Customers with and without a value.
    edges
        Ascending values, at most a hundred; of a category the codes of its levels.
    below
        Share, in [0, 1], of the known values at or below each edge.
    less
        Share, in [0, 1], of the known values below the first edge.
    """

    column: str
    known: int
    missing: int
    edges: tuple[float, ...]
    below: tuple[float, ...]
    less: float = 0.0

    @classmethod
    def of(
        cls, column: str, values: FloatArray, edges: Sequence[float] | None = None
    ) -> ColumnSummary:
        """Summarise values, shape (n,), NaN where missing, at given edges or at their quantiles."""
        known = np.sort(values[~np.isnan(values)])
        if edges is None:
            at = np.quantile(known, LEVELS, method="inverted_cdf") if len(known) else np.empty(0)
            edges = np.unique(at).tolist()
        below = np.searchsorted(known, edges, side="right") / max(len(known), 1)
        missing = len(values) - len(known)
        less = float(np.mean(known < edges[0])) if len(known) and len(edges) else 0.0
        return cls(
            *(column, len(known), missing, tuple(map(float, edges)), tuple(below.tolist())), less
        )

    @property
    def missing_share(self) -> float:
        """Share of customers without a value, in [0, 1]."""
        return self.missing / max(self.known + self.missing, 1)

    @property
    def outside(self) -> int:
        """Known values below the first or above the last edge."""
        beyond = 1 - self.below[-1] if self.below else 0.0
        return round(self.known * (self.less + beyond))

    @property
    def median(self) -> float:
        """The smallest edge with half of the values at or below; NaN without values."""
        place = int(np.searchsorted(self.below, 0.5))
        return self.edges[min(place, len(self.edges) - 1)] if self.known else float("nan")


@dataclass(frozen=True)
class Batch:
    """A batch of customers and what a model said of them.

    Parameters
    ----------
    rows
        Customers.
    columns
        Summary of every column of the model's table.
    segments
        Customers by segment number.
    unlike
        Customers unlike those the model learnt from.
    confidence
        Summary of the answers' confidence.
    """

    rows: int
    columns: tuple[ColumnSummary, ...]
    segments: Mapping[int, int]
    unlike: int
    confidence: ColumnSummary

    @classmethod
    def of(
        cls,
        matrix: FloatArray,
        names: Sequence[str],
        segment: IntArray,
        confidence: FloatArray,
        unlike: NDArray[np.bool_],
        *,
        numbers: Sequence[int],
        like: Batch | None = None,
    ) -> Batch:
        """Summarise customers.

        Parameters
        ----------
        matrix
            Shape (n, d), NaN where missing, levels as codes.
        names
            Of the d columns.
        segment, confidence, unlike
            The answers, shape (n,): segment number, confidence in [0, 1], whether unlike
            training.
        numbers
            Every segment number there is.
        like
            The batch to compare with later: its edges are used.
        """
        known = {summary.column: summary.edges for summary in like.columns} if like else {}
        columns = tuple(
            ColumnSummary.of(name, matrix[:, j], known.get(name)) for j, name in enumerate(names)
        )
        sure = ColumnSummary.of(CONFIDENCE, confidence, like.confidence.edges if like else None)
        counts = {int(number): int((segment == number).sum()) for number in numbers}
        return cls(len(matrix), columns, counts, int(np.sum(unlike)), sure)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that is valid JSON."""
        return {**asdict(self), "segments": [[n, c] for n, c in self.segments.items()]}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Batch:
        """Build a batch from what :meth:`to_dict` returned."""
        return cls(
            int(raw["rows"]),
            tuple(_column(column) for column in raw["columns"]),
            {int(number): int(count) for number, count in raw["segments"]},
            int(raw["unlike"]),
            _column(raw["confidence"]),
        )


def _column(raw: Mapping[str, Any]) -> ColumnSummary:
    return ColumnSummary(
        str(raw["column"]),
        int(raw["known"]),
        int(raw["missing"]),
        tuple(map(float, raw["edges"])),
        tuple(map(float, raw["below"])),
        float(raw["less"]),
    )
