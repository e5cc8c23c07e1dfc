"""Recognise customers unlike anything in the training data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from segmentation.clustering.microaggregation import evenly_spaced, local_means
from segmentation.model.serialization import Arrays
from segmentation.preprocessing.rowwise import CHUNK_ROWS, row_sums
from segmentation.types import FloatArray

MAX_LANDMARKS = 2_000
MAX_MEASURED = 20_000
ORDINARY_SHARE = 0.995
RANGE = (0.001, 0.999)
# In standard deviations, as coordinates of the reference space are.
MARGIN = 1.5
# How far beyond the nearest landmark the coarse search may be, as a multiple; see scipy's `eps`.
COARSE = 4.0
# Landmarks that are tried first where many customers come, and how near they lie to those around
# them, as a share of the threshold.
MANY, MOST_HUBS, HUB_REACH = 500, 64, 0.7
# Far more than a sum of products is off, relative to the squares that are added.
ROUNDING = 1e-10


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
        # Any landmark within the threshold will do, not the nearest only: one of a few, or a
        # coarse search, is enough for nearly everybody. The exact search decides for the rest.
        rest = np.flatnonzero(~unlike)
        if len(rest) >= MANY:
            rest = rest[~self._near_a_hub(coordinates[rest])]
        for eps in (COARSE, 0.0):
            rest = rest[self._beyond_threshold(coordinates[rest], eps)]
        unlike[rest] = True
        return unlike

    @cached_property
    def _hubs(self) -> FloatArray:
        """A few landmarks, shape (h, d), each near to most of those that no other hub is near."""
        near = cdist(self.landmarks, self.landmarks) <= HUB_REACH * self.threshold
        left, chosen = np.ones(len(near), dtype=bool), list[int]()
        while left.any() and len(chosen) < MOST_HUBS:
            chosen.append(int(near[:, left].sum(axis=1).argmax()))
            left &= ~near[chosen[-1]]
        return self.landmarks[chosen]

    def _near_a_hub(self, coordinates: FloatArray) -> NDArray[np.bool_]:
        """Return who is within the threshold of a hub beyond rounding, shape (n,)."""
        hubs, near = self._hubs, np.empty(len(coordinates), dtype=bool)
        half_squares = row_sums(hubs * hubs) / 2
        for start in range(0, len(coordinates), CHUNK_ROWS):
            block = coordinates[start : start + CHUNK_ROWS]
            own = row_sums(block * block) / 2
            # |x - h|² / 2 = |x|² / 2 - (x · h - |h|² / 2), here with a product that may round
            # otherwise in other company: so far from the threshold that it does not matter.
            best = (block @ hubs.T - half_squares).max(axis=1)
            rounding = ROUNDING * (own + half_squares.max())
            near[start : start + CHUNK_ROWS] = own - best + rounding < self.threshold**2 / 2
        return near

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
