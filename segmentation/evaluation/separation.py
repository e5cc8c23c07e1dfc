"""How far a partition's borders keep away from neighbours, against borders through one cloud."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from segmentation.evaluation.reference_space import NeighbourGraph
from segmentation.types import FloatArray, IntArray

SAMPLES = 2


class CompactCuts:
    """Neighbour agreement of k-means on data without gaps: the zero of :func:`separation`.

    Any compact cut through a cloud of points leaves most neighbours together, the more so the
    fewer segments and the more points per dimension. How much that is worth is measured on
    samples of one Gaussian with the table's own covariance and number of rows, after the null
    references of Tibshirani, Walther and Hastie's gap statistic (2001, J. R. Stat. Soc. B 63).

    Parameters
    ----------
    coordinates
        Shape (n, d), the customers in the reference space.
    seed
        Of the samples.
    """

    def __init__(self, coordinates: FloatArray, seed: int) -> None:
        self.rows = len(coordinates)
        offset = coordinates - coordinates.mean(axis=0)
        self.covariance = offset.T @ offset / max(1, self.rows - 1)
        self.seed = seed
        self._agreements: dict[int, float] = {}

    def agreement(self, n_segments: int) -> float:
        """Return the mean neighbour agreement of such cuts into `n_segments`, in [0, 1]."""
        if n_segments not in self._agreements:
            agreements = [
                neighbour_agreement(_cut(sample, n_segments, self.seed), graph)
                for sample, graph in self._samples
            ]
            self._agreements[n_segments] = float(np.mean(agreements))
        return self._agreements[n_segments]

    @cached_property
    def _samples(self) -> list[tuple[FloatArray, NeighbourGraph]]:
        values, vectors = np.linalg.eigh(self.covariance)
        root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
        rng = np.random.default_rng(self.seed)
        clouds = (rng.normal(size=(self.rows, len(root))) @ root for _ in range(SAMPLES))
        return [(cloud, NeighbourGraph.of(cloud)) for cloud in clouds]


def neighbour_agreement(labels: IntArray, graph: NeighbourGraph) -> float:
    """Return how much more often neighbours share a segment than chance would have it.

    ``(p - Σ share²) / (1 - Σ share²)``, p being the share of neighbour pairs with one label:
    a join-count statistic corrected for chance as Cohen's kappa is (1960).

    Parameters
    ----------
    labels
        Shape (n,).
    graph
        Nearest neighbours of the n customers in the reference space.

    Returns
    -------
    float
        In [0, 1]; less than chance counts as 0, and so does a single segment.
    """
    shares = np.bincount(labels) / len(labels)
    chance = float(np.sum(shares**2))
    if chance >= 1.0 or graph.indices.size == 0:
        return 0.0
    together = float(np.mean(labels[graph.indices] == labels[:, None]))
    return max(0.0, (together - chance) / (1.0 - chance))


def separation(labels: IntArray, graph: NeighbourGraph, cuts: CompactCuts) -> float:
    """Return how many fewer neighbours a partition separates than a compact cut of one cloud.

    ``1 - (1 - A) / (1 - A₀)``, A being the :func:`neighbour_agreement` and A₀ that of k-means
    with as many segments on a Gaussian cloud.

    Returns
    -------
    float
        In [0, 1]: 1 means no neighbours are separated, 0 means that a cut through one cloud
        separates as few.
    """
    separated = 1.0 - neighbour_agreement(labels, graph)
    chance = 1.0 - cuts.agreement(len(np.unique(labels)))
    return max(0.0, 1.0 - separated / chance) if chance > 0 else 0.0


def _cut(sample: FloatArray, n_segments: int, seed: int) -> IntArray:
    clusters = min(n_segments, len(sample))
    with threadpool_limits(limits=1):
        k_means = KMeans(clusters, n_init=1, random_state=seed).fit(sample)
    return np.asarray(k_means.labels_, dtype=np.int64)
