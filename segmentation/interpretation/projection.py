"""A two-dimensional picture of the segments that shows no customer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from segmentation.clustering.assignment_rules import Arrays
from segmentation.clustering.microaggregation import local_means
from segmentation.preprocessing.rowwise import matmul
from segmentation.types import FloatArray, IntArray

POINTS = 600
SAMPLE = 5_000


@dataclass(frozen=True)
class Plane:
    """The first two principal components of the reference space."""

    mean: FloatArray  # shape (d,)
    axes: FloatArray  # shape (d, 2)

    @classmethod
    def learn(cls, coordinates: FloatArray) -> Self:
        """Learn from customers in the reference space, shape (n, d), n and d at least 2."""
        pca = PCA(2, svd_solver="full").fit(coordinates)
        return cls(pca.mean_, np.ascontiguousarray(pca.components_.T))

    def place(self, coordinates: FloatArray) -> FloatArray:
        """Return where customers lie on the map, shape (n, 2); alone as in a batch."""
        return matmul(coordinates - self.mean, self.axes)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return mean and axes."""
        return {"mean": self.mean, "axes": self.axes}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Rebuild from :meth:`to_arrays`."""
        return cls(arrays["mean"], arrays["axes"])


def segment_map(
    coordinates: FloatArray, segment: IntArray, plane: Plane, seed: int
) -> dict[str, Any]:
    """Return invented points that lie like the customers of each segment.

    A point is the average of five neighbouring customers of its segment on the plane, moved at
    random by a tenth of the segment's spread.

    Parameters
    ----------
    coordinates
        Customers in the reference space, shape (n, d).
    segment
        Shape (n,), from 0, every segment occurring.
    plane
        Of the map.
    seed
        Seeds choice and movement.

    Returns
    -------
    dict
        ``points``: at most 600 lists ``[x, y, segment]``, segments from 1; ``prototypes``: the
        mean of each segment, alike.
    """
    rng = np.random.default_rng(seed)
    placed = plane.place(coordinates)
    points: list[list[float | int]] = []
    prototypes: list[list[float | int]] = []
    for number in range(int(segment.max()) + 1):
        members = placed[segment == number]
        prototypes.append(_point(members.mean(axis=0), number))
        count = POINTS * len(members) // len(placed)
        means = local_means(rng.permutation(members)[:SAMPLE])[:count]
        moved = means + rng.normal(0, 0.1, means.shape) * members.std(axis=0)
        points += [_point(xy, number) for xy in moved]
    return {"points": points, "prototypes": prototypes}


def _point(xy: FloatArray, number: int) -> list[float | int]:
    return [round(float(xy[0]), 3), round(float(xy[1]), 3), number + 1]
