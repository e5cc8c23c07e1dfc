"""Stability: 1 where any half shows the same groups, near 0 by chance."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.metrics import adjusted_rand_score

from segmentation.evaluation.stability import random_halves, stability
from segmentation.types import IntArray
from tests.segmentation.evaluation.test_metrics import blobs, in_order


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
