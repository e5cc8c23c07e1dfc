"""Profiles: their numbers are pandas' numbers, their effects Cliff's delta."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segmentation.interpretation.profiles import book_summary, profile_segments, rank_effects
from segmentation.preprocessing.categorical import prepare_table
from segmentation.schema import Column, TableSchema
from segmentation.schema.inference import infer_schema
from segmentation.types import FloatArray, IntArray
from tests.segmentation.planted import SCHEMA, planted


@pytest.fixture(scope="module")
def book() -> tuple[pd.DataFrame, IntArray]:
    return planted(500)


def cliffs_delta(inside: FloatArray, outside: FloatArray) -> float:
    return float(np.sign(inside[:, None] - outside[None, :]).mean())


def test_sizes_and_medians_agree_with_pandas(book: tuple[pd.DataFrame, IntArray]) -> None:
    """Size, share and every median are what a groupby says, nulls left out."""
    customers, segment = book
    grouped = customers.groupby(segment)
    for number, profile in enumerate(profile_segments(customers, segment, SCHEMA)):
        assert profile.number == number + 1
        assert profile.size == int((segment == number).sum())
        assert profile.share == pytest.approx(profile.size / 500)
        for column in profile.columns:
            assert column.median == grouped[column.column].median()[number]
            assert column.book_median == customers[column.column].median()


def test_all_columns_in_order_of_their_effect(book: tuple[pd.DataFrame, IntArray]) -> None:
    """Every column is there once, the strongest effect first."""
    for profile in profile_segments(*book, SCHEMA):
        sizes = [abs(column.effect) for column in profile.columns]
        assert sizes == sorted(sizes, reverse=True)
        assert {column.column for column in profile.columns} == set(SCHEMA.column_names)


def test_what_was_planted_is_found(book: tuple[pd.DataFrame, IntArray]) -> None:
    """Cash-advance users who never buy: in effects, name, figures and rule."""
    profile = profile_segments(*book, SCHEMA)[2]
    effects = {column.column: column.effect for column in profile.columns}
    assert effects["CASH_ADVANCE"] > 0.95
    assert effects["PURCHASES"] < -0.95
    assert profile.name == "Low purchases, high cash advances"
    assert "edian purchases 0 against" in profile.sentence
    assert re.match(r"(Cash advances above|Purchases of 0|No purchases)", profile.rules[0])


small = st.integers(-3, 3).map(float) | st.just(np.nan)


@given(arrays(np.float64, (12, 2), elements=small), st.permutations([0] * 5 + [1] * 4 + [2] * 3))
def test_effect_is_cliffs_delta(matrix: FloatArray, labels: list[int]) -> None:
    """By ranks or by comparing every pair, ties and nulls included, it is one number."""
    segment = np.array(labels)
    effects = rank_effects(matrix, segment)
    for number in range(3):
        for j in range(2):
            inside, outside = matrix[segment == number, j], matrix[segment != number, j]
            inside, outside = inside[~np.isnan(inside)], outside[~np.isnan(outside)]
            expected = cliffs_delta(inside, outside) if len(inside) and len(outside) else 0.0
            assert effects[number, j] == pytest.approx(expected)


def test_complete_separation_is_one() -> None:
    """A segment above everybody else has effect 1, the others' effects mirror it."""
    effects = rank_effects(np.array([[1.0], [2.0], [8.0], [9.0]]), np.array([0, 0, 1, 1]))
    assert effects.tolist() == [[-1.0], [1.0]]


def test_one_segment_is_like_the_book(book: tuple[pd.DataFrame, IntArray]) -> None:
    """Everybody in one segment: no effect, no rule, still a name and a sentence."""
    (profile,) = profile_segments(book[0], np.zeros(500, dtype=np.int64), SCHEMA)
    assert profile.share == 1.0
    assert all(column.effect == 0 for column in profile.columns)
    assert profile.rules == ()
    assert profile.name == "Typical customers"


def test_a_name_says_nothing_twice() -> None:
    """Minutes and their charge, a plan and its messages: the second words say something else."""
    rng = np.random.default_rng(4)
    segment = np.repeat([0, 1], 200).astype(np.int64)
    minutes = rng.normal(150, 20, 400) + 90 * segment
    plan = (rng.random(400) < 0.1 + 0.85 * segment).astype(float)
    table = pd.DataFrame(
        {
            "minutes": minutes.round(1),
            "charge": (0.17 * minutes).round(2),
            "plan": plan,
            "messages": plan * rng.integers(20, 40, 400),
            "calls": rng.poisson(20 + 6 * segment).astype(float),
        }
    )
    first, second = profile_segments(table, segment, infer_schema(table))
    for profile in (first, second):
        words = profile.name.casefold()
        assert ("minutes" in words) + ("charge" in words) == 1
        assert ("plan" in words) + ("messages" in words) == 1
        assert ("minutes" in profile.sentence) + ("charge" in profile.sentence) == 1


def test_profiles_are_plain_json(book: tuple[pd.DataFrame, IntArray]) -> None:
    """A profile becomes JSON without NaN, also when a segment has no value in a column."""
    customers, segment = book
    customers = customers.copy()
    customers.loc[segment == 0, "PAYMENTS"] = np.nan
    profiles = profile_segments(customers, segment, SCHEMA)
    raw = json.loads(json.dumps([p.to_dict() for p in profiles], allow_nan=False))
    by_column = {column["column"]: column for column in raw[0]["columns"]}
    assert by_column["PAYMENTS"]["median"] is None
    assert by_column["PAYMENTS"]["effect"] == 0.0
    assert raw[0]["rules"] == list(profiles[0].rules)


OUTCOME = TableSchema(
    "outcome",
    "Outcome",
    (
        Column("age", "Age"),
        Column("outcome", "Outcome", "category", levels=("failure", "other", "success")),
    ),
)


def mostly_missing() -> tuple[pd.DataFrame, IntArray]:
    """Return two segments: of the first only one customer in 240 has an outcome, ``other``."""
    outcome = np.full(400, np.nan)
    outcome[0], outcome[240:320], outcome[320:400] = 1, 0, 2
    segment = np.repeat([0, 1], [240, 160])
    return pd.DataFrame({"age": np.arange(400.0) % 40, "outcome": outcome}), segment


@pytest.mark.parametrize("expanded", [False, True])
def test_a_column_mostly_missing_is_described_as_missing_only(expanded: bool) -> None:
    """One known value in 240 names nothing and is no share: shares are of all customers."""
    customers, segment = mostly_missing()
    prepared = prepare_table(customers, OUTCOME)
    table = (
        (prepared.customers, segment, prepared.schema)
        if expanded
        else (customers, segment, OUTCOME)
    )
    first, second = profile_segments(*table)
    assert first.name == "Outcome missing"
    assert first.sentence == "Outcome missing for 99.6% against 60% in the whole table."
    assert "other" not in " ".join([first.name, first.sentence, *first.rules])
    assert second.sentence.startswith("Outcome failure for 50% against 20% in the whole table")
    assert first.rules == ("Outcome missing (covers 99.6% of the segment, right for 100%)",)
    assert second.rules[0].startswith("Outcome known")


def test_a_median_over_few_values_is_no_headline() -> None:
    """Where nine of ten customers have no value, their median is neither figure nor name."""
    amount = np.arange(200.0)
    amount[:90], amount[90:100] = np.nan, 1e6
    segment = np.repeat([0, 1], 100)
    schema = TableSchema("t", "T", (Column("amount", "Amount", "money", "$"),))
    first, _ = profile_segments(pd.DataFrame({"amount": amount}), segment, schema)
    assert first.name == "Amount missing"
    assert first.sentence == "Amount missing for 90% against 45% in the whole table."
    assert [trait.statistic for trait in first.traits] == ["missing"]


def test_zeros_are_counted_where_medians_read_alike() -> None:
    """$0 against $0 says nothing: the share above zero does."""
    rng = np.random.default_rng(0)
    segment = np.repeat([0, 1, 2], 200)
    spent = np.where(rng.random(600) < np.array([0.02, 0.4, 0.45])[segment], 50.0, 0.0)
    schema = TableSchema("t", "T", (Column("cash", "Cash advances", "money", "$"),))
    profile, *_ = profile_segments(pd.DataFrame({"cash": spent}), segment, schema)
    (trait,) = profile.traits
    assert trait.statistic == "above zero"
    assert profile.name == "No cash advances"
    assert profile.sentence.startswith("Cash advances above 0 for ")


def test_book_summary_agrees_with_pandas(book: tuple[pd.DataFrame, IntArray]) -> None:
    """Median and outer quantiles of every column; a column without values is left out.

    Outer quantiles are those of averages of five customers.
    """
    customers = book[0].assign(TENURE=np.nan)
    summary = book_summary(customers, SCHEMA)
    assert set(summary) == set(SCHEMA.column_names) - {"TENURE"}
    for name, figures in summary.items():
        for key, share in (("median", 0.5), ("q05", 0.05), ("q25", 0.25), ("q95", 0.95)):
            near = customers[name].quantile([max(share - 0.02, 0), share, share + 0.02])
            if key == "median":
                assert figures[key] == pytest.approx(near[share])
            assert near.iloc[0] <= figures[key] <= near.iloc[2]
