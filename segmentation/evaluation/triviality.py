"""Whether a partition says more than a question or two about single columns does."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Self

import numpy as np
from sklearn.tree import DecisionTreeClassifier

from segmentation.schema import TableSchema
from segmentation.types import FloatArray, IntArray

# Two flags that explain more than this of a partition make it a restatement of them.
RESTATES = 0.6
# A column that explains more than this of a partition drives it.
DRIVES = 0.9
# A category that explains more than this, and clearly more than any other column, is restated.
RESTATES_CATEGORY, LEADS = 0.4, 0.8
RANGES = 20
TREE_DEPTH = 3


@dataclass(frozen=True)
class Flags:
    """Yes/no facts about the m columns that are often one value, zero for example."""

    columns: IntArray  # shape (m,), their positions
    facts: IntArray  # shape (m, n), 1 for customers who have the column's most frequent value


def column_flags(matrix: FloatArray) -> Flags:
    """Return for each column with a dominating value whether a customer has it.

    Parameters
    ----------
    matrix
        Shape (n, d). A column counts when its most frequent value holds 10% to 90% of customers.
    """
    columns, facts = [], []
    for position, column in enumerate(matrix.T):
        values, counts = np.unique(column[~np.isnan(column)], return_counts=True)
        if len(values) and 0.1 <= counts.max() / len(column) <= 0.9:
            columns.append(position)
            facts.append(column == values[counts.argmax()])
    shape = (len(columns), len(matrix))
    return Flags(np.array(columns, dtype=np.int64), np.array(facts, dtype=np.int64).reshape(shape))


def restatement(labels: IntArray, flags: Flags) -> tuple[float, tuple[int, ...]]:
    """Return how much of a partition two yes/no facts explain, and the positions of their columns.

    Mutual information of the labels with the crossing of the best two flags, over the labels'
    entropy: Theil's uncertainty coefficient, in [0, 1]. Zero-inflated columns make partitions
    that are stable, true and trivial: who ever drew cash, who ever bought. For fewer than two
    flags it is 0.
    """
    best: tuple[float, tuple[int, ...]] = (0.0, ())
    for one, other in combinations(range(len(flags.facts)), 2):
        share = explained_share(labels, 2 * flags.facts[one] + flags.facts[other])
        if share > best[0]:
            best = (share, (int(flags.columns[one]), int(flags.columns[other])))
    return best


def one_column(labels: IntArray, ranges: IntArray) -> tuple[float, int]:
    """Return how much of a partition the best single column explains, and its position.

    As :func:`restatement`, with columns in :func:`column_ranges`.
    """
    shares = [explained_share(labels, column) for column in ranges.T]
    best = int(np.argmax(shares))
    return shares[best], best


@dataclass(frozen=True)
class ColumnCodes:
    """Each column of a table as a labelling of the n customers, integers from 0."""

    codes: tuple[IntArray, ...]  # levels of a category, at most twenty ranges of an amount
    categorical: tuple[bool, ...]
    positions: tuple[int, ...]  # of the column, or of a category's first indicator

    @classmethod
    def of(cls, ranks: IntArray, ranges: IntArray, schema: TableSchema) -> Self:
        """Return the columns of a table from its ranks and their ranges, indicators as one."""
        blocks: dict[str, list[int]] = {}
        for position, column in enumerate(schema.columns):
            blocks.setdefault(column.of or column.name, []).append(position)
        codes, categorical = [], []
        for block in blocks.values():
            column = schema.columns[block[0]]
            categorical.append(bool(column.of) or column.categorical)
            if categorical[-1]:
                codes.append(np.unique(ranks[:, block], axis=0, return_inverse=True)[1].ravel())
            else:
                codes.append(ranges[:, block[0]])
        return cls(tuple(codes), tuple(categorical), tuple(block[0] for block in blocks.values()))


def leading_category(labels: IntArray, columns: ColumnCodes) -> tuple[float, int]:
    """Return how much of a partition the category explains that leads, and its position.

    A category leads where no other column explains 0.8 of what it does: customers are then divided
    by what stands in the table already. Where amounts or other categories tell the same groups
    apart, or none explains most, it is 0. As :func:`restatement`, in [0, 1].
    """
    if not any(columns.categorical):
        return 0.0, 0
    shares = [explained_share(labels, code) for code in columns.codes]
    best = int(np.argmax(shares))
    others = max((share for j, share in enumerate(shares) if j != best), default=0.0)
    leads = columns.categorical[best] and others < LEADS * shares[best]
    return (shares[best] if leads else 0.0), columns.positions[best]


def explained_share(labels: IntArray, code: IntArray) -> float:
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


def tree_accuracy(labels: IntArray, ranks: IntArray) -> float:
    """Return the share of customers whose segment a decision tree of depth 3 names, in [0, 1].

    A description, not a prediction: the tree is tested on the customers it was grown on. 1
    means that at most seven questions about single columns say everything.
    """
    return float(fit_tree(ranks, labels, TREE_DEPTH).score(ranks, labels))


def column_ranks(matrix: FloatArray) -> IntArray:
    """Return each value's place among its column's distinct values, from 0, shape (n, d).

    Ranks are whole numbers and so exact in the single precision that scikit-learn's trees
    compute in; a tree over ranks asks the same questions in cents and in dollars. A missing
    value gets the rank of its column's median.
    """
    ranks = np.zeros(matrix.shape, dtype=np.int64)
    for j, column in enumerate(matrix.T):
        present = ~np.isnan(column)
        if present.any():
            _, places = np.unique(column[present], return_inverse=True)
            ranks[:, j] = np.sort(places)[(len(places) - 1) // 2]
            ranks[present, j] = places
    return ranks


def column_ranges(ranks: IntArray) -> IntArray:
    """Return in which of at most twenty ranges of equally many customers each rank lies.

    Shape (n, d), as that of :func:`column_ranks`.
    """
    below = [np.searchsorted(np.sort(column), column) for column in ranks.T]
    return np.stack(below, axis=1) * RANGES // len(ranks)


def fit_tree(
    ranks: IntArray, labels: IntArray, depth: int, balanced: bool = False
) -> DecisionTreeClassifier:
    """Return a decision tree grown on ranks, the same for any order of the rows.

    Balanced, each label weighs the same in all, however rare.
    """
    weight = "balanced" if balanced else None
    tree = DecisionTreeClassifier(max_depth=depth, class_weight=weight, random_state=0)
    return tree.fit(ranks, labels)


def _entropy(counts: IntArray) -> float:
    shares = counts[counts > 0] / counts.sum()
    return float(-np.sum(shares * np.log(shares)))
