"""The likelihood of a partition: groups gain, cuts through one cloud do not."""

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture

from segmentation.evaluation.metrics import likelihood_gain, main_axes

RANDOM = np.random.default_rng(0)
GROUPS = np.repeat([0, 1, 2], 300)
POINTS = RANDOM.normal(size=(900, 3)) + 6 * GROUPS[:, None]


@pytest.mark.parametrize("completed", [True, False])
def test_true_groups_gain_most(completed: bool) -> None:
    """More than two of three merged, or one cut in half."""
    merged, cut = np.minimum(GROUPS, 1), GROUPS + 3 * (POINTS[:, 0] > 12)
    gains = [
        likelihood_gain(labels, POINTS, completed=completed) for labels in (GROUPS, merged, cut)
    ]
    assert gains[0] > max(gains[1:])
    assert gains[0] > 0


@pytest.mark.parametrize("completed", [True, False])
@pytest.mark.parametrize("k", [2, 5])
def test_cutting_one_cloud_gains_nothing(k: int, completed: bool) -> None:
    """Segments of one Gaussian cost more than they explain."""
    points = np.random.default_rng(1).normal(size=(2000, 5))
    labels = KMeans(k, random_state=0).fit(points).labels_.astype(np.int64)
    assert likelihood_gain(labels, points, completed=completed) < 0


def test_one_segment_gains_exactly_nothing() -> None:
    """It is what the others are compared with."""
    assert likelihood_gain(np.zeros(900, dtype=np.int64), POINTS, completed=True) == 0.0


def test_it_is_the_bic_of_a_mixture() -> None:
    """It equals the difference of scikit-learn's BIC, halved, per row."""
    # Planted with one common covariance, so the tied mixture is the best kind.
    points = POINTS @ np.array([[1.0, 0.8, 0.0], [0.0, 0.5, 0.9], [0.0, 0.0, 2.0]])
    three, one = (
        GaussianMixture(k, covariance_type="tied", reg_covar=1e-9, random_state=0).fit(points)
        for k in (3, 1)
    )
    expected = (one.bic(points) - three.bic(points)) / 2 / len(points)
    labels = three.predict(points).astype(np.int64)
    for completed in (True, False):
        gain = likelihood_gain(labels, points, completed=completed)
        assert gain == pytest.approx(expected, abs=0.01)


def test_groups_that_overlap_are_joined_only_when_completed() -> None:
    """One in fourteen of these customers lies nearer to the other group's centre."""
    rng = np.random.default_rng(2)
    groups = np.repeat([0, 1], 300)
    points = rng.normal(size=(600, 2)) * [1.0, 0.3] + 2.9 * np.column_stack([groups, groups * 0])
    nearest = (points[:, 0] > 1.45).astype(np.int64)
    assert likelihood_gain(nearest, points, completed=True) < 0
    assert likelihood_gain(nearest, points, completed=False) > 0


def test_axes_tell_groups_from_chance_in_many_columns() -> None:
    """Fifty columns of 150 customers share two axes, and these show the groups."""
    rng = np.random.default_rng(4)
    groups = np.repeat([0, 1, 2], 50)
    centres = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
    hidden = centres[groups] + rng.normal(size=(150, 2))
    columns = hidden @ rng.normal(size=(2, 50)) + 4.0 * rng.normal(size=(150, 50))
    axes = main_axes(columns, seed=0)
    assert axes.shape[1] == 2
    gains = [
        likelihood_gain(labels, axes, completed=False)
        for labels in (groups, rng.permutation(groups))
    ]
    assert gains[0] > 0 > gains[1]


@pytest.mark.parametrize(("columns", "axes"), [(1, 1), (5, 5), (12, 2)])
def test_few_columns_are_all_axes(columns: int, axes: int) -> None:
    """Of many columns that share nothing two axes are left."""
    points = np.random.default_rng(0).normal(size=(500, columns))
    assert main_axes(points, seed=0).shape == (500, axes)


def test_axes_keep_distances_and_forget_units_of_nothing() -> None:
    """Columns that all share something lose nothing but their directions."""
    rng = np.random.default_rng(1)
    points = rng.normal(size=(400, 6)) @ np.diag([9.0, 8.0, 7.0, 0.1, 0.1, 0.1])
    turned = points @ np.linalg.qr(rng.normal(size=(6, 6)))[0]
    axes = main_axes(turned, seed=0)
    assert axes.shape[1] >= 3
    assert np.var(axes, axis=0).sum() == pytest.approx(np.var(turned, axis=0).sum(), rel=0.01)
