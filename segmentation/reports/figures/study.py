"""Draw a whole study from plain numbers: history, importance, Pareto front, alternatives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from segmentation.interpretation.formatting import percent
from segmentation.reports.figures.study_data import (
    StudyData,
    TrialPoint,
    best_so_far,
    pareto_front,
)
from segmentation.reports.figures.style import (
    ACCENT,
    CONTRAST,
    GRID,
    INK,
    QUIET,
    colour,
    figure_with_axes,
    short,
    titles,
)

MOST_PARAMETERS = 12
MARGINS = (0.75, 0.35, 0.6, 1.0)


def draw_optimisation_history(data: StudyData) -> Figure:
    """Draw the score of each trial and the best so far."""
    figure, axes = _plot("trial", "score")
    for feasible, ink, label in ((False, QUIET, "infeasible"), (True, ACCENT, "feasible")):
        shown = [trial for trial in data.trials if trial.feasible is feasible]
        axes.scatter(
            [t.number for t in shown],
            [t.score for t in shown],
            s=24 if feasible else 18,
            marker="o" if feasible else "x",
            linewidths=0 if feasible else 1,
            color=ink,
            alpha=0.8,
            label=label,
        )
    axes.step(
        [t.number for t in data.trials],
        best_so_far(data.trials),
        where="post",
        color=CONTRAST,
        label="best so far",
    )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _legend(axes, 3)
    kept = data.feasible()
    if not kept:
        titles(figure, f"None of {len(data.trials)} trials is feasible")
        return figure
    winner = max(kept, key=lambda trial: trial.score)
    titles(
        figure,
        f"Best score {winner.score:.3f} in trial {winner.number}: {winner.algorithm}, "
        f"{winner.n_segments} segments",
        f"{len(data.trials)} trials, {len(kept)} feasible; score = stability + separation "
        "+ 0.03 ln(segments)",
    )
    return figure


def draw_parameter_importance(data: StudyData) -> Figure:
    """Draw how much of the score's variance each choice explains."""
    ordered = sorted(data.importances.items(), key=lambda item: -item[1])[:MOST_PARAMETERS]
    figure, axes = figure_with_axes(8.0, 1.1 + 0.32 * max(2, len(ordered)), (2.5, 0.4, 0.15, 0.85))
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.set_xticks([])
    if not ordered:
        axes.set_yticks([])
        titles(figure, "Too few trials to say which choice matters")
        return figure
    shares = [share for _, share in ordered]
    axes.barh(range(len(ordered)), shares, height=0.66, color=ACCENT)
    for place, share in enumerate(shares):
        axes.text(share, place, f" {percent(share)}", va="center", fontsize=9, color=INK)
    names = [short(name.replace("_", " "), 32) for name, _ in ordered]
    axes.set_yticks(range(len(ordered)), names)
    axes.set_ylim(len(ordered) - 0.5, -0.5)
    axes.set_xlim(0, max(*shares, 1e-9) * 1.15)
    titles(
        figure,
        f"The choice that matters most: {names[0]}",
        "Share of the score's variance between trials that each choice explains",
    )
    return figure


def draw_pareto_front(data: StudyData) -> Figure:
    """Draw stability against separation, coloured by the number of segments."""
    figure, axes = _plot("stability", "separation", right=1.5)
    kept, front = data.feasible(), pareto_front(data.trials)
    counts = sorted({trial.n_segments for trial in kept})
    for k in counts:
        shown = [trial for trial in kept if trial.n_segments == k]
        axes.scatter(
            [t.stability for t in shown],
            [t.separation for t in shown],
            s=34,
            color=colour(counts.index(k)),
            linewidths=0,
            alpha=0.85,
            label=f"{k} segments",
        )
    if not kept:
        titles(figure, f"None of {len(data.trials)} trials is feasible")
        return figure
    axes.plot(
        *([t.stability for t in front], [t.separation for t in front]),
        color=QUIET,
        linewidth=1,
        zorder=0,
    )
    axes.legend(
        loc="upper left", bbox_to_anchor=(1.01, 1.01), frameon=False, fontsize=9, labelcolor=INK
    )
    one = len(front) == 1
    titles(
        figure,
        f"{len(front)} of {len(kept)} feasible trials {'is' if one else 'are'} beaten by no other",
        "Upper right is better; the line joins those that none beats in both",
    )
    return figure


def draw_alternatives(data: StudyData) -> Figure:
    """Draw the best score for each number of segments, with stability and tree accuracy."""
    figure, axes = _plot("segments", "stability, tree accuracy")
    steps = data.alternatives
    if not steps:
        titles(figure, f"None of {len(data.trials)} trials is feasible")
        return figure
    counts = [step.n_segments for step in steps]
    axes.plot(counts, [s.stability for s in steps], "o-", color=ACCENT, label="stability")
    axes.plot(
        *(counts, [s.tree_accuracy for s in steps], "s--"),
        color=CONTRAST,
        label="tree accuracy",
    )
    axes.set_ylim(0, 1.12)
    axes.set_xlim(min(counts) - 0.5, max(counts) + 0.5)
    axes.set_xticks(counts)
    for step in steps:
        axes.text(
            *(step.n_segments, 1.05, f"{step.score:.2f}"),
            ha="center",
            fontsize=9,
            weight="bold" if step.n_segments == data.pick else "normal",
            color=INK,
        )
    _legend(axes, 2)
    titles(
        figure,
        f"{data.pick} segments were picked" if data.pick else "Nothing was picked",
        "The best candidate for each number of segments; its score stands on top",
    )
    return figure


def _plot(across: str, up: str, right: float = 0.35) -> tuple[Figure, Axes]:
    left, _, bottom, top = MARGINS
    figure, axes = figure_with_axes(8.0, 4.4, (left, right, bottom, top))
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_xlabel(across, fontsize=9, color=QUIET)
    axes.set_ylabel(up, fontsize=9, color=QUIET)
    return figure, axes


def _legend(axes: Axes, columns: int) -> None:
    """Put the legend above the plot at the right, where no data can lie beneath it."""
    axes.legend(
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
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
    }
)

__all__ = [
    "STUDY_FIGURES",
    "StudyData",
    "TrialPoint",
    "best_so_far",
    "pareto_front",
]
