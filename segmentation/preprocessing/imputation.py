"""Fill in missing values: by the median, or by regressing each column on the others."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer
from sklearn.linear_model import BayesianRidge

from segmentation.preprocessing.rowwise import matmul
from segmentation.preprocessing.step import ArrayStep, column_quantile
from segmentation.types import FloatArray


class MedianFill(ArrayStep):
    """Fill each missing value with its column's median.

    Parameters
    ----------
    indicator
        Also append a 0/1 column for every column that had missing values in the fit.

    Attributes
    ----------
    median_
        Shape (d,); 0 for a column without values.
    flagged_
        Positions of the columns that had missing values.
    """

    accepts_missing: ClassVar[bool] = True

    def __init__(self, indicator: bool = False) -> None:
        self.indicator = indicator

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the incoming names, then ``<name>_missing`` for each indicator."""
        incoming = super().get_feature_names_out(input_features)
        flags = [f"{incoming[i]}_missing" for i in self.flagged_] if self.indicator else []
        return np.array([*incoming, *flags], dtype=object)

    def _learn(self, matrix: FloatArray) -> None:
        self.median_ = column_quantile(matrix, 0.5)
        self.flagged_ = np.flatnonzero(np.isnan(matrix).any(axis=0))

    def _apply(self, matrix: FloatArray) -> FloatArray:
        missing = np.isnan(matrix)
        filled = np.where(missing, self.median_, matrix)
        if not self.indicator:
            return filled
        return np.hstack([filled, missing[:, self.flagged_].astype(np.float64)])


class RegressionFill(ArrayStep):
    """Fill missing values by regressing each column on all others, in rounds.

    The equations are those of scikit-learn's ``IterativeImputer`` (Bayesian ridge; van Buuren
    and Groothuis-Oudshoorn 2011, mice) after its last round. They are stored as arrays: a row is
    then filled alone as in a batch, and only numbers are saved.

    Parameters
    ----------
    rounds
        Passes over the columns, at least 1.
    fit_rows
        The equations are learned from at most this many evenly spaced rows.

    Attributes
    ----------
    median_, low_, high_
        Shape (d,): the first guess, and the interval of 99% of values that clips every guess.
    coefficients_, intercepts_
        Shapes (d, d) and (d,): one equation per column, zero on the diagonal.
    """

    accepts_missing: ClassVar[bool] = True

    def __init__(self, rounds: int = 5, fit_rows: int = 10_000) -> None:
        self.rounds = rounds
        self.fit_rows = fit_rows

    def _learn(self, matrix: FloatArray) -> None:
        self.median_ = column_quantile(matrix, 0.5)
        self.low_ = column_quantile(matrix, 0.005)
        self.high_ = column_quantile(matrix, 0.995)
        width = matrix.shape[1]
        self.coefficients_ = np.zeros((width, width))
        self.intercepts_ = self.median_.copy()
        rows = np.unique(np.linspace(0, len(matrix) - 1, self.fit_rows).astype(np.int64))
        usable = np.flatnonzero(self.low_ < self.high_)
        if len(usable) < 2:
            return
        for column, others, equation in _equations(matrix[np.ix_(rows, usable)], self.rounds):
            self.coefficients_[usable[column], usable[others]] = equation.coef_
            self.intercepts_[usable[column]] = equation.intercept_

    def _apply(self, matrix: FloatArray) -> FloatArray:
        missing = np.isnan(matrix)
        filled = np.where(missing, self.median_, matrix)
        if not missing.any():
            return filled
        for _ in range(self.rounds):
            for column in np.flatnonzero(missing.any(axis=0)):
                rows = missing[:, column]
                guess = matmul(filled[rows], self.coefficients_[column, :, None])[:, 0]
                guess += self.intercepts_[column]
                filled[rows, column] = np.clip(guess, self.low_[column], self.high_[column])
        return filled


def _equations(matrix: FloatArray, rounds: int) -> list[tuple[int, NDArray[np.int64], Any]]:
    """Return (column, other columns, fitted regression) of the imputer's last round."""
    imputer = IterativeImputer(
        BayesianRidge(), max_iter=rounds, initial_strategy="median", keep_empty_features=True
    )
    with warnings.catch_warnings():
        # The number of rounds is fixed on purpose, so a missing convergence is expected.
        warnings.filterwarnings(
            "ignore", message=".*IterativeImputer.*", category=ConvergenceWarning
        )
        imputer.fit(matrix)
    last = imputer.imputation_sequence_[-matrix.shape[1] :]
    return [(step.feat_idx, step.neighbor_feat_idx, step.estimator) for step in last]
