"""Customers unlike any in training are recognised; ordinary ones are not accused."""

from __future__ import annotations

import pandas as pd
import pytest

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
