"""Segments over time: who came, who left, who moved, and when more than usual."""

from dataclasses import replace
from datetime import date

import pandas as pd
import pytest

from segmentation.errors import DataError
from segmentation.interpretation.outcomes import Estimate, OutcomeProfile
from segmentation.monitoring.history import Day, History

NAMES = {1: "Big spenders", 4: "Rarely in use"}
DAYS = [date(2025, month, 28) for month in (1, 2, 3, 4)]


def day(when: date, **segment: int) -> Day:
    """Return customers by segment."""
    return Day(when, pd.Series(segment, dtype="int64"))


def history() -> History:
    """Return four days: one moves a month, and four in March."""
    return History(
        NAMES,
        (
            day(DAYS[0], a=1, b=1, c=1, d=1, e=1, f=4),
            day(DAYS[1], a=1, b=1, c=1, d=1, e=4, f=4),
            day(DAYS[2], a=4, b=4, c=4, d=4, e=1, g=1),
            day(DAYS[3], a=4, b=4, c=4, d=1, e=1, g=1),
        ),
    )


def test_every_step_is_counted() -> None:
    """Flows of those who are there on both days; who came and who left by segment."""
    first, second, third = history().steps
    assert first.flows == {(1, 1): 4, (1, 4): 1, (4, 4): 1}
    assert (first.came, first.left) == ({}, {})
    assert second.flows == {(1, 4): 4, (4, 1): 1}
    assert (second.came, second.left) == ({1: 1}, {4: 1})
    assert (second.inflow(4), second.outflow(4)) == (4, 1)
    assert third.moves == {(4, 1): 1}


def test_the_unusual_move_is_named_with_its_day() -> None:
    """More than on the other days, not only many."""
    change = history().changes[0]
    assert (change.day, change.pair, change.customers, change.usual) == (DAYS[2], (1, 4), 4, 0.5)
    assert replace(history(), customers="members").headline == (
        "By 28 March 2025, 4 members had moved from “Big spenders” to “Rarely in use”, 0.5 in a "
        "usual step: a sudden change."
    )


def test_nothing_unusual_is_said() -> None:
    """Where nobody moves there is no largest change."""
    quiet = History(NAMES, (day(DAYS[0], a=1), day(DAYS[1], a=1)))
    assert quiet.headline == "No customers moved more than usual."


def test_an_outcome_called_size_is_no_size() -> None:
    """Names of outcomes are the table's, and may be any."""
    share = Estimate(value=3.5, low=3.0, high=4.0, n=20, missing_share=0.0)
    outcome = OutcomeProfile("size", "Size", "number", "", "", share, share)
    first = day(DAYS[0], a=1, b=1)
    seen = History(NAMES, (replace(first, outcomes={1: (outcome,)}), day(DAYS[1], a=1)))
    (_, figures), _ = seen.metrics()
    assert (figures["size_1"], figures["outcome_size_1"]) == (2.0, 3.5)


def test_metrics_have_a_step_a_day() -> None:
    """Sizes and shares from the first day on, flows from the second."""
    (_, first), (place, second), *_ = history().metrics()
    assert place == 1
    assert (first["size_1"], first["share_4"], first["customers"]) == (5.0, 1 / 6, 6.0)
    assert "inflow_1" not in first
    assert (second["outflow_1"], second["inflow_4"]) == (1.0, 1.0)


@pytest.mark.parametrize("days", [(0,), (1, 0), (0, 0)])
def test_days_are_two_or_more_in_their_order(days: tuple[int, ...]) -> None:
    """One day is no history, and none is twice in it."""
    with pytest.raises(DataError, match="two or more different days"):
        History(NAMES, tuple(day(DAYS[i], a=1) for i in days))
