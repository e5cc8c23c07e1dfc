"""A study as one HTML page: history, slices, pairs of choices, timeline, importance."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from math import floor, isfinite, log10

import numpy as np
from matplotlib.ticker import MaxNLocator

from segmentation.interpretation.formatting import number
from segmentation.reports.figures.style import colour, short
from segmentation.reports.html.page_template import page

Value = str | float | int | bool | None
MOST_SLICES, MOST_PAIRED, MOST_LEVELS, BINS = 9, 3, 6, 4
MOST_LETTERS = 54  # of the names of all levels, side by side
LOGARITHMIC_FROM = 100.0
PAUSE = 10.0  # seconds without a trial that the timeline leaves out
FEASIBLE, INFEASIBLE, FAILED = "feasible", "infeasible", "failed"
COLOURS = {FEASIBLE: "var(--accent)", INFEASIBLE: "var(--quiet)", FAILED: "var(--bad)"}


@dataclass(frozen=True)
class TrialRecord:
    """One trial, with what was tried and when; a failed one has no score and no segments."""

    number: int
    algorithm: str
    outcome: str  # feasible, infeasible or failed
    text: str  # what a pointer shows
    parameters: Mapping[str, Value]
    begun: float  # seconds since the epoch
    seconds: float
    score: float = float("nan")
    n_segments: int = 0


@dataclass(frozen=True)
class Mark:
    """A point, or a rectangle where it has a width; coordinates are pixels from the upper left."""

    x: float
    y: float
    colour: str
    text: str
    picked: bool = False
    width: float = 0.0
    height: float = 0.0
    opacity: float = 0.8
    label: str = ""


@dataclass(frozen=True)
class Chart:
    """A chart that the template draws."""

    title: str
    marks: Sequence[Mark]
    across: Sequence[tuple[float, str]]  # ticks: pixels and text
    up: Sequence[tuple[float, str]]
    width: int
    height: int
    line: str = ""  # points of a polyline
    left: int = field(default=52)
    bottom: int = field(default=24)


@dataclass(frozen=True)
class Scale:
    """Places of values between 0 and 1, and ticks."""

    place: Callable[[Value], float]
    ticks: Sequence[tuple[float, str]]


def study_views(
    trials: Sequence[TrialRecord], importances: Mapping[str, float], pick: int | None, title: str
) -> str:
    """Return the page.

    Parameters
    ----------
    trials
        By number.
    importances
        Share in [0, 1] of the score's variance by parameter; empty where not estimated.
    pick
        Number of the trial that was picked; None for none.
    title
        Of the study.
    """
    ordered = sorted(importances, key=lambda name: -importances[name])
    scored = [trial for trial in trials if isfinite(trial.score)]
    varied = [name for name in ordered if len({_key(t, name) for t in scored} - {""}) > 1]
    shared = [n for n in varied if 2 * sum(n in t.parameters for t in scored) >= len(scored)]
    winner = next((trial for trial in trials if trial.number == pick), None)

    def has(*names: str) -> bool:
        """Tell whether a trial with a score has all of these parameters."""
        return any(set(names) <= set(trial.parameters) for trial in scored)

    return page(
        "study.html",
        "customers",
        title=title,
        winner=winner,
        trials=len(trials),
        charts={
            "History": [_history(scored, pick)] if scored else [],
            "Slices": [_slice(scored, name, pick) for name in varied[:MOST_SLICES] if has(name)],
            "Pairs of choices": [
                _pair(scored, *names, pick)
                for names in combinations(shared[:MOST_PAIRED], 2)
                if has(*names)
            ],
            "Timeline": [_timeline(trials, pick)] if trials else [],
        },
        importances=[(_title(name), importances[name]) for name in ordered[:MOST_SLICES]],
    )


def scale_of(values: Iterable[Value]) -> Scale:
    """Return a scale: by size for numbers, logarithmic over two powers of ten, else by level."""
    distinct = set(values)
    numbers = [float(v) for v in distinct if isinstance(v, int | float) and type(v) is not bool]
    if len(numbers) < len(distinct) or not numbers:
        levels = sorted(map(str, distinct))
        places = {level: (place + 0.5) / len(levels) for place, level in enumerate(levels)}
        letters = max(4, MOST_LETTERS // max(1, len(levels)))
        ticks = [(places[level], short(level.replace("_", " "), letters)) for level in levels]
        return Scale(lambda value: places[str(value)], ticks)
    low, high = min(numbers), max(numbers)
    if low > 0 and high / low > LOGARITHMIC_FROM:
        powers = range(floor(log10(low)), floor(log10(high)) + 1)
        inside = [10.0**power for power in powers if low <= 10.0**power <= high]
        return _by_size(log10(low), log10(high), log10, inside)
    locator = MaxNLocator(4, integer=all(isinstance(value, int) for value in distinct))
    inside = [float(t) for t in locator.tick_values(low, high) if low <= t <= high]
    return _by_size(low, high, float, inside)


def _by_size(
    low: float, high: float, transform: Callable[[float], float], ticks: Iterable[float]
) -> Scale:
    span = (high - low) or 1.0

    def place(value: Value) -> float:
        return 0.04 + 0.92 * (transform(float(value or 0.0)) - low) / span

    return Scale(place, [(place(tick), number(tick)) for tick in ticks])


def working_seconds(trials: Sequence[TrialRecord]) -> dict[int, float]:
    """Return when each trial began, in seconds without the pauses between sessions."""
    begun: dict[int, float] = {}
    left_out, until = 0.0, min((trial.begun for trial in trials), default=0.0)
    first = until
    for trial in sorted(trials, key=lambda trial: trial.begun):
        if trial.begun - until > PAUSE:
            left_out += trial.begun - until
        begun[trial.number] = trial.begun - first - left_out
        until = max(until, trial.begun + trial.seconds)
    return begun


def _history(trials: Sequence[TrialRecord], pick: int | None) -> Chart:
    across, up = (
        scale_of([trial.number for trial in trials]),
        scale_of([trial.score for trial in trials]),
    )
    marks = [
        _point(trial, across.place(trial.number), up.place(trial.score), pick, COLOURS)
        for trial in trials
    ]
    frame = _framed("score by trial", marks, (across, up), (1060, 320))
    best, steps = -np.inf, []
    for trial in trials:
        if trial.outcome == FEASIBLE and trial.score > best:
            x = _x(across.place(trial.number), frame)
            steps += [f"{x:.1f},{_y(up.place(best), frame):.1f}"] if isfinite(best) else []
            best = trial.score
            steps.append(f"{x:.1f},{_y(up.place(best), frame):.1f}")
    if steps:
        end = _x(across.place(trials[-1].number), frame)
        steps.append(f"{end:.1f},{_y(up.place(best), frame):.1f}")
    return _framed("score by trial", marks, (across, up), (1060, 320), " ".join(steps))


def _slice(trials: Sequence[TrialRecord], name: str, pick: int | None) -> Chart:
    having = [trial for trial in trials if name in trial.parameters]
    across = scale_of(trial.parameters[name] for trial in having)
    up = scale_of(trial.score for trial in trials)
    counts = sorted({trial.n_segments for trial in trials})
    places = {str(count): colour(place) for place, count in enumerate(counts)}
    levels = isinstance(having[0].parameters[name], str | bool)
    width = 0.6 / max(len(across.ticks), 1) if levels else 0.0
    marks = [
        # Trials of one level lie side by side.
        _point(
            trial,
            across.place(trial.parameters[name]) + width * ((trial.number * 0.618) % 1 - 0.5),
            up.place(trial.score),
            pick,
            {trial.outcome: places[str(trial.n_segments)]},
        )
        for trial in having
    ]
    return _framed(_title(name), marks, (across, up), (340, 230))


def _pair(trials: Sequence[TrialRecord], one: str, other: str, pick: int | None) -> Chart:
    """Draw the best score for every pair of levels, or of quarters of a number's values."""
    having = [t for t in trials if one in t.parameters and other in t.parameters]
    columns, rows = (_levels([t.parameters[name] for t in having]) for name in (one, other))
    cells: dict[tuple[str, str], list[TrialRecord]] = {}
    for trial in having:
        key = columns[trial.parameters[one]], rows[trial.parameters[other]]
        cells.setdefault(key, []).append(trial)
    across, up = (scale_of(dict.fromkeys(levels.values())) for levels in (columns, rows))
    best = {key: max(trial.score for trial in group) for key, group in cells.items()}
    low, high = min(best.values(), default=0.0), max(best.values(), default=1.0)
    size = (340, 230)
    inner = _framed("", [], (across, up), size)
    wide = (size[0] - inner.left) / max(len(across.ticks), 1) - 2
    tall = (size[1] - inner.bottom) / max(len(up.ticks), 1) - 2
    marks = [
        Mark(
            x=across.place(key[0]),
            y=up.place(key[1]),
            colour="var(--accent)",
            text=f"{_title(one)} {key[0]}, {_title(other)} {key[1]}: best score {best[key]:.3f} "
            f"of {len(group)} trials",
            picked=any(trial.number == pick for trial in group),
            width=wide,
            height=tall,
            opacity=0.1 + 0.75 * (best[key] - low) / ((high - low) or 1.0),
            label=f"{best[key]:.2f}",
        )
        for key, group in cells.items()
    ]
    title = f"{_title(one)} (across), {_title(other)} (up): best score"
    return _framed(title, marks, (across, up), size)


def _levels(values: Sequence[Value]) -> dict[Value, str]:
    """Return the level of each value: itself, or its quarter where there are many numbers."""
    distinct = set(values)
    if len(distinct) <= MOST_LEVELS or any(isinstance(value, str) for value in distinct):
        return {v: v if isinstance(v, str) else number(float(v or 0.0)) for v in distinct}
    numbers = np.sort([float(value or 0.0) for value in values])
    edges = np.unique(np.quantile(numbers, np.linspace(0, 1, BINS + 1)))
    texts = [f"{number(a)} to {number(b)}" for a, b in pairwise(edges)]
    return {
        value: texts[int(np.clip(np.searchsorted(edges, float(value or 0.0)) - 1, 0, None))]
        for value in distinct
    }


def _timeline(trials: Sequence[TrialRecord], pick: int | None) -> Chart:
    begun = working_seconds(trials)
    whole = max(begun[trial.number] + trial.seconds for trial in trials) or 1.0
    ticks = [float(t) for t in MaxNLocator(6).tick_values(0.0, whole) if 0 <= t <= whole]
    across = Scale(
        lambda value: float(value or 0.0) / whole, [(t / whole, f"{t:g} s") for t in ticks]
    )
    up = scale_of([trial.number for trial in trials])
    size = (1060, max(140, min(620, 60 + 7 * len(trials))))
    frame = _framed("", [], (across, up), size)
    inner, line = size[0] - frame.left, max(2.0, (size[1] - frame.bottom) / len(trials) - 1.5)
    marks = []
    for trial in trials:
        width = max(2.0, inner * trial.seconds / whole)
        marks.append(
            Mark(
                x=begun[trial.number] / whole + width / 2 / inner,
                y=up.place(trial.number),
                colour=COLOURS[trial.outcome],
                text=f"{trial.text}, {number(trial.seconds)} s",
                picked=trial.number == pick,
                width=width,
                height=line,
            )
        )
    return _framed("trial by time", marks, (across, up), size)


def _point(
    trial: TrialRecord, x: float, y: float, pick: int | None, colours: Mapping[str, str]
) -> Mark:
    return Mark(x, y, colours[trial.outcome], trial.text, picked=trial.number == pick)


def _framed(
    title: str,
    marks: Sequence[Mark],
    scales: tuple[Scale, Scale],
    size: tuple[int, int],
    line: str = "",
) -> Chart:
    """Return a chart of marks that lie between 0 and 1, in pixels; what was picked on top."""
    (across, up), (width, height) = scales, size
    frame = Chart(title, (), (), (), width, height)
    left = max([frame.left, *(12 + 6 * len(text) for _, text in up.ticks)])
    frame = Chart(title, (), (), (), width, height, left=min(left, width // 3))
    placed = [
        Mark(**{**vars(mark), "x": _x(mark.x, frame), "y": _y(mark.y, frame)}) for mark in marks
    ]
    return Chart(
        title,
        sorted(placed, key=lambda mark: mark.picked),
        [(_x(place, frame), text) for place, text in across.ticks],
        [(_y(place, frame), text) for place, text in up.ticks],
        *(width, height, line, frame.left),
    )


def _x(place: float, chart: Chart) -> float:
    return chart.left + (chart.width - chart.left) * place


def _y(place: float, chart: Chart) -> float:
    return (chart.height - chart.bottom) * (1 - place)


def _key(trial: TrialRecord, name: str) -> str:
    return str(trial.parameters[name]) if name in trial.parameters else ""


def _title(name: str) -> str:
    return name.replace("_", " ")
