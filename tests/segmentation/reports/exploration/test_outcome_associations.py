"""Outcomes of an explored table: overall figures, associations, and rates by range."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from segmentation.reports.exploration import Exploration, Table, explore
from segmentation.reports.exploration.outcome_associations import describe_outcomes
from segmentation.reports.figures.exploration_figures import pictures
from segmentation.reports.html.exploration_page import exploration_page
from segmentation.reports.json_data import plain
from segmentation.schema import Column, TableSchema

SCHEMA = TableSchema(
    "telecom",
    "Telecom",
    (
        Column("tenure", "Tenure", "months"),
        Column("charges", "Monthly charges", "money", "$"),
        Column("contract", "Contract", "category", levels=("month", "year", "two years")),
        Column("fee", "Cancellation fee", "money", "$"),
    ),
    outcomes=(
        Column("Churn", "Churn", "category", levels=("No", "Yes")),
        Column("revenue", "Revenue next year", "money", "$"),
    ),
)


@pytest.fixture(scope="module")
def raw() -> pd.DataFrame:
    """Return customers who leave early in their tenure; one column is the outcome in disguise."""
    rng = np.random.default_rng(2)
    tenure = rng.integers(1, 73, 600).astype(float)
    churn = rng.random(600) < 0.7 - 0.009 * tenure
    table = pd.DataFrame(
        {
            "tenure": tenure,
            "charges": rng.normal(60, 10, 600),
            "contract": rng.choice(["month", "year", "two years"], 600),
            "fee": np.where(churn, 50.0, 0.0),
            "Churn": np.where(churn, "Yes", "No"),
            "revenue": rng.lognormal(3, 1, 600) + tenure,
        }
    )
    table.loc[rng.random(600) < 0.05, "Churn"] = None
    return table


@pytest.fixture(scope="module")
def exploration(raw: pd.DataFrame) -> Exploration:
    """Explore the table."""
    return explore(Table.of(raw, SCHEMA, "telecom.csv"))


def test_overall_figures_are_those_of_the_file(raw: pd.DataFrame, exploration: Exploration) -> None:
    """Rate and mean of all customers, the missing share, and what the report says of them."""
    churn, revenue = exploration.outcomes
    assert churn.whole.whole.value == (raw["Churn"].dropna() == "Yes").mean()
    assert churn.whole.whole.missing_share == pytest.approx(raw["Churn"].isna().mean())
    assert revenue.whole.whole.value == pytest.approx(raw["revenue"].mean())
    assert revenue.sentence.startswith(f"Revenue next year: ${raw['revenue'].mean():,.2f} on ave")


def test_associations_are_described_and_a_disguise_is_named(
    raw: pd.DataFrame, exploration: Exploration
) -> None:
    """Spearman with the event as pandas has it, strongest first; what says it is named."""
    churn, revenue = exploration.outcomes
    assert [pair.first.name for pair in churn.pairs[:2]] == ["fee", "tenure"]
    event = raw["Churn"].map({"Yes": 1.0, "No": 0.0})
    expected = raw["tenure"].corr(event, method="spearman")
    assert churn.pairs[1].value == pytest.approx(expected)
    assert [pair.first.name for pair in churn.revealing] == ["fee"]
    assert revenue.pairs[0].first.name == "tenure"
    assert "charges" not in {pair.first.name for pair in (*churn.pairs, *revenue.pairs)}
    assert not revenue.revealing


def test_rates_by_range_are_those_of_the_file(raw: pd.DataFrame, exploration: Exploration) -> None:
    """Five ranges of the strongest column, each with the mean of its customers."""
    by_tenure = exploration.outcomes[1].by_strongest
    assert by_tenure is not None
    cuts = np.quantile(raw["tenure"], [0.2, 0.4, 0.6, 0.8], method="inverted_cdf")
    ranges = pd.cut(raw["tenure"], [0, *cuts, 100])
    expected = raw["revenue"].groupby(ranges, observed=True).mean()
    assert [o.segment.value for o in by_tenure.outcomes] == pytest.approx(expected.tolist())
    assert by_tenure.texts[0] == f"to {cuts[0]:.0f} months"
    assert by_tenure.texts[-1] == f"above {cuts[-1]:.0f} months"


def test_the_report_has_outcomes_and_no_feature_is_one(exploration: Exploration) -> None:
    """A section with figures, pictures and the warning; JSON; nothing else mentions outcomes."""
    html = exploration_page(exploration, pictures(exploration), seconds=0.0)
    section = html[html.index('<section id="outcomes">') : html.index('<section id="method">')]
    assert section.count("<svg") == 3  # the shape of the number, and both by range
    assert "<strong>Cancellation fee</strong> nearly predicts Churn by itself" in section
    assert json.loads(json.dumps(plain(exploration.outcomes)))[0]["whole"]["label"] == "Churn"
    assert {c.name for c in exploration.descriptive.columns} == set(SCHEMA.column_names)
    assert set(exploration.associations.all_names) == set(SCHEMA.column_names)


def test_a_table_without_outcomes_has_no_such_section(exploration: Exploration) -> None:
    """Neither the section nor the link to it."""
    html = exploration_page(replace(exploration, outcomes=()), {}, seconds=0.0)
    assert "#outcomes" not in html
    bare = replace(exploration.table, outcomes=None)
    assert describe_outcomes(bare) == ()
