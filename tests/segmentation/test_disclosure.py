"""What is published of customers is that of at least a minimum group, or its average."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmentation.clustering.spec import Preprocessing, SegmenterSpec
from segmentation.disclosure import SETTING, averaged, few_differ, minimum_group
from segmentation.errors import SpecError
from segmentation.evaluation.evaluator import Evaluator
from segmentation.reports.exploration import Table
from segmentation.reports.exploration.descriptive import describe, level_counts
from segmentation.schema import Column, TableSchema
from segmentation.schema.inference import infer_schema


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.lists(st.integers(-30, 30).map(float), max_size=60), st.sampled_from([2, 5]))
def test_every_published_value_stands_for_a_group(values: list[float], group: int) -> None:
    """Each occurs that often, or nothing is published; the mean of fractions stays."""
    fractions = np.array([*values, np.nan]) / 7
    public = averaged(fractions, group)
    _, counts = np.unique(public[~np.isnan(public)], return_counts=True)
    assert (counts >= group).all()
    if not few_differ(fractions, group):
        np.testing.assert_allclose(np.nansum(public), np.nansum(fractions), atol=1e-9)


def test_who_differs_alone_does_not_differ() -> None:
    """An average with those at zero would give the value away; so few become like the others."""
    values = np.array([0.0] * 95 + [1e6, 2e6, 3e6, np.nan])
    assert np.nanmax(averaged(values, 5)) == 0.0
    assert np.isnan(averaged(np.array([1.0, 2.0]), 5)).all()
    assert averaged(np.array([1.0, 2.0]), 1).tolist() == [1.0, 2.0]


@pytest.mark.parametrize("text", ["0", "-5", "five", "2.5"])
def test_a_group_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """The variable, its value and what was expected."""
    assert minimum_group() == 5
    monkeypatch.setenv(SETTING, "12")
    assert minimum_group() == 12
    monkeypatch.setenv(SETTING, text)
    with pytest.raises(SpecError, match=rf"{SETTING}='{text}': expected a whole number above 0"):
        minimum_group()


@pytest.mark.parametrize("group", [1, 5])
def test_a_schema_of_ones_own_is_explored_without_the_rare(
    monkeypatch: pytest.MonkeyPatch, group: int
) -> None:
    """Whatever levels a schema lists, those of four customers are neither named nor counted."""
    monkeypatch.setenv(SETTING, str(group))
    jobs = ["cook"] * 50 + ["nurse"] * 46 + ["Prime Minister"] * 4
    frame = pd.DataFrame({"job": jobs, "income": [*np.linspace(1, 9, 99), 7654321.0]})
    levels = ("Prime Minister", "cook", "nurse", "pilot")
    columns = (Column("job", "Job", "category", levels=levels), Column("income", "Income"))
    table = Table.of(frame, TableSchema("own", "Own", columns))
    (counts,) = level_counts(table)
    income = describe(table).columns[1]
    assert ("Prime Minister" in counts.levels) == (group == 1)
    assert "Prime Minister" not in str(table.schema) or group == 1
    assert counts.missing == (0 if group == 1 else 4)
    assert (income.maximum == 7654321.0) == (group == 1)
    assert income.maximum == pytest.approx(frame["income"].nlargest(group).mean())


def test_a_draft_names_no_rare_level_and_no_extreme() -> None:
    """Of codes and of texts; an extreme that is a round number lies inside its range."""
    frame = pd.DataFrame(
        {
            "branch": [1, 2, 3] * 30 + [17] * 4,
            "plan": ["basic", "gold"] * 45 + ["Royal"] * 4,
            "income": [*np.linspace(1.5, 900, 93).round(2), 1_000_000.0],
        }
    )
    schema = infer_schema(frame)
    branch, plan, income = schema.columns
    assert (branch.levels, plan.levels) == (("1", "2", "3"), ("basic", "gold"))
    assert plan.nullable
    assert "17" not in schema.notes["branch"]
    assert "1 level that fewer than 5 customers have is left out" in schema.notes["plan"]
    assert income.plausible == (0.0, 2_000_000.0)


def test_a_segment_of_four_is_no_segment() -> None:
    """In a small table as many customers as the minimum group form a segment at least."""
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(0, 1, (26, 2)), rng.normal(30, 1, (4, 2))])
    schema = TableSchema("small", "Small", (Column("a", "A"), Column("b", "B")))
    spec = SegmenterSpec("small", Preprocessing(), "k_means", {"n_clusters": 2})
    evaluated = Evaluator(points, schema).evaluate(spec)
    assert "smallest segment holds 13% of customers, at least 17%" in str(evaluated.evaluation)
