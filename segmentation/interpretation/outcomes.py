"""Outcomes by segment: rates and means with 95% intervals, beside those of the whole table.

The interval of a rate is Wilson's (1927, Journal of the American Statistical Association 22), that
of a mean Student's t (1908, Biometrika 6). Outcomes describe segments; nothing here forms them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from segmentation.interpretation.formatting import percent, quantity, times
from segmentation.schema import Column, TableSchema
from segmentation.schema.drafting.outcome_names import event_of
from segmentation.schema.table_schema import ANSWERS, Kind
from segmentation.types import FloatArray, IntArray

CONFIDENCE = 0.95
# A group with fewer values gets no figure: its interval would say nothing.
LEAST_VALUES = 20
# Nor may the whole table less the other segments give the figure of a group smaller than this.
LEAST_DERIVED = 5
MOST_RANGES = 3
YES = frozenset(yes for _, yes in ANSWERS)


def ranges_of(outcomes: Sequence[Sequence[OutcomeProfile]]) -> str:
    """Return how far segments differ in the first outcomes: ``Churn 3.1% to 35%``.

    Empty where there are none, or too few values to tell.

    Parameters
    ----------
    outcomes
        Of each segment, in the table's order.
    """
    ranges = []
    for first, *others in zip(*outcomes, strict=True):
        values = [o.segment.value for o in (first, *others) if o.segment.value is not None]
        if len(values) > 1:
            low, high = first.text(min(values)), first.text(max(values))
            ranges.append(
                f"{first.title} {low} to {high}" if low != high else f"{first.title} {low}"
            )
    return "; ".join(ranges[:MOST_RANGES])


@dataclass(frozen=True)
class Estimate:
    """A rate or mean in a group of customers; None where there are too few values for one.

    The interval is None too where all values are equal.
    """

    n: int  # customers with a value
    missing_share: float  # of the group's customers, in [0, 1]
    value: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class OutcomeProfile:
    """One outcome in one segment, and in the whole table."""

    column: str
    label: str
    kind: Kind
    unit: str
    level: str  # whose rate it is; empty for the mean of a number
    segment: Estimate
    whole: Estimate

    @property
    def title(self) -> str:
        """The label, with the level where the label does not say it: ``Risk (bad)``."""
        plain = not self.level or self.level.casefold() in {*YES, self.label.casefold()}
        return self.label if plain else f"{self.label} ({self.level})"

    @property
    def lift(self) -> float | None:
        """The segment's value as a multiple of the whole table's; None where it has no meaning."""
        own, whole = self.segment.value, self.whole.value
        return None if own is None or whole is None or whole <= 0 or own < 0 else own / whole

    @property
    def difference(self) -> str:
        """``higher`` or ``lower`` where the interval leaves the whole table out, else empty."""
        own, whole = self.segment, self.whole.value
        if own.low is None or own.high is None or whole is None or own.low <= whole <= own.high:
            return ""
        return "higher" if own.low > whole else "lower"

    @property
    def beside(self) -> str:
        """How the segment compares: ``1.9 times the whole table's 14%``."""
        own, whole = self.segment.value, self.whole.value
        if own is None or whole is None:
            return ""
        average = f"the whole table's {self.text(whole)}"
        if not self.difference:
            how = "against" if self.segment.low is None else "no clear difference from"
            return f"{how} {average}"
        if self.lift is None:
            return f"{self.text(abs(own - whole))} {self._side} {average}"
        if self.multiple:
            return f"{self.multiple} {average}"
        return f"slightly {self._side} {average}" if own else f"against {average}"

    @property
    def sentence(self) -> str:
        """One sentence for cards and reports."""
        own = self.segment
        missing = f"; missing for {percent(own.missing_share)}" if own.missing_share else ""
        return f"{self.title}: {self._in_words}{missing}."

    @property
    def gap(self) -> str:
        """Why there is no figure: ``too few to tell, 12 with a value``; else empty."""
        own = self.segment
        if own.value is not None:
            return ""
        why = "too few to tell" if own.n < LEAST_VALUES else "withheld to protect a small group"
        return f"{why}, {own.n:,} with a value"

    @property
    def figure(self) -> str:
        """The value with its interval: ``27% (24% to 29%)``."""
        own = self.segment
        if own.value is None:
            return "too few to tell" if own.n < LEAST_VALUES else "withheld"
        return self.text(own.value) + (f" ({self.interval})" if self.interval else "")

    @property
    def brief(self) -> str:
        """The figure for a table: ``27% (24% to 29%), 1.9 times`` where it differs."""
        return ", ".join(filter(None, (self.figure, self.multiple)))

    @property
    def multiple(self) -> str:
        """How many times the whole table's it is, ``1.9 times``, where that says something."""
        ratio = times(self.lift) if self.difference and self.lift else "1"
        return "" if ratio in {"0", "1"} else f"{ratio} times"

    @property
    def interval(self) -> str:
        """The interval in words: ``24% to 29%``; empty where there is none."""
        own = self.segment
        return "" if own.low is None else f"{self.text(own.low)} to {self.text(own.high)}"

    def text(self, value: float | None) -> str:
        """Return a value of this outcome as people read it."""
        if self.level and value is not None:
            return percent(value)
        return quantity(value, Column(self.column, self.label, self.kind, self.unit))

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that is valid JSON, with the words for pages."""
        return {
            **asdict(self),
            "lift": self.lift,
            "difference": self.difference,
            "title": self.title,
            "text": self.text(self.segment.value),
            "average": self.text(self.whole.value),
            "interval": self.interval,
            "multiple": self.multiple,
            "gap": self.gap,
            "sentence": self.sentence,
        }

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> OutcomeProfile:
        """Build an equal object from what :meth:`to_dict` returned."""
        fields: dict[str, Any] = {name: raw[name] for name in cls.__dataclass_fields__}
        fields |= {name: Estimate(**raw[name]) for name in ("segment", "whole")}
        return cls(**fields)

    @property
    def _side(self) -> str:
        return "above" if self.difference == "higher" else "below"

    @property
    def _in_words(self) -> str:
        own = self.segment
        if own.value is None:
            return self.gap
        average = "" if self.level else " on average"
        if own.low is None:
            return f"{self.text(own.value)} for all {own.n:,} with a value, {self.beside}"
        return f"{self.text(own.value)}{average} ({self.interval}), {self.beside}"


def profile_outcomes(
    outcomes: pd.DataFrame,
    segment: IntArray,
    n_segments: int,
    schema: TableSchema,
    levels: Mapping[str, str] | None = None,
) -> tuple[tuple[OutcomeProfile, ...], ...]:
    """Describe the outcomes of each segment.

    Parameters
    ----------
    outcomes
        Shape (n, m), float64, outcome columns of the schema: levels as codes, NaN for missing.
    segment
        Shape (n,), integers in [0, n_segments).
    n_segments
        How many profiles to return.
    schema
        Lists the outcomes.
    levels
        By column, the level whose rate to take (empty: the mean), as in an earlier description.
    """
    columns = [column for column in schema.outcomes if column.name in outcomes.columns]
    described = [
        _by_segment(
            column,
            outcomes[column.name].to_numpy(np.float64),
            segment,
            n_segments,
            (levels or {}).get(column.name),
        )
        for column in columns
    ]
    return tuple(zip(*described, strict=True)) if described else ((),) * n_segments


def level_of_interest(column: Column, values: FloatArray) -> str:
    """Return the level whose rate describes a column; empty for a number, described by its mean.

    Of two levels that is the second, as the schema says; of more see :func:`event_of`.

    Parameters
    ----------
    column
        An outcome.
    values
        Shape (n,): codes of its levels, or numbers; NaN for missing.
    """
    if not column.categorical:
        whole = set(np.unique(values[~np.isnan(values)]).tolist())
        return "1" if whole == {0.0, 1.0} or (whole <= {0.0, 1.0} and column.binary) else ""
    if len(column.levels) == 2:
        return column.levels[1]
    codes = values[~np.isnan(values)].astype(np.int64)
    counts = np.bincount(codes, minlength=len(column.levels))
    return event_of(column.levels, counts.tolist(), column.name)


def occurrences(column: Column, level: str, values: FloatArray) -> FloatArray:
    """Return 1 where a level occurs, 0 elsewhere, NaN where a value is missing, shape (n,)."""
    code = column.levels.index(level) if column.categorical else 1
    return np.where(np.isnan(values), np.nan, values == code)


def _by_segment(
    column: Column, values: FloatArray, segment: IntArray, n_segments: int, level: str | None
) -> list[OutcomeProfile]:
    level = level_of_interest(column, values) if level is None else level
    if level:
        values = occurrences(column, level, values)
    present = values[~np.isnan(values)]
    floor = 0.0 if len(present) and present.min() >= 0 else -np.inf
    groups = [values[segment == number] for number in range(n_segments)]
    sizes = [int((~np.isnan(group)).sum()) for group in groups]
    withheld = _withheld(sizes)
    whole = _estimate(values, rate=bool(level), floor=floor, withheld=len(present) < LEAST_VALUES)
    return [
        OutcomeProfile(
            *(column.name, column.label, column.kind, column.unit, level),
            _estimate(group, rate=bool(level), floor=floor, withheld=number in withheld),
            whole,
        )
        for number, group in enumerate(groups)
    ]


def _withheld(sizes: Sequence[int]) -> set[int]:
    """Return the groups without a figure: those with few values, and enough to hide these.

    The whole table less the groups with a figure must not be fewer than five customers
    (complementary suppression: Cox 1980, Journal of the American Statistical Association 75).
    """
    smallest_first = sorted(range(len(sizes)), key=lambda number: sizes[number])
    withheld = {number for number in smallest_first if sizes[number] < LEAST_VALUES}
    for number in smallest_first:
        if not 0 < sum(sizes[other] for other in withheld) < LEAST_DERIVED:
            break
        withheld.add(number)
    return withheld


def _estimate(values: FloatArray, *, rate: bool, floor: float, withheld: bool) -> Estimate:
    present = values[~np.isnan(values)]
    n, missing = len(present), 1 - len(present) / len(values) if len(values) else 0.0
    if withheld:
        return Estimate(n, missing)
    if rate:
        count = int(present.sum())
        interval = stats.binomtest(count, n).proportion_ci(CONFIDENCE, method="wilson")
        return Estimate(n, missing, count / n, float(interval.low), float(interval.high))
    if present.min() == present.max():
        return Estimate(n, missing, float(present[0]))
    mean, error = float(present.mean()), float(present.std(ddof=1) / np.sqrt(n))
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * error
    # No mean of values that are at least 0 is below 0.
    return Estimate(n, missing, mean, max(mean - reach, floor), mean + reach)
