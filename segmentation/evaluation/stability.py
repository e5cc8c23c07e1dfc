"""Whether segments come back when only half of the customers are seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from sklearn.metrics import adjusted_rand_score

from segmentation.clustering.segmenter import Segmenter
from segmentation.clustering.spec import SegmenterSpec
from segmentation.preprocessing.cache import Half
from segmentation.schema import TableSchema
from segmentation.types import IntArray


def random_halves(order: IntArray, n_splits: int = 2, seed: int = 0) -> list[IntArray]:
    """Return the positions of both halves of each random split, the two of a split in a row.

    Parameters
    ----------
    order
        Shape (n,), positions of all customers in an order that depends on their values only,
        so that the halves do not depend on the order of the table.
    n_splits
        Number of random splits.
    seed
        Of the splits.
    """
    halves: list[IntArray] = []
    for split in range(n_splits):
        shuffled = order[np.random.default_rng([seed, split]).permutation(len(order))]
        halves += [shuffled[: len(order) // 2], shuffled[len(order) // 2 :]]
    return halves


def refits(spec: SegmenterSpec, schema: TableSchema, halves: Iterable[Half]) -> Iterator[IntArray]:
    """Yield the labels that a fit on each half gives all customers, shape (n,)."""
    for half in halves:
        yield Segmenter(spec, schema).fit_rule(half.prepared).segments(half.features)


def stability(labels: IntArray, labels_of_refits: Iterable[IntArray]) -> tuple[float, float]:
    """Return how well segments survive when only half of the customers are seen.

    The customers are split into random halves; a segmenter fitted on each half assigns all
    customers, with the rule it would be served with, and is compared with the full fit's
    labels by the adjusted Rand index (Hubert and Arabie 1985, J. Classification 2). After the
    cluster stability of Ben-Hur, Elisseeff and Guyon (2002, Pac. Symp. Biocomputing).

    Parameters
    ----------
    labels
        Shape (n,), the full fit's labels.
    labels_of_refits
        The labels of all n customers by the fit on each of :func:`random_halves`.

    Returns
    -------
    mean : float
        In [0, 1]; a negative mean counts as 0.
    spread : float
        Standard deviation of the mean index between splits.
    """
    indices = np.array([adjusted_rand_score(labels, other) for other in labels_of_refits])
    by_split = indices.reshape(-1, 2).mean(axis=1)
    return max(0.0, float(by_split.mean())), float(by_split.std())
