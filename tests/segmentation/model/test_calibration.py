"""Memberships fall toward a border, and say how often customers keep their segment."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from segmentation.clustering.segmenter import Segmenter
from segmentation.clustering.spec import Preprocessing, SegmenterSpec
from segmentation.data.synthetic import generate
from segmentation.model.calibration import Calibration, bands, keeps_segment
from segmentation.model.month import after_a_month
from segmentation.model.segmentation_model import SegmentationModel
from segmentation.schema import Column, Identity, TableSchema, load_schema
from segmentation.types import FloatArray
from tests.segmentation.planted import EVALUATION, planted, planted_model

PAIRS = [("k_means", "prototype"), ("gaussian_full", "gaussian"), ("ward", "neighbours")]


@pytest.fixture(scope="module")
def model() -> SegmentationModel:
    """Return a k-means model."""
    return planted_model()


def memberships(segmenter: Segmenter, calibration: Calibration, rows: NDArray) -> FloatArray:
    """Return the probability of every segment."""
    features = segmenter.features(rows)
    return calibration.memberships(segmenter.assign_features(features), features)


@pytest.mark.parametrize(("clusterer", "rule"), PAIRS)
def test_the_surer_a_customer_the_more_refits_keep_the_segment(clusterer, rule) -> None:
    """Of every tenth of customers with confidence from 0.9 on, 0.9 of fresh bootstraps keep it."""
    model = planted_model(clusterer, rule, spread=1.0)
    customers, _ = planted(1500, spread=1.0)
    confidence = model.score(customers)["confidence"].to_numpy()
    keeps = [keeps_segment(model.segmenter, customers, seed, changed=False) for seed in range(5)]
    sure = confidence >= 0.9
    assert sure.sum() > 200
    assert (bands(confidence[sure], np.mean(keeps, axis=0)[sure])[:, 1] >= 0.9).all()
    assert (np.diff(model.calibration.reliability[:, 0]) >= 0).all()


@pytest.mark.parametrize(("clusterer", "rule"), PAIRS)
def test_confidence_falls_toward_a_border(clusterer, rule) -> None:
    """From one centre to another it falls to about one half, and rises again behind the border."""
    random = np.random.default_rng(0)
    centres = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 6.0]])
    rows = centres[random.integers(0, 3, 900)] + random.normal(size=(900, 2))
    spec = SegmenterSpec("array", Preprocessing(), clusterer, {"n_clusters": 3}, rule)
    segmenter = Segmenter(spec).fit(rows)
    calibration = Calibration.learn(segmenter, rows, seed=0)
    way = centres[0] + np.linspace(0, 1, 201)[:, None] * (centres[1] - centres[0])
    segment = segmenter.predict(way)
    confidence = memberships(segmenter, calibration, way).max(axis=1)
    border = int(np.argmax(segment != segment[0]))
    assert 60 < border < 140
    # Neighbours are points, not a plane: their border is a little rough.
    rough = 0.06 if rule == "neighbours" else 1e-9
    steps = np.diff(confidence)
    assert (steps[: border - 1] <= rough).all()
    assert (steps[border:] >= -rough).all()
    assert confidence[border] == pytest.approx(0.5, abs=0.1)
    assert min(confidence[0], confidence[-1]) > 0.9


def test_calibration_survives_its_arrays(model) -> None:
    """Rebuilt from its arrays it answers bit for bit the same."""
    customers, _ = planted(200, seed=3)
    again = Calibration.from_arrays(model.calibration.to_arrays())
    matrix = customers.to_numpy()
    before = memberships(model.segmenter, model.calibration, matrix)
    assert np.array_equal(memberships(model.segmenter, again, matrix), before)


def test_the_order_of_customers_does_not_matter(model) -> None:
    """Shuffled customers give the same calibration to the last bit."""
    customers, _ = planted(1500)
    shuffled = customers.sample(frac=1, random_state=2)
    again = Calibration.learn(model.segmenter, shuffled, seed=0)
    for name, array in model.calibration.to_arrays().items():
        assert np.array_equal(again.to_arrays()[name], array), name


def test_far_apart_segments_keep_their_customers(model) -> None:
    """Every customer is asked once, and hardly anyone changes."""
    customers, _ = planted(600)
    keeps = keeps_segment(model.segmenter, customers, seed=1)
    assert keeps.shape == (600,)
    assert keeps.mean() > 0.95


def test_one_segment_is_certain() -> None:
    """Without another segment there is nothing to be unsure of."""
    rows = np.random.default_rng(0).normal(size=(60, 2))
    spec = SegmenterSpec("array", Preprocessing(), "k_means", {"n_clusters": 1})
    segmenter = Segmenter(spec).fit(rows)
    calibration = Calibration.learn(segmenter, rows, seed=0)
    assert (memberships(segmenter, calibration, rows) == 1.0).all()


def test_a_month_keeps_the_tables_arithmetic() -> None:
    """Amounts change by about a twelfth, totals with their parts; levels and unknowns stay."""
    schema = TableSchema(
        "purchases",
        "Purchases",
        (
            Column("total", "Total", "money"),
            Column("once", "Once", "money"),
            Column("instalments", "Instalments", "money"),
            Column("visits", "Visits", "count"),
            Column("active", "Active", "frequency"),
            Column("member", "Member", "count", plausible=(0.0, 1.0)),
            Column("tenure", "Tenure", "months"),
        ),
        identities=(Identity("total", ("once", "instalments")),),
    )
    rows = np.tile([300.0, 200.0, 100.0, 24.0, 1.0, 1.0, 12.0], (500, 1))
    rows[0, 1] = np.nan
    changed = after_a_month(rows, schema, np.random.default_rng(0))
    assert np.allclose(changed[1:, 0], changed[1:, 1] + changed[1:, 2])
    assert changed[0, 0] == 300.0
    assert np.isnan(changed[0, 1])
    assert changed[1:, 1].std() == pytest.approx(200 / 12, rel=0.2)
    assert (changed[:, 3] == changed[:, 3].round()).all()
    assert changed[:, 4].max() <= 1.0
    assert (changed[:, 5:] == rows[:, 5:]).all()


def test_embedded_data_give_an_honest_model() -> None:
    """On the embedded card holders fresh customers are ordinary, and not all of them are sure."""
    schema = load_schema("cc_general")
    table, fresh = (
        generate(1500, seed=seed).set_index("CUST_ID")[list(schema.column_names)] for seed in (0, 1)
    )
    made = SegmenterSpec("cc_general", Preprocessing(), "k_means", {"n_clusters": 6})
    model = SegmentationModel.build(Segmenter(made, schema).fit(table), table, EVALUATION, seed=0)
    answer = model.score(fresh)
    assert 0.001 < answer["unlike_training"].mean() < 0.02
    assert answer["segment_name"].nunique() == 6
    assert 0.02 < (answer["confidence"] < 0.7).mean() < 0.4
