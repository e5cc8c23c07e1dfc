"""The answer of a segmenter for a set of customers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Assignment:
    """Which cluster each customer is assigned to, and how far the border to every other is.

    Attributes
    ----------
    segment
        Shape (n,), the assigned cluster, in [0, k).
    margins
        Shape (n, k), at least 0: by how much the assignment rule prefers the assigned cluster to
        each of the clusters. 0 on the border between the two, and for the assigned one itself.
    """

    segment: IntArray
    margins: FloatArray

    @property
    def runner_up(self) -> IntArray:
        """The cluster with the nearest border, shape (n,); equal to `segment` when k is 1."""
        return second_choice(-self.margins, self.segment)

    def __len__(self) -> int:
        return len(self.segment)


def second_choice(scores: FloatArray, segment: IntArray) -> IntArray:
    """Return the column of each row's largest score but that of `segment`, ties to the lower one.

    `scores` has shape (n, k); with one column it is 0.
    """
    if scores.shape[1] == 1:
        return segment.copy()
    others = scores.copy()
    np.put_along_axis(others, segment[:, None], -np.inf, axis=1)
    second = np.argmax(others, axis=1).astype(np.int64)
    # A row whose other scores are all -inf must still not name the winner twice.
    return np.asarray(np.where(second == segment, (segment + 1) % scores.shape[1], second))
