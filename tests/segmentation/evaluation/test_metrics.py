"""The metrics: known values, chance, and indifference to what must not matter."""

from math import isnan, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.metrics import silhouette_score

from segmentation.evaluation.metrics import (
    METRICS,
    EvaluationTable,
    calinski_harabasz,
    davies_bouldin,
    score,
    silhouette,
)
from segmentation.evaluation.reference_space import NeighbourGraph
from segmentation.evaluation.separation import CompactCuts
from segmentation.evaluation.triviality import (
    ColumnCodes,
    column_flags,
    column_ranges,
    column_ranks,
)
from segmentation.schema import Column, TableSchema
from segmentation.types import FloatArray, IntArray

CENTRES = np.array([[0.0, 0.0], [20.0, 0.0], [0.0, 20.0]])


def blobs(rows: int = 300, seed: int = 0) -> tuple[FloatArray, IntArray]:
    """Return three round groups far apart and the group of each row."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, rows)
    return CENTRES[labels] + rng.normal(size=(rows, 2)), labels


def in_order(rows: int) -> IntArray:
    return np.arange(rows, dtype=np.int64)


@settings(deadline=None)
@given(st.permutations(range(3)))
def test_numbering_of_segments_does_not_matter(numbers: list[int]) -> None:
    """Every metric is the same for renumbered segments."""
    points, labels = blobs(60)
    labels[:20] = 0
    schema = TableSchema("t", "t", (Column("x", "x"), Column("y", "y")))
    ranks = column_ranks(points)
    table = EvaluationTable(
        points,
        points,
        True,
        NeighbourGraph.of(points),
        ranks,
        column_ranges(ranks),
        column_flags(points),
        ColumnCodes.of(ranks, column_ranges(ranks), schema),
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


@pytest.mark.parametrize("groups", [2, 5, 60])
def test_the_silhouette_is_that_of_scikit_learn(groups: int) -> None:
    """To the last digits but two, segments of a single customer and equal customers included."""
    random = np.random.default_rng(groups)
    points = np.round(random.normal(size=(120, 2)))
    labels = np.unique(random.integers(0, groups, 120), return_inverse=True)[1]
    distances = cdist(points, points)
    theirs = silhouette_score(distances, labels, metric="precomputed")
    assert silhouette(labels, distances) == pytest.approx(theirs, abs=1e-14)


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
