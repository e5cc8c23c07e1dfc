"""The numbers behind the pictures of a study, computed apart from drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from segmentation.assignment import FloatArray


@dataclass(frozen=True)
class TrialPoint:
    """One judged trial of a study.

    Parameters
    ----------
    number
        Of the trial, from 0.
    score, stability, agreement, tree_accuracy
        As in :class:`segmentation.evaluation.Evaluation`.
    n_segments
        Number of segments.
    algorithm
        What a person reads.
    feasible
        Whether it kept all guards.
    """

    number: int
    score: float
    stability: float
    agreement: float
    tree_accuracy: float
    n_segments: int
    algorithm: str
    feasible: bool


@dataclass(frozen=True)
class StudyData:
    """What the pictures of a study are drawn from.

    Parameters
    ----------
    trials
        All judged trials, in the order of their numbers.
    importances
        Share in [0, 1] of the score's variance by parameter; empty where not estimated.
    """

    trials: tuple[TrialPoint, ...]
    importances: Mapping[str, float] = field(default_factory=dict)

    def feasible(self) -> tuple[TrialPoint, ...]:
        """Return the trials that kept all guards."""
        return tuple(trial for trial in self.trials if trial.feasible)


def best_so_far(trials: Sequence[TrialPoint]) -> FloatArray:
    """Return the best feasible score up to each trial, NaN before the first feasible one."""
    scores = [trial.score if trial.feasible else -np.inf for trial in trials]
    best = np.maximum.accumulate(np.array(scores, dtype=np.float64))
    return np.where(np.isfinite(best), best, np.nan)


def pareto_front(trials: Sequence[TrialPoint]) -> tuple[TrialPoint, ...]:
    """Return the feasible trials that no other beats in both stability and agreement."""
    front: list[TrialPoint] = []
    feasible = [trial for trial in trials if trial.feasible]
    for trial in sorted(feasible, key=lambda t: (-t.stability, -t.agreement, t.number)):
        if not front or trial.agreement > front[-1].agreement:
            front.append(trial)
    return tuple(front)


def ladder(trials: Sequence[TrialPoint]) -> tuple[TrialPoint, ...]:
    """Return the best feasible trial for each number of segments, fewest segments first."""
    best: dict[int, TrialPoint] = {}
    for trial in trials:
        rival = best.get(trial.n_segments)
        if trial.feasible and (rival is None or trial.score > rival.score):
            best[trial.n_segments] = trial
    return tuple(best[k] for k in sorted(best))
