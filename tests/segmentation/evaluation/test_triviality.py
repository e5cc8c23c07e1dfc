"""A partition that two yes/no facts explain is recognised; one that says more is not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmentation.evaluation.triviality import (
    DRIVES,
    RESTATES,
    RESTATES_CATEGORY,
    ColumnCodes,
    Flags,
    column_flags,
    column_ranges,
    column_ranks,
    leading_category,
    one_column,
    restatement,
    tree_accuracy,
)
from segmentation.schema import Column, TableSchema
from segmentation.types import FloatArray, IntArray
from tests.segmentation.evaluation.test_metrics import blobs

RANDOM = np.random.default_rng(0)
CASH, BOUGHT = (RANDOM.random((2, 3000)) < 0.5).astype(np.int64)
AMOUNT = RANDOM.normal(size=3000)


def flags_of(*facts: IntArray) -> Flags:
    """Return facts as flags of the columns 4, 5 and so on."""
    return Flags(np.arange(len(facts)) + 4, np.array(facts).reshape(len(facts), 3000))


def test_a_column_with_a_dominating_value_is_a_flag() -> None:
    """Half zeros make a flag; continuous, constant, rare and empty columns do not."""
    matrix = np.column_stack(
        [
            np.where(CASH == 1, AMOUNT, 0.0),
            AMOUNT,
            np.ones(3000),
            np.where(RANDOM.random(3000) < 0.02, 1.0, AMOUNT),
            np.full(3000, np.nan),
        ]
    )
    flags = column_flags(matrix)
    assert flags.columns.tolist() == [0]
    assert (flags.facts[0] == 1 - CASH).all()
    assert column_flags(AMOUNT[:, None]).facts.shape == (0, 3000)


def test_the_crossing_of_two_flags_is_a_restatement() -> None:
    """Segments that are exactly who drew cash and who bought are said by two facts."""
    other = (RANDOM.random(3000) < 0.5).astype(np.int64)
    flags = flags_of(other, CASH, BOUGHT)
    share, columns = restatement(2 * CASH + BOUGHT, flags)
    assert share == pytest.approx(1.0)
    assert columns == (5, 6)
    assert restatement(CASH & BOUGHT, flags)[0] == pytest.approx(1.0)


def test_a_partition_by_amounts_is_none() -> None:
    """Flags say next to nothing of thirds of a continuous column."""
    thirds = np.digitize(AMOUNT, np.quantile(AMOUNT, [1 / 3, 2 / 3]))
    assert restatement(thirds, flags_of(CASH, BOUGHT))[0] < 0.01


def test_the_measure_lies_between() -> None:
    """A flag crossed with thirds of an amount is said in part only."""
    thirds = np.digitize(AMOUNT, np.quantile(AMOUNT, [1 / 3, 2 / 3]))
    share, _ = restatement(3 * CASH + thirds, flags_of(CASH, BOUGHT))
    assert 0.2 < share < RESTATES


def test_without_flags_or_segments_nothing_is_restated() -> None:
    """One segment, one flag or none: 0."""
    assert restatement(np.zeros(3000, dtype=np.int64), flags_of(CASH, BOUGHT)) == (0.0, ())
    assert restatement(CASH, flags_of(CASH)) == (0.0, ())
    assert restatement(CASH, flags_of()) == (0.0, ())


def test_ranges_of_one_column_are_recognised() -> None:
    """Fifths of a column are said by it alone, whatever the others hold; noise is not."""
    matrix = np.column_stack([RANDOM.normal(size=3000), AMOUNT])
    fifths = np.digitize(AMOUNT, np.quantile(AMOUNT, [0.2, 0.4, 0.6, 0.8]))
    share, column = one_column(fifths, column_ranges(column_ranks(matrix)))
    assert column == 1
    assert share > DRIVES
    chance = RANDOM.integers(0, 5, 3000)
    assert one_column(chance, column_ranges(column_ranks(matrix)))[0] < 0.05


def test_a_category_that_leads_is_a_restatement() -> None:
    """Segments along its levels are said by it; not where another column tells the same groups."""
    level = RANDOM.integers(0, 3, 3000)
    halves = (AMOUNT > 0).astype(np.int64)
    schema = TableSchema(
        "t",
        "t",
        (
            Column("amount", "amount"),
            Column("a", "a", kind="indicator", of="Colour"),
            Column("b", "b", kind="indicator", of="Colour"),
        ),
    )

    def codes(amount: FloatArray) -> ColumnCodes:
        matrix = np.column_stack([amount, level == 0, level == 1]).astype(float)
        ranks = column_ranks(matrix)
        return ColumnCodes.of(ranks, column_ranges(ranks), schema)

    share, position = leading_category(2 * level + halves, codes(RANDOM.normal(size=3000)))
    assert position == 1
    assert RESTATES_CATEGORY < share < 0.7
    assert leading_category(level, codes(AMOUNT))[0] == pytest.approx(1.0)
    assert leading_category(level, codes(AMOUNT + 9 * level))[0] == 0.0
    assert leading_category(halves, codes(AMOUNT))[0] == 0.0


def test_a_tree_describes_a_crossing_of_three_flags() -> None:
    """Eight segments cut by one threshold in each of three columns need seven questions."""
    points = np.random.default_rng(0).normal(size=(800, 3))
    labels = ((points > 0) @ np.array([1, 2, 4])).astype(np.int64)
    assert tree_accuracy(labels, column_ranks(points)) > 0.97


def test_a_tree_cannot_describe_noise() -> None:
    """Random labels are named hardly better than by always saying the largest."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 2000)
    assert tree_accuracy(labels, column_ranks(rng.normal(size=(2000, 5)))) < 0.33


@given(st.sampled_from([np.exp, np.cbrt, lambda x: 1e6 * x + 3e7]))
def test_trees_see_ranks_only(stretch: np.ufunc) -> None:
    """Any rising transformation of a column leaves the tree's accuracy exactly the same."""
    points, labels = blobs()
    labels[::3] = 0
    before = tree_accuracy(labels, column_ranks(points))
    assert tree_accuracy(labels, column_ranks(stretch(points))) == before


def test_ranks_put_missing_values_at_the_median() -> None:
    """A null gets its column's middle rank; an empty column is all zeros."""
    matrix = np.array([[5.0, np.nan], [np.nan, np.nan], [7.0, np.nan], [6.0, np.nan]])
    assert column_ranks(matrix).tolist() == [[0, 0], [1, 0], [2, 0], [1, 0]]
