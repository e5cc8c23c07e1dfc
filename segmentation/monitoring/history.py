"""Segments over time: sizes, who came and went, who moved from where to where, month by month."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from statistics import median
from typing import Any

import pandas as pd

from segmentation.errors import DataError, Problem
from segmentation.interpretation.formatting import number as number_text
from segmentation.interpretation.outcomes import OutcomeProfile

Pair = tuple[int, int]
# A flow is sudden with this many times its usual size, this share of the customers more, and more
# than chance alone makes of a Poisson count: so many standard deviations.
SUDDEN_TIMES, SUDDEN_SHARE, SUDDEN_DEVIATIONS = 2.0, 0.01, 3.0
MOST_RECORDED = 12


@dataclass(frozen=True)
class Day:
    """Customers as one version of a model sees them on one day.

    Parameters
    ----------
    day
        The day.
    segment
        Numbers of segments, by customer.
    outcomes
        What happened to the customers of each segment, by its number; empty for none.
    """

    day: date
    segment: pd.Series[int]
    outcomes: Mapping[int, tuple[OutcomeProfile, ...]] = field(default_factory=dict)

    @property
    def sizes(self) -> dict[int, int]:
        """Customers by segment."""
        return {int(str(n)): int(c) for n, c in self.segment.value_counts().items()}


@dataclass(frozen=True)
class Step:
    """What happened from one day to the next.

    Parameters
    ----------
    day
        The later one.
    flows
        Customers who are there on both days, by the segments before and after.
    came, left
        Customers by segment who are there on the later, or on the earlier day only.
    """

    day: date
    flows: Mapping[Pair, int]
    came: Mapping[int, int]
    left: Mapping[int, int]

    @property
    def moves(self) -> dict[Pair, int]:
        """The flows between different segments."""
        return {pair: count for pair, count in self.flows.items() if pair[0] != pair[1]}

    def inflow(self, number: int) -> int:
        """Return how many customers moved into a segment."""
        return sum(count for (_, after), count in self.moves.items() if after == number)

    def outflow(self, number: int) -> int:
        """Return how many customers moved out of a segment."""
        return sum(count for (before, _), count in self.moves.items() if before == number)


@dataclass(frozen=True)
class Change:
    """A flow on a day, and what it is on a usual one (the median of the other days).

    `total` are all customers of that day; `usual` is 0, and nothing sudden, where there is no other
    step to compare with.
    """

    day: date
    pair: Pair
    customers: int
    usual: float
    total: int
    compared: bool = True

    @property
    def excess(self) -> float:
        """By how many customers it is more than usual."""
        return self.customers - self.usual

    @property
    def sudden(self) -> bool:
        """Whether it is at least twice a usual one, and more than chance explains."""
        chance = SUDDEN_DEVIATIONS * max(self.usual, 1) ** 0.5
        least = max(SUDDEN_SHARE * self.total, chance)
        return (
            self.compared and self.customers >= SUDDEN_TIMES * self.usual and self.excess >= least
        )


@dataclass(frozen=True)
class History:
    """Days in their order, seen by one version.

    `names` are those of its segments by number, `customers` is what the schema calls them.

    Raises
    ------
    DataError
        When there are fewer than two days, or two are the same.
    """

    names: Mapping[int, str]
    days: tuple[Day, ...]
    customers: str = "customers"

    def __post_init__(self) -> None:
        dates = [one.day for one in self.days]
        if len(dates) < 2 or sorted(set(dates)) != dates:
            expected = "two or more different days, the earliest first"
            problem = Problem(None, "days", expected, "Give one table for each day.")
            raise DataError([problem])

    @property
    def steps(self) -> tuple[Step, ...]:
        """What happened from each day to the next."""
        return tuple(
            _step(before, after) for before, after in zip(self.days, self.days[1:], strict=False)
        )

    @property
    def changes(self) -> tuple[Change, ...]:
        """Every flow between segments on every day, the most unusual first."""
        steps = self.steps
        pairs = sorted({pair for step in steps for pair in step.moves})
        changes = [
            Change(
                step.day,
                pair,
                step.flows.get(pair, 0),
                median([other.flows.get(pair, 0) for other in steps if other is not step] or [0]),
                sum(step.flows.values()) + sum(step.came.values()),
                compared=len(steps) > 1,
            )
            for step in steps
            for pair in pairs
        ]
        return tuple(sorted(changes, key=lambda change: (-change.excess, change.day, change.pair)))

    @property
    def headline(self) -> str:
        """The most unusual flow in words."""
        first = next(iter(self.changes), None)
        if first is None or first.excess <= 0:
            return f"No {self.customers} moved more than usual."
        before, after = (self.names[number] for number in first.pair)
        kind = "a sudden change" if first.sudden else "the largest change"
        some = "1 of the" if first.customers == 1 else f"{first.customers:,}"
        return (
            f"By {first.day:%-d %B %Y}, {some} {self.customers} had moved from "
            f"“{before}” to “{after}”, {self._usual(first)}: {kind}."
        )

    def _usual(self, change: Change) -> str:
        if not change.compared:
            return "in one step"
        return f"{number_text(change.usual)} in a usual step" if change.usual else "usually none"

    def metrics(self) -> Iterator[tuple[int, dict[str, float]]]:
        """Yield the place of each day, from 0, with its figures by name."""
        steps: Sequence[Step | None] = (None, *self.steps)
        for place, (one, step) in enumerate(zip(self.days, steps, strict=True)):
            total, sizes = len(one.segment), one.sizes
            figures = {"customers": float(total)}
            for number in self.names:
                size = sizes.get(number, 0)
                figures[f"size_{number}"] = float(size)
                figures[f"share_{number}"] = size / total if total else 0.0
                if step is not None:
                    figures[f"inflow_{number}"] = float(step.inflow(number))
                    figures[f"outflow_{number}"] = float(step.outflow(number))
                for outcome in one.outcomes.get(number, ()):
                    if outcome.segment.value is not None:
                        figures[f"outcome_{outcome.column}_{number}"] = outcome.segment.value
            yield place, figures

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON data; no customer is in it."""
        return {
            "names": {str(number): name for number, name in self.names.items()},
            "headline": self.headline,
            "changes": [
                {
                    "day": change.day.isoformat(),
                    "flow": "{}>{}".format(*change.pair),
                    "customers": change.customers,
                    "usual": change.usual,
                    "sudden": change.sudden,
                }
                for change in self.changes[:MOST_RECORDED]
                if change.excess > 0
            ],
            "days": [
                {
                    "day": one.day.isoformat(),
                    "customers": len(one.segment),
                    "sizes": {str(number): size for number, size in sorted(one.sizes.items())},
                    "outcomes": {
                        str(number): [outcome.to_dict() for outcome in own]
                        for number, own in one.outcomes.items()
                    },
                }
                for one in self.days
            ],
            "steps": [
                {
                    "day": step.day.isoformat(),
                    "flows": {f"{a}>{b}": n for (a, b), n in sorted(step.flows.items())},
                    "came": {str(number): n for number, n in sorted(step.came.items())},
                    "left": {str(number): n for number, n in sorted(step.left.items())},
                }
                for step in self.steps
            ],
        }


def _step(before: Day, after: Day) -> Step:
    both = pd.DataFrame({"before": before.segment, "after": after.segment})
    stayed = both.dropna().astype(int)
    flows = Counter(zip(stayed["before"].tolist(), stayed["after"].tolist(), strict=True))
    return Step(
        after.day,
        dict(flows),
        _counted(both["after"][both["before"].isna()]),
        _counted(both["before"][both["after"].isna()]),
    )


def _counted(segment: pd.Series[Any]) -> dict[int, int]:
    return {int(float(str(n))): int(c) for n, c in segment.value_counts().items()}
