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


def test_book_summary_agrees_with_pandas(book: tuple[pd.DataFrame, IntArray]) -> None:
    """Median and outer quantiles of every column; a column without values is left out."""
    customers = book[0].assign(TENURE=np.nan)
    summary = book_summary(customers, SCHEMA)
    assert set(summary) == set(SCHEMA.column_names) - {"TENURE"}
    for name, figures in summary.items():
        for key, share in (("median", 0.5), ("q05", 0.05), ("q25", 0.25), ("q95", 0.95)):
            assert figures[key] == pytest.approx(customers[name].quantile(share))
