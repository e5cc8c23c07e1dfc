"""Scores for recency, frequency and money: equal for equal values, ordered, and by quintiles."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmentation.data import features_from_transactions, rfm_groups
from segmentation.data.transactions.recipe import CutPoints, Recipe
from segmentation.data.transactions.rfm import GRID, GROUPS, MEASURES, NO_PURCHASE, SCORED
from segmentation.errors import DataError, SpecError

NAN = float("nan")


def customers(
    recency: list[float], frequency: list[float], money: list[float] | None = None
) -> pd.DataFrame:
    """Return collected customers with these values; windows of 30 and 90 days."""
    return pd.DataFrame(
        {
            "recency_days": recency,
            "purchases_30d": 0,
            "purchases_90d": frequency,
            "amount_90d": [1.0] * len(recency) if money is None else money,
        }
    )


def scores(frame: pd.DataFrame, name: str, cuts: CutPoints | None = None) -> list[int | None]:
    """Return one measure's scores, None for none."""
    column = rfm_groups(frame, *([cuts] if cuts else [])).customers[name]
    return [None if pd.isna(score) else int(score) for score in column]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2, 3, 4, 5], [1, 2, 3, 4, 5]),
        (list(range(1, 11)), [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]),
        ([7], [3]),  # one customer
        ([7, 7, 7, 7], [3, 3, 3, 3]),  # all equal
        ([1, 9], [2, 4]),  # two values
        ([1, 2, 3], [1, 3, 5]),
        ([1, 1, 1, 1, 9], [2, 2, 2, 2, 5]),  # most have one purchase
        ([1, 1, 5, 9, 9], [1, 1, 3, 4, 4]),
        ([0, 4, 0, 4], [None, 3, None, 3]),  # who bought nothing counts for no quintile
        ([0, NAN], [None, None]),
    ],
)
def test_quintiles_of_a_table_of_cases(values: list[float], expected: list[int | None]) -> None:
    """Ties, one customer, equal values, fewer than five values, no purchase."""
    assert scores(customers([5.0] * len(values), values), SCORED[1]) == expected


def test_recency_counts_the_other_way() -> None:
    """Few days ago is a high score; without a day there is none, and none of the others."""
    frame = customers([10, 20, 30, 40, 50, NAN], [1, 2, 3, 4, 5, 6])
    assert scores(frame, SCORED[0]) == [5, 4, 3, 2, 1, None]
    assert scores(frame, SCORED[1]) == [1, 2, 3, 4, 5, None]
    assert rfm_groups(frame).customers["rfm_group"].iloc[-1] == NO_PURCHASE


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=40), st.randoms())
def test_scores_keep_the_order(values: list[int], random: object) -> None:
    """Equal values are equal, better ones never lower, whatever the order and unit."""
    frame = customers([5.0] * len(values), list(map(float, values)))
    own = np.array(scores(frame, SCORED[1]))
    assert ((own >= 1) & (own <= 5)).all()
    for value in set(values):
        assert len(set(own[np.array(values) == value])) == 1
    assert (np.diff(own[np.argsort(values, kind="stable")]) >= 0).all()
    order = list(range(len(values)))
    random.shuffle(order)  # type: ignore[attr-defined]
    moved = frame.iloc[order].assign(purchases_90d=lambda table: 3 * table["purchases_90d"])
    assert scores(moved, SCORED[1]) == own[order].tolist()


def test_cut_points_are_reached() -> None:
    """A value at a cut point has the better score; the table's other customers do not matter."""
    cuts = CutPoints(recency=(30, 60, 90, 120), frequency=(2, 5, 10, 20), money=(0, 10, 20, 30))
    frame = customers([1, 30, 31, 120, 121], [1, 2, 5, 19, 20], [-3, 0, 9, 20, 99])
    expected = [[5, 5, 4, 2, 1], [1, 2, 3, 4, 5], [1, 2, 2, 4, 5]]
    assert [scores(frame, name, cuts) for name in SCORED] == expected
    for place in range(len(frame)):
        one = frame.iloc[[place]]
        assert [scores(one, name, cuts)[0] for name in SCORED] == [row[place] for row in expected]


@pytest.mark.parametrize("points", [(1, 2, 3), (1, 2, 2, 3), (4, 3, 2, 1), (1, 2, 3, NAN), "abcd"])
def test_wrong_cut_points_are_refused(points: tuple[float, ...]) -> None:
    """With the measure, the values and what is expected."""
    with pytest.raises(SpecError, match=r"money=.*four numbers that ascend"):
        CutPoints(money=points)


def test_a_recipe_carries_cut_points() -> None:
    """Through plain data, as YAML and a model's files have it."""
    recipe = Recipe("who", "day", "amount", rfm=CutPoints(frequency=(1, 2, 3, 4)))
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    assert "rfm" not in Recipe("who", "day", "amount").to_dict()


def test_the_grid_has_the_usual_corners() -> None:
    """Every cell has a name, every name a cell; frequency and money count equally."""
    assert {name for row in GRID.values() for name in row} | {NO_PURCHASE} == set(GROUPS)
    frame = customers(
        [1, 2, 3, 4, 5] * 5,
        [float(n // 5 + 1) for n in range(25)],
        [float(n // 5 + 1) for n in range(25)],
    )
    table = rfm_groups(frame).customers
    named = dict(zip(table["rfm"], table["rfm_group"], strict=True))
    expected = {"555": "Champions", "155": "Cannot lose them", "111": "Hibernating"}
    expected |= {"511": "New customers", "333": "Need attention", "144": "At risk", "344": "Loyal"}
    assert {code: named[code] for code in expected} == expected
    rich = customers([1, 1, 9, 9], [1, 9, 1, 9], [9, 1, 9, 1])
    assert set(rfm_groups(rich).customers["rfm_group"].iloc[:2]) == {"Potential loyalists"}


def test_groups_and_ranges_sum_up_the_table() -> None:
    """Shares add up to one, without empty groups; ranges are those of the values."""
    result = rfm_groups(customers([5, 1, NAN, 300], [1, 9, 0, 0], [3.5, 80.0, 0.0, 0.0]))
    assert result.days == 90
    assert result.groups["customers"].to_dict() == {"Loyal": 1, "Hibernating": 1, NO_PURCHASE: 2}
    assert result.groups.loc["Hibernating", "money"] == 3.5
    assert result.groups["share"].sum() == pytest.approx(1)
    assert result.ranges[4] == ((1, 1.0, 1.0), (1, 9.0, 9.0), (1, 80.0, 80.0))
    assert result.ranges[5] == ((0, None, None),) * len(MEASURES)


def test_a_table_without_the_measures_is_refused() -> None:
    """With the columns that are missing, and the remedy."""
    with pytest.raises(DataError, match=r"recency_days.*Collect the customers"):
        rfm_groups(pd.DataFrame({"amount_30d": [1.0]}))
    with pytest.raises(DataError, match="at least one customer"):
        rfm_groups(customers([], []))


def test_transactions_lead_to_groups() -> None:
    """From a data frame in two calls."""
    log = pd.DataFrame(
        {
            "who": ["ann", "ann", "bob", "cid"],
            "day": pd.to_datetime(["2024-06-01", "2024-06-30", "2024-02-01", "2024-05-01"]),
            "amount": [50.0, 70.0, 5.0, 20.0],
        }
    )
    collected = features_from_transactions(log, Recipe("who", "day", "amount"))
    table = rfm_groups(collected.frame.set_index("who")).customers
    assert table["rfm"].to_dict() == {"ann": "555", "bob": "121", "cid": "323"}
