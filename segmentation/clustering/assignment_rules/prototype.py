"""Assign to the segment of the nearest prototype."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from scipy.spatial.distance import cdist

from segmentation.clustering.assignment_rules.rule import Rule, assigned_to_best, cluster_means
from segmentation.types import Assignment, FloatArray, IntArray

CELLS = 2_000_000


@dataclass(frozen=True)
class PrototypeRule(Rule):
    """Nearest labelled prototype.

    A margin is the difference of the squared distances to the nearest prototypes of two segments:
    along a line between two prototypes it grows evenly with the distance from the border.

    Parameters
    ----------
    points
        Shape (m, d): the mean of each cluster; models saved by earlier versions may have
        several points a cluster.
    owner
        Shape (m,), the cluster of each prototype, integers 0..k-1.
    """

    name: ClassVar[str] = "prototype"
    points: FloatArray
    owner: IntArray

    @property
    def n_segments(self) -> int:
        """Number of clusters that own a prototype."""
        return int(self.owner.max()) + 1

    @classmethod
    def learn(cls, estimator: Any, features: FloatArray, labels: IntArray) -> Self:  # noqa: ARG003
        """Take the mean of each cluster."""
        means = cluster_means(features, labels)
        return cls(means, np.arange(len(means)))

    def assign(self, features: FloatArray) -> Assignment:
        """Assign each row; ties go to the lower segment."""
        nearest = np.empty((len(features), self.n_segments))
        step = max(1, CELLS // len(self.points))
        starts = np.searchsorted(self.owner, np.arange(self.n_segments))
        for start in range(0, len(features), step):
            block = slice(start, start + step)
            distance = cdist(features[block], self.points)
            # Mostly every cluster has one prototype.
            alone = len(starts) == len(self.points)
            nearest[block] = distance if alone else np.minimum.reduceat(distance, starts, axis=1)
        return assigned_to_best(-nearest * nearest)

    def renumbered(self, order: IntArray) -> Self:
        """Return the rule whose cluster i is this one's ``order[i]``."""
        places = [np.flatnonzero(self.owner == old) for old in order]
        owner = np.repeat(np.arange(len(order)), [len(place) for place in places])
        return type(self)(self.points[np.concatenate(places)], owner)

    def centres(self) -> FloatArray:
        """Return the mean prototype of each cluster."""
        return cluster_means(self.points, self.owner)
