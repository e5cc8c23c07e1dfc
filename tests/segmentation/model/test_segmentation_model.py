"""The servable model: behaviour a bank may rely on, and honesty about what it does not know."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from segmentation.clustering.segmenter import Segmenter
from segmentation.model.segmentation_model import SegmentationModel
from segmentation.schema import Column
from tests.segmentation.planted import EVALUATION, SCHEMA, planted, planted_model, spec, typical

COLUMNS = {
    "segment": "int64",
    "segment_name": "object",
    "confidence": "float64",
    "memberships": "object",
    "runner_up": "int64",
    "runner_up_name": "object",
    "map_x": "float64",
    "map_y": "float64",
    "unlike_training": "bool",
    "reasons": "object",
}


@pytest.fixture(scope="module")
def model() -> SegmentationModel:
    """Return a k-means model."""
    return planted_model()


def test_answer_has_the_promised_columns_types_and_index(model) -> None:
    """One row per customer, under the customers' own index, with the contract's columns."""
    fresh, _ = planted(50, seed=1)
    fresh.index = [f"customer {number}" for number in range(50)]
    answer = model.score(fresh)
    assert answer.notna().all(axis=None)
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
    assert sum(profile["size"] for profile in model.description["profiles"]) == 900


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
    """Cents on a payment move no customer."""
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
    """Whole numbers score like decimals, and other columns are ignored."""
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
    model = planted_model(clusterer, rule)
    fresh, _ = planted(25, seed=3)
    alone = pd.concat([model.score(fresh.iloc[[i]]) for i in range(25)])
    pd.testing.assert_frame_equal(alone, model.score(fresh), check_exact=True)


@pytest.mark.parametrize(
    ("clusterer", "rule"),
    [("k_means", "prototype"), ("gaussian_full", "gaussian"), ("ward", "neighbours")],
)
def test_reasons_are_faithful_to_the_model(clusterer, rule) -> None:
    """Giving the top reason the runner-up's value shakes the assignment more than any other."""
    model = planted_model(clusterer, rule, spread=0.8)
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
    about = json.loads(json.dumps(model.description, allow_nan=False))
    assert set(about) == {"schema", "spec", "profiles", "book", "evaluation", "map"}
    assert about["evaluation"]["calinski_harabasz"] is None
    assert about["evaluation"]["feasible"] is True
    assert [profile["number"] for profile in about["profiles"]] == [1, 2, 3, 4]
    assert len(about["map"]["points"]) <= 600
    assert [point[2] for point in about["map"]["prototypes"]] == [1, 2, 3, 4]


def with_outcomes() -> tuple[SegmentationModel, pd.DataFrame, pd.DataFrame]:
    """Return a model of a table with two outcomes, its customers and the outcomes."""
    customers, planted_in = planted(1500)
    churn = Column("CHURN", "Churn", "category", levels=("no", "yes"))
    revenue = Column("REVENUE", "Revenue next year", "money", "$")
    rng = np.random.default_rng(5)
    outcomes = pd.DataFrame(
        {
            "CHURN": (rng.random(1500) < 0.05 + 0.1 * planted_in).astype(float),
            "REVENUE": rng.lognormal(4, 1, 1500),
        },
        index=customers.index,
    )
    outcomes[rng.random(outcomes.shape) < 0.2] = np.nan
    schema = replace(SCHEMA, outcomes=(churn, revenue))
    segmenter = Segmenter(spec(n_clusters=4), schema).fit(customers)
    model = SegmentationModel.build(segmenter, customers, EVALUATION, seed=0)
    return model.with_outcomes(customers, outcomes), customers, outcomes


def test_outcomes_are_those_of_the_customers_of_each_segment(tmp_path: Path) -> None:
    """Saved, loaded and numbered anew: each profile has its own customers' rate and mean."""
    model, customers, outcomes = with_outcomes()
    model.with_numbering(replace(model.numbering, numbers=(7, 5, 9, 2))).save(tmp_path)
    again = SegmentationModel.load(tmp_path)
    grouped = outcomes.groupby(again.score(customers)["segment"]).mean()
    for profile, own in zip(again.description["profiles"], again.outcomes, strict=True):
        rate, mean = own
        assert rate.segment.value == pytest.approx(grouped.loc[profile["number"], "CHURN"])
        assert mean.segment.value == pytest.approx(grouped.loc[profile["number"], "REVENUE"])
    assert again.outcomes_of(customers, outcomes) == again.outcomes


def test_outcomes_are_no_part_of_an_answer() -> None:
    """They change no answer, are no reason, and customers who lack them are scored alike."""
    model, customers, outcomes = with_outcomes()
    answers = model.score(customers)
    assert model.score(customers.join(outcomes)).equals(answers)
    assert not {r for reasons in answers["reasons"] for r in reasons} & set(outcomes)
    assert not {c["column"] for c in model.description["profiles"][0]["columns"]} & set(outcomes)
    assert not set(model.description["book"]) & set(outcomes)


def test_a_model_without_outcomes_has_none(model) -> None:
    """Saved before there were any, or of a table without: every segment has an empty tuple."""
    assert model.outcomes == ((),) * 4
    assert model.with_outcomes(planted(10)[0], None) is model
