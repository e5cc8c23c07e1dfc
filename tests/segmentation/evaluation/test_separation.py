"""Separation is 1 where no neighbours are parted and 0 for a cut through nothing."""

import numpy as np
import pytest
from sklearn.cluster import KMeans

from segmentation.evaluation.reference_space import NeighbourGraph
from segmentation.evaluation.separation import CompactCuts, neighbour_agreement, separation
from segmentation.types import FloatArray
from tests.segmentation.evaluation.test_metrics import blobs


def cloud(rows: int = 1200, columns: int = 4, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).normal(size=(rows, columns)) * [3, 2, 1, 1][:columns]


@pytest.mark.parametrize("k", [2, 4, 7])
def test_a_cut_through_nothing_has_no_separation(k: int) -> None:
    """k-means on one Gaussian agrees well with neighbours and yet scores next to nothing."""
    points = cloud()
    labels = KMeans(k, random_state=3).fit(points).labels_.astype(np.int64)
    graph = NeighbourGraph.of(points)
    assert neighbour_agreement(labels, graph) > 0.6
    assert separation(labels, graph, CompactCuts(points, seed=1)) < 0.1


def test_groups_far_apart_are_wholly_separate() -> None:
    """No neighbour lies in another group: 1."""
    labels = np.repeat([0, 1, 2], 400)
    points = cloud() + 40 * labels[:, None]
    assert separation(labels, NeighbourGraph.of(points), CompactCuts(points, seed=1)) == 1.0


def test_one_segment_or_random_labels_have_none() -> None:
    """Nothing to part, or parted at random: 0."""
    points, graph = cloud(), NeighbourGraph.of(cloud())
    cuts = CompactCuts(points, seed=0)
    random = np.random.default_rng(0).integers(0, 3, len(points))
    assert separation(np.zeros(len(points), dtype=np.int64), graph, cuts) == 0.0
    assert separation(random, graph, cuts) == 0.0


def test_the_order_of_numbers_does_not_matter() -> None:
    """Mirrored columns give the same null clouds' agreement, up to their own noise."""
    one, two = (CompactCuts(cloud() * sign, seed=2).agreement(4) for sign in (1, -1))
    assert one == pytest.approx(two, abs=1e-12)


@pytest.mark.parametrize("k", [4, 8])
def test_the_zero_is_that_of_as_many_segments(k: int) -> None:
    """Overlapping groups are compared with cuts into as many segments, not into two."""
    labels = np.arange(1200) % k
    centres = 5.0 * np.column_stack([labels % 2, labels // 2])
    points = np.random.default_rng(5).normal(size=(1200, 2)) + centres
    graph, cuts = NeighbourGraph.of(points), CompactCuts(points, seed=1)
    parted = 1 - neighbour_agreement(labels, graph)
    assert cuts.agreement(2) - cuts.agreement(k) > 0.01
    assert 0.1 < separation(labels, graph, cuts) < 0.9
    expected = 1 - parted / (1 - cuts.agreement(k))
    assert separation(labels, graph, cuts) == pytest.approx(expected)


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
