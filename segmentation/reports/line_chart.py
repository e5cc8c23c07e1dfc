"""Lines over days as places in per cent, for a picture that scripts make touchable.

Light to import: the pages draw it as the reports do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import ceil, floor, log10

TICKS = 4
MOST_DAYS_NAMED = 6
# Numbers at the ends of lines keep this distance, in per cent of the picture's height.
LABEL_DISTANCE = 8.0


@dataclass(frozen=True)
class Line:
    """One segment in a chart; a point for every value, in per cent from the top left."""

    number: int
    name: str
    points: tuple[tuple[float, float], ...]
    texts: tuple[str, ...]  # the day and value of each point
    label_at: float | None  # of its number at the right end

    @property
    def path(self) -> str:
        """The points for a polyline."""
        return " ".join(f"{x:g},{y:g}" for x, y in self.points)


@dataclass(frozen=True)
class Mark:
    """A tick of an axis, or a version that became champion, in per cent of the axis."""

    at: float
    text: str
    minor: bool = False  # left out where there is little room


@dataclass(frozen=True)
class Chart:
    """Lines over days, with the ticks of both axes and the changes of the version."""

    title: str
    lines: tuple[Line, ...]
    ticks: tuple[Mark, ...]
    days: tuple[Mark, ...]
    versions: tuple[Mark, ...]


def chart(
    title: str,
    segments: Sequence[tuple[int, str]],
    days: Sequence[date],
    values: Mapping[int, Sequence[float | None]],
    *,
    changed: Sequence[tuple[date, str]],
    text: Callable[[float], str],
) -> Chart:
    """Return lines of values by segment and day on linear axes; the upright one includes 0."""
    every = [v for own in values.values() for v in own if v is not None] or [0.0]
    step = _round_step((max(*every, 0.0) - min(*every, 0.0)) / TICKS or 0.25)
    low = step * floor(min(*every, 0.0) / step)
    high = step * max(ceil(max(*every, 0.0) / step - 1e-9), 1)
    span = (days[-1] - days[0]).days or 1

    def across(day: date) -> float:
        return round(100 * (day - days[0]).days / span, 2)

    def down(value: float) -> float:
        return round(100 * (high - value) / (high - low), 2)

    points = {
        number: tuple(
            (across(day), down(value))
            for day, value in zip(days, values[number], strict=True)
            if value is not None
        )
        for number, _ in segments
    }
    texts = {
        number: tuple(
            f"{short_day(day)}: {text(value)}"
            for day, value in zip(days, values[number], strict=True)
            if value is not None
        )
        for number, _ in segments
    }
    labels = _spread({number: own[-1][1] for number, own in points.items() if own})
    ticks = [low + step * place for place in range(round((high - low) / step) + 1)]
    return Chart(
        title,
        tuple(Line(n, name, points[n], texts[n], labels.get(n)) for n, name in segments),
        tuple(Mark(down(tick), text(round(tick, 12))) for tick in ticks),
        _named_days(days, across),
        tuple(Mark(across(day), f"version {version}") for day, version in changed),
    )


def _named_days(days: Sequence[date], across: Callable[[date], float]) -> tuple[Mark, ...]:
    """Return the first and the last day, and those between at about equal distances."""
    marks: list[Mark] = []
    for day in days[:-1]:
        at = across(day)
        room = 100 / (MOST_DAYS_NAMED - 1)
        if not marks or (at - marks[-1].at >= room - 2 and 100 - at >= room - 2):
            marks.append(Mark(at, short_day(day), minor=bool(marks)))
    return (*marks, Mark(100.0, short_day(days[-1])))


def short_day(day: date) -> str:
    """Return a day for a table or an axis: ``28 Mar 2025``."""
    return f"{day:%-d %b %Y}"


def _round_step(step: float) -> float:
    """Return the next 1, 2, 2.5 or 5 times a power of ten."""
    power = 10.0 ** floor(log10(step))
    return float(next(f * power for f in (1, 2, 2.5, 5, 10) if f * power >= step * 0.999))


def _spread(places: Mapping[int, float]) -> dict[int, float]:
    """Return places at least a label's height apart, moved down and then back up as needed."""
    order = sorted(places, key=lambda number: (places[number], number))
    spread: dict[int, float] = {}
    least = float("-inf")
    for number in order:
        spread[number] = max(places[number], least)
        least = spread[number] + LABEL_DISTANCE
    most = 100.0
    for number in reversed(order):
        spread[number] = round(min(spread[number], most), 2)
        most = spread[number] - LABEL_DISTANCE
    return spread
