"""Planted drift is found and named; customers of the same kind raise no alarm."""

import json

import numpy as np
import pandas as pd
import pytest

from segmentation.clustering.spec import Preprocessing, SegmenterSpec
from segmentation.data.synthetic import generate
from segmentation.data.validation import validate
from segmentation.evaluation.evaluator import Evaluator
from segmentation.model.segmentation_model import SegmentationModel
from segmentation.monitoring import (
    BatchSummary,
    ColumnSummary,
    Drift,
    compare_batches,
    reference_batch,
    summarise,
    with_reference,
)
from segmentation.monitoring.drift import (
    CHECK,
    OK,
    RETRAIN,
    WATCH,
    drift_sentences,
    headline,
    stability_index,
)
from segmentation.preprocessing.categorical import prepare_table
from segmentation.schema import load_schema

SCHEMA = load_schema("cc_general")
ROWS = 5_000


@pytest.fixture(scope="module")
def book() -> pd.DataFrame:
    """Return the customers a model learns from, and as many again of the same kind."""
    return validate(generate(4 * ROWS, seed=1), SCHEMA).customers


@pytest.fixture(scope="module")
def model(book: pd.DataFrame) -> SegmentationModel:
    """Return a model of the first half, with its reference."""
    people = book.iloc[: 2 * ROWS]
    prepared = prepare_table(people, SCHEMA)
    spec = SegmenterSpec("cc_general", Preprocessing(), "k_means", {"n_clusters": 5})
    evaluated = Evaluator(prepared.customers, prepared.schema).evaluate(spec)
    made = SegmentationModel.build(evaluated.segmenter, prepared.customers, evaluated.evaluation, 0)
    return with_reference(made, people)


@pytest.mark.parametrize("rows", [3, 50, 100, 600, 10_000])
def test_the_reference_tells_no_value_that_fewer_than_five_have(rows: int) -> None:
    """Every edge is a value that many have, or the average of five: of any size of table."""
    rng = np.random.default_rng(rows)
    amounts = rng.lognormal(6, 1.5, rows)
    visits = np.floor(rng.exponential(3, rows))
    mixed = np.where(rng.random(rows) < 0.6, 0.0, amounts)
    for values in (amounts, visits, mixed):
        edges = np.array(ColumnSummary.of("x", values).edges)
        assert len(edges) <= min(100, rows // 5)
        present = np.sort(values)
        for edge in edges:
            alike = np.count_nonzero(values == edge)
            place = np.searchsorted(present, edge)
            around = range(max(0, place - 5), place + 1)
            averages = [present[start : start + 5].mean() for start in around]
            assert alike >= 5 or np.isclose(edge, averages, rtol=1e-12, atol=0).any()
        if values is amounts:
            assert not np.isin(edges, values).any()


def test_averages_keep_the_shape_of_a_column() -> None:
    """The edges of ten thousand values are as before within a thousandth of their spread."""
    values = np.sort(np.random.default_rng(0).normal(size=10_000))
    summary = ColumnSummary.of("x", values)
    assert len(summary.edges) == 100
    exact = np.quantile(values, summary.below)
    assert np.abs(exact - summary.edges).max() < 0.02
    assert abs(summary.median - np.median(values)) < 0.02


def drift_of(model: SegmentationModel, customers: pd.DataFrame, **levels: int) -> Drift:
    """Compare customers with those the model learnt from."""
    reference = reference_batch(model)
    assert reference is not None
    return compare_batches(reference, summarise(model, customers, reference), levels)


def fresh(book: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return 5,000 customers of the same kind that the model has not seen."""
    return book.iloc[2 * ROWS :].sample(ROWS, random_state=seed)


def drifted(drift: Drift) -> set[tuple[str, str]]:
    """Return kind and subject of every drift."""
    return {(finding.kind, finding.subject) for finding in drift.drifted}


def test_twenty_clean_batches_raise_at_most_one_alarm(
    model: SegmentationModel, book: pd.DataFrame
) -> None:
    """Chance is corrected for: some forty comparisons, twenty times."""
    verdicts = [drift_of(model, fresh(book, seed)).verdict for seed in range(20)]
    assert verdicts.count(OK) >= 19, verdicts


def test_a_scaled_column_is_named(model: SegmentationModel, book: pd.DataFrame) -> None:
    """Payments thirty per cent larger: that column, with its medians."""
    batch = fresh(book, 0)
    batch["PAYMENTS"] *= 1.3
    drift = drift_of(model, batch)
    assert ("distribution", "PAYMENTS") in drifted(drift)
    assert drift.verdict == WATCH
    sentences = drift_sentences(drift, SCHEMA, {})
    (sentence,) = [sentence for sentence in sentences if "Payments" in sentence]
    (own,) = [f for f in drift.drifted if (f.kind, f.subject) == ("distribution", "PAYMENTS")]
    medians = book["PAYMENTS"].median(), batch["PAYMENTS"].median()
    assert (own.before, own.after) == pytest.approx(medians, rel=0.02)
    assert f"median ${own.before:,.0f} before, ${own.after:,.0f} now." in sentence


def test_a_doubled_segment_is_named(model: SegmentationModel, book: pd.DataFrame) -> None:
    """Twice as many of the smallest segment: that segment, with its shares."""
    batch = fresh(book, 0)
    answers = model.score(batch)["segment"]
    small = answers.value_counts().index[-1]
    members = batch[answers.to_numpy() == small]
    others = batch[answers.to_numpy() != small].iloc[: ROWS - 2 * len(members)]
    drift = drift_of(model, pd.concat([others, members, members]))
    assert ("segment", str(small)) in drifted(drift)
    (finding,) = [f for f in drift.drifted if f.subject == str(small)]
    assert finding.after == pytest.approx(2 * finding.before, rel=0.15)


def test_more_missing_values_are_named(model: SegmentationModel, book: pd.DataFrame) -> None:
    """Minimum payments missing for a tenth instead of 3.5 %: that column, by its share."""
    batch = fresh(book, 0)
    hidden = np.random.default_rng(0).random(ROWS) < 0.07
    batch.loc[hidden, "MINIMUM_PAYMENTS"] = np.nan
    drift = drift_of(model, batch)
    assert ("missing", "MINIMUM_PAYMENTS") in drifted(drift)


def test_a_new_level_is_named(model: SegmentationModel, book: pd.DataFrame) -> None:
    """An unlisted level is a fact: it needs no test."""
    drift = drift_of(model, fresh(book, 0), Card=40)
    assert ("new level", "Card") in drifted(drift)
    assert drift.verdict == WATCH
    assert drift_sentences(drift, SCHEMA, {}) == (
        "Card: 0.8% of card holders have a value the schema does not list.",
    )


def test_another_population_asks_for_training(model: SegmentationModel, book: pd.DataFrame) -> None:
    """Everybody spends ten times as much: train again."""
    batch = fresh(book, 0)
    batch[["PURCHASES", "PAYMENTS", "BALANCE"]] *= 10
    drift = drift_of(model, batch)
    assert drift.verdict == RETRAIN
    assert drift.metrics()["verdict"] == 2
    assert drift.metrics()["psi_PAYMENTS"] > 0.25


@pytest.mark.parametrize("fault", ["nulls", "cents", "constant"])
def test_a_broken_feed_is_told_from_other_customers(
    model: SegmentationModel, book: pd.DataFrame, fault: str
) -> None:
    """One column emptied, in another unit, or stuck: check it first, do not train again."""
    batch = fresh(book, 0)
    spoilt = {
        "nulls": batch["PAYMENTS"].where(np.arange(ROWS) % 2 == 0),
        "cents": batch["PAYMENTS"] * 100,
        "constant": 0.0 * batch["PAYMENTS"],
    }
    drift = drift_of(model, batch.assign(PAYMENTS=spoilt[fault]))
    assert (drift.verdict, drift.broken) == (CHECK, "PAYMENTS")
    assert drift.metrics()["verdict"] == 1
    assert headline(drift, SCHEMA).startswith("The feed of Payments looks broken: check it first.")


def test_several_changed_columns_are_no_broken_feed(
    model: SegmentationModel, book: pd.DataFrame
) -> None:
    """Two severe columns, or a severe one among many that drift: other customers."""
    batch = fresh(book, 0)
    two = drift_of(model, batch.assign(PAYMENTS=100 * batch["PAYMENTS"], BALANCE=0.0))
    assert (two.verdict, two.broken) == (RETRAIN, "")
    assert drift_of(model, batch).broken == ""


def test_one_customer_can_be_compared(model: SegmentationModel, book: pd.DataFrame) -> None:
    """Too few to say anything is no drift, and no error."""
    assert drift_of(model, fresh(book, 0).iloc[:1]).verdict == OK


def test_the_reference_survives_saving(model: SegmentationModel) -> None:
    """As JSON inside the model it comes back equal."""
    reference = reference_batch(model)
    assert reference is not None
    assert BatchSummary.from_dict(json.loads(json.dumps(reference.to_dict()))) == reference


def test_the_reference_holds_no_extreme_customer(
    model: SegmentationModel, book: pd.DataFrame
) -> None:
    """The largest values, which would be one person's, are not among the edges."""
    reference = reference_batch(model)
    assert reference is not None
    learnt = book.iloc[: 2 * ROWS]
    for summary in reference.columns:
        if learnt[summary.column].nunique() > 100:
            assert max(summary.edges) < learnt[summary.column].nlargest(10).min()


def test_the_stability_index_is_that_of_the_textbook() -> None:
    """Two bins, .5 and .5 against .6 and .4: .1 ln 1.2 + .1 ln 1.25."""
    index = stability_index(np.array([0.5, 0.5]), np.array([0.6, 0.4]))
    assert index == pytest.approx(0.1 * np.log(1.2) - 0.1 * np.log(0.8))
    assert stability_index(np.array([0.5, 0.5]), np.array([0.5, 0.5])) == 0


def test_a_column_without_values_is_summarised() -> None:
    """No edges, all missing."""
    summary = ColumnSummary.of("empty", np.full(3, np.nan))
    assert (summary.n_values, summary.n_missing, summary.edges) == (0, 3, ())
    assert np.isnan(summary.median)
