"""Pictures of a study: their numbers, and that they can be drawn."""

import numpy as np
import pytest

from segmentation.reports.figures.study_figures import (
    STUDY_FIGURES,
    StudyData,
    TrialPoint,
    best_so_far,
    draw_elbow,
    draw_optimisation_history,
    pareto_front,
)
from tests.segmentation.reports.figures import SIGNATURE, png, title


def trial(
    number: int, stable: float, agreed: float, k: int = 4, feasible: bool = True
) -> TrialPoint:
    return TrialPoint(number, stable + agreed, stable, agreed, 0.9, k, "k-means", feasible)


TRIALS = (
    trial(0, 0.0, 0.99, feasible=False),
    trial(1, 0.7, 0.80, k=5),
    trial(2, 0.9, 0.70),
    trial(3, 0.6, 0.75),
    trial(4, 0.9, 0.85, feasible=False),
    trial(5, 0.8, 0.78),
)


def test_best_so_far_ignores_infeasible_trials() -> None:
    """It rises only with feasible trials and is undefined before the first."""
    best = best_so_far(TRIALS)
    assert np.isnan(best[0])
    assert best[1:].tolist() == pytest.approx([1.5, 1.6, 1.6, 1.6, 1.6])


def test_pareto_front_holds_what_none_beats() -> None:
    """No trial on the front is beaten in both, every other one is."""
    assert [t.number for t in pareto_front(TRIALS)] == [2, 5, 1]


@pytest.mark.parametrize("name", STUDY_FIGURES)
@pytest.mark.parametrize(
    ("trials", "importances"),
    [
        (TRIALS, {"clusterer": 0.6, "n_clusters": 0.4}),
        (TRIALS[:1], {}),
        (TRIALS[1:2], {"clusterer": 0.0}),
        ((), {}),
    ],
    ids=["study", "infeasible", "single", "empty"],
)
def test_every_study_picture_can_be_drawn(
    name: str, trials: tuple[TrialPoint, ...], importances: dict[str, float]
) -> None:
    """Also without a feasible trial, and with one: a picture that says so."""
    figure = STUDY_FIGURES[name](StudyData(trials, importances, alternatives=trials[1:3], pick=5))
    assert png(figure).startswith(SIGNATURE)
    assert len(title(figure)) > 15


def test_the_history_names_the_pick() -> None:
    """Not the trial with the best score, where another one was picked."""
    best = max((trial for trial in TRIALS if trial.feasible), key=lambda trial: trial.score)
    other = next(trial for trial in TRIALS if trial.feasible and trial != best)
    figure = draw_optimisation_history(StudyData(TRIALS, trial=other.number))
    assert title(figure).startswith(f"The pick is trial {other.number}: ")
    (axes,) = figure.axes
    assert axes.collections[-1].get_offsets().tolist() == [[other.number, other.score]]


def test_the_elbow_marks_the_pick() -> None:
    """k-means as a line from one segment on, the alternatives as points, the pick in words."""
    k_means = {1: 1.0, 2: 0.7, 3: 0.55}
    figure = draw_elbow(StudyData(TRIALS, k_means_inertia=k_means, inertia={2: 0.72}, pick=2))
    (axes,) = figure.axes
    assert axes.lines[0].get_xydata().tolist() == [[1, 1.0], [2, 0.7], [3, 0.55]]
    assert axes.collections[0].get_offsets().tolist() == [[2, 0.72]]
    assert title(figure) == "2 segments leave 72% of the inertia"
