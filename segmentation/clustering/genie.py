"""Genie: single linkage under a limit on how uneven cluster sizes may become.

Written from the paper: Gagolewski, Bartoszuk, Cena (2016), Genie: A new, fast, and
outlier-resistant hierarchical clustering algorithm, Information Sciences 363, 8-23.
"""

from __future__ import annotations

from functools import lru_cache
from heapq import heapify, heappop, heappush
from typing import Any, Self

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils.validation import validate_data

from segmentation.clustering.spanning_tree import SpanningTree, spanning_tree
from segmentation.types import FloatArray, IntArray

# A study cuts the hierarchy of a table, and of its halves, at many numbers of clusters.
RECENT = 16


class Genie(ClusterMixin, BaseEstimator):  # type: ignore[misc]
    """Hierarchical clustering of any shape, by edges of a minimum spanning tree.

    The next edge merged is the shortest one; while the Gini index of the cluster sizes exceeds
    a threshold, it is the shortest one that touches a smallest cluster.

    Parameters
    ----------
    n_clusters
        At least 1.
    gini_threshold
        In (0, 1]: 1 is single linkage, lower values ask for more even sizes.
    n_neighbours
        Neighbours of a row in the graph that the tree is taken from.

    Attributes
    ----------
    labels_
        Shape (n,).
    """

    def __init__(
        self, n_clusters: int = 4, gini_threshold: float = 0.3, n_neighbours: int = 15
    ) -> None:
        self.n_clusters = n_clusters
        self.gini_threshold = gini_threshold
        self.n_neighbours = n_neighbours

    def fit(self, X: Any, y: None = None) -> Self:  # noqa: ARG002
        """Cluster a matrix of shape (n, d)."""
        matrix: FloatArray = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        table = matrix.tobytes(), matrix.shape[1], self.n_neighbours
        tree, merges = _tree(*table), _merges(*table, self.gini_threshold)
        merged = merges[: max(0, len(matrix) - self.n_clusters)]
        edges = coo_matrix(
            (np.ones(len(merged)), (tree.start[merged], tree.end[merged])),
            shape=(len(matrix), len(matrix)),
        )
        self.labels_ = connected_components(edges, directed=False)[1].astype(np.int64)
        return self


@lru_cache(RECENT)
def _tree(rows: bytes, columns: int, n_neighbours: int) -> SpanningTree:
    """Return the spanning tree of a matrix by its bytes, which tell one table from another."""
    return spanning_tree(np.frombuffer(rows).reshape(-1, columns), n_neighbours)


@lru_cache(RECENT)
def _merges(rows: bytes, columns: int, n_neighbours: int, gini_threshold: float) -> IntArray:
    """Return the edges of a table's tree in the order in which they join all clusters to one."""
    return merge_order(_tree(rows, columns, n_neighbours), gini_threshold)


def merge_order(tree: SpanningTree, gini_threshold: float, n_clusters: int = 1) -> IntArray:
    """Return the positions of a tree's edges in the order in which they join clusters.

    Shape (n - n_clusters,), for a tree of n rows, `gini_threshold` in (0, 1] and `n_clusters`
    in [1, n]. The order of fewer clusters begins with that of more.
    """
    forest = _Forest(tree)
    merged = []
    for clusters in range(len(tree.start) + 1, n_clusters, -1):
        uneven = forest.spread > gini_threshold * forest.rows * (clusters - 1)
        edge = forest.shortest_of_smallest() if uneven else forest.shortest()
        forest.merge(edge)
        merged.append(edge)
    return np.array(merged, dtype=np.int64)


class _Forest:
    """Clusters while edges join them; edges are named by position, short ones first.

    ``spread`` is the sum over pairs of clusters of the difference of their sizes: the Gini
    index times the number of rows times the number of clusters less one.
    """

    def __init__(self, tree: SpanningTree) -> None:
        self.start, self.end = tree.start.tolist(), tree.end.tolist()
        self.rows = len(self.start) + 1
        self.spread = 0
        self._parent, self._size = list(range(self.rows)), [1] * self.rows
        self._used = [False] * len(self.start)
        self._first, self._smallest = 0, 1
        self._clusters_of_size = {1: self.rows}
        self._leaving: list[list[int]] = [[] for _ in range(self.rows)]
        for edge, ends in enumerate(zip(self.start, self.end, strict=True)):
            for row in ends:
                self._leaving[row].append(edge)
        # Clusters by size as heaps of (shortest leaving edge, cluster); stale ones are skipped.
        self._by_size = {1: [(edges[0], row) for row, edges in enumerate(self._leaving)]}
        heapify(self._by_size[1])

    def shortest(self) -> int:
        """Return the shortest edge left."""
        while self._used[self._first]:
            self._first += 1
        return self._first

    def shortest_of_smallest(self) -> int:
        """Return the shortest edge that leaves a smallest cluster."""
        while not self._clusters_of_size.get(self._smallest):
            self._smallest += 1
        heap = self._by_size[self._smallest]
        while self._is_stale(heap[0][1]):
            heappop(heap)
        return heap[0][0]

    def merge(self, edge: int) -> None:
        """Join the clusters at both ends of an edge."""
        self._used[edge] = True
        one, other = self._root(self.start[edge]), self._root(self.end[edge])
        if len(self._leaving[one]) < len(self._leaving[other]):
            one, other = other, one
        self._count_merged(self._size[one], self._size[other])
        self._parent[other] = one
        self._size[one] += self._size[other]
        leaving = self._leaving[one]
        for further in self._leaving[other]:
            if not self._used[further]:
                heappush(leaving, further)
        self._leaving[other] = []
        while leaving and self._used[leaving[0]]:
            heappop(leaving)
        if leaving:
            heappush(self._by_size.setdefault(self._size[one], []), (leaving[0], one))

    def _count_merged(self, p: int, q: int) -> None:
        """Update sizes and their spread for two clusters of p and q rows becoming one."""
        counts = self._clusters_of_size
        for size in (p, q):
            counts[size] -= 1
            if not counts[size]:
                del counts[size]
        self.spread -= abs(p - q)
        for size, many in counts.items():
            self.spread += many * (abs(p + q - size) - abs(p - size) - abs(q - size))
        counts[p + q] = counts.get(p + q, 0) + 1

    def _is_stale(self, cluster: int) -> bool:
        return self._parent[cluster] != cluster or self._size[cluster] != self._smallest

    def _root(self, row: int) -> int:
        parent = self._parent
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row
