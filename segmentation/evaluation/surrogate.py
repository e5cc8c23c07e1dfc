"""Decision trees that imitate a partition, grown on ranks so that units cannot matter."""

from __future__ import annotations

import numpy as np
from sklearn.tree import DecisionTreeClassifier

from segmentation.types import FloatArray, IntArray


def column_ranks(matrix: FloatArray) -> IntArray:
    """Return each value's place among its column's distinct values, from 0.

    Ranks are whole numbers and so exact in the single precision that scikit-learn's trees
    compute in; a tree over ranks asks the same questions in cents and in dollars.

    Parameters
    ----------
    matrix
        Shape (n, d); a missing value gets the rank of its column's median.

    Returns
    -------
    IntArray
        Shape (n, d).
    """
    ranks = np.zeros(matrix.shape, dtype=np.int64)
    for j, column in enumerate(matrix.T):
        present = ~np.isnan(column)
        if present.any():
            _, places = np.unique(column[present], return_inverse=True)
            ranks[:, j] = np.sort(places)[(len(places) - 1) // 2]
            ranks[present, j] = places
    return ranks


def fit_tree(
    ranks: IntArray, labels: IntArray, depth: int, balanced: bool = False
) -> DecisionTreeClassifier:
    """Return a decision tree grown on ranks, the same for any order of the rows.

    Parameters
    ----------
    ranks
        Shape (n, d), from :func:`column_ranks`.
    labels
        Shape (n,).
    depth
        Most questions on one path.
    balanced
        Whether each label weighs the same in all, however rare.
    """
    weight = "balanced" if balanced else None
    tree = DecisionTreeClassifier(max_depth=depth, class_weight=weight, random_state=0)
    return tree.fit(ranks, labels)
