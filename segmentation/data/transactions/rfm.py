"""Recency, frequency and money as scores from 1 to 5, and the usual names of their groups."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from segmentation.data.transactions.recipe import CutPoints
from segmentation.errors import DataError, Problem
from segmentation.types import FloatArray, IntArray

SCORES = (5, 4, 3, 2, 1)
RECENCY = "recency_days"
MEASURES = (RECENCY, "frequency", "money")
SCORED = ("recency_score", "frequency_score", "money_score")
CODE, GROUP = "rfm", "rfm_group"
NO_PURCHASE = "No purchase"
# By the score of recency, and from left to right that of frequency and money, from 1 to 5.
GONE = ("Hibernating", "Hibernating", "At risk", "At risk", "Cannot lose them")
GRID = {
    5: ("New customers", *["Potential loyalists"] * 2, "Champions", "Champions"),
    4: ("Promising", *["Potential loyalists"] * 2, "Loyal", "Loyal"),
    3: ("About to sleep", "About to sleep", "Need attention", "Loyal", "Loyal"),
    2: GONE,
    1: GONE,
}
GROUPS = (
    *("Champions", "Loyal", "Potential loyalists", "New customers", "Promising"),
    *("Need attention", "About to sleep", "At risk", "Cannot lose them", "Hibernating"),
    NO_PURCHASE,
)
QUINTILES = CutPoints()
WINDOW = re.compile(r"purchases_(\d+)d")


class Range(NamedTuple):
    """How many customers have a score, and the lowest and highest value among them."""

    customers: int
    lowest: float | None
    highest: float | None


@dataclass(frozen=True)
class RFM:
    """Customers with their scores and groups.

    Attributes
    ----------
    customers
        One row a customer in the order of the table: ``recency_days``, ``frequency`` and
        ``money``; ``recency_score``, ``frequency_score`` and ``money_score`` from 1 to 5, missing
        without a purchase; ``rfm``, the three in one text such as 545; and ``rfm_group``.
    days
        The window in which purchases and amounts are counted.
    cuts
        The cut points, empty for quintiles.
    """

    customers: pd.DataFrame
    days: int
    cuts: CutPoints

    @property
    def groups(self) -> pd.DataFrame:
        """The groups that have a customer, best first: customers, share, means of the measures."""
        grouped = self.customers.groupby(GROUP, observed=True)
        means = grouped[list(MEASURES)].mean()
        counts = grouped.size()
        return pd.DataFrame(
            {"customers": counts, "share": counts / len(self.customers), **means}
        ).reindex([name for name in GROUPS if name in counts.index])

    @property
    def ranges(self) -> dict[int, tuple[Range, ...]]:
        """By score, 5 first, what each of the three measures is between: where it was cut."""
        return {
            score: tuple(
                _range(self.customers.loc[self.customers[name] == score, measure])
                for measure, name in zip(MEASURES, SCORED, strict=True)
            )
            for score in SCORES
        }


def _range(values: pd.Series[float]) -> Range:
    return Range(len(values), *((values.min(), values.max()) if len(values) else (None, None)))


def rfm_groups(customers: pd.DataFrame, cuts: CutPoints = QUINTILES) -> RFM:
    """Return scores for recency, frequency and money, and the group that they amount to.

    Of collected customers recency is the days since the last purchase, frequency the purchases and
    money the amount less refunds in the longest window. A higher score is a better customer.

    Without cut points a score is the quintile of the customer's rank, ``ceil(5 (r - 1/2) / n)``,
    where customers with equal values share their mean rank r. So equal values always have equal
    scores, a better value never a lower one, and without ties every score has a fifth of the
    customers. Where all values are equal, or there is one customer only, the score is 3; with fewer
    than five different values some scores stay empty. Quintiles depend on the customers in the
    table: to compare days, or tables, set cut points.

    Customers without a purchase in the window, or with a missing value, have no scores and count
    for no quintile; their group is ``No purchase``.

    Groups are the ten in general use, on the grid of recency against frequency and money, whose
    score is the mean of the two, halves rounded up (for ``1-2`` x ``5`` read: recency 1 or 2,
    frequency and money 5):

    ===================  =====================
    Champions            5 x 4-5
    Loyal                3-4 x 4-5
    Potential loyalists  4-5 x 2-3
    New customers        5 x 1
    Promising            4 x 1
    Need attention       3 x 3
    About to sleep       3 x 1-2
    At risk              1-2 x 3-4
    Cannot lose them     1-2 x 5
    Hibernating          1-2 x 1-2
    ===================  =====================

    Parameters
    ----------
    customers
        As :func:`segmentation.data.features_from_transactions` returns them, one row each.
    cuts
        Where scores begin, see :class:`~segmentation.data.transactions.recipe.CutPoints`.

    Raises
    ------
    DataError
        When the table lacks a column or has no row.

    References
    ----------
    Scores by quintiles: Hughes, Strategic Database Marketing (1994). The names are those of the R
    package rfm (Hebbali, ``rfm_segment``), whose ranges overlap. The grid, in which every cell has
    one name, is that of most Python notebooks on RFM, with frequency alone on its second axis; here
    money is in it too, or it would decide nothing.
    """
    days = _window(customers)
    measures = pd.DataFrame(
        {
            RECENCY: customers[RECENCY].astype(float),
            "frequency": customers[f"purchases_{days}d"].astype(float),
            "money": customers[f"amount_{days}d"].astype(float),
        }
    )
    scored = (measures.notna().all(axis=1) & (measures["frequency"] > 0)).to_numpy()
    scores = np.zeros((len(measures), len(MEASURES)), dtype=np.int64)
    for place, measure in enumerate(MEASURES):
        sign = -1.0 if measure == RECENCY else 1.0
        values = sign * measures.loc[scored, measure].to_numpy(float)
        limits = getattr(cuts, measure.removesuffix("_days"))
        scores[scored, place] = (
            _by_cut_points(values, sign * np.asarray(limits)) if limits else _by_rank(values)
        )
    return RFM(_named(measures, scores), days, cuts)


def _window(customers: pd.DataFrame) -> int:
    """Return the longest window of a table of collected customers, in days."""
    names = [str(name) for name in customers.columns]
    windows = [int(match[1]) for name in names if (match := WINDOW.fullmatch(name))]
    days = max(windows, default=0)
    needed = (RECENCY, f"purchases_{days or '<days>'}d", f"amount_{days or '<days>'}d")
    remedy = "Collect the customers from their transactions."
    problems = [
        Problem(name, "missing_column", "recency, frequency and money", remedy)
        for name in needed
        if name not in names
    ]
    if not problems and customers.empty:
        problems = [Problem(None, "no_rows", "at least one customer", remedy)]
    if problems:
        raise DataError(problems, "the table of customers")
    return days


def _by_rank(values: FloatArray) -> IntArray:
    """Return the quintile of every value's mean rank, 5 for the highest, shape (n,)."""
    ordered = np.sort(values)
    lower = np.searchsorted(ordered, values, side="left")
    upper = np.searchsorted(ordered, values, side="right")
    # Twice the mean rank less one half, in whole numbers: no rounding decides a score.
    return -(-5 * (lower + upper) // (2 * max(len(values), 1)))


def _by_cut_points(values: FloatArray, limits: FloatArray) -> IntArray:
    """Return 1 and one more for every cut point that a value reaches, shape (n,)."""
    return 1 + np.searchsorted(np.sort(limits), values, side="right")


def _named(measures: pd.DataFrame, scores: IntArray) -> pd.DataFrame:
    """Return the measures with scores, the three in one text, and the name of the group."""
    both = (scores[:, 1] + scores[:, 2] + 1) // 2
    groups = [
        GRID[recency][second - 1] if recency else NO_PURCHASE
        for recency, second in zip(scores[:, 0].tolist(), both.tolist(), strict=True)
    ]
    codes = ["".join(map(str, row)) if row[0] else "" for row in scores.tolist()]
    table = measures.copy()
    for place, name in enumerate(SCORED):
        column = pd.array(scores[:, place], dtype="Int64")
        column[scores[:, 0] == 0] = pd.NA
        table[name] = column
    table[CODE] = codes
    table[GROUP] = pd.Categorical(groups, GROUPS, ordered=True)
    return table
