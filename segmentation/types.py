"""The answer of a segmenter for a set of customers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Assignment:
    """Which segment each customer belongs to, and how certain that is; arrays of shape (n,)."""

    segment: IntArray  # the assigned cluster, in [0, k)
    runner_up: IntArray  # the second-best cluster; equal to `segment` when k is 1
    confidence: FloatArray  # in [0, 1]; 0.5 or less is a toss-up between the two

    def __len__(self) -> int:
        return len(self.segment)
