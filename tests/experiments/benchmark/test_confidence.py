"""Memberships are judged beside the true posterior of planted mixtures."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.benchmark.confidence import losses, planted_mixture, score_planted


@pytest.mark.parametrize(
    ("kind", "clusterer"), [("spherical", "k_means"), ("elliptical", "gaussian_full")]
)
def test_planted_memberships_are_nearly_as_good_as_the_true_posterior(kind, clusterer) -> None:
    """Brier score and log loss on fresh customers are within a tenth of the truth's."""
    row = score_planted(planted_mixture(kind, 3, 3, seed=1), clusterer, rows=2_000)
    assert row.brier <= 1.1 * row.brier_true
    assert row.log_loss <= 1.1 * row.log_loss_true


def test_losses_of_a_coin() -> None:
    """Half and half costs one half by Brier, and the logarithm of two."""
    brier, log_loss = losses(np.full((4, 2), 0.5), np.array([0, 1, 1, 0]))
    assert (brier, log_loss) == pytest.approx((0.5, np.log(2)))
