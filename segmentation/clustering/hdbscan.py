"""Algorithms whose natural settings depend on the data, with settings that do not.

A search tries 2,000 customers, then 4,000, then all: "at least 50 customers" or "a radius of
0.8" would mean something else each time, a share does not.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.cluster import HDBSCAN, Birch
from sklearn.utils.validation import validate_data

from segmentation.types import FloatArray


class ShareHDBSCAN(ClusterMixin, BaseEstimator):  # type: ignore[misc]
    """HDBSCAN whose smallest cluster is a share of the rows.

    Parameters
    ----------
    smallest_share
        In (0, 1): a denser region with fewer rows is no cluster.
    neighbours
        Rows that make a neighbourhood (``min_samples``), at least 1.
    selection
        ``eom`` (excess of mass) or ``leaf`` (more and smaller clusters).

    Attributes
    ----------
    labels_
        Shape (n,), -1 for noise.
    """

    def __init__(
        self, smallest_share: float = 0.03, neighbours: int = 10, selection: str = "eom"
    ) -> None:
        self.smallest_share = smallest_share
        self.neighbours = neighbours
        self.selection = selection

    def fit(self, X: Any, y: None = None) -> Self:  # noqa: ARG002
        """Cluster a matrix of shape (n, d)."""
        matrix: FloatArray = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        clusterer = HDBSCAN(
            min_cluster_size=max(2, round(self.smallest_share * len(matrix))),
            min_samples=min(self.neighbours, len(matrix)),
            cluster_selection_method=self.selection,
            copy=True,
        )
        self.labels_ = clusterer.fit(matrix).labels_
        return self


class RadiusBirch(ClusterMixin, BaseEstimator):  # type: ignore[misc]
    """BIRCH whose subclusters have a radius that is a share of the data's.

    Parameters
    ----------
    n_clusters
        Clusters the subclusters are merged into.
    radius_share
        In (0, 1): largest radius of a subcluster over the root mean square distance of all
        rows from their mean.

    Attributes
    ----------
    labels_
        Shape (n,).
    subcluster_centers_, subcluster_labels_
        Shapes (m, d) and (m,): the subclusters, and the cluster of each.
    """

    def __init__(self, n_clusters: int = 4, radius_share: float = 0.4) -> None:
        self.n_clusters = n_clusters
        self.radius_share = radius_share

    def fit(self, X: Any, y: None = None) -> Self:  # noqa: ARG002
        """Cluster a matrix of shape (n, d)."""
        matrix: FloatArray = validate_data(self, X, dtype=np.float64)
        radius = float(np.sqrt(matrix.var(axis=0).sum()))
        threshold = max(self.radius_share * radius, 1e-12)
        birch = Birch(threshold=threshold, n_clusters=self.n_clusters).fit(matrix)
        self.labels_ = birch.labels_
        self.subcluster_centers_ = birch.subcluster_centers_
        self.subcluster_labels_ = birch.subcluster_labels_
        return self
