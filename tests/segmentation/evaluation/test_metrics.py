"""The metrics: known values, chance, and indifference to what must not matter."""

from math import isnan, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.metrics import adjusted_rand_score

from segmentation.evaluation.metrics import (
    METRICS,
    EvaluationTable,
    calinski_harabasz,
    davies_bouldin,
    random_halves,
    score,
    silhouette,
    stability,
    tree_accuracy,
)
from segmentation.evaluation.reference_space import NeighbourGraph
from segmentation.evaluation.separation import CompactCuts, neighbour_agreement
from segmentation.evaluation.surrogate import column_ranks
from segmentation.evaluation.triviality import column_flags
from segmentation.types import FloatArray, IntArray

CENTRES = np.array([[0.0, 0.0], [20.0, 0.0], [0.0, 20.0]])


def blobs(rows: int = 300, seed: int = 0) -> tuple[FloatArray, IntArray]:
    """Return three round groups far apart and the group of each row."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, rows)
    return CENTRES[labels] + rng.normal(size=(rows, 2)), labels


def in_order(rows: int) -> IntArray:
    return np.arange(rows, dtype=np.int64)


def test_stable_where_every_half_shows_the_same() -> None:
    """Groups that any half reveals have stability 1 and no spread."""
    points, labels = blobs()

    def refit(half: IntArray) -> IntArray:
        means = np.stack([points[half][labels[half] == k].mean(axis=0) for k in range(3)])
        return np.asarray(cdist(points, means).argmin(axis=1), dtype=np.int64)

    assert stability(labels, map(refit, random_halves(in_order(300)))) == (1.0, 0.0)


def test_random_labels_are_not_stable() -> None:
    """A refit that has nothing to do with the first fit has stability near 0, never below."""
    _, labels = blobs()
    rng = np.random.default_rng(3)
    mean, spread = stability(labels, (rng.integers(0, 3, 300) for _ in range(10)))
    assert 0 <= mean < 0.03
    assert 0 < spread < 0.03


def test_halves_are_random_and_make_a_whole() -> None:
    """Each split offers two halves that together are everybody, different in each split."""
    seen = random_halves(in_order(11), n_splits=2)
    assert len(seen) == 4
    for one, other in (seen[:2], seen[2:]):
        assert sorted([*one, *other]) == list(range(11))
    assert set(seen[0]) != set(seen[2])


def test_stability_is_the_mean_adjusted_rand_index() -> None:
    """Mean over halves and splits, spread between splits, of scikit-learn's index."""
    _, labels = blobs(60)
    answers = [np.roll(labels, shift) for shift in (0, 1, 0, 0)]
    expected = [adjusted_rand_score(labels, answer) for answer in answers]
    mean, spread = stability(labels, answers)
    assert mean == pytest.approx(np.mean(expected))
    assert spread == pytest.approx(np.std([np.mean(expected[:2]), np.mean(expected[2:])]))


def test_neighbours_agree_in_groups_far_apart() -> None:
    """Where all neighbours share a segment, agreement is 1."""
    points, labels = blobs()
    assert neighbour_agreement(labels, NeighbourGraph.of(points)) == pytest.approx(1.0)


@pytest.mark.parametrize("largest", [0.34, 0.7, 0.97])
def test_agreement_is_corrected_for_chance(largest: float) -> None:
    """Random labels agree by chance only, also where one segment holds nearly everybody."""
    rng = np.random.default_rng(1)
    rest = (1 - largest) / 2
    labels = rng.choice(3, 3000, p=[largest, rest, rest])
    graph = NeighbourGraph.of(rng.normal(size=(3000, 4)))
    assert neighbour_agreement(labels, graph) < 0.03


def test_agreement_by_hand() -> None:
    """Four customers on a line, one neighbour each: (3/4 - 1/2) / (1 - 1/2)."""
    graph = NeighbourGraph(np.array([[1], [0], [1], [2]]))
    assert neighbour_agreement(np.array([0, 0, 1, 1]), graph) == pytest.approx(0.5)


def test_one_segment_or_one_customer_agrees_in_nothing() -> None:
    """Agreement is 0 where there is nothing to agree on."""
    points, labels = blobs()
    assert neighbour_agreement(np.zeros_like(labels), NeighbourGraph.of(points)) == 0.0
    assert neighbour_agreement(np.zeros(1, dtype=np.int64), NeighbourGraph.of(points[:1])) == 0.0


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
    for metric in METRICS.values():
        before, after = metric.compute(labels, table), metric.compute(renamed, table)
        assert after == pytest.approx(before, abs=1e-9), metric.name


def test_a_tree_describes_a_crossing_of_three_flags() -> None:
    """Eight segments cut by one threshold in each of three columns need seven questions."""
    points = np.random.default_rng(0).normal(size=(800, 3))
    labels = ((points > 0) @ np.array([1, 2, 4])).astype(np.int64)
    assert tree_accuracy(labels, column_ranks(points)) > 0.97


def test_a_tree_cannot_describe_noise() -> None:
    """Random labels are named hardly better than by always saying the largest."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 2000)
    assert tree_accuracy(labels, column_ranks(rng.normal(size=(2000, 5)))) < 0.33


@given(st.sampled_from([np.exp, np.cbrt, lambda x: 1e6 * x + 3e7]))
def test_trees_see_ranks_only(stretch: np.ufunc) -> None:
    """Any rising transformation of a column leaves the tree's accuracy exactly the same."""
    points, labels = blobs()
    labels[::3] = 0
    before = tree_accuracy(labels, column_ranks(points))
    assert tree_accuracy(labels, column_ranks(stretch(points))) == before


def test_ranks_put_missing_values_at_the_median() -> None:
    """A null gets its column's middle rank; an empty column is all zeros."""
    matrix = np.array([[5.0, np.nan], [np.nan, np.nan], [7.0, np.nan], [6.0, np.nan]])
    assert column_ranks(matrix).tolist() == [[0, 0], [1, 0], [2, 0], [1, 0]]


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


def test_metrics_are_documented() -> None:
    """Every entry is found under its own name and says what it means."""
    for name, metric in METRICS.items():
        assert name == metric.name
        assert metric.meaning.endswith(".")
