"""Assign to the component of a Gaussian mixture with the largest posterior."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from segmentation.clustering.assignment_rules.rule import Rule, assigned_to_best
from segmentation.preprocessing.rowwise import matmul, row_sums
from segmentation.types import Assignment, FloatArray, IntArray


@dataclass(frozen=True)
class GaussianRule(Rule):
    """Largest posterior probability; margins are log odds.

    Parameters
    ----------
    weights
        Shape (k,), positive, summing to 1.
    means
        Shape (k, d).
    precisions
        Shape (k, d, d): upper-triangular Cholesky factors of the inverse covariances, as in
        scikit-learn; shape (k, d), inverse standard deviations, where they are diagonal.
    """

    name: ClassVar[str] = "gaussian"
    log_odds: ClassVar[bool] = True
    weights: FloatArray
    means: FloatArray
    precisions: FloatArray

    @property
    def n_segments(self) -> int:
        """Number of components."""
        return len(self.weights)

    @classmethod
    def learn(cls, estimator: Any, features: FloatArray, labels: IntArray) -> Self:  # noqa: ARG003
        """Take the mixture's own weights, means and precisions."""
        used = np.unique(estimator.predict(features))
        precisions = np.asarray(estimator.precisions_cholesky_)
        if estimator.covariance_type == "tied":
            precisions = np.broadcast_to(precisions, (len(estimator.weights_), *precisions.shape))
        weights = estimator.weights_[used]
        return cls(weights / weights.sum(), estimator.means_[used], precisions[used])

    def assign(self, features: FloatArray) -> Assignment:
        """Assign each row; ties go to the lower segment."""
        return assigned_to_best(
            np.stack([self._log_joint(features, i) for i in range(self.n_segments)], axis=1)
        )

    def renumbered(self, order: IntArray) -> Self:
        """Return the rule whose cluster i is this one's ``order[i]``."""
        weights = self.weights[order]
        return type(self)(weights / weights.sum(), self.means[order], self.precisions[order])

    def centres(self) -> FloatArray:
        """Return the means."""
        return self.means

    def _log_joint(self, features: FloatArray, component: int) -> FloatArray:
        """Log of weight times density, up to a constant; shape (n,)."""
        precision = self.precisions[component]
        offset = features - self.means[component]
        if precision.ndim == 1:
            scaled, log_det = offset * precision, np.log(precision).sum()
        else:
            scaled, log_det = matmul(offset, precision), np.log(np.diagonal(precision)).sum()
        constant = np.log(self.weights[component]) + log_det
        return np.asarray(constant - 0.5 * row_sums(scaled * scaled))
