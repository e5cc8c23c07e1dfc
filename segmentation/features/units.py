"""Make every column free of its unit: cents or dollars must give the same segments."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from segmentation.assignment import FloatArray
from segmentation.features.step import ArrayStep, quiet_quantile

LARGEST = 1e12


class UnitFree(ArrayStep):
    """Divide each column by the median size of its non-zero values.

    Logarithms and Yeo-Johnson depend on the unit ("log of one plus x" treats a dollar and a
    cent differently); after this step they do not. Zeros stay zeros. Values beyond 1e12 times
    the typical value are cut there, so that no later power overflows.

    Attributes
    ----------
    scale_
        Shape (d,), positive; 1 for a column of zeros or without values.
    """

    accepts_nulls: ClassVar[bool] = True

    def _learn(self, matrix: FloatArray) -> None:
        sizes = np.abs(matrix)
        sizes[sizes == 0] = np.nan
        median = quiet_quantile(sizes, 0.5)
        self.scale_ = np.where(median > np.finfo(float).tiny, median, 1.0)

    def _apply(self, matrix: FloatArray) -> FloatArray:
        with np.errstate(over="ignore"):
            return np.clip(matrix / self.scale_, -LARGEST, LARGEST)
