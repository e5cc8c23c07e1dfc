"""Whether a partition says more than two yes/no facts about columns do."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from segmentation.assignment import FloatArray, IntArray

# Two flags that say more than this of a partition make it a restatement of them.
RESTATES = 0.6


def restatement(labels: IntArray, flags: IntArray) -> float:
    """Return how much of a partition two yes/no facts about columns say, in [0, 1].

    Mutual information of the labels with the crossing of the best two flags, over the labels'
    entropy. Zero-inflated columns make partitions that are stable, true and trivial: who ever
    drew cash, who ever bought.

    Parameters
    ----------
    labels
        Shape (n,).
    flags
        Shape (m, n), 0 or 1, see :func:`column_flags`; 0 is returned for fewer than two.
    """
    k = int(labels.max()) + 1
    own = _entropy(np.bincount(labels))
    if own == 0.0:
        return 0.0
    best = 0.0
    for one, other in combinations(flags, 2):
        crossing = 2 * one + other
        joint = _entropy(np.bincount(4 * labels + crossing, minlength=4 * k))
        best = max(best, own + _entropy(np.bincount(crossing)) - joint)
    return min(1.0, best / own)


def column_flags(matrix: FloatArray) -> IntArray:
    """Return for each column with a dominating value whether a customer has it.

    Parameters
    ----------
    matrix
        Shape (n, d). A column counts when its commonest value holds 10 % to 90 % of customers.

    Returns
    -------
    IntArray
        Shape (m, n), 0 or 1.
    """
    flags = []
    for column in matrix.T:
        values, counts = np.unique(column[~np.isnan(column)], return_counts=True)
        if len(values) and 0.1 <= counts.max() / len(column) <= 0.9:
            flags.append(column == values[counts.argmax()])
    return np.array(flags, dtype=np.int64).reshape(len(flags), len(matrix))


def _entropy(counts: IntArray) -> float:
    shares = counts[counts > 0] / counts.sum()
    return float(-np.sum(shares * np.log(shares)))
