"""What would move a customer to another segment, and the smallest such change of one value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isnan

import numpy as np
import pandas as pd

from experiments.registry.client import ModelInfo
from segmentation.interpretation.formatting import displayed, inside_sentence
from segmentation.schema import Column
from segmentation.schema.levels import decode
from serve.web.scoring_client import ScoringClient
from serve.web.views import shown

STEPS = 20
MOST_SHOWN = 3


@dataclass(frozen=True)
class Move:
    """A change of one value that leads to another segment.

    `size` is the change as a share of the table's usual range, in [0, 1].
    """

    label: str
    before: str
    after: str
    name: str
    number: int
    size: float
    totals: tuple[tuple[str, str], ...] = ()  # what moves with it: label and value


@dataclass(frozen=True)
class _Try:
    column: Column
    value: float
    size: float


def smallest_moves(
    customer: pd.DataFrame, segment: int, model: ModelInfo, scoring: ScoringClient
) -> list[Move]:
    """Return the smallest changes of one value that move a customer, at most three.

    Every column is tried at twenty values of the table's usual range; where one moves the
    customer, the way there is tried again at twenty values between.

    Raises
    ------
    ScoringError
        See :class:`serve.web.scoring_client.ScoringClient`.
    """
    coarse = [t for column in model.schema.columns for t in _tries(customer, column, model)]
    moving = _nearest(coarse, _segments(coarse, customer, model, scoring), segment)
    fine = [t for attempt in moving for t in _between(customer, attempt, model)]
    closer = _nearest(fine, _segments(fine, customer, model, scoring), segment)
    best = {attempt.column.name: attempt for attempt in [*moving, *closer]}
    order = sorted(best.values(), key=lambda attempt: attempt.size)[:MOST_SHOWN]
    if not order:
        return []
    names = {p["number"]: p["name"] for p in model.profiles}
    numbers = _segments(order, customer, model, scoring)
    return [
        Move(
            t.column.label,
            shown(customer[t.column.name].iloc[0], t.column),
            shown(t.value, t.column),
            names.get(number, f"segment {number}"),
            number,
            t.size,
            tuple(_totals(customer, t, model)),
        )
        for t, number in zip(order, numbers, strict=True)
    ]


def _tries(customer: pd.DataFrame, column: Column, model: ModelInfo) -> Iterator[_Try]:
    """Yield values to try for a column; a total follows from its parts and is not tried."""
    now = float(customer[column.name].iloc[0])
    book = model.book.get(column.name, {})
    if isnan(now) or any(identity.total == column.name for identity in model.schema.identities):
        return
    if column.categorical:
        for code in range(len(column.levels)):
            if code != round(now):
                yield _Try(column, float(code), 1.0)
        return
    low, high = book.get("q05"), book.get("q95")
    if low is None or high is None or high <= low:
        return
    # By the square root: money is spread out where most customers are.
    roots = np.linspace(0.0, 1.0, STEPS) ** 2
    for value in (low + roots * (high - low)).tolist():
        if value != now:
            yield _Try(column, _rounded(value, column), abs(value - now) / (high - low))


def _totals(customer: pd.DataFrame, attempt: _Try, model: ModelInfo) -> Iterator[tuple[str, str]]:
    """Yield the totals that a change of one part moves, with what they become."""
    values = customer.iloc[0]
    change = attempt.value - float(values[attempt.column.name])
    for identity in model.schema.identities:
        if attempt.column.name in identity.parts and not isnan(values[identity.total]):
            total = model.schema.column(identity.total)
            label = inside_sentence(total.label)
            yield label, shown(float(values[identity.total]) + change, total)


def _between(customer: pd.DataFrame, attempt: _Try, model: ModelInfo) -> Iterator[_Try]:
    if attempt.column.categorical:
        return
    now = float(customer[attempt.column.name].iloc[0])
    book = model.book[attempt.column.name]
    for value in np.linspace(now, attempt.value, STEPS + 1)[1:].tolist():
        size = abs(value - now) / (book["q95"] - book["q05"])
        yield _Try(attempt.column, _rounded(value, attempt.column), size)


def _rounded(value: float, column: Column) -> float:
    """Return a value as it will be printed, so that what is printed is what was tried."""
    return displayed(float(round(value)) if column.kind == "count" else value, column)


def _segments(
    tries: list[_Try], customer: pd.DataFrame, model: ModelInfo, scoring: ScoringClient
) -> list[int]:
    if not tries:
        return []
    place = {str(name): j for j, name in enumerate(customer.columns)}
    tried = np.repeat(customer.to_numpy(dtype=np.float64), len(tries), axis=0)
    for row, one in zip(tried, tries, strict=True):
        before = row[place[one.column.name]]
        row[place[one.column.name]] = one.value
        for identity in model.schema.identities:
            if one.column.name in identity.parts:
                row[place[identity.total]] += one.value - before
    changed = pd.DataFrame(tried, columns=customer.columns)
    return scoring.segments(decode(changed, model.schema), model.schema)


def _nearest(tries: list[_Try], segments: list[int], own: int) -> list[_Try]:
    """Return the smallest change of each column that leads elsewhere."""
    best: dict[str, _Try] = {}
    for one, segment in zip(tries, segments, strict=True):
        smallest = best.get(one.column.name)
        if segment != own and (smallest is None or one.size < smallest.size):
            best[one.column.name] = one
    return list(best.values())
