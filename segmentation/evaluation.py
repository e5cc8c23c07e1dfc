"""The judgement of one fitted segmenter, as data."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Guards:
    """What makes a candidate infeasible, however well it scores.

    Parameters
    ----------
    k_min, k_max
        Closed interval of the number of segments.
    smallest_share, largest_share
        In [0, 1]: the smallest segment holds at least, the largest at most this share.
    noise_share
        In [0, 1]: at most this share of training customers may be noise.
    stability
        In [0, 1]: stability is at least this.
    """

    k_min: int = 3
    k_max: int = 10
    smallest_share: float = 0.05
    largest_share: float = 0.70
    noise_share: float = 0.20
    stability: float = 0.60


@dataclass(frozen=True)
class Evaluation:
    """How good a segmentation is, judged without labels in the study's reference space.

    Parameters
    ----------
    score
        ``stability + agreement + 0.03 ln k``, at least 0.
    stability
        In [0, 1], see :func:`segmentation.criteria.stability`.
    stability_spread
        Standard deviation of stability between split seeds.
    agreement
        In [0, 1], see :func:`segmentation.criteria.neighbour_agreement`.
    n_segments
        Number of segments customers are assigned to.
    smallest_share, largest_share, noise_share
        In [0, 1].
    silhouette, calinski_harabasz, davies_bouldin
        Classic indices in the reference space, for comparison only; NaN where undefined.
    tree_accuracy
        In [0, 1], see :func:`segmentation.criteria.tree_accuracy`.
    rows
        Customers the judgement was made on.
    infeasible
        Why the candidate may not win, one sentence a reason; empty when feasible.
    seconds
        Time spent by step (``fit``, ``judge``).
    """

    score: float
    stability: float
    stability_spread: float
    agreement: float
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
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def feasible(self) -> bool:
        """Whether no guard was broken."""
        return not self.infeasible
