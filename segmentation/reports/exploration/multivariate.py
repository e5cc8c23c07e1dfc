"""The table as a whole: principal components and a map of neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from segmentation.reports.exploration.explored_table import MAP_ROWS, Table
from segmentation.types import FloatArray

LOADED_COMPONENTS = 6
PERPLEXITY = 30.0


@dataclass(frozen=True)
class Components:
    """Principal components of the reference space."""

    rows: int
    explained: tuple[float, ...]  # share of variance in [0, 1], largest first
    names: tuple[str, ...]  # labels of the p dimensions
    loadings: FloatArray  # shape (at most 6, p): correlation of components with dimensions
    scores: FloatArray  # shape (at most 2,000, 2): customers on the first two components

    def needed(self, share: float) -> int:
        """Return how many components explain at least `share`, in (0, 1], of the variance."""
        reached = np.cumsum(self.explained) >= share - 1e-9
        return int(np.argmax(reached)) + 1 if reached.any() else len(self.explained)


@dataclass(frozen=True)
class NeighbourMap:
    """A map on which neighbours stay neighbours; distances across it mean nothing."""

    points: FloatArray  # shape (r, 2)
    dimension: str  # label of the dimension that colours the map
    colour: FloatArray  # shape (r,), coordinates in that dimension


def components(table: Table) -> Components:
    """Return the principal components, from at most 10,000 customers."""
    matrix, names = table.space.matrix, table.space.names
    if not _spans_a_plane(matrix):
        width = matrix.shape[1]
        scores = np.zeros((len(matrix), 2))
        scores[:, :width] = matrix[:, :2]
        return Components(len(matrix), (1.0,) * min(width, 1), names, np.eye(width), scores)
    with threadpool_limits(1):
        pca = PCA(svd_solver="full", random_state=table.seed).fit(matrix)
    sizes = np.sqrt(pca.explained_variance_)[:, None] / matrix.std(axis=0, ddof=1)
    return Components(
        rows=len(matrix),
        explained=tuple(pca.explained_variance_ratio_.tolist()),
        names=names,
        loadings=(pca.components_ * sizes)[:LOADED_COMPONENTS],
        scores=pca.transform(matrix[:MAP_ROWS])[:, :2],
    )


def neighbour_map(table: Table, axes: Components) -> NeighbourMap | None:
    """Return a t-SNE map (van der Maaten and Hinton 2008) of at most 2,000 customers.

    The dimension with the largest loading on the first component colours it. None where there
    are too few customers or dimensions.
    """
    matrix = table.space.matrix[:MAP_ROWS]
    if len(matrix) < 10 or not _spans_a_plane(matrix):
        return None
    perplexity = min(PERPLEXITY, (len(matrix) - 1) / 3)
    with threadpool_limits(1):
        tsne = TSNE(perplexity=perplexity, init="pca", random_state=table.seed)
        points = np.asarray(tsne.fit_transform(matrix), dtype=np.float64)
    strongest = int(np.abs(axes.loadings[0]).argmax())
    return NeighbourMap(points, axes.names[strongest], matrix[:, strongest])


def _spans_a_plane(matrix: FloatArray) -> bool:
    return matrix.shape[1] >= 2 and len(matrix) > 2
