"""Rules in words: true as stated, round, short, the same in any unit."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmentation.interpretation.decision_rules import SegmentRule, round_between, segment_rules
from segmentation.interpretation.profiles import profile_segments
from segmentation.schema import Column, TableSchema
from tests.segmentation.planted import SCHEMA, planted

INF = float("inf")
MONEY = TableSchema(
    "money",
    "Money",
    (
        Column("cash", "Cash advances", "money", "$", plausible=(0, 1e6)),
        Column("bought", "Purchases", "money", "$", plausible=(0, 1e6)),
        Column("often", "Purchase frequency", "frequency"),
    ),
)


def holds(rule: SegmentRule, matrix: np.ndarray) -> np.ndarray:
    inside = np.ones(len(matrix), dtype=bool)
    for j, (low, high) in rule.bounds.items():
        inside &= (matrix[:, j] > low) & (matrix[:, j] <= high)
    return inside


def test_coverage_and_precision_are_what_the_rule_reaches() -> None:
    """Applied as stated, rounding included, a rule covers and hits what it claims."""
    customers, segment = planted(600, spread=0.9)
    matrix = customers.fillna(customers.median()).to_numpy()
    rules = segment_rules(matrix, segment)
    assert len(rules) == 4
    for number, own in enumerate(rules):
        assert 1 <= len(own) <= 2
        for rule in own:
            members, covered = segment == number, holds(rule, matrix)
            assert rule.coverage == pytest.approx((covered & members).sum() / members.sum())
            assert rule.precision == pytest.approx((covered & members).sum() / covered.sum())


def test_planted_segments_have_nearly_perfect_rules() -> None:
    """Segments far apart are told by one question or two each."""
    customers, segment = planted(600)
    for own in segment_rules(customers.to_numpy(), segment):
        assert own[0].f1 > 0.97
        assert len(own[0].bounds) <= 3


def test_rules_are_the_same_in_cents() -> None:
    """A hundred times the values gives a hundred times the bounds, and nothing else."""
    customers, segment = planted(600, spread=0.9)
    one = segment_rules(customers.to_numpy(), segment)
    other = segment_rules(customers.to_numpy() * 100, segment)
    for own, cents in zip(one, other, strict=True):
        assert [r.bounds.keys() for r in own] == [r.bounds.keys() for r in cents]
        for rule, scaled in zip(own, cents, strict=True):
            assert scaled.f1 == pytest.approx(rule.f1)
            for j, bound in rule.bounds.items():
                assert scaled.bounds[j] == pytest.approx(tuple(100 * b for b in bound))


def test_order_of_rows_does_not_matter() -> None:
    """Shuffled customers get the same rules."""
    customers, segment = planted(600, spread=0.9)
    order = np.random.default_rng(0).permutation(600)
    matrix = customers.to_numpy()
    assert segment_rules(matrix, segment) == segment_rules(matrix[order], segment[order])


def test_two_separate_halves_get_two_rules() -> None:
    """A segment at both ends of a column cannot be told by one interval."""
    values = np.linspace(0, 100, 400)[:, None]
    segment = ((values[:, 0] > 30) & (values[:, 0] <= 60)).astype(np.int64)
    ends, middle = segment_rules(values, segment)
    assert len(middle) == 1
    assert middle[0].bounds == {0: (30.0, 60.0)}
    assert {rule.bounds[0] for rule in ends} == {(-INF, 30.0), (60.0, INF)}


def test_a_missing_value_meets_no_bound() -> None:
    """Customers without a value are asked for as such, and counted nowhere else."""
    values = np.concatenate([np.linspace(0, 10, 100), np.linspace(20, 30, 100)])
    values[:40] = values[100:104] = np.nan
    segment = np.repeat([0, 1], 100)
    schema = TableSchema("t", "T", (Column("income", "Income"),))
    first, second = segment_rules(values[:, None], segment, schema.columns)
    words = [rule.in_words(schema) for rule in first]
    assert words == [
        "Income up to 20 (covers 60% of the segment, right for 100%)",
        "Income missing (covers 40% of the segment, right for 91%)",
    ]
    assert re.match(r"Income above 2\d(.\d)? .*, right for 100%", second[0].in_words(schema))


def test_ordered_levels_are_listed() -> None:
    """A range of levels names its first level, not the one below it."""
    column = Column("e", "Education", "ordered", levels=("none", "basic", "master", "doctor"))
    schema = TableSchema("t", "T", (column,))
    for bound, text in (
        ((0.0, 2.0), "Education basic or master"),
        ((0.0, INF), "Education basic to doctor"),
        ((-INF, 0.0), "Education none"),
    ):
        assert SegmentRule({0: bound}, 1, 1).in_words(schema).startswith(f"{text} (")


def test_up_to_zero_is_not_zero_where_values_are_negative() -> None:
    """A bound at 0 reads "of 0" only for columns without values below."""
    schema = TableSchema("t", "T", (Column("change", "Change", plausible=(0, 9)),))
    rule = SegmentRule({0: (-INF, 0.0)}, 1, 1)
    assert rule.in_words(schema).startswith("Change of 0 (")
    assert replace(rule, negative=frozenset({0})).in_words(schema).startswith("Change up to 0 (")


def test_no_column_no_rule() -> None:
    """Constant columns and one segment of everybody give no rule and no error."""
    same = np.ones((20, 2))
    assert segment_rules(same, np.arange(20) % 2) == ((), ())
    assert segment_rules(same, np.zeros(20, dtype=np.int64)) == ((),)
    assert segment_rules(np.full((20, 1), np.nan), np.arange(20) % 2) == ((), ())


@pytest.mark.parametrize(
    ("bounds", "text"),
    [
        ({0: (120.0, INF), 1: (-INF, 50.0)}, "Cash advances above $120 and purchases up to $50"),
        ({0: (0.0, INF)}, "Some cash advances"),
        (
            {0: (-INF, 0.0), 1: (100.0, 2500.0)},
            "No cash advances and purchases above $100 up to $2,500",
        ),
        ({2: (-INF, 0.0)}, "Purchase frequency of 0%"),
        (
            {0: (5.0, INF), 1: (-INF, 9.0), 2: (0.25, INF)},
            "Cash advances above $5, purchases up to $9 and purchase frequency above 25%",
        ),
    ],
)
def test_words(bounds: dict[int, tuple[float, float]], text: str) -> None:
    """A rule reads as a sentence, coverage and precision behind it."""
    rule = SegmentRule(bounds, coverage=0.82, precision=0.91)
    assert rule.in_words(MONEY) == f"{text} (covers 82% of the segment, right for 91%)"


def test_an_answer_is_yes_or_no() -> None:
    """A column of zeros and ones is not above anything."""
    flag = Column("active", "Is active", "count", plausible=(0, 1))
    schema = TableSchema("flags", "Flags", (flag, replace(flag, name="card", label="Card")))
    rule = SegmentRule({0: (0.0, INF), 1: (-INF, 0.0)}, coverage=1.0, precision=0.9)
    assert rule.in_words(schema).startswith("Is active Yes and card No (covers")


def test_bounds_in_profiles_are_round() -> None:
    """No bound of the planted book needs more than three significant digits."""
    for profile in profile_segments(*planted(600), SCHEMA):
        for rule in profile.rules:
            for number in re.findall(r"[\d,.]+\d", rule.partition(" (covers")[0]):
                assert len(number.replace(",", "").replace(".", "").strip("0")) <= 3


positive = st.floats(1e-6, 1e9)


@given(positive, st.floats(1e-6, 10), st.booleans())
def test_round_number_lies_between(low: float, width: float, negative: bool) -> None:
    """The number is in the half-open interval, on either side of zero."""
    high = low * (1 + width)
    low, high = (-high, -low) if negative else (low, high)
    assert low <= round_between(low, high) < high


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (118.2, 123.4, 120.0),
        (0.0, 14.2, 0.0),
        (0.083, 0.167, 0.1),
        (-5.0, 3.0, 0.0),
        (7.0, 8.0, 7.0),
    ],
)
def test_round_numbers_are_those_a_person_would_take(
    low: float, high: float, expected: float
) -> None:
    """Fewest digits win."""
    assert round_between(low, high) == expected
