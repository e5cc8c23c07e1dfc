"""Columns that are one value for many customers: zero money spent, zero cash drawn."""

from __future__ import annotations

import numpy as np

from segmentation.preprocessing.step import ArrayStep
from segmentation.types import FloatArray

RARE, COMMON = 0.1, 0.9
LIGHT = 0.4
EQUAL = 1e-9


class _OftenOneValue(ArrayStep):
    """Learns which columns are one value for 10 % to 90 % of customers, and which value.

    Attributes
    ----------
    often_
        Shape (d,): whether a column is.
    value_
        Shape (d,): its commonest value.
    """

    def _learn(self, matrix: FloatArray) -> None:
        found = [_commonest(column) for column in matrix.T]
        self.value_ = np.array([value for value, _ in found])
        share = np.array([share for _, share in found])
        self.often_ = (share >= RARE) & (share <= COMMON)


class TwoPart(_OftenOneValue):
    """Ask first whether, then how much, in one column.

    The other values are standardised among themselves, so that "how much" counts in full; the
    commonest value is put one standard deviation before their mean, where "whether" counts,
    but not so much that nothing else does. Comes after the columns were scaled.

    Attributes
    ----------
    centre_, spread_
        Shape (d,), of the other values.
    place_
        Shape (d,): -1 where the commonest value lies below the others' mean, else 1.
    """

    def _learn(self, matrix: FloatArray) -> None:
        super()._learn(matrix)
        others = [
            column[np.abs(column - value) > EQUAL] if often else column
            for column, value, often in zip(matrix.T, self.value_, self.often_, strict=True)
        ]
        self.centre_ = np.array([column.mean() for column in others])
        spread = np.array([column.std() for column in others])
        self.spread_ = np.where(spread > EQUAL, spread, 1.0)
        self.place_ = np.where(self.value_ <= self.centre_, -1.0, 1.0)

    def _apply(self, matrix: FloatArray) -> FloatArray:
        amount = (matrix - self.centre_) / self.spread_
        placed = np.where(np.abs(matrix - self.value_) <= EQUAL, self.place_, amount)
        return np.where(self.often_, placed, matrix)


class Lighten(_OftenOneValue):
    """Give columns that are often one value 0.4 times the weight of the others."""

    def _apply(self, matrix: FloatArray) -> FloatArray:
        return np.asarray(matrix * np.where(self.often_, LIGHT, 1.0))


def _commonest(column: FloatArray) -> tuple[float, float]:
    """Return a column's commonest value and its share of customers."""
    values, counts = np.unique(column, return_counts=True)
    most = int(counts.argmax())
    return float(values[most]), float(counts[most] / len(column))
