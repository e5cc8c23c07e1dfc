"""Which columns decided for a segment over the runner-up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segmentation.types import FloatArray, IntArray

MOST_REASONS = 5
# In the place of a position: no further column.
NONE = -1


@dataclass(frozen=True)
class Reasons:
    """Compare a customer with the typical customer of both segments, column by column.

    In the reference space the squared distance to a segment's medians is a sum over columns,
    so the difference of two such distances splits exactly into one contribution a column:
    ``(x - runner-up's median)² - (x - segment's median)²``. Positive ones speak for the
    segment.

    Parameters
    ----------
    columns
        Names of the d columns.
    medians
        Shape (k, d), medians of each segment in the reference space.
    """

    columns: Sequence[str]
    medians: FloatArray

    def contributions(
        self, coordinates: FloatArray, segment: IntArray, runner_up: IntArray
    ) -> FloatArray:
        """Return each column's contribution, shape (n, d).

        Parameters
        ----------
        coordinates
            Customers in the reference space, shape (n, d).
        segment, runner_up
            Shape (n,), in [0, k).
        """
        against = coordinates - self.medians[runner_up]
        towards = coordinates - self.medians[segment]
        return np.asarray(against * against - towards * towards)

    def decisive(
        self,
        coordinates: FloatArray,
        segment: IntArray,
        runner_up: IntArray,
        present: NDArray[np.bool_],
    ) -> IntArray:
        """Return the positions of at most five columns a customer, most important first.

        Parameters
        ----------
        coordinates, segment, runner_up
            As in :meth:`contributions`.
        present
            Shape (n, d): False where the value was missing; a missing value decides nothing.

        Returns
        -------
        ndarray
            Shape (n, 5 or d), in [0, d); -1 where no further column decides.
        """
        contribution = self.contributions(coordinates, segment, runner_up)
        contribution[~present] = 0.0
        order = np.argsort(-contribution, axis=1, kind="stable")[:, :MOST_REASONS]
        count = (contribution > 0).sum(axis=1)
        return np.where(np.arange(order.shape[1]) < count[:, None], order, NONE)


def segment_medians(coordinates: FloatArray, segment: IntArray, n_segments: int) -> FloatArray:
    """Return the medians of each segment's customers, shape (k, d)."""
    return np.stack([np.median(coordinates[segment == i], axis=0) for i in range(n_segments)])
