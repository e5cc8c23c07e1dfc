"""Customers unlike any in training are recognised; ordinary ones are not accused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist

from segmentation.model.novelty import Novelty
from segmentation.model.segmentation_model import SegmentationModel
from tests.segmentation.planted import planted, planted_model, typical


@pytest.fixture(scope="module")
def model() -> SegmentationModel:
    """Return a k-means model."""
    return planted_model()


def test_ordinary_customers_are_ordinary_and_absurd_ones_are_not(model) -> None:
    """About one in a hundred fresh customers is unlike training; every absurd one is."""
    fresh, _ = planted(5000, seed=5)
    assert 0.002 < model.score(fresh)["unlike_training"].mean() < 0.015
    absurd = [
        typical(0, BALANCE=1e7),
        typical(1, CASH_ADVANCE=1e6),
        typical(3, TENURE=500),
        typical(2, PAYMENTS=-1e6),
        typical(0, CASH_ADVANCE=20_000, BALANCE=20_000, PURCHASES=20_000),
    ]
    assert model.score(pd.concat(absurd))["unlike_training"].all()


@pytest.mark.parametrize("spread", [1.0, 1.5])
def test_the_coarse_search_changes_no_verdict(spread) -> None:
    """Every verdict is that of all distances to all landmarks, alone or among others."""
    rng = np.random.default_rng(0)
    novelty = Novelty.learn(rng.normal(size=(4000, 6)), seed=0)
    fresh = rng.normal(size=(3000, 6)) * spread
    outside = ((fresh < novelty.low) | (fresh > novelty.high)).any(axis=1)
    too_far = cdist(fresh, novelty.landmarks).min(axis=1) > novelty.threshold
    assert (too_far & ~outside).any()
    assert not too_far.all()
    assert np.array_equal(novelty.unlike(fresh), outside | too_far)
    assert [novelty.unlike(fresh[i : i + 1])[0] for i in range(50)] == list(
        novelty.unlike(fresh)[:50]
    )
