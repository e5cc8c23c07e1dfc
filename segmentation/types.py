"""The answer of a segmenter for a set of customers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Assignment:
    """Which segment each customer belongs to, and how sure that is.

    Parameters
    ----------
    segment
        Shape (n,), integers in [0, k): the assigned cluster.
    runner_up
        Shape (n,), the second-best cluster (equal to `segment` when k is 1).
    confidence
        Shape (n,), in [0, 1]: 1 is beyond doubt, 0.5 or less is a toss-up between two.
    """

    segment: IntArray
    runner_up: IntArray
    confidence: FloatArray

    def __len__(self) -> int:
        return len(self.segment)
