"""HDBSCAN with a setting that means the same for a sample and for all customers."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.cluster import HDBSCAN
from sklearn.utils.validation import validate_data

from segmentation.types import FloatArray


class ShareHDBSCAN(ClusterMixin, BaseEstimator):  # type: ignore[misc]
    """HDBSCAN whose smallest cluster is a share of the rows.

    A search tries 2,000 customers, then 4,000, then all: "at least 50 customers" would mean
    something else each time, a share does not.

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
