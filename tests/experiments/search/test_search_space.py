"""Every proposal is a valid spec; every choice is reachable, and a fixed one is not searched."""

import optuna
import pandas as pd
import pytest

from experiments.search.runner import space_for
from experiments.search.search_space import PREPROCESSING, Fixed, Space
from segmentation.clustering.clusterers import CLUSTERERS
from segmentation.clustering.segmenter import Segmenter
from segmentation.clustering.spec import SegmenterSpec
from segmentation.errors import DataError, SpecError
from segmentation.schema import Column, TableSchema, load_schema

SPACE = Space("cc_general", 3, 8, 5)
WHOLE = Space("cc_general", 3, 8, 5, algorithms=tuple(CLUSTERERS), often_zero=True, mixed=True)
ADVICE = "skew=log1p, nulls=indicator,variance=0.9,excluded=CASH_ADVANCE_TRX"


def proposals(number: int) -> list[SegmenterSpec]:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    return [WHOLE.propose(study.ask()) for _ in range(number)]


def test_proposals_are_valid_and_reach_everything() -> None:
    """Four hundred random proposals build, use every algorithm and every choice."""
    schema = load_schema("cc_general")
    specs = proposals(400)
    for spec in specs:
        Segmenter(spec, schema)
        assert spec.seed == 5
        if CLUSTERERS[spec.clusterer].takes_n_clusters:
            assert 3 <= int(spec.hyperparameters["n_clusters"]) <= 8
    assert {spec.clusterer for spec in specs} == set(CLUSTERERS)
    for name, choices in PREPROCESSING.items():
        if name != "reduction":
            assert {getattr(spec.preprocessing, name) for spec in specs} == set(choices)
    assert {spec.preprocessing.variance is None for spec in specs} == {True, False}


def test_the_first_trials_are_complete() -> None:
    """What a study starts with leaves nothing to a sampler, and nothing twice."""
    specs = [SPACE.spec_of(parameters) for parameters in SPACE.first()]
    assert len(set(specs)) == len(specs)
    study = optuna.create_study()
    for parameters, spec in zip(SPACE.first(), specs, strict=True):
        study.enqueue_trial(parameters)
        trial = study.ask()
        assert SPACE.propose(trial) == spec
        assert trial.params == parameters


@pytest.mark.parametrize("change", [{"k_max": 9}, {"seed": 6}, {"algorithms": ("k_means",)}])
def test_another_space_has_another_fingerprint(change: dict[str, object]) -> None:
    """A study is never continued in a space that it was not begun in."""
    plain = {"schema": "cc_general", "k_min": 3, "k_max": 8, "seed": 5}
    assert Space(**{**plain, **change}).fingerprint() != SPACE.fingerprint()  # type: ignore[arg-type]
    assert Space(**plain).fingerprint() == SPACE.fingerprint()  # type: ignore[arg-type]


def test_first_specs_stay_within_the_options() -> None:
    """No number of segments beyond the interval, no algorithm outside the options."""
    narrow = Space("cc_general", 4, 5, 0, algorithms=("k_means", "hdbscan"))
    assert {p["algorithm"] for p in narrow.first()} == {"k_means", "hdbscan"}
    assert {p.get("n_clusters", 4) for p in narrow.first()} == {4, 5}


def test_often_zero_tables_get_treatments_that_look_past_zeros() -> None:
    """Two parts, light columns and components are tried early, elsewhere they are not."""
    often = Space("cc_general", 3, 8, 5, often_zero=True)
    zeros = {p["zeros"] for p in often.first()}
    assert zeros == {"plain", "two_part", "light"}
    assert "zeros" not in SPACE.first()[0]


def test_mixed_tables_get_two_treatments_and_a_weight() -> None:
    """Factor analysis and lighter categories are tried early; tables of numbers have neither."""
    mixed = Space("embedded_people", 3, 8, 5, mixed=True)
    specs = [mixed.spec_of(parameters).preprocessing for parameters in mixed.first()]
    assert {spec.categories for spec in specs} == {"one_hot", "famd"}
    assert {spec.category_weight for spec in specs} == {0.5, 1.0}
    assert "category_weight" not in SPACE.first()[0]
    first = mixed.spec_of(mixed.first()[0])
    assert all(mixed.spec_of(near).schema == "embedded_people" for near in mixed.near(first, 4))
    sampled = {spec.preprocessing.category_weight for spec in proposals(50)}
    assert all(0.3 <= weight <= 1.5 for weight in sampled)
    assert len(sampled) > 40


def test_neighbours_are_a_step_away() -> None:
    """A segment more or less in the same spec, then other families with as many."""
    often = Space("cc_general", 3, 8, 5, often_zero=True)
    parameters = {**often.first()[0], "reduction": "pca", "variance": 0.9, "n_clusters": 8}
    spec = often.spec_of({**parameters, "algorithm": "k_means"})
    near = [often.spec_of(p) for p in often.near(spec, 8)]
    assert near[0].hyperparameters["n_clusters"] == 7
    assert near[0].preprocessing == spec.preprocessing
    assert {s.hyperparameters["n_clusters"] for s in near[1:]} == {8}
    assert "hdbscan" not in {s.clusterer for s in near}


def test_fixed_choices_are_never_searched() -> None:
    """First specs, neighbours and samples all have them; the rest is still searched."""
    space = Space("cc_general", 3, 8, 0, often_zero=True, fixed=Fixed.parse(ADVICE))
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    first = [space.spec_of(parameters) for parameters in space.first()]
    near = [space.spec_of(parameters) for parameters in space.near(first[0], 4)]
    sampled = [space.propose(study.ask()) for _ in range(60)]
    assert len(first) > 20
    for spec in (*first, *near, *sampled):
        assert spec.preprocessing.skew == "log1p"
        assert spec.preprocessing.nulls == "indicator"
        assert spec.preprocessing.variance == 0.9
    assert {spec.preprocessing.zeros for spec in sampled} == {"plain", "two_part", "light"}


def test_a_fixed_choice_drops_the_first_specs_against_it() -> None:
    """No first spec looks past the zeros in two ways when one is fixed."""
    space = Space("cc_general", 3, 8, 0, often_zero=True, fixed=Fixed.parse("zeros=light"))
    specs = [space.spec_of(parameters) for parameters in space.first()]
    assert {spec.preprocessing.zeros for spec in specs} == {"light"}


def test_excluded_columns_describe_only() -> None:
    """They leave what forms segments, with the ratios made of them."""
    schema = load_schema("cc_general")
    left = schema.forming(excluded=("PURCHASES", "PAYMENTS"))
    assert set(schema.column_names) - set(left.column_names) == {"PURCHASES", "PAYMENTS"}
    assert all("PURCHASES" not in {ratio.numerator, ratio.denominator} for ratio in left.ratios)
    assert left.excluded["PURCHASES"].startswith("left out")


def test_the_fixed_choices_name_the_study() -> None:
    """Other choices are another study: nothing is mixed up."""
    one, other = (
        Space("cc_general", 3, 8, 0, fixed=Fixed.parse(text)) for text in ("", "skew=log1p")
    )
    assert one.fingerprint() != other.fingerprint()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("skew=logs", "'skew=logs' is not understood; expected skew=none or skew=log1p"),
        ("colour=red", "expected nulls, outliers"),
        ("skew", "expected skew=none"),
        ("variance=2", "expected a share between 0 and 1"),
        ("excluded=", "expected nulls, outliers"),
    ],
)
def test_the_error_names_what_is_not_understood(text: str, message: str) -> None:
    """The pair and what could stand there."""
    with pytest.raises(SpecError, match=message):
        Fixed.parse(text)


def test_an_unknown_column_cannot_be_left_out() -> None:
    """The message names it and the columns there are."""
    with pytest.raises(
        SpecError, match="excluded=NOPE: .*has no such column; expected some of BAL"
    ):
        load_schema("cc_general").forming(excluded=("NOPE",))


def test_one_feature_is_refused_before_the_first_trial() -> None:
    """The sentence names it; two features, or two levels beside one, are enough."""
    schema = TableSchema("one", "One", (Column("amount", "Amount"), Column("visits", "Visits")))
    customers = pd.DataFrame({"amount": [1.0, 2, 3], "visits": [3.0, 1, 2]})
    assert space_for(customers, schema, 2, 3, 0).schema == "one"
    with pytest.raises(
        DataError, match="two or more features that form segments, found only amount"
    ):
        space_for(customers[["amount"]], schema.forming(excluded=("visits",)), 2, 3, 0)
