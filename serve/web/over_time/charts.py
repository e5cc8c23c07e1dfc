"""What the page Over time draws and says, computed from the figures of a history."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import ceil, floor, log10
from typing import Any

from experiments.registry.client import Move
from segmentation.interpretation.formatting import flow_cell, percent
from segmentation.interpretation.formatting import number as number_text

MOST_SUDDEN = 3
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


@dataclass(frozen=True)
class DayRow:
    """A day of the table: customers, the share and size of each segment, who became champion."""

    day: date
    customers: int
    cells: tuple[tuple[str, int], ...]
    versions: tuple[str, ...]


@dataclass(frozen=True)
class Flow:
    """Who moved between the last two days; the last column is who left, `came` by segment."""

    before: date
    after: date
    rows: tuple[tuple[int, str, tuple[tuple[str, bool], ...]], ...]  # cell and whether they stay
    came: tuple[str, ...]
    sentence: str


@dataclass(frozen=True)
class OverTime:
    """Everything the page shows of a history."""

    segments: tuple[tuple[int, str], ...]
    sizes: Chart
    outcomes: tuple[tuple[Chart, tuple[tuple[date, tuple[str, ...]], ...]], ...]
    days: tuple[DayRow, ...]
    changes: tuple[str, ...]
    flow: Flow


def over_time(
    figures: Mapping[str, Any], names: Mapping[int, str], moves: Sequence[Move], customers: str
) -> OverTime:
    """Return what the page shows.

    Parameters
    ----------
    figures
        Those of :meth:`segmentation.monitoring.history.History.to_dict`.
    names
        Newer names of segments, by number.
    moves
        Of the champion, oldest first.
    customers
        What the schema calls them.
    """
    segments = tuple((int(n), names.get(int(n), name)) for n, name in figures["names"].items())
    days = [date.fromisoformat(one["day"]) for one in figures["days"]]
    changed = [
        (date.fromisoformat(move.when[:10]), move.to_version)
        for move in moves
        if move.from_version and move.to_version
    ]
    changed = [(day, version) for day, version in changed if days[0] <= day <= days[-1]]
    shares = {
        number: [
            _share(one["sizes"].get(str(number), 0), one["customers"]) for one in figures["days"]
        ]
        for number, _ in segments
    }
    rows = tuple(
        DayRow(
            day,
            one["customers"],
            tuple(
                (percent(shares[number][place]), one["sizes"].get(str(number), 0))
                for number, _ in segments
            ),
            tuple(
                version
                for when, version in changed
                if when <= day and (place == 0 or when > days[place - 1])
            ),
        )
        for place, (day, one) in enumerate(zip(days, figures["days"], strict=True))
    )
    title = f"Share of {customers}"
    return OverTime(
        segments=segments,
        sizes=chart(title, segments, days, shares, changed=changed, text=percent),
        outcomes=_outcomes(figures, segments, days, changed),
        days=rows,
        changes=tuple(sudden_changes(figures, dict(segments), customers)),
        flow=_flow(figures, segments, customers),
    )


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
            f"{_short(day)}: {text(value)}"
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
            marks.append(Mark(at, _short(day), minor=bool(marks)))
    return (*marks, Mark(100.0, _short(days[-1])))


def _short(day: date) -> str:
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


def sudden_changes(
    figures: Mapping[str, Any], names: Mapping[int, str], customers: str
) -> list[str]:
    """Return what the history recorded as sudden in sentences, the largest excess first."""
    if "changes" not in figures:  # recorded by a release that named the largest change only
        return [str(figures["headline"])]
    sentences = [_sentence(one, names, customers) for one in figures["changes"] if one["sudden"]]
    if sentences:
        return sentences[:MOST_SUDDEN]
    largest = next((_sentence(one, names, customers) for one in figures["changes"]), "")
    if len(figures["steps"]) == 1:
        return [
            "With two days there is no usual step to compare with: a third day tells whether a "
            f"change is sudden. {largest}".strip()
        ]
    return [f"No sudden change. {largest}".strip()]


def _sentence(change: Mapping[str, Any], names: Mapping[int, str], customers: str) -> str:
    day = date.fromisoformat(change["day"])
    before, after = (names[int(number)] for number in change["flow"].split(">"))
    usual = f"{number_text(change['usual'])} in a usual step" if change["usual"] else "usually none"
    return (
        f"By {day:%-d %B %Y}, {change['customers']:,} {customers} had moved from “{before}” to "
        f"“{after}”; {usual}."
    )


def _outcomes(
    figures: Mapping[str, Any],
    segments: Sequence[tuple[int, str]],
    days: Sequence[date],
    changed: Sequence[tuple[date, str]],
) -> tuple[tuple[Chart, tuple[tuple[date, tuple[str, ...]], ...]], ...]:
    """Return each outcome as a chart, and as texts by day and segment."""
    by_day = [
        {(o["column"], int(n)): o for n, own in one["outcomes"].items() for o in own}
        for one in figures["days"]
    ]
    titles = {column: o for one in by_day for (column, _), o in one.items()}
    results = []
    for column, any_day in titles.items():
        values = {
            number: [
                one[column, number]["segment"]["value"] if (column, number) in one else None
                for one in by_day
            ]
            for number, _ in segments
        }
        rate = bool(any_day["level"]) or any_day["kind"] in {"frequency", "indicator"}
        money = any_day["unit"] if any_day["kind"] == "money" else ""
        text = percent if rate else _with_unit(money)
        texts = tuple(
            (day, tuple(_outcome_text(one.get((column, number))) for number, _ in segments))
            for day, one in zip(days, by_day, strict=True)
        )
        results.append(
            (chart(any_day["title"], segments, days, values, changed=changed, text=text), texts)
        )
    return tuple(results)


def _with_unit(unit: str) -> Callable[[float], str]:
    return lambda value: f"{unit}{number_text(value)}"


def _outcome_text(outcome: Mapping[str, Any] | None) -> str:
    if outcome is None:
        return "–"
    if outcome["segment"]["value"] is None:
        return str(outcome["gap"]).split(",", maxsplit=1)[0]
    return f"{outcome['text']} ({outcome['interval']})" if outcome["interval"] else outcome["text"]


def _flow(
    figures: Mapping[str, Any], segments: tuple[tuple[int, str], ...], customers: str
) -> Flow:
    """Return the last step as a table whose shares are of the earlier day's segment."""
    step, numbers = figures["steps"][-1], [number for number, _ in segments]
    before, after = (date.fromisoformat(one["day"]) for one in figures["days"][-2:])
    rows = []
    for number, name in segments:
        counts = [step["flows"].get(f"{number}>{other}", 0) for other in numbers]
        left = step["left"].get(str(number), 0)
        total = sum(counts) + left
        cells = tuple(
            (flow_cell(count, total), other == number)
            for count, other in zip(counts, numbers, strict=True)
        )
        rows.append((number, name, (*cells, (flow_cell(left, total), False))))
    stayed = sum(step["flows"].get(f"{n}>{n}", 0) for n in numbers)
    both = sum(step["flows"].values())
    came, left = sum(step["came"].values()), sum(step["left"].values())
    return Flow(
        before,
        after,
        tuple(rows),
        tuple(f"{step['came'].get(str(n), 0):,}" for n in numbers),
        f"Of the {both:,} {customers} on both days, {percent(_share(stayed, both))} stayed in "
        f"their segment; {came:,} came and {left:,} left.",
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
