"""Trees of segments and customers: valid, and equal to the clusterers' own cuts."""

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, is_valid_linkage
from sklearn.metrics import adjusted_rand_score

from segmentation.clustering.segmenter import Segmenter
from segmentation.reports.figures.trees import HIERARCHICAL, customer_tree, segment_tree
from tests.segmentation.planted import SCHEMA, planted, spec


@pytest.mark.parametrize("clusterer", HIERARCHICAL)
def test_a_tree_is_cut_as_the_clusterer_cuts(clusterer: str) -> None:
    """Of all customers, cut at four groups: the partition that the clusterer itself finds."""
    segmenter = Segmenter(spec(clusterer, "neighbours", n_clusters=4), SCHEMA)
    features = segmenter.fit(planted(250)[0]).features(planted(250)[0])
    tree = customer_tree(segmenter, features)
    assert is_valid_linkage(tree)
    own = segmenter.clusterer.build(segmenter.spec_.hyperparameters, 0).fit_predict(features)
    assert adjusted_rand_score(fcluster(tree, 4, "maxclust"), own) == 1


def test_like_segments_merge_first() -> None:
    """The two nearest centres, at their distance; the far one last."""
    tree = segment_tree(np.array([[0.0, 0.0], [9.0, 0.0], [0.0, 1.0]]))
    assert tree[0].tolist() == [0, 2, 1, 2]
    assert tree[1, 2] == pytest.approx((9 + np.hypot(9, 1)) / 2)
