"""Genie merges as its paper says: checked against a plain, slow version of the definition."""

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import cdist
from sklearn.metrics import adjusted_rand_score

from segmentation.clustering.genie import Genie
from segmentation.clustering.spanning_tree import spanning_tree
from segmentation.types import FloatArray, IntArray


def gini(sizes: list[int]) -> float:
    """Return the normalised Gini index of sizes, from its definition."""
    n, total = len(sizes), sum(sizes)
    pairs = sum(abs(sizes[i] - sizes[j]) for i in range(n) for j in range(i + 1, n))
    return pairs / ((n - 1) * total) if n > 1 else 0.0


def by_definition(points: FloatArray, n_clusters: int, threshold: float) -> IntArray:
    """Cluster by looking at all pairs of clusters before every merge."""
    distance = cdist(points, points)
    clusters = [[row] for row in range(len(points))]
    while len(clusters) > n_clusters:
        sizes = [len(cluster) for cluster in clusters]
        smallest = min(sizes) if gini(sizes) > threshold else max(sizes)
        best = min(
            (distance[np.ix_(one, other)].min(), i, j)
            for i, one in enumerate(clusters)
            for j, other in enumerate(clusters)
            if i < j and min(len(one), len(other)) <= smallest
        )
        _, i, j = best
        clusters[i] += clusters.pop(j)
    labels = np.empty(len(points), dtype=np.int64)
    for number, cluster in enumerate(clusters):
        labels[cluster] = number
    return labels


@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.7, 1.0])
@pytest.mark.parametrize("n_clusters", [1, 2, 5])
@pytest.mark.parametrize("seed", [0, 1])
def test_merges_follow_the_definition(threshold: float, n_clusters: int, seed: int) -> None:
    """The same partition as the slow version, for random points of several densities."""
    random = np.random.default_rng(seed)
    points = random.normal(size=(40, 2)) * random.choice([0.2, 1.0, 3.0], size=(40, 1))
    genie = Genie(n_clusters, threshold, n_neighbours=39).fit(points)
    expected = by_definition(points, n_clusters, threshold)
    assert adjusted_rand_score(genie.labels_, expected) == 1.0


def test_a_threshold_of_one_is_single_linkage() -> None:
    """Without the Gini rule it is SciPy's single linkage."""
    points = np.random.default_rng(2).normal(size=(200, 3))
    expected = fcluster(linkage(points, "single"), 6, "maxclust")
    genie = Genie(6, 1.0, n_neighbours=30).fit(points)
    assert adjusted_rand_score(genie.labels_, expected) == 1.0


def test_rings_are_told_apart() -> None:
    """Shapes that k-means cannot see, far islands and doubled points included."""
    angle = np.random.default_rng(3).uniform(0, 2 * np.pi, 600)
    radius = np.repeat([1.0, 4.0, 9.0], 200)
    points = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    points[:20] = points[0]
    labels = Genie(3, 0.3).fit(points).labels_
    assert adjusted_rand_score(labels, np.repeat([0, 1, 2], 200)) == 1.0


def test_the_tree_spans_everything() -> None:
    """N - 1 edges from short to long, islands joined, as long as the exact tree."""
    random = np.random.default_rng(4)
    points = np.vstack([random.normal(size=(50, 2)), random.normal(size=(50, 2)) + 100])
    tree = spanning_tree(points, 5)
    assert len(tree.start) == 99
    assert (np.diff(tree.length) >= 0).all()
    exact = spanning_tree(points, 99)
    assert tree.length.sum() == pytest.approx(exact.length.sum(), rel=0.02)
