"""Put columns on one scale: free of their unit, centred and spread alike, reduced where asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from segmentation.preprocessing.rowwise import matmul
from segmentation.preprocessing.step import ArrayStep, column_quantile
from segmentation.types import FloatArray

LARGEST = 1e12
SMALL_QUANTILE = 0.25
NORMAL_IQR = 1.349
SMALLEST_ROBUST = 0.1
CONSTANT = 1e-9


class UnitFree(ArrayStep):
    """Divide each column by the size of a small value: the first quartile without zeros.

    Logarithms and Yeo-Johnson depend on the unit ("log of one plus x" treats a dollar and a
    cent differently); after this step they do not. The unit decides how far zero lies from
    the rest: by the median, a logarithm hardly tames the tail (adjusted Rand .56 with segments
    planted in the embedded data, .67 by the quartile, mean of four clusterers); by ever smaller
    values, segments only say which customers have a value at all. Zeros stay zeros. Values
    beyond 1e12 units are cut there, so that no later power overflows.

    Attributes
    ----------
    scale_
        Shape (d,), positive; 1 for a column of zeros or without values.
    """

    accepts_missing: ClassVar[bool] = True

    def _learn(self, matrix: FloatArray) -> None:
        sizes = np.abs(matrix)
        sizes[sizes == 0] = np.nan
        unit = column_quantile(sizes, SMALL_QUANTILE)
        self.scale_ = np.where(unit > np.finfo(float).tiny, unit, 1.0)

    def _apply(self, matrix: FloatArray) -> FloatArray:
        with np.errstate(over="ignore"):
            return np.clip(matrix / self.scale_, -LARGEST, LARGEST)


class Weigh(ArrayStep):
    """Multiply columns by their weights; those that earlier steps appended weigh 1.

    Parameters
    ----------
    weights
        Of the first columns, each positive.
    """

    def __init__(self, weights: Sequence[float] = ()) -> None:
        self.weights = weights

    def _apply(self, matrix: FloatArray) -> FloatArray:
        factor = np.ones(matrix.shape[1])
        factor[: len(self.weights)] = self.weights
        return np.asarray(matrix * factor)


class Standardise(ArrayStep):
    """Subtract a centre and divide by a spread.

    A column of only two values, such as an indicator, is divided by half their distance, the
    standard deviation of a fair coin. Divided by its own, a flag that one customer in thirty
    carries would set that customer further from the others than any amount of money could.

    Parameters
    ----------
    robust
        False: mean and standard deviation. True: median and interquartile range over 1.349
        (the standard deviation of a normal). A column that is mostly one value, zero say, has
        an interquartile range of next to nothing and would drown all others: where the robust
        spread is below a tenth of the standard deviation, the standard deviation is used.

    Attributes
    ----------
    centre_, spread_
        Shape (d,); a constant column has spread 1 and so becomes 0.
    """

    def __init__(self, robust: bool = False) -> None:
        self.robust = robust

    def _learn(self, matrix: FloatArray) -> None:
        deviation = matrix.std(axis=0)
        self.centre_, spread = matrix.mean(axis=0), deviation
        if self.robust:
            low, self.centre_, high = np.quantile(matrix, [0.25, 0.5, 0.75], axis=0)
            iqr = (high - low) / NORMAL_IQR
            spread = np.where(iqr < SMALLEST_ROBUST * deviation, deviation, iqr)
        low, high = matrix.min(axis=0), matrix.max(axis=0)
        two_values = ((matrix == low) | (matrix == high)).all(axis=0)
        spread = np.where(two_values, (high - low) / 2, spread)
        constant = deviation <= CONSTANT * np.maximum(np.abs(self.centre_), 1e-300)
        self.spread_ = np.where(constant, 1.0, spread)

    def _apply(self, matrix: FloatArray) -> FloatArray:
        return np.asarray((matrix - self.centre_) / self.spread_)


class PrincipalComponents(ArrayStep):
    """Keep the fewest principal components that explain a share of the variance.

    Parameters
    ----------
    variance
        Share of variance to keep, in (0, 1).

    Attributes
    ----------
    mean_, components_
        Shapes (d,) and (m, d).
    """

    def __init__(self, variance: float = 0.9) -> None:
        self.variance = variance

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return ``component_1`` and so on."""
        super().get_feature_names_out(input_features)
        return np.array([f"component_{i + 1}" for i in range(len(self.components_))], dtype=object)

    def _learn(self, matrix: FloatArray) -> None:
        if len(matrix) < 2 or not np.ptp(matrix, axis=0).any():
            # Nothing varies, so no direction is better than the first column.
            self.mean_, self.components_ = matrix.mean(axis=0), np.eye(1, matrix.shape[1])
            return
        pca = PCA(self.variance, svd_solver="full").fit(matrix)
        self.mean_, self.components_ = pca.mean_, pca.components_

    def _apply(self, matrix: FloatArray) -> FloatArray:
        return matmul(matrix - self.mean_, np.ascontiguousarray(self.components_.T))
