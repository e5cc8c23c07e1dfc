"""What the page Over time draws and says, computed from the figures of a history."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from experiments.registry.client import Move
from segmentation.interpretation.formatting import flow_cell, percent
from segmentation.interpretation.formatting import number as number_text
from segmentation.reports.line_chart import Chart, chart

MOST_SUDDEN = 3


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
    some = "1 of the" if change["customers"] == 1 else f"{change['customers']:,}"
    return (
        f"By {day:%-d %B %Y}, {some} {customers} had moved from “{before}” to “{after}”; {usual}."
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
