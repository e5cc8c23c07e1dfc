"""The table as a whole: main axes and a map of neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from segmentation.reports.exploration.explored_table import MAP_ROWS, Table
from segmentation.types import FloatArray

SHOWN_AXES = 6
PERPLEXITY = 30.0


@dataclass(frozen=True)
class Components:
    """Principal components of the reference space.

    Parameters
    ----------
    rows
        Number of customers looked at.
    explained
        Share of variance in [0, 1] of each component, largest first.
    names
        Dimensions of the space.
    loadings
        Shape (m, p): correlation of the first six components with each dimension.
    scores
        Shape (r, 2): at most 2,000 customers on the first two.
    """

    rows: int
    explained: tuple[float, ...]
    names: tuple[str, ...]
    loadings: FloatArray
    scores: FloatArray

    def needed(self, share: float) -> int:
        """Return how many components explain at least `share`, in (0, 1], of the variance."""
        reached = np.cumsum(self.explained) >= share - 1e-9
        return int(np.argmax(reached)) + 1 if reached.any() else len(self.explained)


@dataclass(frozen=True)
class NeighbourMap:
    """A map on which neighbours stay neighbours; distances across it mean nothing.

    Parameters
    ----------
    points
        Shape (r, 2), t-SNE of at most 2,000 customers (van der Maaten and Hinton 2008).
    dimension
        Name of the dimension that colours the map: the one with the largest part in the
        first component.
    colour
        Shape (r,): its coordinate.
    """

    points: FloatArray
    dimension: str
    colour: FloatArray


def components(table: Table) -> Components:
    """Return the principal components, from at most 10,000 customers."""
    matrix, names = table.space.matrix, table.space.names
    if not _spans(matrix):
        width = matrix.shape[1]
        first = np.zeros((len(matrix), 2))
        first[:, :width] = matrix[:, :2]
        return Components(len(matrix), (1.0,) * min(width, 1), names, np.eye(width), first)
    with threadpool_limits(1):
        pca = PCA(svd_solver="full", random_state=table.seed).fit(matrix)
    scores = pca.transform(matrix[:MAP_ROWS])[:, :2]
    sizes = np.sqrt(pca.explained_variance_)[:, None] / matrix.std(axis=0, ddof=1)
    return Components(
        rows=len(matrix),
        explained=tuple(pca.explained_variance_ratio_.tolist()),
        names=names,
        loadings=(pca.components_ * sizes)[:SHOWN_AXES],
        scores=scores,
    )


def neighbour_map(table: Table, found: Components) -> NeighbourMap | None:
    """Return the map, None where there are too few customers or dimensions for one."""
    matrix = table.space.matrix[:MAP_ROWS]
    if len(matrix) < 10 or not _spans(matrix):
        return None
    with threadpool_limits(1):
        mapped = TSNE(
            perplexity=min(PERPLEXITY, (len(matrix) - 1) / 3),
            init="pca",
            random_state=table.seed,
        ).fit_transform(matrix)
    strongest = int(np.abs(found.loadings[0]).argmax())
    return NeighbourMap(
        np.asarray(mapped, dtype=np.float64), found.names[strongest], matrix[:, strongest]
    )


def _spans(matrix: FloatArray) -> bool:
    return matrix.shape[1] >= 2 and len(matrix) > 2
