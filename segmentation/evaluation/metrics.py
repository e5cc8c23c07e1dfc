"""What makes a segmentation good without knowing the truth; a new metric is one entry."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log, nan
from types import MappingProxyType

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import logsumexp, ndtri
from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score

from segmentation.evaluation.reference_space import NeighbourGraph
from segmentation.evaluation.separation import CompactCuts, neighbour_agreement, separation
from segmentation.evaluation.triviality import (
    ColumnCodes,
    Flags,
    leading_category,
    one_column,
    restatement,
    tree_accuracy,
)
from segmentation.types import FloatArray, IntArray

SEGMENTS_WEIGHT = 0.03
SILHOUETTE_ROWS = 2000
RIDGE = 1e-3
# So few columns are all looked at; of more, only the axes that columns share.
FEW_COLUMNS, LEAST_AXES = 5, 2


@dataclass(frozen=True)
class EvaluationTable:
    """What all candidates of a study are evaluated on, computed once for n customers."""

    coordinates: FloatArray  # shape (n, d), in the reference space
    axes: FloatArray  # shape (n, q), the same without ties; of few customers the `main_axes`
    few: bool  # whether there are so few that groups which overlap count as two
    graph: NeighbourGraph
    ranks: IntArray  # shape (n, d), of `column_ranks`
    ranges: IntArray  # shape (n, d), of `column_ranges`
    flags: Flags
    columns: ColumnCodes
    cuts: CompactCuts  # the zero of the separation
    sample: IntArray  # positions of at most 2,000 customers, for metrics that cost n²
    distances: FloatArray  # between those, in the reference space


def score(stability: float, separation: float, n_segments: int) -> float:
    """Return ``S + B + 0.03 ln k``, at least 0: the score of a candidate on its own.

    Stability S and separation B alone prefer few segments; the last term asks of a coarser
    partition that it be better. Neighbour agreement A in place of separation B is the usual
    choice, and rewards any compact cut: see experiments/README.md for what either finds.

    Parameters
    ----------
    stability, separation
        In [0, 1].
    n_segments
        At least 1.
    """
    return max(0.0, stability + separation + SEGMENTS_WEIGHT * log(n_segments))


def likelihood_gain(labels: IntArray, coordinates: FloatArray, *, completed: bool) -> float:
    """Return what a partition gains in likelihood over a single Gaussian, penalised as in the BIC.

    The segments' shares, means and covariances are taken for those of a mixture of Gaussians.
    Its log-likelihood, less half the parameters times ln n (Schwarz 1978, Annals of Statistics
    6), is compared with that of one Gaussian, as Fraley and Raftery choose a mixture (2002,
    J. American Statistical Association 97). Covariances are full, diagonal or spherical, one a
    segment or common to all (Banfield and Raftery 1993, Biometrics 49); the best of six counts.

    Completed, a customer counts for the own segment only (Biernacki, Celeux and Govaert 2000,
    IEEE PAMI 22). That joins groups which overlap. Without, a customer between two segments
    counts for both; but among many customers every departure of a group from a Gaussian then
    becomes a segment more.

    Parameters
    ----------
    labels
        Shape (n,), integers in [0, k).
    coordinates
        Shape (n, q).
    completed
        Whether customers count for their own segment only.

    Returns
    -------
    float
        Per customer; 0 for one segment, below 0 where the segments explain less than they cost.
    """
    _, gapless = np.unique(labels, return_inverse=True)
    one = np.zeros_like(gapless)
    return _penalised(gapless, coordinates, completed) - _penalised(one, coordinates, completed)


def main_axes(coordinates: FloatArray, seed: int) -> FloatArray:
    """Return the coordinates of customers on the axes that several columns share.

    In many columns a group's covariance has more parameters than a small table can tell, and
    the penalty hides every group. Axes are those principal components whose variance exceeds
    that in columns permuted one by one (Horn 1965, Psychometrika 30), at least two.

    Parameters
    ----------
    coordinates
        Shape (n, d), in an order that depends on the customers only.
    seed
        Of the permutation.

    Returns
    -------
    FloatArray
        Shape (n, q); the coordinates themselves for at most five columns.
    """
    if coordinates.shape[1] <= FEW_COLUMNS:
        return coordinates
    rng = np.random.default_rng(seed)
    offset = coordinates - coordinates.mean(axis=0)
    variance, axes = np.linalg.eigh(offset.T @ offset)
    permuted = rng.permuted(offset, axis=0)
    shared = variance[::-1] > np.linalg.eigvalsh(permuted.T @ permuted)[::-1]
    count = max(LEAST_AXES, int(np.argmin(shared)) if not shared.all() else len(shared))
    return np.asarray(offset @ axes[:, ::-1][:, :count])


def without_ties(coordinates: FloatArray, columns: IntArray, seed: int) -> FloatArray:
    """Return coordinates in which columns that are often one value have no ties.

    A segment of customers who all never drew cash has no spread there, and a Gaussian without
    spread explains it without end: the likelihood would see nothing but zeros. Such columns,
    given by position, become normal scores with ties broken at random.
    """
    rng = np.random.default_rng(seed)
    smooth = coordinates.copy()
    rows = len(coordinates)
    for column in columns:
        ranks = np.empty(rows)
        ranks[np.lexsort((rng.random(rows), coordinates[:, column]))] = np.arange(rows)
        smooth[:, column] = ndtri((ranks + 0.5) / rows)
    return smooth


def silhouette(labels: IntArray, distances: FloatArray) -> float:
    """Return the mean silhouette width (Rousseeuw 1987), in [-1, 1]; NaN where undefined.

    `distances` are those between all customers, shape (n, n). As scikit-learn's, by one product of
    matrices, in a third of the time.
    """
    return _defined(_silhouette, labels, distances)


def _silhouette(distances: FloatArray, labels: IntArray) -> float:
    _, gapless = np.unique(labels, return_inverse=True)
    member = np.eye(gapless.max() + 1)[gapless]
    sizes = member.sum(axis=0)
    total = distances @ member
    own = (total * member).sum(axis=1) / np.maximum(sizes[gapless] - 1, 1)
    other = np.where(member > 0, np.inf, total / sizes).min(axis=1)
    larger = np.maximum(other, own)
    defined = (sizes[gapless] > 1) & (larger > 0)
    return float(np.divide(other - own, larger, out=np.zeros_like(own), where=defined).mean())


def calinski_harabasz(labels: IntArray, coordinates: FloatArray) -> float:
    """Return the variance ratio of Calinski and Harabasz (1974), at least 0; NaN if undefined."""
    return _defined(calinski_harabasz_score, labels, coordinates)


def davies_bouldin(labels: IntArray, coordinates: FloatArray) -> float:
    """Return the index of Davies and Bouldin (1979), lower is better; NaN if undefined."""
    return _defined(davies_bouldin_score, labels, coordinates)


Metric = Callable[[IntArray, EvaluationTable], float]

# By the name in a run. Each takes labels of shape (n,) and needs no second fit.
METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "agreement": lambda labels, table: neighbour_agreement(labels, table.graph),
        "separation": lambda labels, table: separation(labels, table.graph, table.cuts),
        "likelihood_gain": lambda labels, table: likelihood_gain(
            labels, table.axes, completed=not table.few
        ),
        "tree_accuracy": lambda labels, table: tree_accuracy(labels, table.ranks),
        "restatement": lambda labels, table: restatement(labels, table.flags)[0],
        "one_category": lambda labels, table: leading_category(labels, table.columns)[0],
        "one_column": lambda labels, table: one_column(labels, table.ranges)[0],
        # The classic indices are for comparison only.
        "silhouette": lambda labels, table: silhouette(labels[table.sample], table.distances),
        "calinski_harabasz": lambda labels, table: calinski_harabasz(labels, table.coordinates),
        "davies_bouldin": lambda labels, table: davies_bouldin(labels, table.coordinates),
    }
)


def _defined(
    index: Callable[[FloatArray, IntArray], float], labels: IntArray, coordinates: FloatArray
) -> float:
    """Return a classic index; it needs at least two clusters and fewer than rows."""
    clusters = len(np.unique(labels))
    return float(index(coordinates, labels)) if 1 < clusters < len(labels) else nan


def _penalised(labels: IntArray, coordinates: FloatArray, completed: bool) -> float:
    """Return the best penalised likelihood over the six kinds of covariance, per customer."""
    n, d = coordinates.shape
    sizes = np.bincount(labels)
    k = len(sizes)
    means = np.stack([coordinates[labels == i].mean(axis=0) for i in range(k)])
    shares = np.log(sizes / n) - 0.5 * d * np.log(2 * np.pi)
    offset = coordinates - means[labels]
    groups = [offset[labels == i] for i in range(k)]
    best = -np.inf
    for covariances, parameters in _covariances(groups):
        if completed:
            own = map(_log_density, groups, covariances)
            likelihood = sum(float(part.sum()) for part in own) + float(sizes @ shares)
        else:
            to_all = map(_log_density, (coordinates - mean for mean in means), covariances)
            likelihood = float(logsumexp(shares[:, None] + np.stack([*to_all]), axis=0).sum())
        penalty = 0.5 * (parameters + k * d + k - 1) * np.log(n)
        best = max(best, (likelihood - penalty) / n)
    return float(best)


def _covariances(groups: Sequence[FloatArray]) -> Iterator[tuple[FloatArray, float]]:
    """Yield each kind of covariance, shape (k, d, d), and its number of parameters.

    Groups are rows as offsets from their mean.
    """
    k, d = len(groups), groups[0].shape[1]
    own = np.stack([group.T @ group / len(group) for group in groups])
    sizes = np.array([len(group) for group in groups])
    common = np.tensordot(sizes / sizes.sum(), own, axes=1)[None].repeat(k, axis=0)
    for covariances, times in ((own, k), (common, 1)):
        variances = np.diagonal(covariances, axis1=1, axis2=2)
        spheres = variances.mean(axis=1, keepdims=True).repeat(d, axis=1)
        yield covariances, times * d * (d + 1) / 2
        yield variances[:, None, :] * np.eye(d), times * d
        yield spheres[:, None, :] * np.eye(d), times


def _log_density(offset: FloatArray, covariance: FloatArray) -> FloatArray:
    """Return the log-density of offsets from a Gaussian's mean, without the constant."""
    root = np.linalg.cholesky(covariance + RIDGE * np.eye(len(covariance)))
    standard = solve_triangular(root, offset.T, lower=True, check_finite=False)
    return np.asarray(-np.log(np.diag(root)).sum() - 0.5 * (standard**2).sum(axis=0))
