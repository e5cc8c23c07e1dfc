"""Assign to the segment of the nearest prototype."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from scipy.spatial.distance import cdist

from segmentation.clustering.assignment_rules.rule import Rule, best_two, cluster_means
from segmentation.types import Assignment, FloatArray, IntArray

CELLS = 2_000_000


@dataclass(frozen=True)
class PrototypeRule(Rule):
    """Nearest labelled prototype.

    Confidence is ``d2 / (d1 + d2)``, d1 the distance to the nearest prototype of the assigned
    segment and d2 to the nearest of any other: in [0.5, 1], 1 on a prototype.

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
            nearest[block] = np.minimum.reduceat(distance, starts, axis=1)
        segment, runner_up = best_two(-nearest)
        return Assignment(segment, runner_up, _closeness(nearest, segment, runner_up))

    def renumbered(self, order: IntArray) -> Self:
        """Return the rule whose cluster i is this one's ``order[i]``."""
        places = [np.flatnonzero(self.owner == old) for old in order]
        owner = np.repeat(np.arange(len(order)), [len(place) for place in places])
        return type(self)(self.points[np.concatenate(places)], owner)

    def centres(self) -> FloatArray:
        """Return the mean prototype of each cluster."""
        return cluster_means(self.points, self.owner)


def _closeness(distances: FloatArray, segment: IntArray, runner_up: IntArray) -> FloatArray:
    rows = np.arange(len(segment))
    own, other = distances[rows, segment], distances[rows, runner_up]
    if distances.shape[1] == 1:
        return np.ones(len(segment))
    total = own + other
    return np.where(total > 0, other / np.where(total > 0, total, 1.0), 0.5)
