"""A partition that two yes/no facts explain is recognised; one that says more is not."""

import numpy as np
import pytest

from segmentation.evaluation.surrogate import column_ranks
from segmentation.evaluation.triviality import (
    DRIVES,
    RESTATES,
    Flags,
    column_flags,
    one_column,
    restatement,
    telling_column,
    telling_flags,
)
from segmentation.types import IntArray

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
    assert restatement(2 * CASH + BOUGHT, flags) == pytest.approx(1.0)
    assert telling_flags(2 * CASH + BOUGHT, flags)[1] == (5, 6)
    assert restatement(CASH & BOUGHT, flags) == pytest.approx(1.0)


def test_a_partition_by_amounts_is_none() -> None:
    """Flags say next to nothing of thirds of a continuous column."""
    thirds = np.digitize(AMOUNT, np.quantile(AMOUNT, [1 / 3, 2 / 3]))
    assert restatement(thirds, flags_of(CASH, BOUGHT)) < 0.01


def test_the_measure_lies_between() -> None:
    """A flag crossed with thirds of an amount is said in part only."""
    thirds = np.digitize(AMOUNT, np.quantile(AMOUNT, [1 / 3, 2 / 3]))
    share = restatement(3 * CASH + thirds, flags_of(CASH, BOUGHT))
    assert 0.2 < share < RESTATES


def test_without_flags_or_segments_nothing_is_restated() -> None:
    """One segment, one flag or none: 0."""
    assert restatement(np.zeros(3000, dtype=np.int64), flags_of(CASH, BOUGHT)) == 0.0
    assert restatement(CASH, flags_of(CASH)) == 0.0
    assert restatement(CASH, flags_of()) == 0.0


def test_ranges_of_one_column_are_recognised() -> None:
    """Fifths of a column are said by it alone, whatever the others hold; noise is not."""
    matrix = np.column_stack([RANDOM.normal(size=3000), AMOUNT])
    fifths = np.digitize(AMOUNT, np.quantile(AMOUNT, [0.2, 0.4, 0.6, 0.8]))
    share, column = telling_column(fifths, column_ranks(matrix))
    assert column == 1
    assert share == one_column(fifths, column_ranks(matrix)) > DRIVES
    assert one_column(RANDOM.integers(0, 5, 3000), column_ranks(matrix)) < 0.05
