"""The evaluator: what it finds, what it refuses, what must not change its mind."""

import json
from dataclasses import replace
from math import isnan, nan

import numpy as np
import pandas as pd
import pytest

from segmentation.clustering.segmenter import Segmenter
from segmentation.clustering.spec import Preprocessing
from segmentation.evaluation.evaluator import Evaluator
from segmentation.evaluation.metrics import METRICS, score
from segmentation.evaluation.reference_space import ReferenceSpace
from segmentation.evaluation.result import Evaluation
from tests.segmentation.planted import SCHEMA, planted, spec

ROWS = 300


def numbers(evaluation: Evaluation) -> dict[str, float]:
    return evaluation.metrics()


@pytest.fixture(scope="module")
def evaluator() -> Evaluator:
    return Evaluator(planted(ROWS)[0], SCHEMA)


@pytest.mark.parametrize(
    "candidate",
    [
        spec("k_means", n_clusters=4),
        spec("ward", "neighbours", n_clusters=4),
        spec("gaussian_diagonal", "gaussian", n_clusters=4),
    ],
    ids=lambda s: s.clusterer,
)
def test_planted_segments_are_feasible_and_stable(evaluator: Evaluator, candidate: object) -> None:
    """Four groups far apart: feasible, stability and agreement near 1."""
    evaluation = evaluator.evaluate(candidate).evaluation
    assert evaluation.feasible
    assert evaluation.stability > 0.95
    assert evaluation.agreement > 0.9
    assert evaluation.separation > 0.8
    assert evaluation.n_segments == 4
    assert evaluation.rows == ROWS


def test_structureless_customers_are_not_stable() -> None:
    """Segments of one round cloud do not survive a refit."""
    rng = np.random.default_rng(0)
    cloud = pd.DataFrame(rng.normal(10, 1, (ROWS, 6)), columns=list(SCHEMA.column_names))
    evaluation = Evaluator(cloud, SCHEMA).evaluate(spec(n_clusters=6)).evaluation
    assert evaluation.stability < 0.6
    assert any(reason.startswith("stability is") for reason in evaluation.infeasible)


def test_score_is_made_of_its_parts(evaluator: Evaluator) -> None:
    """The score is that of the formula, the shares are those of the assignment."""
    evaluated = evaluator.evaluate(spec(n_clusters=5))
    evaluation = evaluated.evaluation
    assert evaluation.score == score(evaluation.stability, evaluation.separation, 5)
    shares = np.bincount(evaluated.segment) / ROWS
    assert evaluation.smallest_share == shares.min()
    assert evaluation.largest_share == shares.max()
    assert set(evaluation.seconds) == {"fit", "metrics", "stability"}


def test_same_seed_same_evaluation(evaluator: Evaluator) -> None:
    """Judged twice, also by another evaluator of the same seed, nothing differs."""
    candidate = spec(n_clusters=5)
    first = numbers(evaluator.evaluate(candidate).evaluation)
    assert numbers(evaluator.evaluate(candidate).evaluation) == first
    assert numbers(Evaluator(planted(ROWS)[0], SCHEMA).evaluate(candidate).evaluation) == first


@pytest.mark.parametrize("clusterer", ["k_means", "ward"])
def test_order_of_rows_and_units_do_not_matter(clusterer: str) -> None:
    """Shuffled customers with balances in cents are judged the same."""
    customers, _ = planted(ROWS, spread=0.8)
    candidate = spec(clusterer, "neighbours", n_clusters=4)
    before = Evaluator(customers, SCHEMA).evaluate(candidate)
    other = customers.sample(frac=1, random_state=5)
    other["BALANCE"] *= 100
    after = Evaluator(other, SCHEMA).evaluate(candidate)
    by_name = pd.Series(before.segment, index=customers.index).loc[other.index]
    assert np.array_equal(by_name, after.segment)
    assert numbers(after.evaluation) == pytest.approx(numbers(before.evaluation), abs=1e-9)


def test_few_customers_are_judged_on_main_axes() -> None:
    """Below 800, likelihoods are those on main axes, with every customer counted for both sides."""
    few, many = (Evaluator(planted(rows)[0], SCHEMA).table for rows in (799, 800))
    assert (few.few, many.few) == (True, False)
    assert few.axes.shape[1] < many.axes.shape[1] == len(SCHEMA.columns)


def test_dropping_information_does_not_win(evaluator: Evaluator) -> None:
    """Two components flatter themselves in their own space; in the reference space they lose."""
    thin = spec(preprocessing=Preprocessing(variance=0.3), n_clusters=4)
    assert (
        evaluator.evaluate(thin).evaluation.silhouette
        < evaluator.evaluate(spec(n_clusters=4)).evaluation.silhouette
    )


def test_a_violated_constraint_saves_the_refits(evaluator: Evaluator) -> None:
    """Two segments violate a constraint: no time goes into stability, and the notes say so."""
    evaluation = evaluator.evaluate(spec(n_clusters=2)).evaluation
    assert "2 segments, between 3 and 10 required" in evaluation.infeasible
    assert "stability" not in evaluation.seconds
    assert evaluation.stability == 0.0
    assert evaluation.score == score(0.0, evaluation.separation, 2)
    assert any("not computed" in note for note in evaluation.notes)


def test_nothing_but_noise_is_infeasible_not_an_error() -> None:
    """A clusterer that finds no cluster is judged: one segment, all noise, no silhouette."""
    cloud = np.random.default_rng(0).uniform(1, 2, (200, len(SCHEMA.columns)))
    evaluated = Evaluator(cloud, SCHEMA).evaluate(
        spec("hdbscan", "neighbours", smallest_share=0.15)
    )
    assert evaluated.evaluation.n_segments == 1
    assert evaluated.evaluation.noise_share == 1.0
    assert isnan(evaluated.evaluation.silhouette)
    assert any("are noise" in reason for reason in evaluated.evaluation.infeasible)


def test_a_tree_that_says_it_all_is_noted(evaluator: Evaluator) -> None:
    """Segments that seven questions describe carry a warning."""
    evaluation = evaluator.evaluate(spec(n_clusters=4)).evaluation
    assert evaluation.tree_accuracy > 0.98
    assert any("A tree of seven questions" in note for note in evaluation.notes)


def test_reference_space_may_be_given() -> None:
    """Judged in a study's space, the space is used and not fitted again."""
    customers, _ = planted(ROWS)
    space = ReferenceSpace(SCHEMA).fit(planted(ROWS, seed=9)[0])
    evaluator = Evaluator(customers, SCHEMA, reference=space)
    assert evaluator.reference is space
    assert np.array_equal(evaluator.table.coordinates, space.transform(customers))


def test_evaluated_segmenter_is_ready_to_serve(evaluator: Evaluator) -> None:
    """The segmenter in the answer equals one fitted from the spec alone."""
    candidate = spec(n_clusters=4)
    customers, _ = planted(ROWS)
    alone = Segmenter(candidate, SCHEMA).fit(customers)
    evaluated = evaluator.evaluate(candidate)
    assert np.array_equal(evaluated.segment, alone.assign(customers).segment)


def test_evaluation_survives_strict_json(evaluator: Evaluator) -> None:
    """Written as JSON without NaN and read back, it is equal."""
    original = evaluator.evaluate(spec(n_clusters=2)).evaluation
    for evaluation in (original, replace(original, further={"new": 1.0})):
        text = json.dumps(evaluation.to_dict(), allow_nan=False)
        assert Evaluation.from_dict(json.loads(text)) == evaluation
    undefined = replace(original, silhouette=nan)
    read = Evaluation.from_dict(json.loads(json.dumps(undefined.to_dict(), allow_nan=False)))
    assert isnan(read.silhouette)


def test_a_new_metric_is_one_entry(evaluator: Evaluator, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is added to the table is computed for each candidate and is among its metrics."""
    largest = {"largest": lambda labels, _: float(np.bincount(labels)[0])}
    monkeypatch.setattr("segmentation.evaluation.evaluator.METRICS", {**METRICS, **largest})
    evaluated = evaluator.evaluate(spec(n_clusters=4))
    assert evaluated.evaluation.metrics()["largest"] == (evaluated.segment == 0).sum()


def test_metrics_are_the_numbers_only(evaluator: Evaluator) -> None:
    """Every number has its name, metrics without a field included; times are not metrics."""
    evaluation = replace(evaluator.evaluate(spec(n_clusters=2)).evaluation, further={"new": 1.0})
    assert {"score", "stability", "agreement", "silhouette", "new"} <= set(evaluation.metrics())
    assert not {"seconds", "notes", "infeasible", "fit"} & set(evaluation.metrics())
