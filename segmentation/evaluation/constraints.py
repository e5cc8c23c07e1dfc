"""Checks a candidate against its constraints: how far beyond each, and why in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from segmentation.interpretation.formatting import percent


@dataclass(frozen=True)
class Constraints:
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
    firm
        In [0, 1]: from this stability on segments count as coming back when refitted, and go
        before others. Not a limit: others may win where there is nothing better.
    """

    k_min: int = 3
    k_max: int = 10
    smallest_share: float = 0.05
    largest_share: float = 0.70
    noise_share: float = 0.20
    stability: float = 0.60
    firm: float = 0.80


@dataclass(frozen=True)
class Measured:
    """What the constraints look at.

    Parameters
    ----------
    n_segments
        Number of segments.
    smallest_share, largest_share, noise_share
        In [0, 1].
    stability
        In [0, 1]; None while not computed.
    """

    n_segments: int
    smallest_share: float
    largest_share: float
    noise_share: float
    stability: float | None = None


@dataclass(frozen=True)
class Constraint:
    """One limit: by how much a candidate is beyond it, and the sentence when it is."""

    excess: Callable[[Measured, Constraints], float]
    reason: Callable[[Measured, Constraints], str]


CONSTRAINTS: Mapping[str, Constraint] = MappingProxyType(
    {
        "n_segments": Constraint(
            lambda m, g: max(g.k_min - m.n_segments, m.n_segments - g.k_max) / g.k_max,
            lambda m, g: (
                f"{m.n_segments} segment{'s' if m.n_segments != 1 else ''}, "
                f"between {g.k_min} and {g.k_max} wanted"
            ),
        ),
        "smallest_share": Constraint(
            lambda m, g: g.smallest_share - m.smallest_share,
            lambda m, g: (
                f"smallest segment holds {percent(m.smallest_share)} of customers, "
                f"at least {percent(g.smallest_share)} wanted"
            ),
        ),
        "largest_share": Constraint(
            lambda m, g: m.largest_share - g.largest_share,
            lambda m, g: (
                f"largest segment holds {percent(m.largest_share)} of customers, "
                f"at most {percent(g.largest_share)} wanted"
            ),
        ),
        "noise_share": Constraint(
            lambda m, g: m.noise_share - g.noise_share,
            lambda m, g: (
                f"{percent(m.noise_share)} of customers are noise, "
                f"at most {percent(g.noise_share)} wanted"
            ),
        ),
        "stability": Constraint(
            lambda m, g: g.stability - (m.stability or 0.0),
            lambda m, g: f"stability is {m.stability:.3f}, at least {g.stability:.2f} wanted",
        ),
    }
)


def excess(measured: Measured, constraints: Constraints) -> dict[str, float]:
    """Return by constraint how far a candidate is beyond its limit: positive where broken.

    Shares and stability are in their own unit, the number of segments as a share of
    ``k_max``. Stability that was not computed counts as 0.
    """
    return {
        name: float(constraint.excess(measured, constraints))
        for name, constraint in CONSTRAINTS.items()
    }


def reasons(measured: Measured, constraints: Constraints) -> tuple[str, ...]:
    """Return one sentence for each violated constraint; stability only where it was computed."""
    return tuple(
        constraint.reason(measured, constraints)
        for name, constraint in CONSTRAINTS.items()
        if constraint.excess(measured, constraints) > 0
        and not (name == "stability" and measured.stability is None)
    )
