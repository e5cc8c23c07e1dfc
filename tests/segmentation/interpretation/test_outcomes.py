"""Outcomes by segment: every figure is what pandas and SciPy say, and no small group has one."""

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from segmentation.interpretation.outcomes import (
    LEAST_DERIVED,
    LEAST_VALUES,
    Estimate,
    OutcomeProfile,
    profile_outcomes,
    ranges_of,
)
from segmentation.schema import Column, TableSchema
from segmentation.schema.drafting.outcome_names import event_of

CHURN = Column("churn", "Churn", "category", levels=("no", "yes"))
GRADE = Column("grade", "Loan status", "category", levels=("paid", "current", "charged off"))
FLAG = Column("flag", "Response", "count", plausible=(0.0, 1.0))
REVENUE = Column("revenue", "Revenue next year", "money", "$")
CHANGE = Column("change", "Change of balance", "money", "$")
SCHEMA = TableSchema(
    "shop",
    "A shop",
    (Column("spend", "Spend"),),
    outcomes=(CHURN, GRADE, FLAG, REVENUE, CHANGE),
)


@st.composite
def tables(draw: st.DrawFn) -> tuple[pd.DataFrame, np.ndarray]:
    """Return outcomes with missing values, and segments of very different sizes."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sizes = draw(st.lists(st.integers(1, 80), min_size=1, max_size=5))
    segment = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    rows = len(segment)
    shift = segment / 2
    table = pd.DataFrame(
        {
            "churn": (rng.random(rows) < 0.2 + 0.1 * segment).astype(float),
            "grade": rng.integers(0, 3, rows).astype(float),
            "flag": (rng.random(rows) < 0.1).astype(float),
            "revenue": rng.lognormal(3 + shift, 1),
            "change": rng.normal(-2 + shift, 5, rows),
        }
    )
    for name in table:
        table.loc[rng.random(rows) < draw(st.sampled_from([0.0, 0.3, 0.95])), name] = np.nan
    return table, segment


def wilson(count: int, n: int) -> tuple[float, float]:
    """Return Wilson's interval by the formula of his paper."""
    z, p = stats.norm.ppf(0.975), count / n
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return middle - reach, middle + reach


@settings(deadline=None, max_examples=40)
@given(tables())
def test_every_figure_is_what_pandas_says(drawn: tuple[pd.DataFrame, np.ndarray]) -> None:
    """Rate, mean, interval, count, missing share and lift, by segment and in the whole table."""
    table, segment = drawn
    events = {"churn": 1.0, "grade": 2.0, "flag": 1.0}
    for number, outcomes in enumerate(
        profile_outcomes(table, segment, int(segment.max()) + 1, SCHEMA)
    ):
        assert [outcome.column for outcome in outcomes] == list(SCHEMA.outcome_names)
        for outcome in outcomes:
            rows = table.loc[segment == number, outcome.column]
            own, whole = rows.dropna(), table[outcome.column].dropna()
            group = outcome.segment
            assert group.n == len(own)
            assert group.missing_share == pytest.approx(rows.isna().mean())
            if group.value is None:
                continue
            if outcome.column in events:
                event = events[outcome.column]
                assert group.value == (own == event).mean()
                assert (group.low, group.high) == pytest.approx(
                    wilson(int((own == event).sum()), len(own))
                )
                expected = (whole == event).mean()
            else:
                assert group.value == pytest.approx(own.mean())
                low, high = stats.ttest_1samp(own, 0).confidence_interval()
                assert group.high == pytest.approx(high)
                assert group.low == pytest.approx(max(low, 0) if whole.min() >= 0 else low)
                expected = whole.mean()
            assert outcome.whole.value == pytest.approx(expected)
            if outcome.lift is not None:
                assert outcome.lift == pytest.approx(group.value / expected)


@settings(deadline=None, max_examples=40)
@given(tables())
def test_no_small_group_has_a_figure_or_can_be_worked_out(
    drawn: tuple[pd.DataFrame, np.ndarray],
) -> None:
    """Under twenty values there is none, and the whole less the others is five or more, or none."""
    table, segment = drawn
    profiles = profile_outcomes(table, segment, int(segment.max()) + 1, SCHEMA)
    for outcomes in zip(*profiles, strict=True):
        groups = [outcome.segment for outcome in outcomes]
        assert all(group.value is None for group in groups if group.n < LEAST_VALUES)
        whole = outcomes[0].whole
        if whole.value is not None:
            derived = sum(group.n for group in groups if group.value is None)
            assert derived == 0 or derived >= LEAST_DERIVED


@settings(deadline=None, max_examples=40)
@given(tables())
def test_json_round_trip(drawn: tuple[pd.DataFrame, np.ndarray]) -> None:
    """What is saved with a model reads back as equal objects."""
    table, segment = drawn
    for outcomes in profile_outcomes(table, segment, int(segment.max()) + 1, SCHEMA):
        for outcome in outcomes:
            text = json.dumps(outcome.to_dict(), allow_nan=False)
            assert OutcomeProfile.from_dict(json.loads(text)) == outcome


def churn(own: Estimate, whole: float = 0.14) -> OutcomeProfile:
    average = Estimate(8_000, 0.0, whole, whole - 0.01, whole + 0.01)
    return OutcomeProfile("churn", "Churn", "category", "", "yes", own, average)


def revenue(own: Estimate, whole: float = 970.0) -> OutcomeProfile:
    average = Estimate(8_000, 0.0, whole, whole - 10, whole + 10)
    return OutcomeProfile("revenue", "Revenue", "money", "$", "", own, average)


@pytest.mark.parametrize(
    ("outcome", "sentence"),
    [
        (
            churn(Estimate(1_200, 0.0, 0.265, 0.241, 0.29)),
            "Churn: 26% (24% to 29%), 1.9 times the whole table's 14%.",
        ),
        (
            churn(Estimate(1_200, 0.083, 0.15, 0.13, 0.17)),
            "Churn: 15% (13% to 17%), no clear difference from the whole table's 14%; "
            "missing for 8.3%.",
        ),
        (
            churn(Estimate(300, 0.0, 0.0, 0.0, 0.012)),
            "Churn: 0% (0% to 1.2%), against the whole table's 14%.",
        ),
        (
            churn(Estimate(90_000, 0.0, 0.14, 0.1395, 0.1405), 0.1391),
            "Churn: 14% (14% to 14%), 1.01 times the whole table's 14%.",
        ),
        (churn(Estimate(12, 0.0)), "Churn: too few to tell, 12 with a value."),
        (
            churn(Estimate(1, 0.99)),
            "Churn: too few to tell, 1 with a value; missing for 99%.",
        ),
        (
            churn(Estimate(40, 0.0)),
            "Churn: withheld to protect a small group, 40 with a value.",
        ),
        (
            revenue(Estimate(400, 0.0, 1_850.0, 1_700.0, 2_000.0)),
            "Revenue: $1,850 on average ($1,700 to $2,000), 1.9 times the whole table's $970.",
        ),
        (
            revenue(Estimate(400, 0.0, -30.0, -50.0, -10.0), 90.0),
            "Revenue: −$30 on average (−$50 to −$10), $120 below the whole table's $90.",
        ),
        (
            revenue(Estimate(25, 0.0, 0.0)),
            "Revenue: $0 for all 25 with a value, against the whole table's $970.",
        ),
    ],
)
def test_sentences_say_what_is_so(outcome: OutcomeProfile, sentence: str) -> None:
    """Figure, interval and comparison; where there is no figure, why."""
    assert outcome.sentence == sentence


def test_a_level_that_the_label_does_not_say_is_named() -> None:
    """A rate says whose it is; a plain yes needs no words."""
    own = Estimate(100, 0.0, 0.3, 0.2, 0.4)
    profile = OutcomeProfile("risk", "Risk", "category", "", "bad", own, own)
    assert profile.title == "Risk (bad)"
    assert churn(own).title == "Churn"


@pytest.mark.parametrize(
    ("levels", "counts", "event"),
    [
        (("no", "yes"), (10, 90), "yes"),
        (("Ja", "Nein"), (90, 10), "Ja"),
        (("Attrited Customer", "Existing Customer"), (90, 10), "Attrited Customer"),
        (("Not churned", "Churned"), (10, 90), "Churned"),
        (("failure", "other", "success"), (10, 5, 85), "success"),
        (("Fully Paid", "Charged Off", "Late"), (80, 15, 5), "Late"),
        (("1", "2"), (10, 90), "1"),
        (("A", "B", "C"), (5, 0, 9), "A"),
        (("A", "B"), (5, 5), "B"),
        (("A", "B"), (0, 0), "B"),
        (("paid", "current", "written off"), (50, 5, 9), "written off"),
    ],
)
def test_the_event_is_known_by_its_words_or_is_rare(
    levels: Sequence[str], counts: Sequence[int], event: str
) -> None:
    """A level that says that it happened, in several languages; else the one that fewest have."""
    assert event_of(levels, counts) == event


def test_of_two_levels_the_schema_says_which_counts() -> None:
    """The second one, whatever it is called and however frequent."""
    stayed = Column("churn", "Churn", "category", levels=("yes", "no"))
    schema = TableSchema("x", "X", SCHEMA.columns, outcomes=(stayed,))
    values = pd.DataFrame({"churn": [0.0] * 10 + [1.0] * 30})
    ((outcome,),) = profile_outcomes(values, np.zeros(40, dtype=np.int64), 1, schema)
    assert (outcome.level, outcome.segment.value) == ("no", 0.75)


def test_zeros_and_ones_are_a_rate_other_numbers_a_mean() -> None:
    """By their values; a column of amounts that are all 0 stays a mean."""
    columns = tuple(Column(name, name) for name in ("happened", "amount", "zeros"))
    schema = TableSchema("x", "X", SCHEMA.columns, outcomes=columns)
    rows = pd.DataFrame({"happened": [0.0, 1.0], "amount": [0.0, 2.0], "zeros": [0.0, 0.0]})
    table = pd.concat([rows] * 20, ignore_index=True)
    (outcomes,) = profile_outcomes(table, np.zeros(40, dtype=np.int64), 1, schema)
    assert [outcome.level for outcome in outcomes] == ["1", "", ""]
    assert [outcome.segment.value for outcome in outcomes] == [0.5, 1.0, 0.0]


def test_versions_say_how_far_segments_differ() -> None:
    """The smallest and the largest rate or mean of the first outcomes; none without values."""
    segment = np.repeat([0, 1], 100)
    table = pd.DataFrame(
        {
            "churn": [1.0] * 10 + [0.0] * 90 + [1.0] * 40 + [0.0] * 60,
            "grade": np.nan,
            "flag": [0.0, 1.0] * 100,
            "revenue": [12.0] * 100 + [90.0] * 100,
            "change": [1.0] * 200,
        }
    )
    outcomes = profile_outcomes(table, segment, 2, SCHEMA)
    ranges = "Churn 10% to 40%; Response 50%; Revenue next year $12 to $90"
    assert ranges_of(outcomes) == ranges
    assert ranges_of([(), ()]) == ""
