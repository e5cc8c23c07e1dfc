"""How far a map separates segments, and the two columns that separate them best."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from itertools import combinations

# A dot lies among others where most of its nearest neighbours are of other segments.
NEIGHBOURS = 5
# Columns that are tried in pairs, those that separate most by themselves.
MOST_COLUMNS = 24


@lru_cache(maxsize=16)
def mixed_share(points: tuple[tuple[float, float, int], ...]) -> float:
    """Return the share of dots that lie among other segments' dots, in [0, 1].

    Parameters
    ----------
    points
        Place across, place up, and segment of each dot.
    """
    import numpy as np  # noqa: PLC0415 - a page without a map starts without it

    if len(points) <= NEIGHBOURS:
        return 0.0
    table = np.array(points, dtype=float)
    places, segment = table[:, :2], table[:, 2]
    squares = ((places[:, None, :] - places[None, :, :]) ** 2).sum(axis=2)
    np.fill_diagonal(squares, np.inf)
    nearest = np.argpartition(squares, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    others = (segment[nearest] != segment[:, None]).sum(axis=1)
    return float(np.mean(2 * others > NEIGHBOURS))


def best_pair(
    halves: Mapping[str, Mapping[int, tuple[float, float]]],
) -> tuple[str, str, int] | None:
    """Return the two columns that separate most, and how many pairs of segments they separate.

    Two segments are separated where their middle halves have no value in common in one of the two
    columns; of pairs that separate as many, the one where the halves overlap least.

    Parameters
    ----------
    halves
        The middle half of each segment, by column and segment.
    """
    gaps = {
        column: [_gap(own[i], own[j]) for i, j in combinations(sorted(own), 2)]
        for column, own in halves.items()
    }
    strongest = sorted(gaps, key=lambda column: -sum(gaps[column]))[:MOST_COLUMNS]
    best: tuple[tuple[int, float], tuple[str, str, int]] | None = None
    for first, second in combinations(strongest, 2):
        both = [max(pair) for pair in zip(gaps[first], gaps[second], strict=True)]
        separated = sum(gap >= 1 for gap in both)
        rank = separated, sum(both)
        if best is None or rank > best[0]:
            best = rank, (first, second, separated)
    return best[1] if best else None


def _gap(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return 1 less the share of the narrower middle half that lies within the other one."""
    common = min(one[1], other[1]) - max(one[0], other[0])
    narrower = min(one[1] - one[0], other[1] - other[0])
    if common < 0:
        return 1.0
    return 1.0 - min(1.0, common / narrower) if narrower else 0.0
