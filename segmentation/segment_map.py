"""A two-dimensional picture of the segments that shows no customer."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.decomposition import PCA

from segmentation.anonymous import local_means
from segmentation.assignment import FloatArray, IntArray

POINTS = 600
SAMPLE = 5_000


def segment_map(coordinates: FloatArray, segment: IntArray, seed: int) -> dict[str, Any]:
    """Return made-up points that lie like the customers of each segment.

    A point is the average of five neighbouring customers of its segment on the first two
    principal components of the reference space, moved at random by a tenth of the segment's
    spread.

    Parameters
    ----------
    coordinates
        Customers in the reference space, shape (n, d), n and d at least 2.
    segment
        Shape (n,), from 0, every segment occurring.
    seed
        Seeds choice and movement.

    Returns
    -------
    dict
        ``points``: at most 600 lists ``[x, y, segment]``, segments from 1; ``prototypes``: the
        mean of each segment, alike.
    """
    rng = np.random.default_rng(seed)
    plane = PCA(2, svd_solver="full").fit_transform(coordinates)
    points: list[list[float | int]] = []
    prototypes: list[list[float | int]] = []
    for number in range(int(segment.max()) + 1):
        members = plane[segment == number]
        prototypes.append(_point(members.mean(axis=0), number))
        count = POINTS * len(members) // len(plane)
        means = local_means(rng.permutation(members)[:SAMPLE])[:count]
        moved = means + rng.normal(0, 0.1, means.shape) * members.std(axis=0)
        points += [_point(xy, number) for xy in moved]
    return {"points": points, "prototypes": prototypes}


def _point(xy: FloatArray, number: int) -> list[float | int]:
    return [round(float(xy[0]), 3), round(float(xy[1]), 3), number + 1]
