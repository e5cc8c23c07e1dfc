"""The first steps: the table's columns in order, then ratios of columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segmentation.errors import DataError, Problem, SpecError, nearest
from segmentation.preprocessing.step import ArrayStep
from segmentation.schema import TableSchema
from segmentation.types import FloatArray


def customer_matrix(customers: Any, columns: Sequence[str]) -> FloatArray:
    """Return customers as floats in the order of `columns`, shape (n, d), NaN for missing.

    `customers` is a DataFrame with at least these columns, or a matrix in their order.

    Raises
    ------
    DataError
        When a column is missing or holds text, or a matrix has another number of columns.
    """
    if not isinstance(customers, pd.DataFrame):
        matrix = np.asarray(customers, dtype=np.float64)
        if matrix.ndim != 2 or matrix.shape[1] != len(columns):
            raise DataError([_wrong_shape(matrix.shape, len(columns))])
        return matrix
    present = set(customers.columns)
    if missing := [name for name in columns if name not in present]:
        raise DataError([_missing(name) for name in missing])
    table = customers if tuple(customers.columns) == tuple(columns) else customers[list(columns)]
    try:
        return np.ascontiguousarray(table.to_numpy(dtype=np.float64, na_value=np.nan))
    except (TypeError, ValueError) as error:
        raise DataError(_texts(table)) from error


def _missing(name: str) -> Problem:
    return Problem(
        name, "missing_column", "this column", "Add it; leave cells empty where unknown."
    )


def _texts(table: pd.DataFrame) -> list[Problem]:
    """Return a problem for each column with cells that are not numbers."""
    problems = []
    for name in table.columns:
        wrong = pd.to_numeric(table[name], errors="coerce").isna() & table[name].notna()
        rows = tuple(np.flatnonzero(wrong).tolist())
        if rows:
            remedy = "Correct these cells, or leave them empty."
            problems.append(
                Problem(str(name), "not_a_number", "numbers", remedy, len(rows), rows=rows)
            )
    return problems


def _wrong_shape(shape: tuple[int, ...], expected: int) -> Problem:
    return Problem(
        None,
        "wrong_shape",
        f"a matrix of {expected} columns in the schema's order, found shape {shape}",
        "Pass a DataFrame with named columns instead.",
    )


def weights_of(schema: TableSchema, weights: Sequence[tuple[str, float]]) -> tuple[float, ...]:
    """Return the weight of each column; the indicators of a category have the category's.

    Raises
    ------
    SpecError
        When a weight is that of a column which is none of the table's; the error names the most
        similar one.
    """
    names = [column.of or column.name for column in schema.columns]
    for name, _ in weights:
        if name not in names:
            raise SpecError(f"weights: {name!r} forms no segments. {_instead(name, names)}")
    of = dict(weights)
    return tuple(of.get(name, 1.0) for name in names)


def _instead(name: str, names: Sequence[str]) -> str:
    """Return which columns may be named in the place of one that may not."""
    distinct = list(dict.fromkeys(names))
    if near := nearest(name, distinct):
        return f"The nearest column that does is {near!r}."
    return f"Expected some of {', '.join(distinct)}."


class ColumnMatrix(ArrayStep):
    """Take the named columns, in order, as floats.

    Parameters
    ----------
    columns
        Names to take; None takes whatever comes.
    """

    accepts_missing: ClassVar[bool] = True

    def __init__(self, columns: Sequence[str] | None = None) -> None:
        self.columns = columns

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the names of the columns taken."""
        if self.columns is None:
            return np.asarray(super().get_feature_names_out(input_features), dtype=object)
        return np.array(self.columns, dtype=object)

    def _validated(self, X: Any, *, reset: bool) -> FloatArray:
        matrix = X if self.columns is None else customer_matrix(X, self.columns)
        return super()._validated(matrix, reset=reset)

    def _apply(self, matrix: FloatArray) -> FloatArray:
        return matrix


class RatioAdder(ArrayStep):
    """Append ratios of columns.

    A numerator of 0 gives 0, whatever the denominator (no purchases in no transactions is an
    average ticket of 0). Any other ratio that cannot be computed, because a value is missing or
    the denominator is 0, is a missing value. The imputation fills it with the typical ratio of
    all customers, a better guess than a ratio of typical values.

    Parameters
    ----------
    pairs
        Positions (numerator, denominator) of the columns to divide.
    names
        A name for each ratio.
    """

    accepts_missing: ClassVar[bool] = True

    def __init__(
        self, pairs: Sequence[tuple[int, int]] = (), names: Sequence[str] | None = None
    ) -> None:
        self.pairs = pairs
        self.names = names

    @classmethod
    def of(cls, schema: TableSchema) -> RatioAdder:
        """Return the step that appends the schema's ratios."""
        position = {name: i for i, name in enumerate(schema.column_names)}
        pairs = tuple((position[r.numerator], position[r.denominator]) for r in schema.ratios)
        return cls(pairs, tuple(ratio.name for ratio in schema.ratios))

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the incoming names followed by the names of the ratios."""
        incoming = super().get_feature_names_out(input_features)
        own = self.names or [f"ratio_{i}_{j}" for i, j in self.pairs]
        return np.array([*incoming, *own], dtype=object)

    def _apply(self, matrix: FloatArray) -> FloatArray:
        if not self.pairs:
            return matrix
        numerator = matrix[:, [i for i, _ in self.pairs]]
        denominator = matrix[:, [j for _, j in self.pairs]]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            ratio = np.where(numerator == 0, 0.0, numerator / denominator)
        ratio[np.isinf(ratio)] = np.nan
        return np.hstack([matrix, ratio])
