"""Assign by a vote of the nearest points of the training data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from segmentation.anonymous import labelled_local_means
from segmentation.assignment import Assignment, FloatArray, IntArray
from segmentation.rules.rule import Arrays, best_two, cluster_means

VOTERS = 5
MOST_KEPT = 20_000


@dataclass(frozen=True)
class NeighboursRule:
    """Vote of the five nearest points, each the average of five customers of one cluster.

    Averages assign as well as the customers themselves (for Ward on real card holders 97 % of
    hidden labels against 97 %, for complete linkage 94 % against 93 %) and give nobody away.
    A point at distance d votes with weight ``1 / (d + d5)``, d5 the distance of the fifth: the
    nearest counts at most twice the fifth. Segments without a vote are ordered by the distance
    of their mean. Confidence is the winner's share of the votes.

    Parameters
    ----------
    points
        Shape (m, d), about 20,000 at most.
    labels
        Shape (m,), integers 0..k-1.
    """

    name: ClassVar[str] = "neighbours"
    points: FloatArray
    labels: IntArray

    @property
    def n_segments(self) -> int:
        """Number of clusters that have a point."""
        return int(self.labels.max()) + 1

    @cached_property
    def tree(self) -> cKDTree:
        """Search tree over the points, built at first use."""
        return cKDTree(self.points)

    @cached_property
    def means(self) -> FloatArray:
        """Mean point of each cluster, shape (k, d)."""
        return cluster_means(self.points, self.labels)

    @classmethod
    def learn(cls, estimator: Any, features: FloatArray, labels: IntArray) -> Self:  # noqa: ARG003
        """Keep averages of the customers of each cluster."""
        return cls(*labelled_local_means(features, labels, MOST_KEPT))

    def assign(self, features: FloatArray) -> Assignment:
        """Assign each row; ties go to the segment with the nearer mean."""
        voters = min(VOTERS, len(self.points))
        distance, index = self.tree.query(features, k=np.arange(1, voters + 1))
        reach = distance + distance[:, -1:]
        weight = np.where(reach > 0, 1.0 / np.where(reach > 0, reach, 1.0), 1.0)
        votes = np.zeros((len(features), self.n_segments))
        total = np.zeros(len(features))
        for voter in range(voters):
            votes[np.arange(len(features)), self.labels[index[:, voter]]] += weight[:, voter]
            total += weight[:, voter]
        votes /= total[:, None]
        # Below any real vote, the order of the remaining segments is that of their means.
        remote = cdist(features, self.means)
        remote /= remote.max(axis=1, keepdims=True) + 1e-300
        segment, runner_up = best_two(votes - 1e-9 * remote)
        return Assignment(segment, runner_up, np.clip(votes[np.arange(len(votes)), segment], 0, 1))

    def renumbered(self, order: IntArray) -> Self:
        """Return the rule whose cluster i is this one's ``order[i]``."""
        new = np.full(self.n_segments, -1)
        new[order] = np.arange(len(order))
        kept = new[self.labels] >= 0
        return type(self)(self.points[kept], new[self.labels[kept]])

    def centres(self) -> FloatArray:
        """Return the mean point of each cluster."""
        return self.means

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return points and labels; the search tree is rebuilt."""
        return {"points": self.points, "labels": self.labels}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Rebuild from :meth:`to_arrays`."""
        return cls(arrays["points"], arrays["labels"])
