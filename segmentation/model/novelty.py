"""Recognise customers unlike anything in the training data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from segmentation.clustering.assignment_rules import Arrays
from segmentation.clustering.microaggregation import evenly_spaced, local_means
from segmentation.types import FloatArray

LANDMARKS = 2_000
CHECKED = 20_000
ORDINARY = 0.995
RANGE = (0.001, 0.999)
GROSS = 1.5


@dataclass(frozen=True)
class Novelty:
    """Far from every landmark, or a single value grossly outside the training range.

    Parameters
    ----------
    landmarks
        Shape (m, d), at most 2,000 points of the reference space, each the average of five
        neighbouring training customers.
    threshold
        99.5 % of the customers the landmarks were not made from lie within this distance.
    low, high
        Shape (d,): the 0.1 % and 99.9 % quantile of each coordinate, widened by 1.5 of the
        coordinate's standard deviations.
    """

    landmarks: FloatArray
    threshold: float
    low: FloatArray
    high: FloatArray

    @cached_property
    def tree(self) -> cKDTree:
        """Search tree over the landmarks, built at first use."""
        return cKDTree(self.landmarks)

    @classmethod
    def learn(cls, coordinates: FloatArray, seed: int) -> Self:
        """Learn from training customers in the reference space, shape (n, d), n at least 2."""
        shuffled = coordinates[np.random.default_rng(seed).permutation(len(coordinates))]
        makers, others = np.array_split(shuffled, 2)
        landmarks = local_means(makers[evenly_spaced(len(makers), LANDMARKS)])
        distance = cKDTree(landmarks).query(others[:CHECKED])[0]
        low, high = np.quantile(coordinates, RANGE, axis=0)
        threshold = float(np.quantile(distance, ORDINARY))
        return cls(landmarks, threshold, low - GROSS, high + GROSS)

    def unlike(self, coordinates: FloatArray) -> NDArray[np.bool_]:
        """Say for each row of the reference space whether it is unlike the training data."""
        outside = ((coordinates < self.low) | (coordinates > self.high)).any(axis=1)
        # The search stops at the threshold: nobody asks how far beyond it a landmark is.
        beyond = np.nextafter(self.threshold, np.inf)
        distance = self.tree.query(coordinates, distance_upper_bound=beyond)[0]
        return np.asarray(outside | np.isinf(distance))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything as arrays."""
        return {
            "landmarks": self.landmarks,
            "threshold": np.array(self.threshold),
            "low": self.low,
            "high": self.high,
        }

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Rebuild from :meth:`to_arrays`."""
        return cls(arrays["landmarks"], float(arrays["threshold"]), arrays["low"], arrays["high"])
