"""Who belongs to a segment in plain words, from the branches of a decision tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil, floor, inf, log10

import numpy as np
from numpy.typing import NDArray

from segmentation.evaluation.triviality import column_ranks, fit_tree
from segmentation.interpretation.formatting import inside_sentence, percent, quantity, sentence_case
from segmentation.schema import Column, TableSchema
from segmentation.types import FloatArray, IntArray

DEPTH = 3
TREE_ROWS = 20_000
MOVED_BY_ROUNDING = 0.005
SECOND_COVERAGE = 0.15
SECOND_PRECISION = 0.5

Mask = NDArray[np.bool_]
# Of each column position the open lower and the closed upper bound.
Box = Mapping[int, tuple[float, float]]


@dataclass(frozen=True)
class SegmentRule:
    """Bounds on a few columns that describe most of a segment; shares in [0, 1]."""

    bounds: Box
    coverage: float  # of the segment's customers, share the rule holds for
    precision: float  # of the customers it holds for, share who are in the segment

    @property
    def f1(self) -> float:
        """Harmonic mean of coverage and precision, in [0, 1]."""
        both = self.coverage + self.precision
        return 2 * self.coverage * self.precision / both if both else 0.0

    def in_words(self, schema: TableSchema) -> str:
        """Return the rule as one sentence without a full stop."""
        parts = [_condition(schema.columns[j], *bound) for j, bound in self.bounds.items()]
        listed = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
        return (
            f"{sentence_case(listed)} (covers {percent(self.coverage)} of the segment, "
            f"right for {percent(self.precision)})"
        )


def segment_rules(matrix: FloatArray, segment: IntArray) -> tuple[tuple[SegmentRule, ...], ...]:
    """Return one or two rules for each segment, the better first.

    A tree of depth 3 is grown for each segment against all others; the branch with the best
    balance of coverage and precision (F1) becomes the rule, without the questions it can do
    without. Bounds are rounded as far as they separate the same customers.

    Parameters
    ----------
    matrix
        Shape (n, d), the raw columns, NaN for a missing value (taken as the median).
    segment
        Shape (n,), integers in [0, k).

    Returns
    -------
    tuple
        k tuples; empty for a segment of all customers, or when no column separates customers.
    """
    rows = np.linspace(0, len(matrix) - 1, min(len(matrix), TREE_ROWS)).astype(np.int64)
    sample, filled = matrix[rows], _filled(matrix)
    ranks = column_ranks(sample)
    values = [np.sort(column[~np.isnan(column)]) for column in sample.T]
    rules = []
    for number in range(int(segment.max()) + 1):
        inside = segment[rows] == number
        boxes = list(_branches(ranks, inside)) if not inside.all() and inside.any() else []
        simplest = [_simplest(box, ranks, inside) for box in boxes]
        in_units = {_in_units(box, values): None for box in simplest if box}
        measured = [_measured(dict(box), filled, segment == number) for box in in_units]
        rules.append(_best(measured, filled))
    return tuple(rules)


def _best(rules: list[SegmentRule], matrix: FloatArray) -> tuple[SegmentRule, ...]:
    """Return the best rule and, where it holds for enough other customers, a second one."""
    ordered = sorted(rules, key=lambda rule: -rule.f1)
    if not ordered:
        return ()
    first = _holds(ordered[0].bounds, matrix)
    for rule in ordered[1:]:
        disjoint = not (_holds(rule.bounds, matrix) & first).any()
        if disjoint and rule.coverage >= SECOND_COVERAGE and rule.precision >= SECOND_PRECISION:
            return ordered[0], rule
    return (ordered[0],)


def _branches(ranks: IntArray, inside: Mask) -> Iterator[dict[int, tuple[float, float]]]:
    """Yield the box of every node below the root of a tree grown for one segment."""
    tree = fit_tree(ranks, inside.astype(np.int64), DEPTH, balanced=True).tree_
    waiting: list[tuple[int, dict[int, tuple[float, float]]]] = [(0, {})]
    while waiting:
        node, box = waiting.pop()
        if box:
            yield box
        if tree.children_left[node] < 0:
            continue
        column, cut = int(tree.feature[node]), float(floor(tree.threshold[node]))
        low, high = box.get(column, (-inf, inf))
        waiting.append((int(tree.children_left[node]), {**box, column: (low, min(high, cut))}))
        waiting.append((int(tree.children_right[node]), {**box, column: (max(low, cut), high)}))


def _simplest(box: Box, ranks: IntArray, inside: Mask) -> Box:
    """Drop the bounds of a box whose absence does not lower its F1."""
    best = _measured(box, ranks, inside)
    for column in list(box):
        fewer = {j: bound for j, bound in best.bounds.items() if j != column}
        if fewer and (rule := _measured(fewer, ranks, inside)).f1 >= best.f1:
            best = rule
    return best.bounds


def _measured(box: Box, matrix: FloatArray | IntArray, inside: Mask) -> SegmentRule:
    holds = _holds(box, matrix)
    right, members, covered = (int(mask.sum()) for mask in (holds & inside, inside, holds))
    return SegmentRule(box, right / max(1, members), right / max(1, covered))


def _holds(box: Box, matrix: FloatArray | IntArray) -> Mask:
    holds = np.ones(len(matrix), dtype=bool)
    for column, (low, high) in box.items():
        holds &= (matrix[:, column] > low) & (matrix[:, column] <= high)
    return holds


def _in_units(box: Box, values: list[FloatArray]) -> tuple[tuple[int, tuple[float, float]], ...]:
    """Return a box over ranks as one over values, in the order of its questions."""
    return tuple(
        (j, (_cut(values[j], low), _cut(values[j], high))) for j, (low, high) in box.items()
    )


def _cut(ordered: FloatArray, rank: float) -> float:
    """Return a round value that splits a sorted column about where a rank does."""
    if not np.isfinite(rank):
        return rank
    first = np.flatnonzero(np.diff(ordered, prepend=-inf))
    place, slack = int(first[int(rank) + 1]), int(MOVED_BY_ROUNDING * len(ordered))
    low, high = ordered[max(0, place - 1 - slack)], ordered[min(len(ordered) - 1, place + slack)]
    return round_between(float(low), float(high))


def round_between(low: float, high: float) -> float:
    """Return the roundest number in the half-open interval [low, high).

    Both finite, `low` below `high`: ``round_between(118.2, 123.4)`` is 120.
    """
    size = max(abs(low), abs(high))
    for exponent in range(ceil(log10(size)), ceil(log10(size)) - 16, -1):
        for share in (1.0, 0.5, 0.2):
            step = share * 10.0**exponent
            number = float(f"{ceil(low / step) * step:.15g}")
            if low <= number < high:
                return number
    return low


def _filled(matrix: FloatArray) -> FloatArray:
    filled = matrix.copy()
    for column in filled.T:
        missing = np.isnan(column)
        if missing.any():
            column[missing] = np.median(column[~missing]) if not missing.all() else 0.0
    return filled


def _condition(column: Column, low: float, high: float) -> str:
    label = inside_sentence(column.label)
    if column.kind == "indicator":
        return column.high if high == inf else column.low
    if column.kind == "money" and column.plausible is not None and column.plausible[0] == 0:
        if (low, high) == (-inf, 0):
            return f"no {label}"
        if (low, high) == (0, inf):
            return f"some {label}"
    if low == -inf:
        most = "of" if high == 0 else "up to"
        return f"{label} {most} {quantity(high, column)}"
    if high == inf:
        return f"{label} above {quantity(low, column)}"
    return f"{label} between {quantity(low, column)} and {quantity(high, column)}"
