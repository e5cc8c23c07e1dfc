"""What is different about new customers, how sure that is, and whether to train again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from segmentation.monitoring.summaries import Batch, ColumnSummary
from segmentation.types import FloatArray

# A finding needs both: significance after correction, and a size that matters.
ALPHA = 0.01
SMALL_DISTANCE = 0.02
SMALL_SHARE = 0.005
# The usual reading of the population stability index: from 0.25 on a population is another one.
LARGE_INDEX = 0.25
LARGE_SHARE = 0.10
BINS = 10
FLOOR = 1e-4
OK, WATCH, RETRAIN = "ok", "watch", "retrain"
OF_COLUMNS = ("distribution", "missing", "range")
EXIT_CODES = {OK: 0, WATCH: 1, RETRAIN: 2}


@dataclass(frozen=True)
class Finding:
    """One respect in which batches were compared.

    Parameters
    ----------
    kind
        ``distribution``, ``missing``, ``range``, ``segment``, ``unlike``, ``confidence`` or
        ``new level``. Range is about values beyond the training's lowest and highest half per cent.
    subject
        Column or segment number; empty where the whole batch is meant.
    before, after
        Share, in [0, 1]; of a distribution the median.
    size
        Of a distribution the Kolmogorov-Smirnov distance, else the difference of the shares.
    index
        Population stability index; 0 where it has no meaning.
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
    drifted: bool
    severe: bool


@dataclass(frozen=True)
class Drift:
    """All findings, drifts first.

    Parameters
    ----------
    findings
        Of all comparisons.
    reference, batch
        What was compared.
    """

    findings: tuple[Finding, ...]
    reference: Batch
    batch: Batch

    @property
    def drifted(self) -> tuple[Finding, ...]:
        """The findings that are drifts."""
        return tuple(finding for finding in self.findings if finding.drifted)

    @property
    def verdict(self) -> str:
        """``ok``, ``watch``, or ``retrain``: a severe drift, or half of the columns drifted."""
        columns = {
            f.subject for f in self.drifted if f.kind in {"distribution", "missing", "range"}
        }
        if any(f.severe for f in self.drifted) or 2 * len(columns) > len(self.batch.columns):
            return RETRAIN
        return WATCH if self.drifted else OK

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
    reference: Batch, batch: Batch, new_levels: Mapping[str, int] | None = None
) -> Drift:
    """Compare a batch with the one a model learnt from.

    Parameters
    ----------
    reference
        The training customers.
    batch
        New ones, summarised at the reference's edges.
    new_levels
        By column, new customers with a level that the schema does not list.
    """
    found = list(_compared(reference, batch))
    corrected = stats.false_discovery_control([f.p for f in found], method="bh")
    judged = [_judged(f, float(p)) for f, p in zip(found, corrected, strict=True)]
    for column, count in (new_levels or {}).items():
        share = count / batch.rows
        severe = share >= LARGE_SHARE
        judged.append(Finding("new level", column, 0.0, share, share, 0.0, 0.0, True, severe))
    judged.sort(key=lambda f: (not f.drifted, not f.severe, f.p, -f.size))
    return Drift(tuple(judged), reference, batch)


def shares_by_bin(reference: ColumnSummary, batch: ColumnSummary) -> tuple[FloatArray, FloatArray]:
    """Return the share of both batches in at most ten bins, cut at the reference's deciles."""
    cuts: list[int] = []
    for level in np.linspace(1 / BINS, 1, BINS)[:-1]:
        place = int(np.searchsorted(reference.below, level - 1e-9))
        if place < len(reference.below) and place not in cuts:
            cuts.append(place)
    before, after = (
        np.diff([0.0, *(summary.below[place] for place in cuts), 1.0])
        for summary in (reference, batch)
    )
    return before, after


def stability_index(before: FloatArray, after: FloatArray) -> float:
    """Return the population stability index, sum of (a - b) ln(a / b) over the shares of bins.

    It is the symmetrised Kullback-Leibler divergence (Jeffreys 1946); shares below one in ten
    thousand count as that, so that an empty bin gives a number.
    """
    b, a = np.maximum(before, FLOOR), np.maximum(after, FLOOR)
    return float(np.sum((a - b) * np.log(a / b)))


def _compared(reference: Batch, batch: Batch) -> Iterator[Finding]:
    """Yield every comparison with its uncorrected p-value."""
    new = {summary.column: summary for summary in batch.columns}
    for old in reference.columns:
        own = new[old.column]
        if old.known and own.known:
            yield _distribution("distribution", old.column, old, own)
            yield _share("range", old.column, (old.outside, old.known), (own.outside, own.known))
        yield _share(
            "missing", old.column, (old.missing, reference.rows), (own.missing, batch.rows)
        )
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
    effective = old.known * new.known / (old.known + new.known)
    p = float(stats.kstwobign.sf(distance * np.sqrt(effective)))
    index = stability_index(*shares_by_bin(old, new))
    return Finding(
        kind, subject, old.median, new.median, distance, index, p, drifted=False, severe=False
    )


def _share(kind: str, subject: str, before: tuple[int, int], after: tuple[int, int]) -> Finding:
    """Compare two shares by Fisher's exact test."""
    table = [[before[0], before[1] - before[0]], [after[0], after[1] - after[0]]]
    p = float(stats.fisher_exact(table).pvalue)
    old, new = before[0] / before[1], after[0] / after[1]
    return Finding(kind, subject, old, new, new - old, 0.0, p, drifted=False, severe=False)


def _judged(found: Finding, p: float) -> Finding:
    """Return the finding with its corrected p-value and what that means."""
    of_shares = found.kind not in {"distribution", "confidence"}
    matters = abs(found.size) >= (SMALL_SHARE if of_shares else SMALL_DISTANCE)
    drifted = p < ALPHA and matters
    large = abs(found.size) >= LARGE_SHARE if of_shares else found.index >= LARGE_INDEX
    return Finding(**{**vars(found), "p": p, "drifted": drifted, "severe": drifted and large})


def in_words(finding: Finding, labels: Mapping[str, str], names: Mapping[int, str]) -> str:
    """Return a drift as a sentence.

    Parameters
    ----------
    finding
        Any.
    labels
        Of columns, by name.
    names
        Of segments, by number.
    """
    label = labels.get(finding.subject, finding.subject)
    if finding.kind == "distribution":
        return (
            f"{label} is distributed differently: distance {finding.size:.2f}, stability "
            f"index {finding.index:.2f}, median {finding.before:,.4g} before, "
            f"{finding.after:,.4g} now."
        )
    if finding.kind == "confidence":
        return (
            f"Answers are {'less' if finding.after < finding.before else 'more'} sure: median "
            f"confidence {finding.before:.2f} before, {finding.after:.2f} now."
        )
    if finding.kind == "new level":
        return f"{label} has levels never listed, for {finding.after:.1%} of customers."
    name = names.get(int(finding.subject), "") if finding.kind == "segment" else ""
    start = {
        "missing": f"{label} is missing for",
        "range": f"{label} is beyond the training's usual range for",
        "segment": f"Segment {finding.subject}, {name}:",
        "unlike": "Customers unlike any seen in training:",
    }[finding.kind]
    return f"{start} {finding.before:.1%} before, {finding.after:.1%} now."


def told(drift: Drift, labels: Mapping[str, str], names: Mapping[int, str]) -> Sequence[str]:
    """Return every drift as a sentence, severe ones first."""
    return [in_words(finding, labels, names) for finding in drift.drifted]
