"""Separation is 1 where no neighbours are parted and 0 for a cut through nothing."""

import numpy as np
import pytest
from sklearn.cluster import KMeans

from segmentation.evaluation.reference_space import NeighbourGraph
from segmentation.evaluation.separation import CompactCuts, neighbour_agreement, separation
from segmentation.types import FloatArray


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
