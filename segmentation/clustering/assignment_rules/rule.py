"""What every assignment rule can do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from segmentation.types import Assignment, FloatArray, IntArray

Arrays = Mapping[str, NDArray[Any]]


class Rule(Protocol):
    """Assigns feature rows to clusters 0..k-1 and is nothing but arrays."""

    name: ClassVar[str]

    @property
    def n_segments(self) -> int:
        """Number of clusters a row can be assigned to, at least 1."""

    @classmethod
    def learn(cls, estimator: Any, features: FloatArray, labels: IntArray) -> Self:
        """Return the rule of a fitted clusterer.

        Parameters
        ----------
        estimator
            The fitted clusterer.
        features
            Shape (n, d), what it was fitted on, without noise.
        labels
            Shape (n,), integers 0..k-1, each occurring.
        """

    def assign(self, features: FloatArray) -> Assignment:
        """Return segment, runner-up and confidence of each row of a (n, d) matrix."""

    def renumbered(self, order: IntArray) -> Self:
        """Return the rule whose cluster i is this one's ``order[i]``; others are dropped."""

    def centres(self) -> FloatArray:
        """Return one typical point per cluster, shape (k, d)."""

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the whole rule as named arrays."""

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Rebuild the rule from :meth:`to_arrays`."""


def best_two(scores: FloatArray) -> tuple[IntArray, IntArray]:
    """Return the columns of each row's largest and second-largest score.

    Ties go to the lower column. With one column both are 0.

    Parameters
    ----------
    scores
        Shape (n, k).
    """
    first = np.argmax(scores, axis=1).astype(np.int64)
    if scores.shape[1] == 1:
        return first, first.copy()
    rest = scores.copy()
    np.put_along_axis(rest, first[:, None], -np.inf, axis=1)
    # A row whose other scores are all -inf must still not name the winner twice.
    second = np.argmax(rest, axis=1).astype(np.int64)
    return first, np.where(second == first, (first + 1) % scores.shape[1], second)


def cluster_means(features: FloatArray, labels: IntArray) -> FloatArray:
    """Return the mean row of each label 0..k-1, shape (k, d)."""
    return np.stack([features[labels == i].mean(axis=0) for i in range(int(labels.max()) + 1)])
