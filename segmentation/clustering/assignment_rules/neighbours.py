"""Assign by a vote of the nearest points of the training data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from segmentation.clustering.assignment_rules.rule import Arrays, best_two, cluster_means
from segmentation.clustering.microaggregation import labelled_local_means
from segmentation.preprocessing.rowwise import row_sums
from segmentation.types import Assignment, FloatArray, IntArray

VOTERS = 5
WITNESSES = 21
MOST_KEPT = 20_000


@dataclass(frozen=True)
class NeighboursRule:
    """Vote of the five nearest points, each the average of five customers of one cluster.

    Averages assign as well as the customers themselves (for Ward on real card holders 97 % of
    hidden labels against 97 %, for complete linkage 94 % against 93 %) and give nobody away.
    A point at distance d votes with weight ``1 / (d + m)``, m the distance of the farthest
    asked: the nearest counts at most twice the farthest. Confidence is the segment's share of
    the votes of the 21 nearest (a tenth of the points where those are few), which tells a
    border from an interior where five are nearly always of one mind; the runner-up is second
    among them, or else has the nearest mean.

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
        most = max(VOTERS, min(WITNESSES, len(self.points) // 10))
        witnesses = min(most, len(self.points))
        distance, index = self.tree.query(features, k=np.arange(1, witnesses + 1))
        labels = self.labels[index]
        near = self._votes(distance[:, :VOTERS], labels[:, :VOTERS])
        wide = self._votes(distance, labels)
        # Less than any vote: among segments without one, the order is that of their means.
        remote = cdist(features, self.means)
        remote *= 1e-9 / (remote.max(axis=1, keepdims=True) + 1e-300)
        segment, _ = best_two(near - remote)
        rows = np.arange(len(features))
        confidence = wide[rows, segment]
        others = wide - remote
        others[rows, segment] = np.inf
        _, runner_up = best_two(others)
        return Assignment(segment, runner_up, np.clip(confidence, 0.0, 1.0))

    def _votes(self, distance: FloatArray, labels: IntArray) -> FloatArray:
        """Return each segment's share of the votes, shape (n, k)."""
        reach = distance + distance[:, -1:]
        weight = np.where(reach > 0, 1.0 / np.where(reach > 0, reach, 1.0), 1.0)
        votes = np.zeros((len(distance), self.n_segments))
        for voter in range(distance.shape[1]):
            votes[np.arange(len(distance)), labels[:, voter]] += weight[:, voter]
        return np.asarray(votes / row_sums(weight)[:, None])

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
