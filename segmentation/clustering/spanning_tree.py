"""A minimum spanning tree of customers, on their nearest-neighbour graph."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree
from sklearn.neighbors import NearestNeighbors

from segmentation.types import FloatArray, IntArray

# The graph routines read a length of zero as "no edge"; equal points are this far apart.
SHORTEST = float(np.finfo(float).tiny ** 0.5)


@dataclass(frozen=True)
class SpanningTree:
    """The n - 1 edges of a tree of n rows, from short to long."""

    start: IntArray  # row numbers
    end: IntArray
    length: FloatArray


def spanning_tree(points: FloatArray, n_neighbours: int) -> SpanningTree:
    """Return the minimum spanning tree of the nearest-neighbour graph of at least two points.

    The tree is exact unless it needs an edge longer than those to the `n_neighbours` nearest.
    Parts that no neighbour joins are joined by their shortest edge to the others.
    """
    n = len(points)
    count = min(n_neighbours, n - 1)
    distance, nearest = NearestNeighbors(n_neighbors=count).fit(points).kneighbors()
    start, end, length = np.repeat(np.arange(n), count), nearest.ravel(), distance.ravel()
    while True:
        graph = _graph(start, end, length, n)
        parts, part = connected_components(graph, directed=False)
        if parts == 1:
            return _in_order(minimum_spanning_tree(graph).tocoo())
        bridges = _bridges(points, part)
        start, end, length = (
            np.concatenate(pair) for pair in zip((start, end, length), bridges, strict=True)
        )


def _graph(start: IntArray, end: IntArray, length: FloatArray, n: int) -> csr_matrix:
    """Return the graph with every edge once."""
    low, high = np.minimum(start, end), np.maximum(start, end)
    order = np.lexsort((high, low))
    low, high, length = low[order], high[order], length[order]
    once = np.r_[True, (np.diff(low) != 0) | (np.diff(high) != 0)]
    return csr_matrix((length[once] + SHORTEST, (low[once], high[once])), shape=(n, n))


def _bridges(points: FloatArray, part: IntArray) -> tuple[IntArray, IntArray, FloatArray]:
    """Return, for each part but the largest, the shortest edge that leaves it."""
    start, end, length = [], [], []
    for name in np.argsort(np.bincount(part), kind="stable")[:-1]:
        inside, outside = np.flatnonzero(part == name), np.flatnonzero(part != name)
        index = NearestNeighbors(n_neighbors=1).fit(points[outside])
        distance, nearest = index.kneighbors(points[inside])
        best = int(np.argmin(distance[:, 0]))
        start.append(inside[best])
        end.append(outside[nearest[best, 0]])
        length.append(distance[best, 0])
    return np.array(start), np.array(end), np.array(length)


def _in_order(tree: coo_matrix) -> SpanningTree:
    order = np.lexsort((tree.col, tree.row, tree.data))
    start, end = tree.row[order].astype(np.int64), tree.col[order].astype(np.int64)
    return SpanningTree(start, end, np.asarray(tree.data[order], dtype=np.float64))
