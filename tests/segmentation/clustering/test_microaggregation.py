"""No published mean stands for fewer than five customers; five is a promise, not a setting."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

from segmentation.clustering.microaggregation import labelled_local_means, local_means
from segmentation.clustering.segmenter import Segmenter
from segmentation.evaluation.evaluator import evaluate
from segmentation.interpretation.projection import Plane, segment_map
from segmentation.model.segmentation_model import SegmentationModel
from segmentation.model.serialization import ARRAYS
from segmentation.types import FloatArray
from tests.segmentation.planted import SCHEMA, planted, spec

# Rows near a published mean that it may have been made of.
NEAR = 14


def fewest_customers(mean: FloatArray, rows: FloatArray) -> int:
    """Return of how few of the nearest customers a mean is the exact average; 5 if of no fewer."""
    for size in range(1, 5):
        groups = np.array(list(combinations(range(len(rows)), size)))
        distance = np.abs(rows[groups].mean(axis=1) - mean).max(axis=1)
        if (distance < 1e-9).any():
            return size
    return 5


def smallest_group(means: FloatArray, rows: FloatArray) -> int:
    """Return the smallest number of customers that one of the means is the average of."""
    nearest = cKDTree(rows).query(means, k=NEAR)[1]
    return min(fewest_customers(m, rows[i]) for m, i in zip(means, nearest, strict=True))


@pytest.mark.parametrize(
    ("clusterer", "rule", "published"),
    [
        ("k_means", "prototype", "rule.points"),
        ("gaussian_full", "gaussian", "rule.means"),
        ("genie", "neighbours", "rule.points"),
    ],
)
def test_a_saved_model_publishes_means_of_five_customers_or_more(
    clusterer: str, rule: str, published: str, tmp_path: Path
) -> None:
    """In the file itself: the rule's points and the landmarks of novelty, for every rule."""
    customers, _ = planted(240)
    segmenter = Segmenter(spec(clusterer, rule, n_clusters=4), SCHEMA).fit(customers)
    model = SegmentationModel.build(segmenter, customers, evaluate(segmenter, customers), 0)
    model.save(tmp_path / "model")
    with np.load(tmp_path / "model" / ARRAYS) as arrays:
        means, landmarks = arrays[published], arrays["novelty.landmarks"]
    assert np.bincount(segmenter.labels_).min() >= 5
    assert smallest_group(means, segmenter.features(customers)) == 5
    assert smallest_group(landmarks, model.reference.transform(customers)) == 5


def test_the_check_itself_notices_smaller_groups() -> None:
    """Means of one to four customers are recognised as such."""
    rows = np.random.default_rng(0).normal(size=(60, 4))
    nearest = cKDTree(rows).query(rows[:9], k=5)[1]
    for size in range(1, 6):
        assert smallest_group(rows[nearest[:, :size]].mean(axis=1), rows) == size


def test_an_outlier_weighs_a_fifth_of_every_mean() -> None:
    """A customer far from all others moves a mean by a fifth of its distance, no more."""
    far, rows = 1_000.0, np.random.default_rng(1).normal(size=(600, 2))
    rows[0] = [far, far]
    assert local_means(rows).max() < far / 5 + 5
    assert labelled_local_means(rows, np.zeros(600, dtype=np.int64), 600)[0].max() < far / 5 + 5
    everyone = np.zeros(600, dtype=np.int64)
    points = segment_map(rows, everyone, Plane(np.zeros(2), np.eye(2)), 0)["points"]
    assert 100 < max(x for x, _, _ in points) < far / 5 + 50
