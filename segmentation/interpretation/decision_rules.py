"""Who belongs to a segment in plain words, from the branches of a decision tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, floor, inf, log10

import numpy as np
from numpy.typing import NDArray

from segmentation.evaluation.triviality import column_ranks, fit_tree
from segmentation.interpretation.formatting import (
    displayed,
    inside_sentence,
    percent,
    quantity,
    sentence_case,
)
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
    """Bounds on a few columns that describe most of a segment; shares in [0, 1].

    No bound holds for a missing value. A position from d on asks whether the column d places
    before it is missing.
    """

    bounds: Box
    coverage: float  # of the segment's customers, share the rule holds for
    precision: float  # of the customers it holds for, share who are in the segment
    negative: frozenset[int] = frozenset()  # positions of columns with values below 0

    @property
    def f1(self) -> float:
        """Harmonic mean of coverage and precision, in [0, 1]."""
        both = self.coverage + self.precision
        return 2 * self.coverage * self.precision / both if both else 0.0

    def in_words(self, schema: TableSchema) -> str:
        """Return the rule as one sentence without a full stop."""
        parts = [self._condition(schema, j, *bound) for j, bound in self.bounds.items()]
        listed = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
        return (
            f"{sentence_case(listed)} (covers {percent(self.coverage)} of the segment, "
            f"right for {percent(self.precision)})"
        )

    def _condition(self, schema: TableSchema, position: int, low: float, high: float) -> str:
        if position >= len(schema.columns):
            column = schema.columns[position - len(schema.columns)]
            return f"{_base_label(column)} {'missing' if high == inf else 'known'}"
        return _condition(schema.columns[position], low, high, position in self.negative)


def segment_rules(
    matrix: FloatArray, segment: IntArray, columns: Sequence[Column] | None = None
) -> tuple[tuple[SegmentRule, ...], ...]:
    """Return one or two rules for each segment, the better first.

    A tree of depth 3 is grown for each segment against all others; the branch with the best
    balance of coverage and precision (F1) becomes the rule, without the questions it can do
    without. Bounds are rounded as far as they separate the same customers. Coverage and precision
    are those of the rule as printed, on all customers.

    Parameters
    ----------
    matrix
        Shape (n, d), the raw columns, NaN for a missing value.
    segment
        Shape (n,), integers in [0, k).
    columns
        The d columns, by which bounds are rounded as they are printed; by default they are not.

    Returns
    -------
    tuple
        k tuples; empty for a segment of all customers, or when no column separates customers.
    """
    rows = np.linspace(0, len(matrix) - 1, min(len(matrix), TREE_ROWS)).astype(np.int64)
    extended = _with_gaps(matrix, columns)
    sample = extended[rows]
    filled = column_ranks(sample)
    ranks = np.where(np.isnan(sample), np.nan, filled)
    values = [np.sort(column[~np.isnan(column)]) for column in sample.T]
    present = np.where(np.isnan(matrix), 0.0, matrix)
    negative = frozenset(np.flatnonzero((present < 0).any(axis=0)).tolist())
    rules = []
    for number in range(int(segment.max()) + 1):
        inside = segment[rows] == number
        split = filled.shape[1] > 0 and not inside.all() and inside.any()
        boxes = list(_branches(filled, inside)) if split else []
        simplest = [_simplest(box, ranks, inside) for box in boxes]
        in_units = {_in_units(box, values, columns): None for box in simplest if box}
        measured = [_measured(dict(box), extended, segment == number) for box in in_units]
        own = _best([rule for rule in measured if rule.coverage > 0], extended)
        rules.append(tuple(replace(rule, negative=negative) for rule in own))
    return tuple(rules)


def _with_gaps(matrix: FloatArray, columns: Sequence[Column] | None) -> FloatArray:
    """Return the columns as rules ask for them, then for each whether it is missing.

    A missing category is none of its levels, where each level has an indicator. Indicators of one
    category are missing together: only the first asks.
    """
    gaps = np.isnan(matrix)
    if not gaps.any():
        return matrix
    values, flags, seen = matrix.copy(), gaps.astype(np.float64), set()
    for j, column in enumerate(columns or ()):
        if column.of and not column.against:
            values[gaps[:, j], j] = 0.0
        if column.of in seen:
            flags[:, j] = 0.0
        if column.of:
            seen.add(column.of)
    return np.hstack([values, flags])


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


def _simplest(box: Box, ranks: FloatArray, inside: Mask) -> Box:
    """Drop the bounds of a box whose absence does not lower its F1."""
    best = _measured(box, ranks, inside)
    for column in list(box):
        fewer = {j: bound for j, bound in best.bounds.items() if j != column}
        if fewer and (rule := _measured(fewer, ranks, inside)).f1 >= best.f1:
            best = rule
    return best.bounds


def _measured(box: Box, matrix: FloatArray, inside: Mask) -> SegmentRule:
    holds = _holds(box, matrix)
    right, members, covered = (int(mask.sum()) for mask in (holds & inside, inside, holds))
    return SegmentRule(box, right / max(1, members), right / max(1, covered))


def _holds(box: Box, matrix: FloatArray) -> Mask:
    holds = np.ones(len(matrix), dtype=bool)
    for column, (low, high) in box.items():
        holds &= (matrix[:, column] > low) & (matrix[:, column] <= high)
    return holds


def _in_units(
    box: Box, values: list[FloatArray], columns: Sequence[Column] | None
) -> tuple[tuple[int, tuple[float, float]], ...]:
    """Return a box over ranks as one over values, in the order of its questions."""
    bounds = []
    for j, (low, high) in box.items():
        ends = _cut(values[j], low), _cut(values[j], high)
        if columns is not None and j < len(columns):
            ends = displayed(ends[0], columns[j]), displayed(ends[1], columns[j])
        bounds.append((j, ends))
    return tuple(bounds)


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


def _condition(column: Column, low: float, high: float, negative: bool) -> str:
    label = inside_sentence(column.label)
    if column.kind == "indicator":
        return column.high if high == inf else column.low
    if column.categorical:
        return f"{label} {_levels_between(column, low, high)}"
    if column.binary:
        return f"{label} {'Yes' if high == inf else 'No'}"
    ends = {(-inf, 0.0): "no", (0.0, inf): "some"}
    if column.kind == "money" and not negative and (low, high) in ends:
        return f"{ends[low, high]} {label}"
    if low == -inf:
        most = "of" if high == 0 and not negative else "up to"
        return f"{label} {most} {quantity(high, column)}"
    above = f"{label} above {quantity(low, column)}"
    return above if high == inf else f"{above} up to {quantity(high, column)}"


def _levels_between(column: Column, low: float, high: float) -> str:
    """Return the levels of a column above the lower and up to the upper bound."""
    first = 0 if low == -inf else int(low) + 1
    last = len(column.levels) - 1 if high == inf else int(high)
    levels = column.levels[first : last + 1]
    if column.kind == "ordered" and len(levels) > 2:
        return f"{levels[0]} to {levels[-1]}"
    return " or ".join([", ".join(levels[:-1]), levels[-1]] if len(levels) > 1 else levels)


def _base_label(column: Column) -> str:
    """Return the label of a column, of an indicator that of its category."""
    level = column.name.removeprefix(f"{column.of}=") if column.of else ""
    return inside_sentence(column.label.removesuffix(f" {level}") if level else column.label)
