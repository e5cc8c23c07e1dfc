"""Confidence as models of format 1 state it: a rising curve over a figure of their rule's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from segmentation.clustering.assignment_rules import Rule
from segmentation.clustering.assignment_rules.gaussian import GaussianRule
from segmentation.clustering.assignment_rules.neighbours import NeighboursRule
from segmentation.model.serialization import Arrays
from segmentation.preprocessing.rowwise import row_sums
from segmentation.types import Assignment, FloatArray, IntArray, second_choice

# The array that only this format has.
CURVE = "raw"
WIDE_VOTERS, FEW_VOTERS = 21, 5


@dataclass(frozen=True)
class CurveCalibration:
    """Answers as such a model did: what is left beside the confidence goes to the runner-up.

    Parameters
    ----------
    rule
        Of the model.
    raw, calibrated
        The curve's corners, shape (m,), both rising.
    """

    rule: Rule
    raw: FloatArray
    calibrated: FloatArray

    @property
    def reliability(self) -> FloatArray:
        """Nothing: such models did not measure it."""
        return np.empty((0, 3))

    def memberships(self, assignment: Assignment, features: FloatArray) -> FloatArray:
        """Return the probability of the segment and the runner-up, 0 for others; shape (n, k)."""
        segment, rows = assignment.segment, np.arange(len(assignment))
        if self.rule.n_segments == 1:
            return np.ones((len(segment), 1))
        raw, runner_up = self._raw(assignment, features)
        confidence = np.interp(raw, self.raw, self.calibrated)
        memberships = np.zeros((len(segment), self.rule.n_segments))
        memberships[rows, segment] = confidence
        memberships[rows, runner_up] = 1.0 - confidence
        return memberships

    def runner_up(self, assignment: Assignment, features: FloatArray) -> IntArray:
        """Return the second-best segment, shape (n,)."""
        if self.rule.n_segments == 1:
            return assignment.segment
        return self._raw(assignment, features)[1]

    def _raw(self, assignment: Assignment, features: FloatArray) -> tuple[FloatArray, IntArray]:
        if isinstance(self.rule, NeighboursRule):
            return _share_of_votes(self.rule, assignment, features)
        runner_up, rows = assignment.runner_up, np.arange(len(assignment))
        if isinstance(self.rule, GaussianRule):
            return 1.0 / row_sums(np.exp(-assignment.margins)), runner_up
        owner, points = self.rule.to_arrays()["owner"], self.rule.to_arrays()["points"]
        distance = cdist(features, points)
        starts = np.searchsorted(owner, np.arange(self.rule.n_segments))
        nearest = np.minimum.reduceat(distance, starts, axis=1)
        own, other = nearest[rows, assignment.segment], nearest[rows, runner_up]
        total = own + other
        return np.where(total > 0, other / np.where(total > 0, total, 1.0), 0.5), runner_up

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the curve."""
        return {CURVE: self.raw, "kept": self.calibrated}

    @classmethod
    def from_arrays(cls, arrays: Arrays, rule: Rule) -> Self:
        """Rebuild from :meth:`to_arrays`."""
        return cls(rule, arrays[CURVE], arrays["kept"])


def _share_of_votes(
    rule: NeighboursRule, assignment: Assignment, features: FloatArray
) -> tuple[FloatArray, IntArray]:
    """Return the segment's share of the votes of the 21 nearest points, and who comes second."""
    voters = min(max(FEW_VOTERS, min(WIDE_VOTERS, len(rule.points) // 10)), len(rule.points))
    distance, index = rule.tree.query(features, k=np.arange(1, voters + 1))
    votes = rule.votes(distance, rule.labels[index])
    remote = cdist(features, rule.means)
    remote *= 1e-9 / (remote.max(axis=1, keepdims=True) + 1e-300)
    share = np.clip(votes[np.arange(len(votes)), assignment.segment], 0.0, 1.0)
    return share, second_choice(votes - remote, assignment.segment)
