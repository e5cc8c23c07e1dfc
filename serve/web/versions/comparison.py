"""Two versions side by side for a decision: what is worse, who would move, sizes, outcomes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from experiments.registry.client import Evidence, Gate, Migration, ModelInfo
from segmentation.interpretation.formatting import flow_cell, percent
from serve.web.views import outcome_text

# What is compared of an evaluation: label, whether more is better (None: neither), how to write.
QUALITY = (
    ("stability", "Stability", True, "{:.2f}"),
    ("score", "Score", True, "{:.2f}"),
    ("separation", "Separation", True, "{:.2f}"),
    ("n_segments", "Segments", None, "{:d}"),
    ("smallest_share", "Smallest segment", None, "percent"),
    ("largest_share", "Largest segment", None, "percent"),
    ("rows", "Rows evaluated", None, "{:,d}"),
)
NOT_CALLED_WORSE = frozenset({"score"})  # the gate on the score says it, with its noise


@dataclass(frozen=True)
class QualityRow:
    """One figure of both versions."""

    label: str
    champion: str
    candidate: str
    worse: bool


@dataclass(frozen=True)
class SegmentRow:
    """One segment in both versions; a text is empty where a version lacks it."""

    number: int
    champion_name: str
    candidate_name: str
    champion_share: str
    candidate_share: str
    outcomes: tuple[tuple[str, str], ...]  # of each outcome the champion's and the candidate's


@dataclass(frozen=True)
class Flow:
    """Customers of each of the champion's segments by the candidate's."""

    columns: tuple[tuple[int, str], ...]
    rows: tuple[tuple[int, str, tuple[tuple[str, bool], ...]], ...]  # cell and whether they stay
    moved: int
    total: int
    customers: str  # what they are called

    @property
    def sentence(self) -> str:
        """How many would move."""
        share = percent(self.moved / self.total)
        counts = f"{self.moved:,} of {self.total:,} {self.customers}"
        return f"{counts} ({share}) would change their segment."


@dataclass(frozen=True)
class SideBySide:
    """What a page needs to show two versions side by side."""

    champion: str
    candidate: str
    customers: str  # what the candidate's schema calls them
    sentences: tuple[str, ...]  # what is worse; empty when nothing is
    quality: tuple[QualityRow, ...]
    outcomes: tuple[str, ...]  # titles
    segments: tuple[SegmentRow, ...]
    flow: Flow | None
    drift: tuple[str, ...]
    gates: tuple[Gate, ...]


def side_by_side(evidence: Evidence) -> SideBySide | None:
    """Put a candidate beside the champion; None where there is no champion to compare with."""
    candidate, champion = evidence.candidate, evidence.champion
    if champion is None:
        return None
    quality = tuple(_quality(champion, candidate))
    titles = tuple(dict.fromkeys(o["title"] for m in (champion, candidate) for o in _outcomes(m)))
    migration = evidence.migration
    flow = _flow(migration, champion, candidate) if migration and migration.flows else None
    return SideBySide(
        champion=champion.version,
        candidate=candidate.version,
        customers=candidate.schema.customers,
        sentences=tuple(_worse(champion, candidate, quality, titles, evidence)),
        quality=quality,
        outcomes=titles,
        segments=tuple(_segments(champion, candidate, titles)),
        flow=flow,
        drift=migration.sentences if migration else (),
        gates=evidence.gates,
    )


def _quality(champion: ModelInfo, candidate: ModelInfo) -> Iterator[QualityRow]:
    for key, label, more_is_better, how in QUALITY:
        before, after = champion.evaluation.get(key), candidate.evaluation.get(key)
        first, second = _written(before, how), _written(after, how)
        lower = before is not None and after is not None and after < before and first != second
        worse = bool(more_is_better) and lower and key not in NOT_CALLED_WORSE
        yield QualityRow(label, first, second, worse)


def _written(value: Any, how: str) -> str:
    if value is None:
        return "–"
    return percent(float(value)) if how == "percent" else how.format(value)


def _worse(
    champion: ModelInfo,
    candidate: ModelInfo,
    quality: tuple[QualityRow, ...],
    titles: tuple[str, ...],
    evidence: Evidence,
) -> Iterator[str]:
    """Yield what is worse about the candidate, one sentence each."""
    for gate in evidence.gates:
        if not gate.passed:
            yield f"The check “{gate.name}” fails; see its figures below."
    for row in quality:
        if row.worse:
            yield f"{row.label} falls from {row.champion} to {row.candidate}."
    gone = {p["number"]: p["name"] for p in champion.profiles}
    for profile in candidate.profiles:
        gone.pop(profile["number"], None)
    for number, name in gone.items():
        yield f"Segment {number} ({name}) is gone, and with it what is planned for it."
    for title in titles:
        before, after = _span(champion, title), _span(candidate, title)
        if before and after and after[1] < before[1] and after[0] != before[0]:
            yield f"Segments differ less in {title.lower()}: {after[0]}, {before[0]} before."
    if evidence.migration is not None and evidence.migration.drift == "retrain":
        customers = candidate.schema.customers
        yield f"Its {customers} differ from the champion's; see what drifted below."
    if evidence.migration is not None and evidence.migration.drift == "check":
        yield "One of its columns looks broken; see what drifted below."


def _span(model: ModelInfo, title: str) -> tuple[str, float] | None:
    """Return the lowest and highest figure of an outcome over segments, and how far apart."""
    figures = [
        (float(o["segment"]["value"]), str(o["text"]))
        for o in _outcomes(model)
        if o["title"] == title and o["segment"]["value"] is not None
    ]
    if len(figures) < 2:
        return None
    low, high = min(figures), max(figures)
    return f"{low[1]} to {high[1]}", high[0] - low[0]


def _outcomes(model: ModelInfo) -> list[Mapping[str, Any]]:
    return [outcome for profile in model.profiles for outcome in profile.get("outcomes", ())]


def _segments(
    champion: ModelInfo, candidate: ModelInfo, titles: tuple[str, ...]
) -> Iterator[SegmentRow]:
    sides = [{p["number"]: p for p in model.profiles} for model in (champion, candidate)]
    for number in sorted({*sides[0], *sides[1]}):
        pair = [side.get(number, {}) for side in sides]
        first, second = (str(profile.get("name", "")) for profile in pair)
        before, after = (percent(profile["share"]) if profile else "" for profile in pair)
        outcomes = tuple((_figure(pair[0], title), _figure(pair[1], title)) for title in titles)
        yield SegmentRow(number, first, second, before, after, outcomes)


def _figure(profile: Mapping[str, Any], title: str) -> str:
    """Return an outcome of a segment with interval and sample size, empty where there is none."""
    outcome = next((o for o in profile.get("outcomes", ()) if o["title"] == title), None)
    return "" if outcome is None else outcome_text(outcome)


def _flow(migration: Migration, champion: ModelInfo, candidate: ModelInfo) -> Flow:
    counts = {
        (int(before), int(after)): count
        for (before, after), count in (
            (pair.split(">"), count) for pair, count in migration.flows.items()
        )
    }
    names = [{p["number"]: p["name"] for p in model.profiles} for model in (champion, candidate)]
    columns = tuple((number, names[1][number]) for number in sorted(names[1]))
    rows = []
    for before in sorted(names[0]):
        size = sum(counts.get((before, after), 0) for after, _ in columns)
        cells = tuple(
            (flow_cell(counts.get((before, after), 0), size), before == after)
            for after, _ in columns
        )
        rows.append((before, names[0][before], cells))
    moved = sum(count for (before, after), count in counts.items() if before != after)
    total, customers = sum(counts.values()), candidate.schema.customers
    return Flow(columns, tuple(rows), moved, total, customers)
