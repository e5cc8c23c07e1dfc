"""What is different about new customers, how certain that is, and whether to train again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from segmentation.interpretation.formatting import percent, quantity
from segmentation.monitoring.summaries import BatchSummary, ColumnSummary
from segmentation.schema import Column, TableSchema
from segmentation.types import FloatArray

# A drift needs both: significance after correction, and a size that matters.
ALPHA = 0.01
MIN_DISTANCE = 0.02
MIN_SHARE = 0.005
# The usual reading of the population stability index: from 0.25 on it is another population.
SEVERE_INDEX = 0.25
SEVERE_SHARE = 0.10
MAX_BINS = 10
HALF = 0.5
# A feed looks broken where one of at least so many columns drifts severely, and at most this share
# of all drifts beside it.
LEAST_COLUMNS, MOST_OTHERS = 4, 0.2
EMPTY_BIN_SHARE = 1e-4
# Five customers expected in every bin, as for a chi-squared test. The index of n customers who do
# not differ at all is about (MAX_BINS - 1) / n: 0.18 here, and beyond SEVERE_INDEX below 36.
MIN_CUSTOMERS = 5 * MAX_BINS
OK, WATCH, CHECK, RETRAIN = "ok", "watch", "check", "retrain"
# Neither of the first two calls for training: customers may be what they were.
EXIT_CODES = {OK: 0, WATCH: 1, CHECK: 1, RETRAIN: 2}
COLUMN_KINDS = ("distribution", "missing", "range")
DISTRIBUTION_KINDS = ("distribution", "confidence")


@dataclass(frozen=True)
class Finding:
    """One respect in which batches were compared.

    Attributes
    ----------
    kind
        ``distribution``, ``missing``, ``range`` (beyond the training's lowest and highest half
        per cent), ``segment``, ``unlike``, ``confidence`` or ``new level``.
    subject
        Column or segment number; empty for the whole batch.
    before, after
        Share, in [0, 1]; of a distribution the median.
    size
        Of a distribution the Kolmogorov-Smirnov distance, else the difference of the shares.
    index
        Population stability index; 0 where it does not apply.
    p
        Probability of such a difference by chance, corrected for the number of comparisons
        (Benjamini and Hochberg 1995).
    drifted, severe
        Whether it is a drift, and one that calls for training again.
    """

    kind: str
    subject: str
    before: float
    after: float
    size: float
    index: float
    p: float
    drifted: bool = False
    severe: bool = False


@dataclass(frozen=True)
class Drift:
    """All findings, drifts first, and the batches they are about."""

    findings: tuple[Finding, ...]
    reference: BatchSummary
    batch: BatchSummary

    @property
    def drifted(self) -> tuple[Finding, ...]:
        """The findings that are drifts."""
        return tuple(finding for finding in self.findings if finding.drifted)

    @property
    def verdict(self) -> str:
        """``ok``, ``watch``, ``check`` or ``retrain``.

        ``retrain``: a severe drift, or most columns drifted. ``check``: all that is severe comes
        from one column, whose feed looks broken.
        """
        if self.broken:
            return CHECK
        columns = {finding.subject for finding in self.drifted if finding.kind in COLUMN_KINDS}
        severe = any(finding.severe for finding in self.drifted)
        if severe or 2 * len(columns) > len(self.batch.columns):
            return RETRAIN
        return WATCH if self.drifted else OK

    @property
    def broken(self) -> str:
        """The one column whose feed looks broken; empty where customers changed, or nothing did.

        It drifts severely, no other column does, and few others drift at all: customers who
        changed change in several respects. Where it moved the segments' shares too, no other
        column explains that.
        """
        columns = [f for f in self.drifted if f.kind in (*COLUMN_KINDS, "new level")]
        severe = {finding.subject for finding in columns if finding.severe}
        others = {finding.subject for finding in columns} - severe
        alone = len(severe) == 1 and len(self.batch.columns) >= LEAST_COLUMNS
        if not alone or len(others) > MOST_OTHERS * len(self.batch.columns):
            return ""
        return severe.pop()

    def metrics(self) -> dict[str, float]:
        """Return numbers for a run: by column, by segment, and in all."""
        result = {
            "rows": float(self.batch.rows),
            "drifted": float(len(self.drifted)),
            "verdict": float(EXIT_CODES[self.verdict]),
            "unlike_share": self.batch.unlike / self.batch.rows,
            "confidence_median": self.batch.confidence.median,
        }
        for finding in self.findings:
            if finding.kind == "distribution":
                result[f"psi_{finding.subject}"] = finding.index
                result[f"ks_{finding.subject}"] = finding.size
            elif finding.kind == "missing":
                result[f"missing_{finding.subject}"] = finding.after
            elif finding.kind == "segment":
                result[f"share_{finding.subject}"] = finding.after
        return result


def compare_batches(
    reference: BatchSummary, batch: BatchSummary, new_levels: Mapping[str, int] | None = None
) -> Drift:
    """Compare a batch with a model's training customers.

    Parameters
    ----------
    reference
        The training customers.
    batch
        New customers, summarised at the reference's edges.
    new_levels
        By column, new customers with a level that the schema does not list.
    """
    compared = list(_compared(reference, batch))
    corrected = stats.false_discovery_control([finding.p for finding in compared], method="bh")
    findings = [_decided(*pair) for pair in zip(compared, corrected.tolist(), strict=True)]
    for column, count in (new_levels or {}).items():
        share = count / batch.rows
        severe = share >= SEVERE_SHARE
        findings.append(Finding("new level", column, 0.0, share, share, 0.0, 0.0, True, severe))
    findings.sort(key=lambda f: (not f.drifted, not f.severe, f.p, -f.size))
    return Drift(tuple(findings), reference, batch)


def shares_by_bin(reference: ColumnSummary, batch: ColumnSummary) -> tuple[FloatArray, FloatArray]:
    """Return the share of both batches in at most ten bins, cut at the reference's deciles."""
    cuts: list[int] = []
    for decile in np.linspace(1 / MAX_BINS, 1, MAX_BINS)[:-1]:
        cut = int(np.searchsorted(reference.below, decile - 1e-9))
        if cut < len(reference.below) and cut not in cuts:
            cuts.append(cut)
    before, after = (
        np.diff([0.0, *(summary.below[cut] for cut in cuts), 1.0]) for summary in (reference, batch)
    )
    return before, after


def stability_index(before: FloatArray, after: FloatArray) -> float:
    """Return the population stability index, sum of (a - b) ln(a / b) over the shares of bins.

    It is the symmetrised Kullback-Leibler divergence (Jeffreys 1946); shares below one in ten
    thousand count as that, so that an empty bin gives a number.
    """
    b, a = np.maximum(before, EMPTY_BIN_SHARE), np.maximum(after, EMPTY_BIN_SHARE)
    return float(np.sum((a - b) * np.log(a / b)))


def headline(drift: Drift, schema: TableSchema) -> str:
    """Return the verdict as a sentence that says what to do."""
    customers, different = schema.customers, len(drift.drifted)
    differences = f"{different} {'difference' if different == 1 else 'differences'}"
    return {
        OK: f"These {customers} are like those the model learnt from.",
        WATCH: f"Watch these {customers}: {differences} from those the model learnt from, none "
        "large enough to train again.",
        CHECK: f"The feed of {_label(drift.broken, schema)} looks broken: check it first. Other "
        "columns are as before, so there is no reason yet to train again.",
        RETRAIN: f"Train again: these {customers} are not like those the model learnt from.",
    }[drift.verdict]


def drift_sentences(drift: Drift, schema: TableSchema, names: Mapping[int, str]) -> tuple[str, ...]:
    """Return every drift as a sentence, severe ones first; `names` are those of segments."""
    return tuple(_sentence(finding, drift, schema, names) for finding in drift.drifted)


def median_texts(drift: Drift, column: Column) -> tuple[str, str]:
    """Return a column's median before and now, as a bound where it is beyond the training data."""
    before, after = (
        next(summary for summary in batch.columns if summary.column == column.name)
        for batch in (drift.reference, drift.batch)
    )
    text = quantity(after.median, column)
    if after.edges and after.below[-1] < HALF:
        text = f"more than {text}"
    elif after.below_first >= HALF:
        text = f"less than {text}"
    return quantity(before.median, column), text


def _label(name: str, schema: TableSchema) -> str:
    return schema.column(name).label if name in schema.column_names else name


def _compared(reference: BatchSummary, batch: BatchSummary) -> Iterator[Finding]:
    """Yield every comparison with its uncorrected p-value."""
    new_columns = {summary.column: summary for summary in batch.columns}
    for old in reference.columns:
        new = new_columns[old.column]
        if old.n_values and new.n_values:
            yield _distribution("distribution", old.column, old, new)
            outside = (old.n_outside, old.n_values), (new.n_outside, new.n_values)
            yield _share("range", old.column, *outside)
        missing = (old.n_missing, reference.rows), (new.n_missing, batch.rows)
        yield _share("missing", old.column, *missing)
    for number, count in reference.segments.items():
        after = batch.segments.get(number, 0)
        yield _share("segment", str(number), (count, reference.rows), (after, batch.rows))
    yield _share("unlike", "", (reference.unlike, reference.rows), (batch.unlike, batch.rows))
    yield _distribution("confidence", "", reference.confidence, batch.confidence)


def _distribution(kind: str, subject: str, old: ColumnSummary, new: ColumnSummary) -> Finding:
    """Compare two distributions at the reference's edges.

    The distance is that of Kolmogorov and Smirnov at those edges, at most the true one, so that
    the p-value of its asymptotic distribution is not too small.
    """
    distance = float(np.max(np.abs(np.array(old.below) - np.array(new.below)), initial=0.0))
    effective = old.n_values * new.n_values / (old.n_values + new.n_values)
    p = float(stats.kstwobign.sf(distance * np.sqrt(effective)))
    index = stability_index(*shares_by_bin(old, new))
    return Finding(kind, subject, old.median, new.median, distance, index, p)


def _share(kind: str, subject: str, before: tuple[int, int], after: tuple[int, int]) -> Finding:
    """Compare two shares, each (count, total), by Fisher's exact test."""
    table = [[count, total - count] for count, total in (before, after)]
    p = float(stats.fisher_exact(table).pvalue)
    old, new = before[0] / before[1], after[0] / after[1]
    return Finding(kind, subject, old, new, new - old, 0.0, p)


def _decided(finding: Finding, p: float) -> Finding:
    """Return the finding with its corrected p-value and whether it is a drift, a severe one."""
    of_distribution = finding.kind in DISTRIBUTION_KINDS
    matters = abs(finding.size) >= (MIN_DISTANCE if of_distribution else MIN_SHARE)
    drifted = p < ALPHA and matters
    large = finding.index >= SEVERE_INDEX if of_distribution else abs(finding.size) >= SEVERE_SHARE
    return replace(finding, p=p, drifted=drifted, severe=drifted and large)


def _sentence(finding: Finding, drift: Drift, schema: TableSchema, names: Mapping[int, str]) -> str:
    customers, label = schema.customers, _label(finding.subject, schema)
    if finding.kind == "distribution":
        before, after = median_texts(drift, schema.column(finding.subject))
        return (
            f"{label}: the distribution changed (Kolmogorov-Smirnov distance {finding.size:.2f}, "
            f"stability index {finding.index:.2f}); median {before} before, {after} now."
        )
    if finding.kind == "confidence":
        before, after = percent(finding.before), percent(finding.after)
        if before == after:
            return f"The distribution of confidence changed, its median did not: {before}."
        comparative = "less" if finding.after < finding.before else "more"
        return (
            f"Segments are assigned with {comparative} confidence: median {before} before, "
            f"{after} now."
        )
    if finding.kind == "new level":
        return (
            f"{label}: {percent(finding.after)} of {customers} have a value the schema does not "
            "list."
        )
    name = names.get(int(finding.subject), "") if finding.kind == "segment" else ""
    share_of = {
        "missing": f"{label} is missing",
        "range": f"{label} is outside the usual range of the training data",
        "segment": f"Segment {finding.subject} ({name})",
        "unlike": f"Unlike all {customers} in the training data",
    }[finding.kind]
    return (
        f"{share_of}: {percent(finding.before)} of {customers} before, "
        f"{percent(finding.after)} now."
    )
