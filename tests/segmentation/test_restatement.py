"""A partition that two yes/no facts explain is recognised; one that says more is not."""

import numpy as np
import pytest

from segmentation.restatement import RESTATES, column_flags, restatement

RANDOM = np.random.default_rng(0)
CASH, BOUGHT = (RANDOM.random((2, 3000)) < 0.5).astype(np.int64)
AMOUNT = RANDOM.normal(size=3000)


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
    assert flags.shape == (1, 3000)
    assert (flags[0] == 1 - CASH).all()
    assert column_flags(AMOUNT[:, None]).shape == (0, 3000)


def test_the_crossing_of_two_flags_is_a_restatement() -> None:
    """Segments that are exactly who drew cash and who bought are said by two facts."""
    other = (RANDOM.random(3000) < 0.5).astype(np.int64)
    flags = np.array([other, CASH, BOUGHT])
    assert restatement(2 * CASH + BOUGHT, flags) == pytest.approx(1.0)
    assert restatement(CASH & BOUGHT, flags) == pytest.approx(1.0)


def test_a_partition_by_amounts_is_none() -> None:
    """Flags say next to nothing of thirds of a continuous column."""
    thirds = np.digitize(AMOUNT, np.quantile(AMOUNT, [1 / 3, 2 / 3]))
    assert restatement(thirds, np.array([CASH, BOUGHT])) < 0.01


def test_the_measure_lies_between() -> None:
    """A flag crossed with thirds of an amount is said in part only."""
    thirds = np.digitize(AMOUNT, np.quantile(AMOUNT, [1 / 3, 2 / 3]))
    share = restatement(3 * CASH + thirds, np.array([CASH, BOUGHT]))
    assert 0.2 < share < RESTATES


def test_without_flags_or_segments_nothing_is_restated() -> None:
    """One segment, one flag or none: 0."""
    assert restatement(np.zeros(3000, dtype=np.int64), np.array([CASH, BOUGHT])) == 0.0
    assert restatement(CASH, np.array([CASH])) == 0.0
    assert restatement(CASH, np.empty((0, 3000), dtype=np.int64)) == 0.0
