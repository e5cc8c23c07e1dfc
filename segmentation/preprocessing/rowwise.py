"""Arithmetic whose result for a row never depends on the rows beside it.

A BLAS product may round a row differently in a batch of one and in a batch of a thousand.
A customer scored alone must get exactly the answer given in a file, so every product on the
way from customer to segment is accumulated column by column, in a fixed order.
"""

from __future__ import annotations

import numpy as np

from segmentation.types import FloatArray

CHUNK_ROWS = 2048


def matmul(left: FloatArray, right: FloatArray) -> FloatArray:
    """Return ``left @ right``, each row rounded as if it were alone."""
    product = np.empty((len(left), right.shape[1]))
    for start in range(0, len(left), CHUNK_ROWS):
        # A column of the transpose lies together in memory, however few columns there are.
        block = np.ascontiguousarray(left[start : start + CHUNK_ROWS].T)
        out = np.zeros((right.shape[1], block.shape[1]))
        for column, factors in zip(block, right, strict=True):
            out += column * factors[:, None]
        product[start : start + CHUNK_ROWS] = out.T
    return product


def row_sums(matrix: FloatArray) -> FloatArray:
    """Return the sum of each row, shape (n,), added from the first column to the last."""
    total = np.zeros(len(matrix))
    for column in range(matrix.shape[1]):
        total += matrix[:, column]
    return total
