"""Whether a partition says more than a column or two do."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from segmentation.types import FloatArray, IntArray

# Two flags that say more than this of a partition make it a restatement of them.
RESTATES = 0.6
# A column that says more than this of a partition drives it.
DRIVES = 0.9
RANGES = 20


@dataclass(frozen=True)
class Flags:
    """Yes/no facts about columns that are often one value, zero for example.

    Parameters
    ----------
    columns
        Shape (m,), positions of the columns.
    facts
        Shape (m, n), 1 for the customers that have the column's commonest value.
    """

    columns: IntArray
    facts: IntArray


def column_flags(matrix: FloatArray) -> Flags:
    """Return for each column with a dominating value whether a customer has it.

    Parameters
    ----------
    matrix
        Shape (n, d). A column counts when its commonest value holds 10% to 90% of customers.
    """
    columns, facts = [], []
    for position, column in enumerate(matrix.T):
        values, counts = np.unique(column[~np.isnan(column)], return_counts=True)
        if len(values) and 0.1 <= counts.max() / len(column) <= 0.9:
            columns.append(position)
            facts.append(column == values[counts.argmax()])
    shape = (len(columns), len(matrix))
    return Flags(np.array(columns, dtype=np.int64), np.array(facts, dtype=np.int64).reshape(shape))


def restatement(labels: IntArray, flags: Flags) -> float:
    """Return how much of a partition two yes/no facts about columns say, in [0, 1].

    Mutual information of the labels with the crossing of the best two flags, over the labels'
    entropy: Theil's uncertainty coefficient. Zero-inflated columns make partitions that are
    stable, true and trivial: who ever drew cash, who ever bought.

    Parameters
    ----------
    labels
        Shape (n,).
    flags
        Of the same customers; 0 is returned for fewer than two.
    """
    return telling_flags(labels, flags)[0]


def telling_flags(labels: IntArray, flags: Flags) -> tuple[float, tuple[int, ...]]:
    """Return what the best two facts say, and the positions of their columns."""
    best: tuple[float, tuple[int, ...]] = (0.0, ())
    for one, other in combinations(range(len(flags.facts)), 2):
        share = said(labels, 2 * flags.facts[one] + flags.facts[other])
        if share > best[0]:
            best = (share, (int(flags.columns[one]), int(flags.columns[other])))
    return best


def one_column(labels: IntArray, ranks: IntArray) -> float:
    """Return how much of a partition the best single column says, in [0, 1].

    As :func:`restatement`, with a column cut into at most twenty ranges of equally many
    customers.

    Parameters
    ----------
    labels
        Shape (n,).
    ranks
        Shape (n, d), see :func:`segmentation.evaluation.surrogate.column_ranks`.
    """
    return telling_column(labels, ranks)[0]


def telling_column(labels: IntArray, ranks: IntArray) -> tuple[float, int]:
    """Return what the best single column says, and its position."""
    shares = [said(labels, _ranges(column)) for column in ranks.T]
    best = int(np.argmax(shares))
    return shares[best], best


def said(labels: IntArray, code: IntArray) -> float:
    """Return the share of the labels' entropy that another labelling of the rows removes.

    Parameters
    ----------
    labels, code
        Shape (n,), integers from 0.
    """
    own = _entropy(np.bincount(labels))
    if own == 0.0:
        return 0.0
    groups = int(code.max()) + 1
    joint = _entropy(np.bincount(groups * labels + code))
    return float(np.clip((own + _entropy(np.bincount(code)) - joint) / own, 0.0, 1.0))


def _ranges(ranks: IntArray) -> IntArray:
    """Return which of at most twenty ranges of equally many customers each rank lies in."""
    below = np.searchsorted(np.sort(ranks), ranks)
    return np.asarray(below * RANGES // len(ranks), dtype=np.int64)


def _entropy(counts: IntArray) -> float:
    shares = counts[counts > 0] / counts.sum()
    return float(-np.sum(shares * np.log(shares)))
