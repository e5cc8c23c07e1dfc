"""Confidence is the share of customers that keep their segment, and says so honestly."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from segmentation.clustering.segmenter import Segmenter
from segmentation.clustering.spec import Preprocessing, SegmenterSpec
from segmentation.data.synthetic import generate
from segmentation.model.calibration import Calibration, keeps_segment
from segmentation.model.segment_matching import align
from segmentation.model.segmentation_model import SegmentationModel
from segmentation.schema import load_schema
from segmentation.types import FloatArray
from tests.segmentation.planted import EVALUATION, SCHEMA, planted, planted_model


@pytest.fixture(scope="module")
def model() -> SegmentationModel:
    """Return a k-means model."""
    return planted_model()


def calibration_error(confidence: FloatArray, keeps: NDArray, bins: int = 10) -> float:
    """Return the expected calibration error (Naeini et al. 2015, AAAI), in bins of equal size."""
    groups = np.array_split(np.argsort(confidence, kind="stable"), bins)
    gaps = [len(group) * abs(confidence[group].mean() - keeps[group].mean()) for group in groups]
    return float(sum(gaps) / len(confidence))


@pytest.mark.parametrize(
    ("clusterer", "rule"),
    [("k_means", "prototype"), ("gaussian_full", "gaussian"), ("ward", "neighbours")],
)
def test_confidence_is_the_share_that_keeps_its_segment(clusterer, rule) -> None:
    """On splits and customers never seen, stated and observed shares differ by little."""
    model = planted_model(clusterer, rule, spread=1.2)
    fresh, _ = planted(1500, seed=4, spread=1.2)
    customers, _ = planted(1500, spread=1.2)
    stated, raw, keeps = [], [], []
    for seed in range(50, 56):
        half = customers.sample(750, random_state=seed)
        refit = Segmenter(model.segmenter.spec_, SCHEMA).fit(half)
        ours, theirs = model.segmenter.assign(fresh), refit.assign(fresh)
        keeps.append(align(ours.segment, theirs.segment) == ours.segment)
        raw.append(ours.confidence)
        stated.append(model.score(fresh)["confidence"].to_numpy())
    error = calibration_error(np.concatenate(stated), np.concatenate(keeps))
    raw_error = calibration_error(np.concatenate(raw), np.concatenate(keeps))
    assert error < 0.05
    assert error < max(raw_error, 0.02)


def test_calibration_never_ranks_a_surer_customer_lower(model) -> None:
    """The curve rises, stays in [0, 1] and survives its arrays."""
    raw = np.linspace(0, 1, 101)
    stated = model.calibration.apply(raw)
    assert (np.diff(stated) >= 0).all()
    assert 0 <= stated[0] <= stated[-1] <= 1
    again = Calibration.from_arrays(model.calibration.to_arrays())
    assert np.array_equal(again.apply(raw), stated)


def test_far_apart_segments_keep_their_customers(model) -> None:
    """Every customer is asked once, and hardly anyone changes."""
    customers, _ = planted(600)
    raw, keeps = keeps_segment(model.segmenter, customers, seed=1)
    assert len(raw) == len(keeps) == 600
    assert keeps.mean() > 0.95


def test_embedded_data_give_an_honest_model() -> None:
    """On the embedded card holders fresh customers are ordinary and confidence is true."""
    schema = load_schema("cc_general")
    table, fresh = (
        generate(1500, seed=seed).set_index("CUST_ID")[list(schema.column_names)] for seed in (0, 1)
    )
    made = SegmenterSpec("cc_general", Preprocessing(), "k_means", {"n_clusters": 6})
    model = SegmentationModel.build(Segmenter(made, schema).fit(table), table, EVALUATION, seed=0)
    answer = model.score(fresh)
    assert 0.001 < answer["unlike_training"].mean() < 0.02
    assert answer["segment_name"].nunique() == 6
    stated = np.tile(answer["confidence"].to_numpy(), 6)
    keeps = [keeps_segment(model.segmenter, fresh, seed=seed)[1] for seed in range(20, 26)]
    assert calibration_error(stated, np.concatenate(keeps)) < 0.08
