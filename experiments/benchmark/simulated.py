"""Tables with planted groups, kind by kind: what a choice among candidates is developed on.

Each kind varies what another keeps still, so that a rule fitted to some kinds can be measured on
those left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd

from segmentation.types import FloatArray, IntArray

Random = np.random.Generator
Points = tuple[FloatArray, IntArray]


@dataclass(frozen=True)
class SimulatedTable:
    """A table that was drawn with known groups."""

    kind: str
    seed: int
    customers: pd.DataFrame
    groups: IntArray  # shape (n,), from 1

    @property
    def name(self) -> str:
        """Kind and seed, as problems on disk are named."""
        return f"{self.kind}/{self.seed}"

    def frame(self) -> pd.DataFrame:
        """Return the customers, shape (n, d)."""
        return self.customers

    def labellings(self) -> list[IntArray]:
        """Return the groups as the only reference labelling."""
        return [self.groups]


def simulated_tables(seeds: int, first: int = 0) -> Iterator[SimulatedTable]:
    """Yield `seeds` tables of every kind, kinds taking turns; the first has the seed `first`."""
    for seed in range(first, first + seeds):
        for kind, draw in KINDS.items():
            random = np.random.default_rng([seed, *map(ord, kind)])
            customers, groups = draw(random)
            order = random.permutation(len(customers))
            shuffled = customers.iloc[order].reset_index(drop=True)
            yield SimulatedTable(kind, seed, shuffled, groups[order] + 1)


def _sizes(random: Random, rows: int, k: int, evenness: float = 8.0) -> IntArray:
    """Return k sizes that add up to about `rows`, none below a twentieth of an even share."""
    shares = np.maximum(random.dirichlet(np.full(k, evenness)), 0.4 / k)
    return np.asarray(np.maximum(8, np.round(rows * shares / shares.sum())), dtype=np.int64)


def _rows(random: Random, least: int, most: int) -> int:
    return int(np.exp(random.uniform(np.log(least), np.log(most))))


def _spread_centres(random: Random, k: int, d: int, low: float, high: float) -> FloatArray:
    """Return k centres, every one between `low` and `high` from its nearest other."""
    centres = np.zeros((1, d))
    while len(centres) < k:
        step = random.normal(size=d)
        step *= random.uniform(low, high) / np.linalg.norm(step)
        candidate = centres[random.integers(len(centres))] + step
        if np.linalg.norm(centres - candidate, axis=1).min() >= low:
            centres = np.vstack([centres, candidate])
    return centres


def _ball(random: Random, n: int, d: int) -> FloatArray:
    return random.normal(size=(n, d))


def _stretched(random: Random, n: int, d: int, most: float = 4.0) -> FloatArray:
    """Return a Gaussian cloud with axes of unlike lengths in a random direction."""
    axes = np.exp(random.uniform(-np.log(most) / 2, np.log(most) / 2, d))
    turn = np.linalg.qr(random.normal(size=(d, d)))[0]
    return np.asarray(random.normal(size=(n, d)) * axes @ turn)


def _ring(random: Random, n: int) -> FloatArray:
    angle = random.uniform(0, 2 * np.pi, n)
    return np.column_stack([np.cos(angle), np.sin(angle)]) * 2 + random.normal(0, 0.12, (n, 2))


def _arc(random: Random, n: int) -> FloatArray:
    angle = random.uniform(0, np.pi, n) + random.uniform(0, 2 * np.pi)
    points = np.column_stack([np.cos(angle), np.sin(angle)]) * 2
    return points + random.normal(0, 0.15, (n, 2))


def _bar(random: Random, n: int) -> FloatArray:
    angle = random.uniform(0, np.pi)
    along = random.uniform(-2.5, 2.5, n)
    points = np.column_stack([np.cos(angle) * along, np.sin(angle) * along])
    return points + random.normal(0, 0.2, (n, 2))


def _disc(random: Random, n: int) -> FloatArray:
    return random.normal(0, random.uniform(0.3, 0.9), (n, 2))


SHAPES = (_ring, _arc, _bar, _disc)


def _labelled(parts: list[FloatArray]) -> Points:
    labels = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    return np.vstack(parts), labels


def _around(centres: FloatArray, sizes: IntArray, draw: Callable[[int], FloatArray]) -> Points:
    """Draw a group of each size around each centre."""
    return _labelled([draw(n) + c for n, c in zip(sizes, centres, strict=True)])


def _frame(points: FloatArray) -> pd.DataFrame:
    return pd.DataFrame(points, columns=[f"x{j + 1}" for j in range(points.shape[1])])


def _nested(random: Random) -> tuple[pd.DataFrame, IntArray]:
    """Draw well-separated groups inside well-separated groups of groups, any number of columns."""
    d = int(random.integers(2, 7))
    outer = int(random.integers(2, 5))
    inner = [int(random.integers(2, 5)) for _ in range(outer)]
    total = sum(inner)
    sizes = _sizes(random, _rows(random, 200, 2_000), total)
    far = _spread_centres(random, outer, d, 40, 60)
    parts: list[FloatArray] = []
    for centre, count in zip(far, inner, strict=True):
        near = _spread_centres(random, count, d, 9, 13)
        for own in near:
            parts.append(_stretched(random, sizes[len(parts)], d, 3.0) + centre + own)
    points, labels = _labelled(parts)
    return _frame(points), labels


def _nested_shapes(random: Random) -> tuple[pd.DataFrame, IntArray]:
    """Draw rings, arcs, bars and discs, some within rings, in two or more separate places."""
    places = int(random.integers(2, 4))
    parts: list[FloatArray] = []
    count = [int(random.integers(2, 4)) for _ in range(places)]
    sizes = _sizes(random, _rows(random, 400, 2_000), 2 * sum(count))
    for place, inside in enumerate(count):
        for spot in range(inside):
            offset = np.array([place * 26.0, spot * 6.5])
            shape = SHAPES[random.integers(len(SHAPES))]
            parts.append(shape(random, sizes[len(parts)]) + offset)
            if shape is _ring and random.random() < 0.6:
                parts.append(random.normal(0, 0.3, (sizes[len(parts)], 2)) + offset)
    points, labels = _labelled(parts)
    return _frame(points), labels


def _shapes(random: Random) -> tuple[pd.DataFrame, IntArray]:
    """Draw rings, arcs, bars and discs on a grid, nowhere nested, sizes and densities unlike."""
    k = int(random.integers(3, 10))
    sizes = _sizes(random, _rows(random, 60 * k, 2_000), k, 3.0)
    grid = [(i, j) for i in range(4) for j in range(3)]
    spots = random.permutation(len(grid))[:k]
    parts = [
        SHAPES[random.integers(len(SHAPES))](random, size)
        + np.array(grid[spot]) * random.uniform(5.6, 6.5)
        for spot, size in zip(spots, sizes, strict=True)
    ]
    points, labels = _labelled(parts)
    return _frame(points), labels


def _clouds(random: Random) -> tuple[pd.DataFrame, IntArray]:
    """Draw round clouds of equal width that overlap, in few columns."""
    d, k = int(random.integers(2, 6)), int(random.integers(2, 8))
    centres = _spread_centres(random, k, d, random.uniform(3.0, 4.5), 5.5)
    sizes = _sizes(random, _rows(random, 60 * k, 2_000), k)
    points, labels = _around(centres, sizes, lambda n: _ball(random, n, d))
    return _frame(points), labels


def _line(random: Random) -> tuple[pd.DataFrame, IntArray]:
    """Draw groups that overlap along one column, and columns that say nothing."""
    k = int(random.integers(2, 5))
    centres = np.cumsum(random.uniform(3.6, 5.0, k))
    sizes = _sizes(random, _rows(random, 80 * k, 1_500), k)
    points, labels = _around(centres, sizes, lambda n: _ball(random, n, 1))
    noise = random.normal(size=(len(points), int(random.integers(1, 3))))
    return _frame(np.column_stack([points, noise])), labels


def _wide_clouds(random: Random) -> tuple[pd.DataFrame, IntArray]:
    """Draw round clouds that overlap, in 16 to 128 columns."""
    d, k = _rows(random, 16, 128), int(random.integers(2, 9))
    centres = random.normal(size=(k, d)) * random.uniform(4.0, 6.0) / np.sqrt(2 * d)
    sizes = _sizes(random, _rows(random, 50 * k, 1_500), k)
    points, labels = _around(centres, sizes, lambda n: _ball(random, n, d))
    return _frame(points), labels


def _stretched_clouds(random: Random) -> tuple[pd.DataFrame, IntArray]:
    """Draw clouds of unlike width and direction, some crossing or overlapping."""
    d, k = int(random.integers(2, 7)), int(random.integers(2, 7))
    centres = _spread_centres(random, k, d, 4.0, 6.0)
    sizes = _sizes(random, _rows(random, 30 * k * d, 2_000), k, 4.0)
    points, labels = _around(centres, sizes, lambda n: _stretched(random, n, d, 9.0))
    return _frame(points), labels


def _small(random: Random) -> tuple[pd.DataFrame, IntArray]:
    """Draw 100 to 350 rows of correlated, skewed columns whose groups overlap."""
    d, k = int(random.integers(4, 14)), int(random.integers(2, 5))
    factors = int(random.integers(2, 5))
    centres = _spread_centres(random, k, factors, random.uniform(2.6, 4.0), 4.5)
    sizes = _sizes(random, _rows(random, 100, 350), k, 4.0)
    hidden, labels = _around(centres, sizes, lambda n: _stretched(random, n, factors, 3.0))
    loadings = random.normal(size=(factors, d))
    columns = hidden @ loadings + random.normal(0, random.uniform(0.3, 0.9), (len(hidden), d))
    skewed = random.random(d) < 0.4
    columns = np.where(skewed, np.exp(columns / columns.std(axis=0) * 0.7), columns)
    return _frame(columns), labels


def _redundant(random: Random) -> tuple[pd.DataFrame, IntArray]:
    """Draw thirty to sixty columns that say the same few things, and some that say nothing."""
    k, factors = int(random.integers(2, 7)), int(random.integers(3, 6))
    centres = _spread_centres(random, k, factors, random.uniform(3.4, 5.0), 6.0)
    sizes = _sizes(random, _rows(random, 200, 700), k)
    hidden, labels = _around(centres, sizes, lambda n: _ball(random, n, factors))
    d = int(random.integers(25, 50))
    loadings = random.normal(size=(factors, d)) * (random.random((factors, d)) < 0.5)
    # How often a thing is measured has nothing to do with what it says of the groups.
    common = random.normal(size=(len(hidden), 2)) * 2.5
    columns = hidden @ loadings + common @ random.normal(size=(2, d))
    columns += random.normal(0, 0.6, columns.shape)
    noise = random.normal(size=(len(hidden), int(random.integers(0, 11))))
    return _frame(np.column_stack([columns, noise])), labels


def _categories(random: Random) -> tuple[pd.DataFrame, IntArray]:
    """Draw amounts and categories that both depend on the group."""
    d, k = int(random.integers(2, 6)), int(random.integers(2, 7))
    centres = _spread_centres(random, k, d, random.uniform(3.0, 4.5), 6.0)
    sizes = _sizes(random, _rows(random, 300, 1_500), k)
    points, labels = _around(centres, sizes, lambda n: _ball(random, n, d))
    frame = _frame(np.exp(points / 3))
    for j in range(int(random.integers(1, 4))):
        levels = int(random.integers(2, 6))
        shares = random.dirichlet(np.full(levels, 0.7), k)
        codes = [random.choice(levels, p=shares[label]) for label in labels]
        frame[f"category {j + 1}"] = [f"level {code}" for code in codes]
    return frame, labels


def _scattered(random: Random) -> tuple[pd.DataFrame, IntArray]:
    """Draw dense groups of unlike density in a thin background that belongs to none (group 0)."""
    d, k = int(random.integers(2, 4)), int(random.integers(3, 9))
    centres = _spread_centres(random, k, d, 7.0, 12.0)
    sizes = _sizes(random, _rows(random, 60 * k, 1_800), k, 3.0)
    parts = [
        _stretched(random, n, d, 4.0) * random.uniform(0.4, 1.2) + c
        for n, c in zip(sizes, centres, strict=True)
    ]
    points, labels = _labelled(parts)
    low, high = points.min(axis=0) - 2, points.max(axis=0) + 2
    noise = random.uniform(low, high, (int(len(points) * random.uniform(0.03, 0.1)), d))
    labels = np.concatenate([labels, np.full(len(noise), -1)])
    return _frame(np.vstack([points, noise])), labels


KINDS: Mapping[str, Callable[[Random], tuple[pd.DataFrame, IntArray]]] = MappingProxyType(
    {
        "nested clouds": _nested,
        "nested shapes": _nested_shapes,
        "shapes": _shapes,
        "clouds": _clouds,
        "one telling column": _line,
        "wide clouds": _wide_clouds,
        "stretched clouds": _stretched_clouds,
        "small tables": _small,
        "redundant columns": _redundant,
        "categories": _categories,
        "scattered": _scattered,
    }
)
