"""Groups beside learned segments: agreement between chance and the same, and what either tells."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kruskal

from segmentation.interpretation.cross_table import CrossTable, cross_table, explained_variance

NAMES = {1: "Spenders", 2: "Savers"}
CHANCE = np.random.default_rng(0)
ROWS = 400
SEGMENT = pd.Series(CHANCE.integers(1, 3, ROWS))
GROUP = pd.Series(CHANCE.choice(["A", "B", "C"], ROWS))
FEATURES = pd.DataFrame(
    {
        "seen": SEGMENT + CHANCE.normal(0, 0.1, ROWS),
        "recency": GROUP.map({"A": 1.0, "B": 2.0, "C": 3.0}),
        "noise": CHANCE.normal(0, 1, ROWS),
        "equal": 1.0,
    }
)


def crossed(groups: pd.Series, segments: pd.Series) -> CrossTable:
    """Cross them with the features."""
    return cross_table(groups, segments, NAMES, FEATURES, {"seen": "What segments see"})


def test_independent_parts_share_nothing() -> None:
    """Chance is zero; the sentences name the columns that only one of them tells apart."""
    result = crossed(GROUP, SEGMENT)
    assert abs(result.adjusted_mutual_information or 1.0) < 0.02
    assert (result.cramers_v or 1.0) < 0.15
    assert result.counts.to_numpy().sum() == ROWS
    assert result.shares.sum(axis=1).to_numpy() == pytest.approx(1)
    columns = {column.column: column for column in result.explained}
    assert (columns["seen"].by_segments or 0) > 0.7
    assert (columns["seen"].by_groups or 0) < 0.05
    assert columns["recency"].by_groups == pytest.approx(1)
    assert max(columns["noise"].by_groups or 0, columns["noise"].by_segments or 0) < 0.02
    assert columns["equal"].by_groups is None
    assert result.explained[0].column == "seen"
    assert "Segments tell more than groups about What segments see (" in result.sentences[1]
    assert (
        "Groups tell more than segments about recency (100% of its variance"
        in (result.sentences[2])
    )


def test_the_same_parts_share_everything() -> None:
    """Whatever they are called and in which order the customers come."""
    result = crossed(SEGMENT.map(NAMES), SEGMENT.sample(frac=1, random_state=0))
    assert result.adjusted_mutual_information == pytest.approx(1)
    assert result.cramers_v == pytest.approx(1)
    assert "tell no column apart better" in result.sentences[1]


def test_a_segment_without_customers_has_a_column_and_one_group_no_figure() -> None:
    """Nothing to compare is said in a sentence."""
    result = crossed(pd.Series(["A"] * ROWS), pd.Series([1] * ROWS))
    assert result.counts.to_numpy().tolist() == [[ROWS, 0]]
    assert (result.adjusted_mutual_information, result.cramers_v) == (None, None)
    assert "nothing to compare" in result.sentences[0]


def test_explained_variance_is_that_of_kruskal_and_wallis() -> None:
    """Epsilon squared, (H - k + 1) / (n - k), with missing values left out."""
    values = FEATURES["seen"].where(CHANCE.random(ROWS) > 0.1)
    present = values.notna()
    parts = [values[present & (number == SEGMENT)] for number in NAMES]
    h, n = kruskal(*parts).statistic, present.sum()
    assert explained_variance(values, SEGMENT) == pytest.approx((h - 1) / (n - 2))
    assert explained_variance(FEATURES["seen"].iloc[:2], pd.Series(["A", "B"])) is None
