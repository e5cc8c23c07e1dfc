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
    product = np.zeros((len(left), right.shape[1]))
    for start in range(0, len(left), CHUNK_ROWS):
        block = left[start : start + CHUNK_ROWS]
        out = product[start : start + CHUNK_ROWS]
        for column in range(right.shape[0]):
            out += block[:, column, None] * right[column]
    return product


def row_sums(matrix: FloatArray) -> FloatArray:
    """Return the sum of each row, shape (n,), added from the first column to the last."""
    total = np.zeros(len(matrix))
    for column in range(matrix.shape[1]):
        total += matrix[:, column]
    return total
