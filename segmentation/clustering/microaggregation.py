"""Represent the training data by averages of at least five like customers, never by a row.

In the manner of microaggregation: Domingo-Ferrer and Mateo-Sanz 2002, IEEE TKDE 14.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from segmentation.disclosure import average_size
from segmentation.types import FloatArray, IntArray


def evenly_spaced(rows: int, most: int) -> IntArray:
    """Return at most `most` positions spread over 0..rows-1, both ends included."""
    return np.linspace(0, rows - 1, min(rows, most)).astype(np.int64)


def local_means(points: FloatArray) -> FloatArray:
    """Return each row averaged with its four nearest other rows, shape (n, d).

    With more rows where the minimum group is larger; all rows where there are fewer.
    """
    size = min(average_size(), len(points))
    _, index = cKDTree(points).query(points, k=np.arange(1, size + 1))
    means: FloatArray = points[index].mean(axis=1)
    return means


def labelled_local_means(
    points: FloatArray, labels: IntArray, most: int
) -> tuple[FloatArray, IntArray]:
    """Return averages of five neighbours with the same label, and the label of each.

    `labels`, shape (n,), are integers 0..k-1, each occurring. About `most` averages are
    returned, labels rising: each label gives its share, and at least one.
    """
    means = []
    for label in range(int(labels.max()) + 1):
        members = np.flatnonzero(labels == label)
        share = max(1, most * len(members) // len(points))
        means.append(local_means(points[members[evenly_spaced(len(members), share)]]))
    counts = [len(mean) for mean in means]
    return np.concatenate(means), np.repeat(np.arange(len(means)), counts)
