"""The likelihood gain finds Gaussian groups and refuses cuts through one cloud."""

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture

from segmentation.evaluation.likelihood import likelihood_gain

RANDOM = np.random.default_rng(0)
GROUPS = np.repeat([0, 1, 2], 300)
POINTS = RANDOM.normal(size=(900, 3)) + 6 * GROUPS[:, None]


def test_true_groups_gain_most() -> None:
    """More than two of three merged, or one cut in half."""
    merged, cut = np.minimum(GROUPS, 1), GROUPS + 3 * (POINTS[:, 0] > 12)
    gains = [likelihood_gain(labels, POINTS) for labels in (GROUPS, merged, cut)]
    assert gains[0] > max(gains[1:])
    assert gains[0] > 0


@pytest.mark.parametrize("k", [2, 5])
def test_cutting_one_cloud_gains_nothing(k: int) -> None:
    """Segments of one Gaussian cost more than they explain."""
    points = np.random.default_rng(1).normal(size=(2000, 5))
    labels = KMeans(k, random_state=0).fit(points).labels_.astype(np.int64)
    assert likelihood_gain(labels, points) < 0


def test_one_segment_gains_exactly_nothing() -> None:
    """It is what the others are compared with."""
    assert likelihood_gain(np.zeros(900, dtype=np.int64), POINTS) == 0.0


def test_it_is_the_bic_of_hard_labels() -> None:
    """On groups far apart it equals the difference of scikit-learn's BIC, halved, per row."""
    # Planted with one common covariance, so the tied mixture is the best kind.
    three, one = (
        GaussianMixture(k, covariance_type="tied", reg_covar=1e-9, random_state=0).fit(POINTS)
        for k in (3, 1)
    )
    expected = (one.bic(POINTS) - three.bic(POINTS)) / 2 / len(POINTS)
    labels = three.predict(POINTS).astype(np.int64)
    assert likelihood_gain(labels, POINTS) == pytest.approx(expected, abs=0.01)
