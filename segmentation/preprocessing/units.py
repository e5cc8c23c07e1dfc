"""Make every column free of its unit: cents or dollars must give the same segments."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from segmentation.preprocessing.step import ArrayStep, quiet_quantile
from segmentation.types import FloatArray

LARGEST = 1e12
SMALL = 0.25


class UnitFree(ArrayStep):
    """Divide each column by the size of a small value: the first quartile without zeros.

    Logarithms and Yeo-Johnson depend on the unit ("log of one plus x" treats a dollar and a
    cent differently); after this step they do not. The unit decides how far zero lies from
    the rest: by the median, a logarithm hardly tames the tail (adjusted Rand .56 with segments
    planted in the embedded data, .67 by the quartile, mean of four clusterers); by ever smaller
    values, segments become little more than who ever did what. Zeros stay zeros. Values beyond
    1e12 units are cut there, so that no later power overflows.

    Attributes
    ----------
    scale_
        Shape (d,), positive; 1 for a column of zeros or without values.
    """

    accepts_nulls: ClassVar[bool] = True

    def _learn(self, matrix: FloatArray) -> None:
        sizes = np.abs(matrix)
        sizes[sizes == 0] = np.nan
        unit = quiet_quantile(sizes, SMALL)
        self.scale_ = np.where(unit > np.finfo(float).tiny, unit, 1.0)

    def _apply(self, matrix: FloatArray) -> FloatArray:
        with np.errstate(over="ignore"):
            return np.clip(matrix / self.scale_, -LARGEST, LARGEST)
