"""The evaluation of one fitted segmenter, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from math import isnan, nan
from typing import Any, Self

# Rank correlation of the score between split seeds is .9: a score is known to about .02.
SCORE_NOISE = 0.02
NOT_METRICS = ("infeasible", "notes", "firm", "excess", "further", "seconds")


@dataclass(frozen=True)
class Evaluation:
    """How good a segmentation is, judged without labels in the study's reference space.

    Parameters
    ----------
    score
        ``stability + separation + 0.03 ln k``, at least 0; see
        :func:`segmentation.evaluation.metrics.score`.
    stability
        In [0, 1], see :func:`segmentation.evaluation.metrics.stability`; 0 where it was not
        computed because the partition had already violated another constraint (`notes` says so).
    stability_spread
        Standard deviation of stability between split seeds.
    score_error
        Standard error of the score: the spread over the root of the number of splits.
    agreement
        In [0, 1], see :func:`segmentation.evaluation.separation.neighbour_agreement`.
    separation
        In [0, 1], see :func:`segmentation.evaluation.separation.separation`.
    n_segments
        Number of segments customers are assigned to.
    smallest_share, largest_share, noise_share
        In [0, 1].
    silhouette, calinski_harabasz, davies_bouldin
        Classic indices in the reference space, for comparison only; NaN where undefined.
    tree_accuracy
        In [0, 1], see :func:`segmentation.evaluation.metrics.tree_accuracy`.
    rows
        Customers the evaluation was made on.
    infeasible
        Why the candidate may not win, one sentence a reason; empty when feasible.
    notes
        What else a reader should know, one sentence each.
    firm
        Whether the segments come back when refitted, see `Constraints.firm`.
    excess
        By constraint, how far the candidate is beyond it: positive where broken. For an optimiser
        that learns from constraints; see :func:`segmentation.evaluation.constraints.excess`.
    further
        Values of metrics that have no field of their own here.
    seconds
        Time spent by step (``fit``, ``metrics``, ``stability``).
    """

    score: float
    stability: float
    stability_spread: float
    score_error: float
    agreement: float
    separation: float
    n_segments: int
    smallest_share: float
    largest_share: float
    noise_share: float
    silhouette: float
    calinski_harabasz: float
    davies_bouldin: float
    tree_accuracy: float
    rows: int
    infeasible: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    firm: bool = True
    excess: dict[str, float] = field(default_factory=dict)
    further: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def feasible(self) -> bool:
        """Whether no constraint is violated."""
        return not self.infeasible

    def metrics(self) -> dict[str, float]:
        """Return every number of the evaluation by name, NaN where undefined, without times."""
        own = {f.name: float(getattr(self, f.name)) for f in fields(self) if _is_metric(f.name)}
        return {**own, **self.further}

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that is valid JSON: None stands for NaN."""
        raw = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: _plain(value) for name, value in raw.items()}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_dict` wrote."""
        read = {name: _read(value) for name, value in raw.items()}
        return cls(**read)


def _is_metric(name: str) -> bool:
    return name not in NOT_METRICS


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return list(value)
    return None if isinstance(value, float) and isnan(value) else value


def _read(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _read(item) for key, item in value.items()}
    if isinstance(value, list):
        return tuple(value)
    return nan if value is None else value
