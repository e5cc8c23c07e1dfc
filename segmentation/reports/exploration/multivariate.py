"""The table as a whole: principal components, a map of neighbours, tests for clusters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from segmentation.evaluation.clusterability import Structure
from segmentation.reports.exploration.explored_table import MAP_ROWS, Table
from segmentation.types import FloatArray

LOADED_COMPONENTS = 6
PERPLEXITY = 30.0
TENDENCY_ROWS, LEAST_ROWS = 2_000, 30
PROBES = 200
NULL_TABLES = 99
MOST_CLUSTERS = 6
SIGNIFICANT, BEATEN = 0.05, 3.0
Draw = Callable[[FloatArray, np.random.Generator], FloatArray]


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


@dataclass(frozen=True)
class NullTest:
    """The table against tables without clusters."""

    model: str
    z: float  # standard deviations by which its gain exceeds the mean gain of null tables
    p: float  # share of tables, this one among them, with a gain at least as large, in (0, 1]
    hopkins: float  # mean of null tables


@dataclass(frozen=True)
class Tendency:
    """Whether the table has clusters, by the verdict of the search and beside null tables."""

    rows: int
    hopkins: float  # in [0, 1]: 0.5 for evenly spread points, near 1 for tight groups
    tests: tuple[NullTest, ...]
    groups: Structure | None  # None where there are too few rows

    @property
    def structure(self) -> bool | None:
        """Whether there are groups; None where there are too few rows to say."""
        return None if self.groups is None else self.groups.present

    @property
    def answer(self) -> str:
        """Whether there are groups: ``yes``, ``no`` or ``unknown``."""
        return {True: "yes", False: "no", None: "unknown"}[self.structure]

    @property
    def beaten(self) -> bool:
        """Whether all tables without clusters split worse."""
        return all(test.p <= SIGNIFICANT and test.z >= BEATEN for test in self.tests)

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        if self.groups is None:
            return f"Too few customers to say whether there are clusters: {self.rows}."
        tests = "; ".join(f"against {t.model} z {t.z:.1f}, p {t.p:.2f}" for t in self.tests)
        how = "better than" if self.beaten else "no better than"
        return f"{self.groups.sentence} The table splits {how} tables without clusters: {tests}."


def tendency(
    matrix: FloatArray, seed: int, verdict: Callable[[], Structure | None] = lambda: None
) -> Tendency:
    """Test a table for clusters.

    Beside the verdict, two kinds of tables without clusters are drawn 99 times each: one cloud
    of the same shape (a normal distribution of the same covariance) and evenly spread points in
    a box along the table's main axes (Tibshirani, Walther and Hastie 2001, gap statistic). The
    gain is the largest standardised drop of the k-means error over 2 to 6 clusters; a kind
    counts as beaten by 95% of its tables and 3 standard deviations.

    Parameters
    ----------
    matrix
        Shape (n, p): customers in the reference space, each dimension varying.
    seed
        Of samples and null tables.
    verdict
        Called where there are at least 30 customers.
    """
    random = np.random.default_rng(seed)
    if len(matrix) > TENDENCY_ROWS:
        matrix = matrix[random.permutation(len(matrix))[:TENDENCY_ROWS]]
    if len(matrix) < LEAST_ROWS or not matrix.shape[1]:
        return Tendency(len(matrix), float("nan"), (), None)
    with threadpool_limits(1):
        errors = _errors(matrix, seed)
        tests = tuple(_test(name, draw, matrix, errors, seed) for name, draw in NULL_MODELS.items())
        groups = verdict()
    return Tendency(len(matrix), hopkins(matrix, seed), tests, groups)


def hopkins(matrix: FloatArray, seed: int) -> float:
    """Return the Hopkins statistic (Hopkins and Skellam 1954; Lawson and Jurs 1990).

    ``sum(u) / (sum(u) + sum(w))``: u are distances from random places in the box of the
    points to the nearest point, w from random points to the nearest other.

    Parameters
    ----------
    matrix
        Shape (n, p), n at least 2.
    seed
        Of the places and points.
    """
    random = np.random.default_rng(seed)
    probes = min(PROBES, max(len(matrix) // 10, 1))
    tree = cKDTree(matrix)
    places = random.uniform(matrix.min(axis=0), matrix.max(axis=0), (probes, matrix.shape[1]))
    points = matrix[random.permutation(len(matrix))[:probes]]
    away = tree.query(places)[0].sum()
    near = tree.query(points, k=2)[0][:, 1].sum()
    return float(away / (away + near)) if away + near > 0 else float("nan")


def _normal(matrix: FloatArray, random: np.random.Generator) -> FloatArray:
    return np.asarray(random.standard_normal(matrix.shape) * matrix.std(axis=0))


def _box(matrix: FloatArray, random: np.random.Generator) -> FloatArray:
    return random.uniform(matrix.min(axis=0), matrix.max(axis=0), matrix.shape)


# Tables without clusters, drawn from a matrix rotated to its main axes, where dimensions are
# uncorrelated. A further test is one entry.
NULL_MODELS: dict[str, Draw] = {
    "one normal cloud": _normal,
    "evenly spread points": _box,
}


def _test(name: str, draw: Draw, matrix: FloatArray, errors: FloatArray, seed: int) -> NullTest:
    random = np.random.default_rng([seed, len(name)])
    axes = PCA(svd_solver="full").fit(matrix)
    rotated = axes.transform(matrix)
    tables = [draw(rotated, random) @ axes.components_ for _ in range(NULL_TABLES)]
    drawn = np.array([_errors(table, seed) for table in tables])
    centre, spread = drawn.mean(axis=0), drawn.std(axis=0, ddof=1) + 1e-12
    gains = ((centre - drawn) / spread).max(axis=1)
    gain = float(((centre - errors) / spread).max())
    return NullTest(
        model=name,
        z=float((gain - gains.mean()) / (gains.std(ddof=1) + 1e-12)),
        p=float((1 + (gains >= gain).sum()) / (1 + NULL_TABLES)),
        hopkins=float(np.mean([hopkins(table, seed) for table in tables[:5]])),
    )


def _errors(matrix: FloatArray, seed: int) -> FloatArray:
    """Return the log share of variance that 2 to 6 clusters leave, shape (5,)."""
    total = ((matrix - matrix.mean(axis=0)) ** 2).sum()
    most = min(MOST_CLUSTERS, len(np.unique(matrix, axis=0)))
    left = [KMeans(k, n_init=2, random_state=seed).fit(matrix).inertia_ for k in range(2, most + 1)]
    left += [left[-1] if left else total] * (MOST_CLUSTERS - 1 - len(left))
    return np.asarray(np.log(np.maximum(np.array(left), 1e-12 * total) / total))
