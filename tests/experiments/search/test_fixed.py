"""What a person fixes is taken as given, and nothing else."""

import optuna
import pytest

from experiments.search.search_space import Fixed, Space
from segmentation.errors import SpecError
from segmentation.schema import load_schema

ADVICE = "skew=log1p, nulls=indicator,variance=0.9,excluded=CASH_ADVANCE_TRX"


def test_fixed_choices_are_never_searched() -> None:
    """First recipes, neighbours and samples all keep them; the rest is still searched."""
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


def test_a_fixed_choice_drops_the_recipes_against_it() -> None:
    """No first recipe looks past the zeros in two ways when one is fixed."""
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
def test_what_is_not_understood_is_said(text: str, message: str) -> None:
    """The pair and what could stand there."""
    with pytest.raises(SpecError, match=message):
        Fixed.parse(text)


def test_an_unknown_column_cannot_be_left_out() -> None:
    """The message names it and the columns there are."""
    with pytest.raises(
        SpecError, match="excluded=NOPE: .*has no such column; expected some of BAL"
    ):
        load_schema("cc_general").forming(excluded=("NOPE",))
