"""The servable model: behaviour a bank may rely on, and honesty about what it does not know."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from segmentation.clustering.segmenter import Segmenter
from segmentation.clustering.spec import Preprocessing, SegmenterSpec
from segmentation.data.synthetic import generate
from segmentation.evaluation.result import Evaluation
from segmentation.interpretation.explanations import Reasons
from segmentation.interpretation.projection import Plane, segment_map
from segmentation.model.calibration import Calibration, calibration_error, kept_segment, matched
from segmentation.model.segmentation_model import SegmentationModel
from segmentation.schema import load_schema
from tests.segmentation.planted import SCHEMA, TYPICAL, planted, spec

COLUMNS = {
    "segment": "int64",
    "segment_name": "object",
    "confidence": "float64",
    "runner_up": "int64",
    "runner_up_name": "object",
    "map_x": "float64",
    "map_y": "float64",
    "unlike_training": "bool",
    "reasons": "object",
}
EVALUATION = Evaluation(
    score=1.9,
    stability=0.95,
    stability_spread=0.01,
    score_error=0.007,
    agreement=0.9,
    separation=0.8,
    n_segments=4,
    smallest_share=0.15,
    largest_share=0.35,
    noise_share=0.0,
    silhouette=0.4,
    calinski_harabasz=float("nan"),
    davies_bouldin=0.9,
    tree_accuracy=0.95,
    rows=1500,
)


def built(clusterer: str, rule: str, spread: float = 0.35) -> SegmentationModel:
    """Return a model of 1,500 planted customers."""
    customers, _ = planted(1500, spread=spread)
    segmenter = Segmenter(spec(clusterer, rule, n_clusters=4), SCHEMA).fit(customers)
    return SegmentationModel.build(segmenter, customers, EVALUATION, seed=0)


@pytest.fixture(scope="module")
def model() -> SegmentationModel:
    """Return a k-means model."""
    return built("k_means", "prototype")


def typical(number: int, **changes: float) -> pd.DataFrame:
    """Return the planted segment's typical customer, with changes."""
    values = dict(zip(SCHEMA.column_names, [*TYPICAL[number], 9.0], strict=True))
    return pd.DataFrame([{**values, **changes}])


def test_answer_has_the_promised_columns_types_and_index(model) -> None:
    """One row per customer, under the customers' own index, with the contract's columns."""
    fresh, _ = planted(50, seed=1)
    answer = model.score(fresh)
    assert {name: str(kind) for name, kind in answer.dtypes.items()} == COLUMNS
    assert answer.index.equals(fresh.index)
    assert answer["segment"].between(1, 4).all()
    assert answer["confidence"].between(0, 1).all()
    assert (answer["segment"] != answer["runner_up"]).all()
    assert all(set(reasons) <= set(SCHEMA.column_names) for reasons in answer["reasons"])
    assert answer["reasons"].map(len).max() <= 5


def test_a_segmenter_of_a_sample_describes_the_whole_book() -> None:
    """Where a clusterer takes only so many rows, the model still describes every customer."""
    customers, _ = planted(900)
    made = spec("ward", "neighbours", n_clusters=4)
    segmenter = Segmenter(made, SCHEMA).fit(customers.sample(400, random_state=0))
    model = SegmentationModel.build(segmenter, customers, EVALUATION, seed=0)
    assert sum(profile["size"] for profile in model.description()["profiles"]) == 900


def test_no_customers_give_an_empty_answer_of_the_same_shape(model) -> None:
    """An empty table is answered by an empty table, not by an error."""
    answer = model.score(planted(10)[0].iloc[:0])
    assert len(answer) == 0
    assert {name: str(kind) for name, kind in answer.dtypes.items()} == COLUMNS


def test_typical_customers_go_to_four_different_segments(model) -> None:
    """The minimum: the four archetypes are told apart, with high confidence, as ordinary."""
    answer = pd.concat([model.score(typical(i)) for i in range(4)])
    assert sorted(answer["segment"]) == [1, 2, 3, 4]
    assert (answer["confidence"] > 0.9).all()
    assert not answer["unlike_training"].any()
    assert answer["segment_name"].is_unique


def test_more_cash_advances_move_a_revolver_towards_the_cash_users(model) -> None:
    """As cash advances rise and purchases fade, a revolver ends among the cash users."""
    cash = model.score(typical(2))["segment"].item()
    revolver = model.score(typical(1))["segment"].item()
    taken = pd.concat([typical(1, CASH_ADVANCE=c) for c in (0, 500, 2000, 4000)])
    to_cash = model.segmenter.features(taken) - model.segmenter.rule_.centres()[cash - 1]
    assert (np.diff((to_cash**2).sum(axis=1)) < 0).all()
    changed = model.score(typical(1, CASH_ADVANCE=4000, PURCHASES=0, FREQUENCY=0))
    assert revolver != cash == changed["segment"].item()


def test_what_says_nothing_about_a_segment_changes_nothing(model) -> None:
    """Cents on a payment do not move anybody."""
    fresh, _ = planted(200, seed=2)
    nudged = fresh.assign(PAYMENTS=fresh["PAYMENTS"] + 0.01)
    assert (model.score(fresh)["segment"] == model.score(nudged)["segment"]).mean() == 1.0


def test_missing_values_are_answered_as_in_training(model) -> None:
    """Two unknown values, or all of them, still give a full answer; unknowns decide nothing."""
    answer = model.score(typical(0, PAYMENTS=np.nan, TENURE=np.nan))
    assert answer["segment"].item() == model.score(typical(0))["segment"].item()
    assert not {"PAYMENTS", "TENURE"} & set(answer["reasons"].item())
    nothing = model.score(typical(0) * np.nan)
    assert nothing["reasons"].item() == []


def test_integers_and_extra_columns_are_fine(model) -> None:
    """Whole numbers score like decimals, and columns nobody asked for are ignored."""
    whole = typical(1, FREQUENCY=1).astype("int64").assign(EXTRA="x")
    pd.testing.assert_frame_equal(
        model.score(whole), model.score(whole.drop(columns="EXTRA").astype(float))
    )


@pytest.mark.parametrize(
    ("clusterer", "rule"),
    [("k_means", "prototype"), ("gaussian_full", "gaussian"), ("ward", "neighbours")],
)
def test_a_customer_alone_is_answered_as_in_a_file(clusterer, rule) -> None:
    """Bit for bit the same answer, for every rule."""
    model = built(clusterer, rule)
    fresh, _ = planted(25, seed=3)
    alone = pd.concat([model.score(fresh.iloc[[i]]) for i in range(25)])
    pd.testing.assert_frame_equal(alone, model.score(fresh), check_exact=True)


@pytest.mark.parametrize(
    ("clusterer", "rule"),
    [("k_means", "prototype"), ("gaussian_full", "gaussian"), ("ward", "neighbours")],
)
def test_confidence_is_the_share_that_keeps_its_segment(clusterer, rule) -> None:
    """On splits and customers never seen, stated and observed shares differ by little."""
    model = built(clusterer, rule, spread=1.2)
    fresh, _ = planted(1500, seed=4, spread=1.2)
    customers, _ = planted(1500, spread=1.2)
    stated, raw, kept = [], [], []
    for seed in range(50, 56):
        half = customers.sample(750, random_state=seed)
        refit = Segmenter(model.segmenter.spec_, SCHEMA).fit(half)
        ours, theirs = model.segmenter.assign(fresh), refit.assign(fresh)
        kept.append(matched(ours.segment, theirs.segment) == ours.segment)
        raw.append(ours.confidence)
        stated.append(model.score(fresh)["confidence"].to_numpy())
    error = calibration_error(np.concatenate(stated), np.concatenate(kept))
    raw_error = calibration_error(np.concatenate(raw), np.concatenate(kept))
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
    raw, kept = kept_segment(model.segmenter, customers, seed=1)
    assert len(raw) == len(kept) == 600
    assert kept.mean() > 0.95


def test_segments_are_matched_one_to_one() -> None:
    """Renamed segments are recognised; a superfluous one has no partner."""
    reference = np.array([0, 0, 0, 1, 1, 2, 2])
    other = np.array([2, 2, 3, 0, 0, 1, 1])
    assert matched(reference, other).tolist() == [0, 0, -1, 1, 1, 2, 2]


def test_calibration_error_of_known_gaps() -> None:
    """Saying 0.9 when half is kept is an error of 0.4."""
    confidence = np.full(100, 0.9)
    assert calibration_error(confidence, np.arange(100) % 2 == 0) == pytest.approx(0.4)


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
    kept = [kept_segment(model.segmenter, fresh, seed=seed)[1] for seed in range(20, 26)]
    assert calibration_error(stated, np.concatenate(kept)) < 0.08


def test_contributions_add_up_to_the_difference_of_distances() -> None:
    """The split over columns is exact, and what speaks most for the segment comes first."""
    reasons = Reasons(("a", "b", "c"), np.array([[0.0, 0.0, 0.0], [3.0, -1.0, 0.0]]))
    point, zero, one = np.array([[0.5, 0.0, 9.0]]), np.array([0]), np.array([1])
    parts = reasons.contributions(point, zero, one)[0]
    own, other = (((point - medians) ** 2).sum() for medians in reasons.medians)
    assert parts.sum() == pytest.approx(other - own)
    assert reasons.decisive(point, zero, one, np.ones((1, 3), bool)) == [["a", "b"]]
    assert reasons.decisive(point, zero, one, np.array([[False, True, True]])) == [["b"]]


@pytest.mark.parametrize(
    ("clusterer", "rule"),
    [("k_means", "prototype"), ("gaussian_full", "gaussian"), ("ward", "neighbours")],
)
def test_reasons_are_faithful_to_the_model(clusterer, rule) -> None:
    """Giving the top reason the runner-up's value shakes the assignment more than any other."""
    model = built(clusterer, rule, spread=0.8)
    fresh = planted(300, seed=6, spread=0.8)[0].fillna(500.0)
    answer = model.score(fresh)
    explained = answer["reasons"].map(len) > 0
    fresh, answer = fresh[explained], answer[explained]
    rng = np.random.default_rng(0)
    others = [
        rng.choice([c for c in SCHEMA.column_names if c != reasons[0]])
        for reasons in answer["reasons"]
    ]
    tops = [reasons[0] for reasons in answer["reasons"]]
    assert moved(model, fresh, answer, tops) > 1.5 * moved(model, fresh, answer, others)


def moved(
    model: SegmentationModel, fresh: pd.DataFrame, answer: pd.DataFrame, columns: list[str]
) -> float:
    """Return the share that leaves its segment when one column takes the runner-up's value."""
    training = planted(1500, spread=0.8)[0]
    medians = training.groupby(model.score(training)["segment"]).median()
    changed = fresh.copy()
    for place, (column, runner_up) in enumerate(zip(columns, answer["runner_up"], strict=True)):
        changed.iloc[place, changed.columns.get_loc(column)] = medians.loc[runner_up, column]
    return float((model.score(changed)["segment"] != answer["segment"]).mean())


def test_description_is_complete_json_without_a_customer(model) -> None:
    """Schema, spec, profiles, book, evaluation and map are plain JSON; NaN becomes null."""
    about = json.loads(json.dumps(model.description(), allow_nan=False))
    assert set(about) == {"schema", "spec", "profiles", "book", "evaluation", "map"}
    assert about["evaluation"]["calinski_harabasz"] is None
    assert about["evaluation"]["feasible"] is True
    assert [profile["number"] for profile in about["profiles"]] == [1, 2, 3, 4]
    assert len(about["map"]["points"]) <= 600
    assert [point[2] for point in about["map"]["prototypes"]] == [1, 2, 3, 4]


def test_map_points_lie_with_their_segment_and_are_nobody() -> None:
    """Points look like their segment, and none is a customer's position."""
    rng = np.random.default_rng(1)
    segment = np.repeat([0, 1], 200)
    coordinates = rng.normal(size=(400, 3)) + 10.0 * segment[:, None]
    drawn = segment_map(coordinates, segment, Plane.learn(coordinates), seed=0)
    points = np.array(drawn["points"])
    assert len(points) == 400
    ends = np.array(drawn["prototypes"])[:, :2]
    nearest = ((points[:, None, :2] - ends) ** 2).sum(axis=2).argmin(axis=1) + 1
    assert np.array_equal(nearest, points[:, 2])
