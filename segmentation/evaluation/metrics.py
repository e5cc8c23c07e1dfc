"""What makes a segmentation good without knowing the truth; a new metric is one entry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from math import log, nan
from types import MappingProxyType

import numpy as np
from scipy.special import ndtri
from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score, silhouette_score

from segmentation.evaluation.reference_space import NeighbourGraph
from segmentation.evaluation.separation import CompactCuts, neighbour_agreement, separation
from segmentation.evaluation.triviality import Flags, one_column, restatement, tree_accuracy
from segmentation.types import FloatArray, IntArray

SEGMENTS_WEIGHT = 0.03
SILHOUETTE_ROWS = 2000
RIDGE = 1e-3


@dataclass(frozen=True)
class EvaluationTable:
    """What all candidates of a study are evaluated on, computed once for n customers."""

    coordinates: FloatArray  # shape (n, d), in the reference space
    without_ties: FloatArray  # shape (n, d), the same after `without_ties`
    graph: NeighbourGraph
    ranks: IntArray  # shape (n, d), of `column_ranks`
    flags: Flags
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


def likelihood_gain(labels: IntArray, coordinates: FloatArray) -> float:
    """Return what a partition gains in classification likelihood over a single Gaussian.

    The integrated completed likelihood in its BIC form (Biernacki, Celeux and Govaert 2000,
    IEEE PAMI 22), for hard labels: log-likelihood of every customer in the own segment's
    Gaussian and share, less half the parameters times ln n. Full, common and diagonal
    covariances are tried and the best counts, as in Banfield and Raftery (1993, Biometrics 49).

    Parameters
    ----------
    labels
        Shape (n,), integers in [0, k).
    coordinates
        Shape (n, d).

    Returns
    -------
    float
        Per customer; 0 for one segment, below 0 where the segments explain less than they cost.
    """
    _, gapless = np.unique(labels, return_inverse=True)
    one = np.zeros_like(gapless)
    return _completed(gapless, coordinates) - _completed(one, coordinates)


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

    `distances` are those between all customers, shape (n, n).
    """
    return _defined(partial(silhouette_score, metric="precomputed"), labels, distances)


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
        "likelihood_gain": lambda labels, table: likelihood_gain(labels, table.without_ties),
        "tree_accuracy": lambda labels, table: tree_accuracy(labels, table.ranks),
        "restatement": lambda labels, table: restatement(labels, table.flags)[0],
        "one_column": lambda labels, table: one_column(labels, table.ranks)[0],
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


def _completed(labels: IntArray, coordinates: FloatArray) -> float:
    """Return the best likelihood over the kinds of covariance, per customer and penalised."""
    n, d = coordinates.shape
    sizes = np.bincount(labels)
    k = len(sizes)
    means = np.stack([coordinates[labels == i].mean(axis=0) for i in range(k)])
    offset = coordinates - means[labels]
    groups = [offset[labels == i] for i in range(k)]
    shares = float(sizes @ np.log(sizes / n)) - 0.5 * n * d * np.log(2 * np.pi)
    full, diagonal = sum(map(_normal, groups)), sum(map(_independent, groups), 0.0)
    kinds = (
        (full, k * d * (d + 1) / 2),
        (_normal(offset), d * (d + 1) / 2),
        (diagonal, k * d),
    )
    best = -np.inf
    for likelihood, parameters in kinds:
        penalty = 0.5 * (parameters + k * d + k - 1) * np.log(n)
        best = max(best, (likelihood + shares - penalty) / n)
    return float(best)


def _normal(offset: FloatArray) -> float:
    """Return the log-likelihood of offsets under their own covariance, without the constant."""
    covariance = offset.T @ offset / len(offset)
    ridged = covariance + RIDGE * np.eye(len(covariance))
    log_det = np.linalg.slogdet(ridged)[1]
    return float(-0.5 * len(offset) * (log_det + np.trace(np.linalg.solve(ridged, covariance))))


def _independent(offset: FloatArray) -> float:
    """Return the same under a diagonal covariance."""
    variance = np.mean(offset**2, axis=0)
    spread = variance + RIDGE
    return -0.5 * len(offset) * float(np.sum(np.log(spread) + variance / spread))
