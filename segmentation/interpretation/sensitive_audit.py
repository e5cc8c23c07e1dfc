"""How much each column explains of the segments, and how far they track sensitive columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_mutual_info_score

from segmentation.evaluation.triviality import explained_share
from segmentation.interpretation.formatting import percent, quantity
from segmentation.interpretation.naming import MENTION_MISSING
from segmentation.schema import Column, TableSchema
from segmentation.types import FloatArray, IntArray

ROWS = 5_000
PERMUTATIONS = 30
RANGES = 10
TRACKS = 0.05
MOST_COLUMNS = 8


@dataclass(frozen=True)
class Explained:
    """How much one column explains of the partition."""

    column: str
    label: str
    # Of the partition's entropy that knowing the column removes, in [0, 1]: Theil's uncertainty
    # coefficient, numbers cut into ten ranges of equally many customers.
    share: float
    forms: bool  # whether the column formed the segments


@dataclass(frozen=True)
class Trace:
    """How strongly segments still track a sensitive column."""

    column: str
    label: str
    # Adjusted mutual information of segment and column, 0 by chance and 1 for the same (Vinh, Epps
    # and Bailey 2010, J. Machine Learning Research 11).
    information: float
    baseline: float  # the largest of 30 tables in which the column was permuted
    forms: bool  # whether the column formed the segments
    by_segment: tuple[str, ...]  # what is typical in each segment, in words, segment 1 first

    @property
    def tracks(self) -> bool:
        """Whether that is more than chance, and enough to matter (0.05)."""
        return self.information > max(self.baseline, TRACKS)

    @property
    def sentence(self) -> str:
        """One sentence for a card."""
        by_chance = self.information <= self.baseline
        how = "track" if self.tracks else "do not track" if by_chance else "hardly track"
        forms = "forms segments" if self.forms else "does not form segments"
        return (
            f"{self.label} {forms}; they {how} it (adjusted mutual information "
            f"{self.information:.3f}, permuted at most {self.baseline:.3f})."
        )


@dataclass(frozen=True)
class Audit:
    """What explains one partition, and what it tracks."""

    explained: tuple[Explained, ...]  # every column, the one that explains most first
    traces: tuple[Trace, ...]  # the sensitive columns, in the table's order
    sensitive_form: bool  # whether sensitive columns were switched on
    numbers: tuple[int, ...] = ()  # of the segments, by cluster; empty for 1, 2, ...

    def metrics(self) -> dict[str, float]:
        """Return the numbers by name."""
        shares = {f"explained_{_metric(e.column)}": e.share for e in self.explained}
        information = {f"sensitive_{_metric(t.column)}": t.information for t in self.traces}
        chance = {f"sensitive_{_metric(t.column)}_chance": t.baseline for t in self.traces}
        return {**shares, **information, **chance}

    def page(self) -> str:
        """Return the audit in Markdown."""
        parts = ["**What the segments are made of**", self.made_of()]
        return "\n\n".join([*parts, self.sensitive()] if self.traces else parts)

    def made_of(self) -> str:
        """Return how much each column explains of the segments, as a Markdown table."""
        lines = ["| column | explains of the segments | formed them |", "|---|---|---|"]
        lines += [
            f"| {e.label} | {percent(e.share)} | {'yes' if e.forms else 'no'} |"
            for e in self.explained[:MOST_COLUMNS]
        ]
        return "\n".join(lines)

    def sensitive(self) -> str:
        """Return how strongly segments track sensitive columns, as Markdown."""
        if not self.traces:
            return "The table has no column marked as sensitive."
        switch = "form segments" if self.sensitive_form else "describe segments, not form them"
        value = str(self.sensitive_form).lower()
        parts = [f"**Sensitive columns** {switch} (`sensitive={value}`)."]
        parts += ["\n".join(f"- {trace.sentence}" for trace in self.traces), self._by_segment()]
        return "\n\n".join(parts)

    def _by_segment(self) -> str:
        head = "| segment | " + " | ".join(trace.label for trace in self.traces) + " |"
        rows = zip(*(trace.by_segment for trace in self.traces), strict=True)
        lines = [
            f"| {self.numbers[i] if self.numbers else i + 1} | " + " | ".join(row) + " |"
            for i, row in enumerate(rows)
        ]
        return "\n".join([head, "|---" * (len(self.traces) + 1) + "|", *lines])


def audit(
    customers: pd.DataFrame,
    segment: IntArray,
    schema: TableSchema,
    forming: Sequence[str],
    seed: int = 0,
) -> Audit:
    """Audit a partition.

    Parameters
    ----------
    customers
        Validated customers, sensitive columns included, levels as codes; shape (n, d).
    segment
        Shape (n,), integers from 0.
    schema
        Theirs.
    forming
        Names of the columns that formed the segments.
    seed
        Of the permutations, and of the sample of 5,000 customers for the traces.
    """
    codes = {c.name: column_codes(customers[c.name].to_numpy(), c) for c in schema.columns}
    explained = [
        Explained(c.name, c.label, explained_share(segment, codes[c.name]), c.name in forming)
        for c in schema.columns
    ]
    rng = np.random.default_rng(seed)
    traces = [
        _trace(c, customers[c.name].to_numpy(), segment, rng=rng, forms=c.name in forming)
        for c in schema.columns
        if c.sensitive
    ]
    order = sorted(explained, key=lambda e: -e.share)
    return Audit(tuple(order), tuple(traces), any(trace.forms for trace in traces))


def column_codes(values: FloatArray, column: Column) -> IntArray:
    """Return levels, or at most ten ranges of equally many customers, shape (n,), from 0.

    Missing values, NaN, are a code of their own.
    """
    missing = np.isnan(values)
    present = values[~missing]
    if not column.categorical and len(present):
        cuts = np.unique(np.quantile(present, np.linspace(0, 1, RANGES + 1)[1:-1]))
        present = np.searchsorted(cuts, present, side="right").astype(np.float64)
    codes = np.zeros(len(values), dtype=np.int64)
    codes[~missing] = present.astype(np.int64) + 1
    return codes


def _trace(
    column: Column,
    values: FloatArray,
    segment: IntArray,
    *,
    rng: np.random.Generator,
    forms: bool,
) -> Trace:
    rows = rng.permutation(len(segment))[:ROWS]
    own, labels = column_codes(values[rows], column), segment[rows]
    chance = [
        float(adjusted_mutual_info_score(rng.permutation(own), labels)) for _ in range(PERMUTATIONS)
    ]
    information = float(adjusted_mutual_info_score(own, labels))
    typical = tuple(_typical(values[segment == i], column) for i in range(int(segment.max()) + 1))
    return Trace(column.name, column.label, information, max(chance), forms, typical)


def _typical(values: FloatArray, column: Column) -> str:
    """Return the median of the values present, or the three commonest levels, and what is missing.

    Shares are of all customers of the segment.
    """
    absent = np.isnan(values)
    present, missing = values[~absent], float(absent.mean())
    gap = [f"missing {percent(missing)}"] if missing >= MENTION_MISSING else []
    if not len(present):
        return "missing for all"
    if not column.categorical:
        return ", ".join([f"median {quantity(float(np.median(present)), column)}", *gap])
    shares = np.bincount(present.astype(np.int64), minlength=len(column.levels)) / len(values)
    order = np.argsort(-shares, kind="stable")[:3]
    levels = [f"{column.levels[i]} {percent(shares[i])}" for i in order if shares[i] > 0]
    return ", ".join([*levels, *gap])


def _metric(name: str) -> str:
    """Return a name MLflow takes for a metric."""
    return "".join(c if c.isalnum() or c in "_-. " else "_" for c in name)
