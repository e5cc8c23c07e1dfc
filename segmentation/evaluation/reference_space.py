"""The one fixed feature space in which all candidates of a study are evaluated.

A candidate evaluated in the space it chose itself can win by dropping features. Here every column
of the table counts, in the same way, whatever a candidate does to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from segmentation.errors import ModelFileError
from segmentation.preprocessing.categorical import blocks_of
from segmentation.preprocessing.columns import customer_matrix, weights_of
from segmentation.preprocessing.imputation import MedianFill
from segmentation.preprocessing.scaling import LARGEST, Standardise, UnitFree
from segmentation.preprocessing.transforms import YeoJohnson, yeo_johnson
from segmentation.schema import TableSchema
from segmentation.types import FloatArray, IntArray

NEIGHBOURS = 10
ARRAYS = ("scale", "median", "power", "centre", "spread")


class ReferenceSpace:
    """Median impute, Yeo-Johnson where skewed, standardise: a dimension per column, no choice.

    Each column is first divided by the first quartile of its non-zero sizes, so the space does
    not depend on units: cents or dollars give the same coordinates up to rounding. A constant
    column is 0 for every customer. The indicators of a category have together the variance of
    one number, so that neither blocks of dummies nor raw money dominate.

    Parameters
    ----------
    columns
        The table's schema, or the names of its feature columns.
    weights
        Columns and how much more than others they count, see
        :class:`segmentation.clustering.spec.Preprocessing`; only with a schema.

    Attributes
    ----------
    scale_, median_, power_, centre_, spread_
        Shape (d,), after :meth:`fit`: unit of each column, its median in that unit, its
        Yeo-Johnson power, and mean and standard deviation after the power, the latter over the
        column's weight.
    """

    scale_: FloatArray
    median_: FloatArray
    power_: FloatArray
    centre_: FloatArray
    spread_: FloatArray

    def __init__(
        self,
        columns: TableSchema | Sequence[str],
        weights: Sequence[tuple[str, float]] = (),
    ) -> None:
        names = columns.column_names if isinstance(columns, TableSchema) else columns
        self.weights = weights_of(columns, weights) if isinstance(columns, TableSchema) else ()
        self.columns = tuple(names)
        self.blocks = blocks_of(columns) if isinstance(columns, TableSchema) else ()

    def fit(self, customers: pd.DataFrame | FloatArray) -> Self:
        """Learn the space from customers, shape (n, d), NaN for a missing value.

        Raises
        ------
        DataError
            When a column is missing.
        """
        units, fill, power, scaler = UnitFree(), MedianFill(), YeoJohnson(), Standardise()
        matrix = units.fit_transform(customer_matrix(customers, self.columns))
        scaler.fit(power.fit_transform(fill.fit_transform(matrix)))
        self.scale_, self.median_, self.power_ = units.scale_, fill.median_, power.lambdas_
        self.centre_, self.spread_ = scaler.centre_, scaler.spread_
        for block in map(list, self.blocks):
            self._balance(block, matrix[:, block])
        if self.weights:
            self.spread_ = self.spread_ / np.array(self.weights)
        return self

    def _balance(self, block: list[int], indicators: FloatArray) -> None:
        """Let a category weigh as much as one number in all; unknown is its centre."""
        present = indicators[~np.isnan(indicators).any(axis=1)]
        share = present.mean(axis=0) if len(present) else np.zeros(len(block))
        total = float((share * (1 - share)).sum())
        self.power_[block] = 1.0
        self.median_[block] = self.centre_[block] = share
        self.spread_[block] = np.sqrt(total) if total > 0 else 1.0

    def transform(self, customers: pd.DataFrame | FloatArray) -> FloatArray:
        """Return the coordinates of customers, shape (n, d), finite.

        A row has the same coordinates alone and in a batch.
        """
        matrix = customer_matrix(customers, self.columns)
        with np.errstate(over="ignore"):
            matrix = np.clip(matrix / self.scale_, -LARGEST, LARGEST)
        filled = np.where(np.isnan(matrix), self.median_, matrix)
        return (yeo_johnson(filled, self.power_) - self.centre_) / self.spread_

    def fit_transform(self, customers: pd.DataFrame | FloatArray) -> FloatArray:
        """Learn the space from customers and return their coordinates."""
        return self.fit(customers).transform(customers)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the fitted space as plain arrays, column names included."""
        arrays: dict[str, NDArray[Any]] = {n: getattr(self, f"{n}_") for n in ARRAYS}
        return {"columns": np.array(self.columns, dtype=np.str_), **arrays}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Rebuild the space from :meth:`to_arrays`.

        Raises
        ------
        ModelFileError
            When an array is missing or has another length than the columns.
        """
        if missing := [n for n in ("columns", *ARRAYS) if n not in arrays]:
            raise ModelFileError(f"reference space lacks the arrays {', '.join(missing)}")
        space = cls([str(name) for name in arrays["columns"]])
        for name in ARRAYS:
            values = np.asarray(arrays[name], dtype=np.float64)
            if values.shape != (len(space.columns),):
                raise ModelFileError(
                    f"reference space array {name!r} has shape {values.shape}: "
                    f"expected one value for each of {len(space.columns)} columns"
                )
            setattr(space, f"{name}_", values)
        return space


@dataclass(frozen=True)
class NeighbourGraph:
    """The nearest other customers of each customer, computed once for many evaluations."""

    indices: IntArray  # shape (n, m), positions of the m nearest other rows, nearest first

    @classmethod
    def of(cls, matrix: FloatArray, neighbours: int = NEIGHBOURS) -> NeighbourGraph:
        """Return the graph of a reference matrix, shape (n, d).

        Each row has `neighbours` neighbours, or n - 1 where there are no more. Time grows with
        n²: about a second for 20,000 rows.
        """
        count = min(neighbours, len(matrix) - 1)
        if count < 1:
            return cls(np.empty((len(matrix), 0), dtype=np.int64))
        search = NearestNeighbors(n_neighbors=count).fit(matrix)
        return cls(np.asarray(search.kneighbors(return_distance=False), dtype=np.int64))

    def __len__(self) -> int:
        return len(self.indices)
