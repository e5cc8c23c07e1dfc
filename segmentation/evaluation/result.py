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

    Shares, stability, agreement, separation and tree accuracy are in [0, 1]. How each number is
    computed is said in :mod:`segmentation.evaluation.metrics`.
    """

    score: float  # stability + separation + 0.03 ln k, at least 0
    stability: float  # 0 where not computed because another constraint is violated
    stability_spread: float  # standard deviation between splits
    score_error: float  # the spread over the root of the number of splits
    agreement: float
    separation: float
    n_segments: int
    smallest_share: float
    largest_share: float
    noise_share: float
    silhouette: float  # the classic indices are for comparison only, NaN where undefined
    calinski_harabasz: float
    davies_bouldin: float
    tree_accuracy: float
    rows: int  # customers it was evaluated on
    infeasible: tuple[str, ...] = ()  # why it may not win, a sentence a violated constraint
    notes: tuple[str, ...] = ()  # what else a reader should know, one sentence each
    firm: bool = True  # whether the segments come back when refitted, see `Constraints.firm`
    excess: dict[str, float] = field(default_factory=dict)  # by constraint, positive: violated
    further: dict[str, float] = field(default_factory=dict)  # metrics without a field here
    seconds: dict[str, float] = field(default_factory=dict)  # of `fit`, `metrics`, `stability`

    @property
    def feasible(self) -> bool:
        """Whether no constraint is violated."""
        return not self.infeasible

    def metrics(self) -> dict[str, float]:
        """Return every number by name, NaN where undefined, without times."""
        names = [f.name for f in fields(self) if f.name not in NOT_METRICS]
        return {**{name: float(getattr(self, name)) for name in names}, **self.further}

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that is valid JSON: None stands for NaN."""
        return {name: _plain(value) for name, value in vars(self).items()}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_dict` wrote."""
        return cls(**{name: _read(value) for name, value in raw.items()})


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
