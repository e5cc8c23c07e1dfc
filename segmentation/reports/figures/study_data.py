"""The numbers behind the pictures of a study, computed apart from drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from segmentation.types import FloatArray


@dataclass(frozen=True)
class TrialPoint:
    """One judged trial of a study.

    Parameters
    ----------
    number
        Of the trial, from 0.
    score, stability, separation, tree_accuracy
        As in :class:`segmentation.evaluation.result.Evaluation`.
    n_segments
        Number of segments.
    algorithm
        What a person reads.
    feasible
        Whether it met all constraints.
    """

    number: int
    score: float
    stability: float
    separation: float
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
    alternatives
        The best for each number of segments, fewest first, with the scores that were settled
        when all were known.
    pick
        Number of segments that was picked; 0 for none.
    """

    trials: tuple[TrialPoint, ...]
    importances: Mapping[str, float] = field(default_factory=dict)
    alternatives: tuple[TrialPoint, ...] = ()
    pick: int = 0

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
