"""The metrics: known values, chance, and indifference to what must not matter."""

from math import isnan, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture

from segmentation.evaluation.metrics import (
    METRICS,
    EvaluationTable,
    calinski_harabasz,
    davies_bouldin,
    likelihood_gain,
    score,
    silhouette,
)
from segmentation.evaluation.reference_space import NeighbourGraph
from segmentation.evaluation.separation import CompactCuts
from segmentation.evaluation.triviality import column_flags, column_ranks
from segmentation.types import FloatArray, IntArray

RANDOM = np.random.default_rng(0)
GROUPS = np.repeat([0, 1, 2], 300)
POINTS = RANDOM.normal(size=(900, 3)) + 6 * GROUPS[:, None]
CENTRES = np.array([[0.0, 0.0], [20.0, 0.0], [0.0, 20.0]])


def blobs(rows: int = 300, seed: int = 0) -> tuple[FloatArray, IntArray]:
    """Return three round groups far apart and the group of each row."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, rows)
    return CENTRES[labels] + rng.normal(size=(rows, 2)), labels


def in_order(rows: int) -> IntArray:
    return np.arange(rows, dtype=np.int64)


@given(st.permutations(range(3)))
def test_numbering_of_segments_does_not_matter(numbers: list[int]) -> None:
    """Every metric is the same for renumbered segments."""
    points, labels = blobs(60)
    labels[:20] = 0
    table = EvaluationTable(
        points,
        points,
        NeighbourGraph.of(points),
        column_ranks(points),
        column_flags(points),
        CompactCuts(points, seed=0),
        in_order(60),
        cdist(points, points),
    )
    renamed = np.array(numbers)[labels]
    for name, metric in METRICS.items():
        assert metric(renamed, table) == pytest.approx(metric(labels, table), abs=1e-9), name


def test_classic_indices_know_good_from_bad() -> None:
    """Each index prefers the groups that are there to random ones."""
    points, labels = blobs()
    chance = np.random.default_rng(0).permutation(labels)
    assert silhouette(labels, cdist(points, points)) > 0.8
    assert silhouette(chance, cdist(points, points)) < 0.1
    assert calinski_harabasz(labels, points) > 100 * calinski_harabasz(chance, points)
    assert davies_bouldin(labels, points) < 0.2 < davies_bouldin(chance, points)


@pytest.mark.parametrize("labels", [[0, 0, 0], [0, 1, 2]], ids=["one", "all-single"])
def test_classic_indices_are_nan_where_undefined(labels: list[int]) -> None:
    """One cluster, or one for each row, has no index; that is no error and no warning."""
    points = np.arange(9.0).reshape(3, 3)
    for index in (silhouette, calinski_harabasz, davies_bouldin):
        assert isnan(index(np.array(labels), points))


def test_score_by_hand() -> None:
    """Stability plus separation plus three hundredths of the logarithm of k."""
    assert score(0.9, 0.8, 5) == pytest.approx(1.7 + 0.03 * log(5))
    assert score(0.0, 0.0, 1) == 0.0


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
