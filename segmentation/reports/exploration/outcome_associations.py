"""What happened to the customers of a table, and with which columns it goes together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd

from segmentation.interpretation.formatting import inside_sentence, number, quantity
from segmentation.interpretation.outcomes import (
    OutcomeProfile,
    occurrences,
    profile_outcomes,
)
from segmentation.reports.exploration.bivariate import Pair, association
from segmentation.reports.exploration.descriptive import (
    Distribution,
    LevelCounts,
    distributions,
    level_counts,
)
from segmentation.reports.exploration.explored_table import PAIR_ROWS, Table
from segmentation.schema import Column
from segmentation.types import FloatArray, IntArray

STRONGEST, NOTICEABLE, REVEALING = 5, 0.1, 0.9
# A number is cut into this many ranges of about equally many customers.
RANGES = 5
MOST_LEVELS = 12


@dataclass(frozen=True)
class Ranged:
    """An outcome by the ranges or levels of one column."""

    column: Column
    texts: tuple[str, ...]
    outcomes: tuple[OutcomeProfile, ...]  # one a range


@dataclass(frozen=True)
class DescribedOutcome:
    """One outcome of the table; associations describe, they are no causes."""

    whole: OutcomeProfile
    shape: Distribution | None  # of a number
    levels: LevelCounts | None  # of a category
    pairs: tuple[Pair, ...]  # with the columns it goes noticeably together with, strongest first
    by_strongest: Ranged | None

    @property
    def sentence(self) -> str:
        """The outcome of the whole table, and what it goes together with, in words."""
        whole, n = self.whole, f"{self.whole.whole.n:,}"
        value = whole.whole.value
        if value is None:
            return f"{whole.title}: too few to tell, {n} values."
        average = "" if whole.level else " on average"
        interval = f" ({whole.interval})" if whole.interval else ""
        text = f"{whole.title}: {whole.text(value)}{average}{interval} of {n} values"
        if not self.pairs:
            return f"{text}; no column goes noticeably together with it."
        strongest = self.pairs[0]
        return (
            f"{text}; it goes together most with {inside_sentence(strongest.first.label)} "
            f"({strongest.measure} {number(strongest.value)})."
        )

    @property
    def revealing(self) -> tuple[Pair, ...]:
        """Columns that nearly say the outcome: perhaps they were not known before it."""
        return tuple(pair for pair in self.pairs if abs(pair.value) >= REVEALING)


def describe_outcomes(table: Table) -> tuple[DescribedOutcome, ...]:
    """Return every outcome of a table with its strongest associations."""
    outcomes = table.outcomes
    if outcomes is None:
        return ()
    columns = tuple(column for column in table.schema.outcomes if column.name in outcomes.columns)
    alone = replace(
        table.schema, columns=columns, outcomes=(), ratios=(), identities=(), examples=()
    )
    own = Table(outcomes, alone, table.source, seed=table.seed, group=table.group)
    shapes = {shape.column.name: shape for shape in distributions(own)}
    levels = {counts.column.name: counts for counts in level_counts(own)}
    everyone = np.zeros(len(table), dtype=np.int64)
    (whole,) = profile_outcomes(outcomes, everyone, 1, table.schema)
    return tuple(
        DescribedOutcome(
            outcome,
            shapes.get(outcome.column),
            levels.get(outcome.column),
            pairs := _pairs(table, outcome, outcomes[outcome.column]),
            _ranged(table, pairs[0].first, outcome) if pairs else None,
        )
        for outcome in whole
    )


def _pairs(table: Table, outcome: OutcomeProfile, values: pd.Series[float]) -> tuple[Pair, ...]:
    sample = table.sample(PAIR_ROWS)
    own, column = _as_number(table, outcome, np.asarray(values.loc[sample.index]))
    pairs = []
    for feature in table.schema.columns:
        value, measure = association(feature, sample[feature.name].to_numpy(), column, own)
        pairs.append(Pair(feature, column, measure, float(np.nan_to_num(value))))
    strongest = sorted(pairs, key=lambda pair: -abs(pair.value))[:STRONGEST]
    return tuple(pair for pair in strongest if abs(pair.value) >= NOTICEABLE)


def _as_number(
    table: Table, outcome: OutcomeProfile, values: FloatArray
) -> tuple[FloatArray, Column]:
    """Return 1 where the level that counts occurs and 0 elsewhere, or the number itself."""
    column = next(c for c in table.schema.outcomes if c.name == outcome.column)
    if not outcome.level:
        return values, column
    occurs = occurrences(column, outcome.level, values)
    return occurs, Column(column.name, outcome.title, "indicator")


def _ranged(table: Table, column: Column, outcome: OutcomeProfile) -> Ranged | None:
    values = table.customers[column.name].to_numpy(np.float64)
    published = table.published[column.name].to_numpy(np.float64)
    cut = _levels(values, column) if column.categorical else _cut(values, published, column)
    group, texts = cut
    inside = group >= 0
    if len(texts) < 2 or table.outcomes is None:
        return None
    profiles = profile_outcomes(
        table.outcomes.loc[inside, [outcome.column]],
        group[inside],
        len(texts),
        table.schema,
        {outcome.column: outcome.level},
    )
    return Ranged(column, texts, tuple(profile[0] for profile in profiles))


def _levels(values: FloatArray, column: Column) -> tuple[IntArray, tuple[str, ...]]:
    """Return the place of each customer's level among the most frequent ones, and their names."""
    present = values[~np.isnan(values)].astype(np.int64)
    counts = np.bincount(present, minlength=len(column.levels))
    frequent = np.argsort(-counts, kind="stable")[:MOST_LEVELS]
    chosen = [code for code in sorted(frequent.tolist()) if counts[code]]
    group = np.full(len(values), -1, dtype=np.int64)
    for place, code in enumerate(chosen):
        group[values == code] = place
    return group, tuple(column.levels[code] for code in chosen)


def _cut(
    values: FloatArray, published: FloatArray, column: Column
) -> tuple[IntArray, tuple[str, ...]]:
    """Return the range of each customer's number, from 0, and the ranges in words.

    The words say of a cut what may be published of the customers there.
    """
    present = values[~np.isnan(values)]
    if not len(present):
        return np.full(len(values), -1, dtype=np.int64), ()
    shares = np.linspace(0, 1, RANGES + 1)[1:-1]
    cuts = np.unique(np.quantile(present, shares, method="inverted_cdf"))
    cuts = cuts[cuts < present.max()]
    group = np.searchsorted(cuts, values, side="left").astype(np.int64)
    group[np.isnan(values)] = -1
    uppers = [quantity(published[values == cut][0], column) for cut in cuts]
    first = [f"to {text}" for text in uppers[:1]]
    middle = [f"above {a} to {b}" for a, b in pairwise(uppers)]
    return group, (*first, *middle, *(f"above {text}" for text in uppers[-1:]))
