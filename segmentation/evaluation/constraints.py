"""What makes a candidate infeasible: the limits, by how much each is violated, and why in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from segmentation.interpretation.formatting import percent


@dataclass(frozen=True)
class Constraints:
    """Limits a candidate has to meet, however well it scores; shares and stability in [0, 1].

    `firm` is no limit: from this stability on segments count as coming back when refitted, and
    go before others.
    """

    k_min: int = 3
    k_max: int = 10
    smallest_share: float = 0.05  # of customers, that the smallest segment holds at least
    largest_share: float = 0.70  # that the largest segment holds at most
    noise_share: float = 0.20
    stability: float = 0.60
    firm: float = 0.80


@dataclass(frozen=True)
class Measured:
    """What the constraints look at; shares and stability in [0, 1]."""

    n_segments: int
    smallest_share: float
    largest_share: float
    noise_share: float
    stability: float | None = None  # None while not computed


@dataclass(frozen=True)
class Constraint:
    """By how much a candidate is beyond a limit, and the sentence that says so."""

    excess: Callable[[Measured, Constraints], float]
    reason: Callable[[Measured, Constraints], str]


CONSTRAINTS: Mapping[str, Constraint] = MappingProxyType(
    {
        "n_segments": Constraint(
            lambda m, c: max(c.k_min - m.n_segments, m.n_segments - c.k_max) / c.k_max,
            lambda m, c: (
                f"{m.n_segments} segment{'s' if m.n_segments != 1 else ''}, "
                f"between {c.k_min} and {c.k_max} required"
            ),
        ),
        "smallest_share": Constraint(
            lambda m, c: c.smallest_share - m.smallest_share,
            lambda m, c: (
                f"smallest segment holds {percent(m.smallest_share)} of customers, "
                f"at least {percent(c.smallest_share)} required"
            ),
        ),
        "largest_share": Constraint(
            lambda m, c: m.largest_share - c.largest_share,
            lambda m, c: (
                f"largest segment holds {percent(m.largest_share)} of customers, "
                f"at most {percent(c.largest_share)} allowed"
            ),
        ),
        "noise_share": Constraint(
            lambda m, c: m.noise_share - c.noise_share,
            lambda m, c: (
                f"{percent(m.noise_share)} of customers are noise, "
                f"at most {percent(c.noise_share)} allowed"
            ),
        ),
        "stability": Constraint(
            lambda m, c: c.stability - (m.stability or 0.0),
            lambda m, c: f"stability is {m.stability:.3f}, at least {c.stability:.2f} required",
        ),
    }
)


def excess(measured: Measured, constraints: Constraints) -> dict[str, float]:
    """Return by constraint how far a candidate is beyond its limit: positive where violated.

    Shares and stability are in their own unit, the number of segments as a share of
    ``k_max``. Stability that was not computed counts as 0.
    """
    return {name: float(c.excess(measured, constraints)) for name, c in CONSTRAINTS.items()}


def reasons(measured: Measured, constraints: Constraints) -> tuple[str, ...]:
    """Return one sentence for each violated constraint; stability only where it was computed."""
    over = excess(measured, constraints)
    if measured.stability is None:
        del over["stability"]
    return tuple(CONSTRAINTS[n].reason(measured, constraints) for n in over if over[n] > 0)
