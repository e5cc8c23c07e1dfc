"""Pictures of a whole study from plain numbers: history, importance, Pareto front, alternatives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from segmentation.interpretation.formatting import percent
from segmentation.reports.figures.style import (
    ACCENT,
    CONTRAST,
    GRID,
    INK,
    QUIET,
    axis_labels,
    colour,
    figure_with_axes,
    named_bars,
    short,
    titles,
)
from segmentation.types import FloatArray

MOST_PARAMETERS = 12


@dataclass(frozen=True)
class TrialPoint:
    """One evaluated trial, in the terms of :class:`segmentation.evaluation.result.Evaluation`."""

    number: int
    score: float
    stability: float
    separation: float
    tree_accuracy: float
    n_segments: int
    algorithm: str  # its title
    feasible: bool


@dataclass(frozen=True)
class StudyData:
    """What the pictures of a study are drawn from."""

    trials: tuple[TrialPoint, ...]  # by number
    # Share in [0, 1] of the score's variance by parameter; empty where not estimated.
    importances: Mapping[str, float] = field(default_factory=dict)
    # The best for each number of segments, fewest first, with their scores.
    alternatives: tuple[TrialPoint, ...] = ()
    pick: int = 0  # number of segments that was picked; 0 for none
    # Share in (0, 1] of the inertia of one segment that is left, by number of segments: of k-means,
    # and of the alternatives.
    k_means_inertia: Mapping[int, float] = field(default_factory=dict)
    inertia: Mapping[int, float] = field(default_factory=dict)
    trial: int | None = None  # the number of the one that was picked

    def feasible(self) -> tuple[TrialPoint, ...]:
        """Return the trials that met all constraints."""
        return tuple(trial for trial in self.trials if trial.feasible)


def best_so_far(trials: Sequence[TrialPoint]) -> FloatArray:
    """Return the best feasible score up to each trial, NaN before the first feasible one."""
    scores = [trial.score if trial.feasible else -np.inf for trial in trials]
    best = np.maximum.accumulate(np.array(scores, dtype=np.float64))
    return np.where(np.isfinite(best), best, np.nan)


def pareto_front(trials: Sequence[TrialPoint]) -> tuple[TrialPoint, ...]:
    """Return the feasible trials that no other beats in both stability and separation."""
    front: list[TrialPoint] = []
    feasible = [trial for trial in trials if trial.feasible]
    for trial in sorted(feasible, key=lambda t: (-t.stability, -t.separation, t.number)):
        if not front or trial.separation > front[-1].separation:
            front.append(trial)
    return tuple(front)


def draw_optimisation_history(data: StudyData) -> Figure:
    """Draw the score of each trial, the best so far, and which was picked."""
    figure, axes = _plot("trial", "score")
    feasible = data.feasible()
    infeasible = [trial for trial in data.trials if not trial.feasible]
    x, y = _coordinates(infeasible, "number", "score")
    axes.scatter(x, y, s=18, marker="x", linewidths=1, color=QUIET, alpha=0.8, label="infeasible")
    x, y = _coordinates(feasible, "number", "score")
    axes.scatter(x, y, s=24, linewidths=0, color=ACCENT, alpha=0.8, label="feasible")
    numbers, best = [t.number for t in data.trials], best_so_far(data.trials)
    axes.step(numbers, best, where="post", color=CONTRAST, label="best so far")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    picked = [trial for trial in feasible if trial.number == data.trial]
    x, y = _coordinates(picked, "number", "score")
    axes.scatter(
        *(x, y),
        s=150,
        facecolors="none",
        edgecolors=CONTRAST,
        linewidths=2,
        zorder=4,
        label="picked" if picked else "",
    )
    _legend(axes, "lower right", (1.0, 1.0), columns=4)
    if not feasible:
        return _none_feasible(figure, data)
    winner = picked[0] if picked else max(feasible, key=lambda trial: trial.score)
    return titles(
        figure,
        f"{'The pick is' if picked else 'Best score in'} trial {winner.number}: "
        f"{winner.algorithm}, {winner.n_segments} segments, score {winner.score:.3f}",
        f"{len(data.trials)} trials, {len(feasible)} feasible; score = stability + separation "
        "+ 0.03 ln(segments)",
    )


def draw_parameter_importance(data: StudyData) -> Figure:
    """Draw how much of the score's variance each choice explains."""
    ordered = sorted(data.importances.items(), key=lambda item: -item[1])[:MOST_PARAMETERS]
    figure, axes = figure_with_axes(8.0, 1.1 + 0.32 * max(2, len(ordered)), (2.5, 0.4, 0.15, 0.85))
    axes.spines[["left", "bottom"]].set_visible(False)
    if not ordered:
        axes.set(xticks=[], yticks=[])
        return titles(figure, "Too few trials to say which choice matters")
    shares = [share for _, share in ordered]
    names = [short(name.replace("_", " "), 32) for name, _ in ordered]
    named_bars(axes, shares, names, [*map(percent, shares)], height=0.66, color=ACCENT)
    axes.set_xlim(0, max(*shares, 1e-9) * 1.15)
    return titles(
        figure,
        f"The choice that matters most: {names[0]}",
        "Share of the score's variance between trials that each choice explains",
    )


def draw_pareto_front(data: StudyData) -> Figure:
    """Draw stability against separation, coloured by the number of segments."""
    figure, axes = _plot("stability", "separation", right=1.5)
    feasible, front = data.feasible(), pareto_front(data.trials)
    counts = sorted({trial.n_segments for trial in feasible})
    for place, k in enumerate(counts):
        with_k = [trial for trial in feasible if trial.n_segments == k]
        x, y = _coordinates(with_k, "stability", "separation")
        label = f"{k} segments"
        axes.scatter(x, y, s=34, color=colour(place), linewidths=0, alpha=0.85, label=label)
    if not feasible:
        return _none_feasible(figure, data)
    x, y = _coordinates(front, "stability", "separation")
    axes.plot(x, y, color=QUIET, linewidth=1, zorder=0)
    _legend(axes, "upper left", (1.01, 1.01))
    verb = "is" if len(front) == 1 else "are"
    return titles(
        figure,
        f"{len(front)} of {len(feasible)} feasible trials {verb} beaten by no other",
        "Upper right is better; the line joins the trials that none beats in both",
    )


def draw_alternatives(data: StudyData) -> Figure:
    """Draw the best score for each number of segments, with stability and tree accuracy."""
    figure, axes = _plot("segments", "stability, tree accuracy")
    alternatives = data.alternatives
    if not alternatives:
        return _none_feasible(figure, data)
    counts, stability = _coordinates(alternatives, "n_segments", "stability")
    counts, accuracy = _coordinates(alternatives, "n_segments", "tree_accuracy")
    axes.plot(counts, stability, "o-", color=ACCENT, label="stability")
    axes.plot(counts, accuracy, "s--", color=CONTRAST, label="tree accuracy")
    axes.set_ylim(0, 1.12)
    axes.set_xlim(min(counts) - 0.5, max(counts) + 0.5)
    axes.set_xticks(counts)
    for trial in alternatives:
        weight = "bold" if trial.n_segments == data.pick else "normal"
        place = (trial.n_segments, 1.05, f"{trial.score:.2f}")
        axes.text(*place, ha="center", fontsize=9, weight=weight, color=INK)
    _legend(axes, "lower right", (1.0, 1.0), columns=2)
    return titles(
        figure,
        f"{data.pick} segments were picked" if data.pick else "Nothing was picked",
        "The best candidate for each number of segments; its score stands on top",
    )


def draw_elbow(data: StudyData) -> Figure:
    """Draw the inertia left by k-means, and by the alternatives, over the number of segments."""
    figure, axes = _plot("segments", "inertia left")
    axes.set_ylim(0, 1.05)
    axes.yaxis.set_major_formatter(lambda value, _: percent(value))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if not data.k_means_inertia:
        return titles(figure, "No inertia: no candidate is feasible")
    k_means, own = sorted(data.k_means_inertia.items()), sorted(data.inertia.items())
    axes.plot(*zip(*k_means, strict=True), "o-", color=QUIET, markersize=4, label="k-means")
    x, y = (list(values) for values in zip(*own, strict=True))
    axes.scatter(x, y, s=46, color=ACCENT, zorder=3, linewidths=0, label="alternatives")
    if data.pick in data.inertia:
        place = (data.pick, data.inertia[data.pick])
        axes.scatter(*place, s=150, facecolors="none", edgecolors=CONTRAST, linewidths=2, zorder=4)
        axes.annotate(
            *("picked", place),
            xytext=(0, 12),
            textcoords="offset points",
            ha="center",
            fontsize=9,
            color=INK,
        )
        left = f"{data.pick} segments leave {percent(data.inertia[data.pick])} of the inertia"
    else:
        left = "The inertia that segments leave"
    _legend(axes, "lower right", (1.0, 1.0), columns=2)
    return titles(
        figure,
        left,
        "Sum of squared distances to the segment's centre in the reference space; 1 segment: 100%",
    )


def _plot(across: str, up: str, right: float = 0.35) -> tuple[Figure, Axes]:
    figure, axes = figure_with_axes(8.0, 4.4, (0.75, right, 0.6, 1.0))
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axis_labels(axes, across, up)
    return figure, axes


def _coordinates(
    trials: Sequence[TrialPoint], across: str, up: str
) -> tuple[list[float], list[float]]:
    return [getattr(t, across) for t in trials], [getattr(t, up) for t in trials]


def _none_feasible(figure: Figure, data: StudyData) -> Figure:
    return titles(figure, f"None of {len(data.trials)} trials is feasible")


def _legend(axes: Axes, corner: str, anchor: tuple[float, float], columns: int = 1) -> None:
    """Put the legend outside the plot, where no data can lie beneath it."""
    axes.legend(
        loc=corner,
        bbox_to_anchor=anchor,
        ncols=columns,
        frameon=False,
        fontsize=9,
        labelcolor=INK,
    )


STUDY_FIGURES: Mapping[str, Callable[[StudyData], Figure]] = MappingProxyType(
    {
        "optimisation_history": draw_optimisation_history,
        "parameter_importance": draw_parameter_importance,
        "pareto_front": draw_pareto_front,
        "alternatives": draw_alternatives,
        "elbow": draw_elbow,
    }
)
