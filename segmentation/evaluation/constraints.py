"""Checks a candidate against its guards: how far beyond each, and why in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from segmentation.evaluation.result import Guards
from segmentation.interpretation.formatting import percent


@dataclass(frozen=True)
class Measured:
    """What the guards look at.

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
class Guard:
    """One limit: by how much a candidate is beyond it, and the sentence when it is."""

    excess: Callable[[Measured, Guards], float]
    reason: Callable[[Measured, Guards], str]


GUARDS: Mapping[str, Guard] = MappingProxyType(
    {
        "n_segments": Guard(
            lambda m, g: max(g.k_min - m.n_segments, m.n_segments - g.k_max) / g.k_max,
            lambda m, g: (
                f"{m.n_segments} segment{'s' if m.n_segments != 1 else ''}, "
                f"between {g.k_min} and {g.k_max} wanted"
            ),
        ),
        "smallest_share": Guard(
            lambda m, g: g.smallest_share - m.smallest_share,
            lambda m, g: (
                f"smallest segment holds {percent(m.smallest_share)} of customers, "
                f"at least {percent(g.smallest_share)} wanted"
            ),
        ),
        "largest_share": Guard(
            lambda m, g: m.largest_share - g.largest_share,
            lambda m, g: (
                f"largest segment holds {percent(m.largest_share)} of customers, "
                f"at most {percent(g.largest_share)} wanted"
            ),
        ),
        "noise_share": Guard(
            lambda m, g: m.noise_share - g.noise_share,
            lambda m, g: (
                f"{percent(m.noise_share)} of customers are noise, "
                f"at most {percent(g.noise_share)} wanted"
            ),
        ),
        "stability": Guard(
            lambda m, g: g.stability - (m.stability or 0.0),
            lambda m, g: f"stability is {m.stability:.3f}, at least {g.stability:.2f} wanted",
        ),
    }
)


def excess(measured: Measured, guards: Guards) -> dict[str, float]:
    """Return by guard how far a candidate is beyond its limit: positive where broken.

    Shares and stability are in their own unit, the number of segments as a share of
    ``k_max``. Stability that was not computed counts as 0.
    """
    return {name: float(guard.excess(measured, guards)) for name, guard in GUARDS.items()}


def reasons(measured: Measured, guards: Guards) -> tuple[str, ...]:
    """Return one sentence for each broken guard; stability only where it was computed."""
    return tuple(
        guard.reason(measured, guards)
        for name, guard in GUARDS.items()
        if guard.excess(measured, guards) > 0
        and not (name == "stability" and measured.stability is None)
    )
