"""What makes a segmentation good without knowing the truth; a new metric is one entry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from math import log, nan
from types import MappingProxyType

import numpy as np
from sklearn.metrics import (
    adjusted_rand_score,
    calinski_harabasz_score,
    davies_bouldin_score,
    silhouette_score,
)

from segmentation.evaluation.likelihood import likelihood_gain
from segmentation.evaluation.reference_space import NeighbourGraph
from segmentation.evaluation.separation import CompactCuts, neighbour_agreement, separation
from segmentation.evaluation.surrogate import fit_tree
from segmentation.evaluation.triviality import Flags, one_column, restatement
from segmentation.types import FloatArray, IntArray

SEGMENTS_WEIGHT = 0.03
SILHOUETTE_ROWS = 2000
TREE_DEPTH = 3


def score(stability: float, separation: float, n_segments: int) -> float:
    """Return ``S + B + 0.03 ln k``, at least 0: what a trial is given before others are known.

    Stability and separation alone prefer few segments; the last term asks of a coarser
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


def random_halves(order: IntArray, n_splits: int = 2, seed: int = 0) -> list[IntArray]:
    """Split customers into random halves, again and again.

    Parameters
    ----------
    order
        Shape (n,), positions of all customers in an order that depends on their values only,
        so that the halves do not depend on the order of the table.
    n_splits
        Number of random splits.
    seed
        Seeds the splits.

    Returns
    -------
    list of array
        Positions of each half; the two of a split follow one another.
    """
    halves: list[IntArray] = []
    for split in range(n_splits):
        shuffled = order[np.random.default_rng([seed, split]).permutation(len(order))]
        halves += [shuffled[: len(order) // 2], shuffled[len(order) // 2 :]]
    return halves


def stability(labels: IntArray, refits: Iterable[IntArray]) -> tuple[float, float]:
    """Return how well segments survive when only half of the customers are seen.

    The customers are split into random halves; a segmenter fitted on each half assigns all
    customers, with the rule it would be served with, and is compared with the full fit's
    labels by the adjusted Rand index (Hubert and Arabie 1985, J. Classification 2). After the
    cluster stability of Ben-Hur, Elisseeff and Guyon (2002, Pac. Symp. Biocomputing).

    Parameters
    ----------
    labels
        Shape (n,), the full fit's labels.
    refits
        The labels of all n customers by the fit on each of :func:`random_halves`.

    Returns
    -------
    mean : float
        In [0, 1]; a negative mean counts as 0.
    spread : float
        Standard deviation of the mean index between splits.
    """
    found = np.array([adjusted_rand_score(labels, refit) for refit in refits])
    by_split = found.reshape(-1, 2).mean(axis=1)
    return max(0.0, float(by_split.mean())), float(by_split.std())


def tree_accuracy(labels: IntArray, ranks: IntArray) -> float:
    """Return the share of customers whose segment a decision tree of depth 3 names.

    A description, not a prediction: the tree is judged on the customers it was grown on. 1
    means that at most seven questions about single columns say everything.

    Parameters
    ----------
    labels
        Shape (n,).
    ranks
        Shape (n, d), each column's values by rank: questions about ranks are questions about
        values, whatever the unit; see :func:`segmentation.evaluation.surrogate.column_ranks`.
    """
    return float(fit_tree(ranks, labels, TREE_DEPTH).score(ranks, labels))


def silhouette(labels: IntArray, distances: FloatArray) -> float:
    """Return the mean silhouette width (Rousseeuw 1987), in [-1, 1]; NaN where undefined.

    Parameters
    ----------
    labels
        Shape (n,).
    distances
        Shape (n, n), between all customers.
    """
    return _defined(partial(silhouette_score, metric="precomputed"), labels, distances)


def calinski_harabasz(labels: IntArray, coordinates: FloatArray) -> float:
    """Return the variance ratio of Calinski and Harabasz (1974), at least 0; NaN if undefined."""
    return _defined(calinski_harabasz_score, labels, coordinates)


def davies_bouldin(labels: IntArray, coordinates: FloatArray) -> float:
    """Return the index of Davies and Bouldin (1979), lower is better; NaN if undefined."""
    return _defined(davies_bouldin_score, labels, coordinates)


def _defined(
    index: Callable[[FloatArray, IntArray], float], labels: IntArray, coordinates: FloatArray
) -> float:
    """Return a classic index; it needs at least two clusters and fewer than rows."""
    clusters = len(np.unique(labels))
    return float(index(coordinates, labels)) if 1 < clusters < len(labels) else nan


@dataclass(frozen=True)
class EvaluationTable:
    """What all candidates of a study are judged on, computed once.

    Parameters
    ----------
    coordinates
        Shape (n, d), the customers in the reference space.
    without_ties
        Shape (n, d), the same with :func:`segmentation.evaluation.likelihood.without_ties`.
    graph
        Their nearest neighbours there.
    ranks
        Shape (n, d), see :func:`segmentation.evaluation.surrogate.column_ranks`.
    flags
        See :func:`segmentation.evaluation.triviality.column_flags`.
    cuts
        The zero of the separation.
    sample
        Positions of the at most 2,000 customers for metrics whose cost grows with n².
    distances
        Between those, in the reference space.
    """

    coordinates: FloatArray
    without_ties: FloatArray
    graph: NeighbourGraph
    ranks: IntArray
    flags: Flags
    cuts: CompactCuts
    sample: IntArray
    distances: FloatArray


@dataclass(frozen=True)
class Metric:
    """One number about a partition that needs no second fit.

    Parameters
    ----------
    name
        Key in :data:`METRICS`; the metric's name in a run.
    meaning
        One sentence for people, with the interval.
    higher_is_better
        Direction.
    compute
        From labels of shape (n,) and the table they were judged on.
    """

    name: str
    meaning: str
    higher_is_better: bool
    compute: Callable[[IntArray, EvaluationTable], float]


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            Metric(
                "agreement",
                "How much more often the ten nearest neighbours share a segment than by chance, "
                "0 to 1.",
                True,
                lambda labels, table: neighbour_agreement(labels, table.graph),
            ),
            Metric(
                "separation",
                "How much fewer nearest neighbours the segments part than k-means does in one "
                "Gaussian cloud, 0 to 1.",
                True,
                lambda labels, table: separation(labels, table.graph, table.cuts),
            ),
            Metric(
                "likelihood_gain",
                "Classification likelihood with one Gaussian a segment, less that of a single "
                "Gaussian, per customer and after the BIC's penalty; above 0 it is gained.",
                True,
                lambda labels, table: likelihood_gain(labels, table.without_ties),
            ),
            Metric(
                "tree_accuracy",
                "Share of customers whose segment a decision tree of depth 3 names, 0 to 1.",
                True,
                lambda labels, table: tree_accuracy(labels, table.ranks),
            ),
            Metric(
                "restatement",
                "How much of the partition two yes/no facts about columns say, 0 to 1; from "
                "0.6 on it is called a restatement and comes after others.",
                False,
                lambda labels, table: restatement(labels, table.flags),
            ),
            Metric(
                "one_column",
                "How much of the partition twenty ranges of a single column say, 0 to 1.",
                False,
                lambda labels, table: one_column(labels, table.ranks),
            ),
            Metric(
                "silhouette",
                "Mean silhouette width in the reference space on at most 2,000 customers, "
                "-1 to 1; for comparison only.",
                True,
                lambda labels, table: silhouette(labels[table.sample], table.distances),
            ),
            Metric(
                "calinski_harabasz",
                "Variance between segments over variance within, in the reference space, at "
                "least 0; for comparison only.",
                True,
                lambda labels, table: calinski_harabasz(labels, table.coordinates),
            ),
            Metric(
                "davies_bouldin",
                "Mean similarity of each segment to its nearest, in the reference space, at "
                "least 0; for comparison only.",
                False,
                lambda labels, table: davies_bouldin(labels, table.coordinates),
            ),
        )
    }
)
