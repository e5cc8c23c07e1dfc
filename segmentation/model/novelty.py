"""Recognise customers unlike anything in the training data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from segmentation.clustering.microaggregation import evenly_spaced, local_means
from segmentation.model.serialization import Arrays
from segmentation.types import FloatArray

MAX_LANDMARKS = 2_000
MAX_MEASURED = 20_000
ORDINARY_SHARE = 0.995
RANGE = (0.001, 0.999)
# In standard deviations, as coordinates of the reference space are.
MARGIN = 1.5
# How far beyond the nearest landmark the coarse search may be, as a multiple; see scipy's `eps`.
COARSE = 4.0


@dataclass(frozen=True)
class Novelty:
    """Finds customers far from every landmark, or with one value far outside the training range.

    Attributes
    ----------
    landmarks
        Shape (m, d), at most 2,000 points of the reference space, each the average of five
        neighbouring training customers.
    threshold
        99.5% of the customers the landmarks were not made from are within this distance.
    low, high
        Shape (d,): the 0.1% and 99.9% quantile of each coordinate, widened by 1.5 of its
        standard deviations.
    """

    landmarks: FloatArray
    threshold: float
    low: FloatArray
    high: FloatArray

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self.landmarks)

    @classmethod
    def learn(cls, coordinates: FloatArray, seed: int) -> Self:
        """Learn from training customers in the reference space, shape (n, d), n at least 2."""
        shuffled = coordinates[np.random.default_rng(seed).permutation(len(coordinates))]
        averaged, others = np.array_split(shuffled, 2)
        landmarks = local_means(averaged[evenly_spaced(len(averaged), MAX_LANDMARKS)])
        distance = cKDTree(landmarks).query(others[:MAX_MEASURED])[0]
        low, high = np.quantile(coordinates, RANGE, axis=0)
        threshold = float(np.quantile(distance, ORDINARY_SHARE))
        return cls(landmarks, threshold, low - MARGIN, high + MARGIN)

    def unlike(self, coordinates: FloatArray) -> NDArray[np.bool_]:
        """Return for each row of the reference space whether it is unlike the training data."""
        outside = (coordinates < self.low) | (coordinates > self.high)
        unlike: NDArray[np.bool_] = np.asarray(outside.any(axis=1))
        # Any landmark within the threshold will do, not the nearest only: a coarse search finds
        # one for nearly everybody in less time. The exact one decides for the rest.
        far = self._beyond_threshold(coordinates, COARSE)
        rest = np.flatnonzero(far & ~unlike)
        if len(rest):
            unlike[rest] = self._beyond_threshold(coordinates[rest], 0.0)
        return unlike

    def _beyond_threshold(self, coordinates: FloatArray, eps: float) -> NDArray[np.bool_]:
        # The search stops at the threshold: how far beyond it a landmark is does not matter.
        limit = np.nextafter(self.threshold, np.inf)
        distance = self._tree.query(coordinates, eps=eps, distance_upper_bound=limit)[0]
        return np.asarray(np.isinf(distance))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything as arrays."""
        return {**asdict(self), "threshold": np.array(self.threshold)}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Rebuild from :meth:`to_arrays`."""
        return cls(arrays["landmarks"], float(arrays["threshold"]), arrays["low"], arrays["high"])
