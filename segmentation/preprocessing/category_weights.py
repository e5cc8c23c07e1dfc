"""Weigh categories against numbers, so that neither dummies nor money dominate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segmentation.preprocessing.step import ArrayStep
from segmentation.types import FloatArray


class BalanceBlocks(ArrayStep):
    """Give the indicators of each category a stated weight against one standardised number.

    Parameters
    ----------
    blocks
        Positions of the indicators of each category.
    weight
        Standard deviation of a block in all; a standardised number has 1.
    famd
        Whether indicators are weighed as in factor analysis of mixed data (Pagès 2004, Revue
        de statistique appliquée 52): divided by the root of their share, so that rare levels
        stand out and a block weighs its number of levels less one. Meant before main axes.

    Attributes
    ----------
    factor_
        Shape (d,), 1 for numbers.
    """

    def __init__(
        self, blocks: Sequence[Sequence[int]] = (), weight: float = 1.0, famd: bool = False
    ) -> None:
        self.blocks = blocks
        self.weight = weight
        self.famd = famd

    def _learn(self, matrix: FloatArray) -> None:
        self.factor_ = np.ones(matrix.shape[1])
        for block in self.blocks:
            own = matrix[:, list(block)]
            low, spread = own.min(axis=0), np.ptp(own, axis=0)
            spread[spread == 0] = 1.0
            if self.famd:
                share = np.maximum(((own - low) / spread).mean(axis=0), 1e-6)
                factor = self.weight / (spread * np.sqrt(share))
            else:
                total = own.var(axis=0).sum()
                factor = np.full(len(block), self.weight / np.sqrt(total) if total > 0 else 0.0)
            self.factor_[list(block)] = factor

    def _apply(self, matrix: FloatArray) -> FloatArray:
        return np.asarray(matrix * self.factor_)
