"""The picture of who moves: two columns of segments with bands between them."""

from __future__ import annotations

from dataclasses import dataclass

from segmentation.monitoring.comparison import Comparison
from segmentation.types import FloatArray

WIDTH, HEIGHT, GAP, BAR = 900.0, 420.0, 8.0, 14.0
SIDE = 280.0


@dataclass(frozen=True)
class Bar:
    """One segment on one side."""

    label: str
    x: float
    y: float
    height: float
    number: int
    left: bool


@dataclass(frozen=True)
class Band:
    """Customers from one segment to another, as an SVG path."""

    path: str
    number: int
    title: str
    moved: bool


@dataclass(frozen=True)
class FlowPicture:
    """Bars and bands, placed in a box of `width` by `height`."""

    bars: tuple[Bar, ...]
    bands: tuple[Band, ...]
    width: float = WIDTH
    height: float = HEIGHT
    bar: float = BAR


def flow_picture(comparison: Comparison) -> FlowPicture:
    """Place every segment of two models by its share, and a band for every pair."""
    matrix = comparison.matrix / comparison.rows
    left, right = _heights(matrix.sum(axis=1)), _heights(matrix.sum(axis=0))
    tall = (
        HEIGHT - GAP * (len(comparison.before) - 1),
        HEIGHT - GAP * (len(comparison.after) - 1),
    )
    at_left, at_right = [y for y, _ in left], [y for y, _ in right]
    bands = []
    for i, before in enumerate(comparison.before):
        for j, after in enumerate(comparison.after):
            if not matrix[i, j]:
                continue
            one, other = matrix[i, j] * tall[0], matrix[i, j] * tall[1]
            title = f"{before} → {after}: {comparison.matrix[i, j]:,.0f} customers"
            path = _band(at_left[i], one, at_right[j], other)
            bands.append(Band(path, before, title, before != after))
            at_left[i] += one
            at_right[j] += other
    bars = [
        *_bars(comparison.before, comparison.names[0], left, SIDE - BAR, left_side=True),
        *_bars(comparison.after, comparison.names[1], right, WIDTH - SIDE, left_side=False),
    ]
    return FlowPicture(tuple(bars), tuple(bands))


def _heights(shares: FloatArray) -> list[tuple[float, float]]:
    tall = HEIGHT - GAP * (len(shares) - 1)
    placed, y = [], 0.0
    for share in shares:
        placed.append((y, float(share) * tall))
        y += float(share) * tall + GAP
    return placed


def _bars(
    numbers: tuple[int, ...],
    names: dict[int, str],
    placed: list[tuple[float, float]],
    x: float,
    *,
    left_side: bool,
) -> list[Bar]:
    return [
        Bar(f"{number} {names[number]}", x, y, height, number, left_side)
        for number, (y, height) in zip(numbers, placed, strict=True)
    ]


def _band(y: float, height: float, to_y: float, to_height: float) -> str:
    x, to_x = SIDE, WIDTH - SIDE
    middle = (x + to_x) / 2
    return (
        f"M{x:.1f},{y:.1f} C{middle:.1f},{y:.1f} {middle:.1f},{to_y:.1f} {to_x:.1f},{to_y:.1f} "
        f"L{to_x:.1f},{to_y + to_height:.1f} C{middle:.1f},{to_y + to_height:.1f} "
        f"{middle:.1f},{y + height:.1f} {x:.1f},{y + height:.1f} Z"
    )
