"""What the pages show: numbers in words, an answer, a segment's portrait, the map."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING, Any

from experiments.registry.client import ModelInfo
from segmentation.interpretation.formatting import (
    Statistic,
    displayed,
    fact_of,
    figure,
    figure_label,
    inside_sentence,
    percent,
    quantity,
    sentence_case,
)
from segmentation.schema import Column, Identity
from serve.web.scoring_client import Answer
from serve.web.separation import best_pair, mixed_share

if TYPE_CHECKING:
    import pandas as pd

# Lower ends of confidence, the probability of the segment, and what to call it: very sure is wrong
# at most once in twenty times, a close call more often than three times in ten.
SURE = ((0.95, "Very sure"), (0.85, "Sure"), (0.70, "Fairly sure"), (0.0, "A close call"))
# With less than this share of a customer's values known, a segment is a guess.
LEAST_KNOWN = 0.5
GUESS = "A guess"
MOST_UNUSUAL = 3
FIGURES = 3
SWAPPED = str.maketrans(",.", ".,")
CAMEL = re.compile(r"(?<=[^\W\d_A-Z])(?=[A-ZÄÖÜÉ])")
YES = frozenset({"1", "y", "t", "j", "o", "s"})
# A column with more than this share missing in a segment is described as missing there.
MOSTLY = 0.5
# The map does not separate the segments where more dots lie among those of others.
MOST_MIXED = 0.25
MAP_WIDTH, MAP_HEIGHT, MAP_MARGIN = 640.0, 400.0, 24.0


def sure(confidence: float) -> str:
    """Return confidence in words."""
    return next(words for least, words in SURE if confidence >= least)


def how_sure(confidence: float) -> str:
    """Return confidence in per cent, never 100: no model is that sure."""
    return percent(min(confidence, 0.99))


def usual(column: Column) -> str:
    """Return a column's plausible range as one would type it: ``0 to 50,000``, ``0 to 100%``."""
    low, high = column.plausible or (float("-inf"), float("inf"))
    factor, unit = (100, "%") if column.kind == "frequency" else (1, "")
    texts = (_as_typed(f"{factor * value:,.10g}", column) for value in (low, high))
    return f"{' to '.join(texts)}{unit}"


def typed(value: float | str | None, column: Column) -> str:
    """Return a value as one would type it into the column's field: a share in per cent."""
    if column.kind == "frequency" and isinstance(value, float | int):
        value = 100 * value
    return plain(value, column)


def field_unit(column: Column) -> str:
    """Return the unit beside a column's field: ``$``, ``months``, ``% of months``."""
    if column.categorical or column.binary:
        return ""
    return f"%{column.unit.removeprefix('share')}" if column.kind == "frequency" else column.unit


def plain(value: float | str | None, column: Column) -> str:
    """Return a value as one would write it into a file of customers, empty for unknown."""
    if value is None or isinstance(value, str):
        return value or ""
    return _as_typed(f"{value:.10f}".rstrip("0").rstrip("."), column)


def _as_typed(text: str, column: Column) -> str:
    """Return a number with the column's decimal mark."""
    return text.translate(SWAPPED) if column.decimal == "," else text


def level_labels(column: Column) -> tuple[str, ...]:
    """Return a category's levels as people read them: ``Two year plan`` for ``TwoYearPlan``.

    Words that are run together are only parted where most levels of the column are written so:
    PayPal is one word. Levels that would look alike stay as they are.
    """
    texts = [" ".join(level.replace("_", " ").split()) for level in column.levels]
    joined = [" " not in text and bool(CAMEL.search(text)) for text in texts]
    most = 2 * sum(joined) > len(texts)
    labels = tuple(
        _parted(text) if camel and (most or len(CAMEL.findall(text)) > 1) else text
        for text, camel in zip(texts, joined, strict=True)
    )
    alike = len({label.casefold() for label in labels}) < len(labels) or not all(labels)
    return column.levels if alike else labels


def _parted(text: str) -> str:
    """Return words that are run together as words, TV as TV."""
    first, *rest = CAMEL.sub(" ", text).split()
    return " ".join([first, *(word if word[1:2].isupper() else word.lower() for word in rest)])


def switch_labels(column: Column) -> tuple[str, str]:
    """Return what the two values of a yes-or-no column are called, in their own order.

    A sensitive 0 or 1 may stand for anything, as in the sex of a person, and stays as it is.
    """
    first, second = column.levels or ("0", "1")
    if column.sensitive and not column.levels:
        return first, second
    if min(len(first), len(second)) > 1:
        return sentence_case(first), sentence_case(second)
    return ("Yes", "No") if first.casefold() in YES else ("No", "Yes")


def shown(value: float | None, column: Column) -> str:
    """Return a customer's value in words and units, as the form has it."""
    if value is None or isnan(value):
        return quantity(value, column)
    if column.binary and value in {0.0, 1.0}:
        return switch_labels(column)[int(value)]
    return level_labels(column)[round(value)] if column.categorical else quantity(value, column)


def unbroken(text: str) -> str:
    """Return a sentence of a model that was saved before in today's words: ``42%``, the table."""
    return text.replace(" %", "%").replace("the whole book", "the whole table")


@dataclass(frozen=True)
class Comparison:
    """One column of a customer beside the segment and the whole table.

    The positions lie in [0, 100] on a linear bar between `ends`, the table's 5th and 95th
    percentile; None for an unknown value, and for levels without an order.
    """

    label: str
    customer: str
    segment: str
    book: str
    customer_at: float | None
    segment_at: float | None
    book_at: float | None
    ends: tuple[str, str]
    decisive: bool

    @property
    def drawn(self) -> bool:
        """Whether there is anything to draw."""
        return (self.customer_at, self.segment_at, self.book_at) != (None, None, None)


@dataclass(frozen=True)
class Reason:
    """A column that decided: the customer's value beside figures of the segment and the runner-up.

    `typical` says which figure that is: the median, the commonest level, or the share with the
    customer's level.
    """

    label: str
    typical: str
    customer: str
    segment: str
    runner_up: str


@dataclass(frozen=True)
class Unusual:
    """A customer's value outside the range, `low` to `high`, of nine of ten in the segment."""

    label: str
    customer: str
    low: str
    high: str


@dataclass(frozen=True)
class AnswerView:
    """The answer as a page needs it; with too little known its confidence is `withheld`."""

    name: str
    sentence: str
    number: int
    sure: str
    percent: str
    confidence: float
    runner_up: str
    unlike_training: bool
    reasons: tuple[Reason, ...]
    comparisons: tuple[Comparison, ...]
    unusual: tuple[Unusual, ...]
    version: str
    withheld: bool
    known_text: str  # "4 of 17 values known"


def answer_view(answer: Answer, customer: pd.DataFrame, model: ModelInfo) -> AnswerView:
    """Put an answer beside what is known about its segment and the whole table."""
    profile = _profile(answer.segment, model)
    medians = _medians(answer.segment, model)
    rows = tuple(
        _comparison(column, customer[column.name].iloc[0], medians, model, answer)
        for column in model.schema.columns
    )
    n_columns = len(model.schema.columns)
    n_known = int(customer[list(model.schema.column_names)].notna().to_numpy().sum())
    withheld = n_known < LEAST_KNOWN * n_columns
    return AnswerView(
        name=_name(answer.segment, answer.segment_name, model),
        sentence=str(profile.get("sentence", "")),
        number=answer.segment,
        sure=GUESS if withheld else sure(answer.confidence),
        percent="" if withheld else how_sure(answer.confidence),
        confidence=0.0 if withheld else round(100 * answer.confidence, 1),
        runner_up=_name(answer.runner_up, answer.runner_up_name, model),
        unlike_training=answer.unlike_training,
        reasons=tuple(
            reason
            for name in answer.reasons
            if name in model.schema.column_names
            and (
                reason := _reason(model.schema.column(name), customer[name].iloc[0], answer, model)
            )
        ),
        comparisons=rows,
        unusual=_unusual(customer, answer.segment, model),
        version=answer.model_version,
        withheld=withheld,
        known_text=f"{n_known} of {n_columns} values known",
    )


def _unusual(customer: pd.DataFrame, number: int, model: ModelInfo) -> tuple[Unusual, ...]:
    """Return the values furthest outside what nine of ten in a segment have, at most three."""
    rows = []
    entries = _entries(number, model)
    for column in model.schema.columns:
        value = float(customer[column.name].iloc[0])
        spread = entries.get(column.name, {}).get("quantiles", {})
        book = model.book.get(column.name, {})
        low, high, width = spread.get("q05"), spread.get("q95"), _width(book)
        if column.categorical or column.binary or isnan(value) or None in (low, high) or not width:
            continue
        texts = [shown(figure, column) for figure in (value, low, high)]
        outside = max(low - value, value - high)
        # What reads alike is not said to be outside.
        if outside > 0 and texts[0] not in texts[1:]:
            rows.append((outside / width, Unusual(column.label, *texts)))
    return tuple(row for _, row in sorted(rows, key=lambda row: -row[0])[:MOST_UNUSUAL])


def _width(book: Mapping[str, float]) -> float:
    """Return how wide the table's usual range is, 0 where it is not known."""
    return book["q95"] - book["q05"] if {"q05", "q95"} <= book.keys() else 0.0


def typical_customer(number: int, model: ModelInfo) -> dict[str, float | str | None]:
    """Return a segment's medians, and its commonest levels, by column; empty where not known."""
    values: dict[str, float | str | None] = {}
    for entry in _profile(number, model).get("columns", ()):
        name, value = entry["column"], entry["median"]
        if name in model.schema.column_names:
            column = model.schema.column(name)
            if value is not None:
                # As printed elsewhere, so that no figure differs from that of the segment's page.
                value = displayed(value, column)
                value = column.levels[round(value)] if column.categorical else value
            values[name] = value
    for identity in model.schema.identities:
        values |= _shared_out(values, identity)
    return {name: values[name] for name in model.schema.column_names if name in values}


def _shared_out(
    values: Mapping[str, float | str | None], identity: Identity
) -> dict[str, float | None]:
    """Return parts that make up their total, in the proportion of their medians.

    Medians of parts do not add up to the median of the total. Where all parts are 0 it is not
    known how the total comes about.
    """
    total = values.get(identity.total)
    parts = [values.get(name) for name in identity.parts]
    if not isinstance(total, float) or not all(isinstance(part, float) for part in parts):
        return {}
    together = sum(part for part in parts if isinstance(part, float))
    if together <= 0:
        return dict.fromkeys(identity.parts, 0.0 if total == 0 else None)
    shares = [round(total * float(part or 0) / together, 2) for part in parts[:-1]]
    return dict(zip(identity.parts, [*shares, round(total - sum(shares), 2)], strict=True))


def example_customer(model: ModelInfo) -> dict[str, float | str | None]:
    """Return a made-up customer: the schema's first example, else the largest segment's medians.

    None stands for unknown.
    """
    if model.schema.examples:
        return dict(model.schema.examples[0].values)
    largest = max(model.profiles, key=lambda profile: profile["size"], default={"number": 0})
    typical = typical_customer(largest["number"], model)
    return {name: typical.get(name) for name in model.schema.column_names}


def _profile(number: int, model: ModelInfo) -> dict[str, Any]:
    return next((p for p in model.profiles if p["number"] == number), {})


def _name(number: int, answered: str, model: ModelInfo) -> str:
    """Return what people call a segment: a person's own name is newer than the model's."""
    return model.given_names.get(number, answered)


def _comparison(
    column: Column, value: float, medians: dict[str, Any], model: ModelInfo, answer: Answer
) -> Comparison:
    book = model.book.get(column.name, {})
    segment, typical = medians.get(column.name), book.get("median")
    return Comparison(
        label=column.label,
        customer=shown(value, column),
        segment=shown(segment, column),
        book=shown(typical, column),
        customer_at=_position(value, column, book),
        segment_at=_position(segment, column, book),
        book_at=_position(typical, column, book),
        ends=_ends(column, book),
        decisive=column.name in answer.reasons,
    )


def _position(value: float | None, column: Column, book: Mapping[str, Any]) -> float | None:
    """Return where a value lies between the table's 5th and 95th percentile, in [0, 100]."""
    if value is None or isnan(value) or not _width(book) or _without_order(column):
        return None
    return _on_bar(value, book["q05"], book["q95"])


def _without_order(column: Column) -> bool:
    return column.kind == "category" or column.binary


def _on_bar(value: float, low: float, high: float) -> float:
    share = min(1.0, max(0.0, (value - low) / (high - low)))
    return round(100 * share, 1)


def _ends(column: Column, book: Mapping[str, Any]) -> tuple[str, str]:
    """Return what a bar runs from and to, empty where there is none."""
    if not _width(book):
        return "", ""
    low, high = book["q05"], book["q95"]
    if column.kind == "count":
        low, high = float(round(low)), float(round(high))
    return shown(low, column), shown(high, column)


def _entries(number: int, model: ModelInfo) -> dict[str, dict[str, Any]]:
    return {c["column"]: c for c in _profile(number, model).get("columns", ())}


def _medians(number: int, model: ModelInfo) -> dict[str, Any]:
    """Return medians and commonest levels; None where most customers have no value."""
    return {
        name: None if entry.get("missing", 0.0) > MOSTLY else entry["median"]
        for name, entry in _entries(number, model).items()
    }


def _reason(column: Column, value: float, answer: Answer, model: ModelInfo) -> Reason | None:
    """Return a reason in figures; None where they read alike and so say nothing."""
    both = [_entries(n, model).get(column.name, {}) for n in (answer.segment, answer.runner_up)]
    level = quantity(value, column)
    if any(entry.get("missing", 0.0) > MOSTLY for entry in both):
        typical = "share without a value"
        texts = [percent(entry.get("missing", 0.0)) for entry in both]
    elif column.kind == "category" and all(level in entry.get("shares", {}) for entry in both):
        typical = f"share with {shown(value, column)}"
        texts = [percent(entry["shares"][level]) for entry in both]
    else:
        typical = "commonest level" if column.kind == "category" else "median"
        texts = [shown(entry.get("median"), column) for entry in both]
    if texts[0] == texts[1]:
        return None
    return Reason(column.label, typical, shown(value, column), *texts)


@dataclass(frozen=True)
class Figure:
    """A figure that sets a segment apart, there and in the whole table; its label says which."""

    label: str
    segment: str
    book: str


@dataclass(frozen=True)
class Strip:
    """Quantiles (5, 25, 50, 75, 95%) of a segment or of all: in words, as places in [0, 100]."""

    text: str
    low: float
    first: float
    median: float
    third: float
    high: float


@dataclass(frozen=True)
class Row:
    """One column of a segment's portrait.

    `effect` in [-100, 100] is how much more often a customer of the segment has the larger value;
    where levels have no order, only its size counts.
    """

    label: str
    segment: str
    book: str
    effect: float
    directed: bool
    difference: str
    own: Strip | None
    whole: Strip | None
    ends: tuple[str, str]  # of the strips' scale


@dataclass(frozen=True)
class OutcomeRow:
    """What happened to the customers of a segment, in words and on a bar from 0 to 100.

    The bar has one scale for all segments; its places are None where a segment has no interval.
    """

    title: str
    text: str  # empty where there are too few values
    interval: str
    average: str  # of the whole table
    comparison: str  # "1.9 times"
    difference: str  # "higher", "lower" or empty
    note: str
    low: float | None
    at: float | None
    high: float | None
    average_at: float | None


@dataclass(frozen=True)
class Spot:
    """A point of the map in the picture's units."""

    x: float
    y: float
    segment: int


@dataclass(frozen=True)
class Box:
    """A segment's middle half in two columns, and its medians, in the picture's units."""

    segment: int
    left: float
    top: float
    width: float
    height: float
    x: float
    y: float
    text: str


@dataclass(frozen=True)
class PairPicture:
    """The two columns that separate the segments best, with the ends of their linear scales."""

    across: str
    up: str
    across_ends: tuple[str, str]
    up_ends: tuple[str, str]
    boxes: tuple[Box, ...]
    separated: int
    pairs: int


@dataclass(frozen=True)
class CustomerMap:
    """The customer base as a picture: synthetic customers, segments, the customer scored."""

    points: tuple[Spot, ...]
    prototypes: tuple[Spot, ...]
    here: Spot | None
    mixed: str = ""  # the share of dots among other segments' dots, where that is large
    pair: PairPicture | None = None


def figures(profile: Mapping[str, Any], model: ModelInfo) -> list[Figure]:
    """Return at most three figures that set a segment most apart, none that reads alike.

    Of columns with the same shares, such as two that are 0 for the same customers, the first.
    """
    rows: dict[tuple[float, float] | str, Figure] = {}
    for column, trait in _traits(profile, model):
        if trait["differs"]:
            fact, row = _figure(column, trait)
            rows.setdefault(fact, row)
    return list(rows.values())[:FIGURES]


def _figure(column: Column, trait: Mapping[str, Any]) -> tuple[tuple[float, float] | str, Figure]:
    """Return a trait as a figure, and the fact it tells.

    Where half of a side have 0, it is the share of those who have more.
    """
    own, whole = trait.get("some"), trait.get("book_some")
    if trait["statistic"] == "median" and 0 in (trait["value"], trait["book"]) and own is not None:
        texts = percent(own), percent(whole or 0.0)
        if texts[0] != texts[1]:
            fact = fact_of(column, "above zero", own, whole or 0.0)
            return fact, Figure(figure_label(column, "above zero"), *texts)
    fact = fact_of(column, trait["statistic"], trait["value"], trait["book"])
    return fact, Figure(trait["label"], *_texts(column, trait))


def portrait(profile: Mapping[str, Any], model: ModelInfo) -> list[Row]:
    """Return every column of a segment, the one that sets it most apart first."""
    return [_row(column, trait, profile, model) for column, trait in _traits(profile, model)]


def outcome_rows(profile: Mapping[str, Any], model: ModelInfo) -> list[OutcomeRow]:
    """Return what happened to the customers of a segment; models saved before have none."""
    return [_outcome_row(outcome, model) for outcome in profile.get("outcomes", ())]


def _outcome_row(outcome: Mapping[str, Any], model: ModelInfo) -> OutcomeRow:
    own, whole = outcome["segment"], outcome["whole"]["value"]
    others = [
        other["segment"]
        for profile in model.profiles
        for other in profile.get("outcomes", ())
        if other["column"] == outcome["column"]
    ]
    ends = [v for group in others for v in (group["low"], group["high"]) if v is not None]
    low, high = min([0.0, *ends]), max([0.0, *ends])

    def place(value: float | None) -> float | None:
        drawn = value is not None and own["low"] is not None and high > low
        return round(100 * (value - low) / (high - low), 1) if drawn and value is not None else None

    missing = own["missing_share"]
    notes = (outcome["gap"], f"missing for {percent(missing)}" if missing else "")
    comparison = outcome["multiple"] or outcome["difference"] or "no clear difference"
    return OutcomeRow(
        title=outcome["title"],
        text="" if own["value"] is None else outcome["text"],
        interval=outcome["interval"],
        average="" if whole is None else outcome["average"],
        comparison=comparison if own["low"] is not None else "",
        difference=outcome["difference"],
        note="; ".join(filter(None, notes)),
        low=place(own["low"]),
        at=place(own["value"]),
        high=place(own["high"]),
        average_at=place(whole),
    )


@dataclass(frozen=True)
class PairRow:
    """One column of two segments: median or commonest level, and how far they overlap."""

    label: str
    first: str
    second: str
    book: str
    overlap: str


@dataclass(frozen=True)
class PairOutcome:
    """One outcome of two segments, with intervals and sample sizes."""

    title: str
    first: str
    second: str
    average: str
    verdict: str


def pair_rows(
    first: Mapping[str, Any], second: Mapping[str, Any], model: ModelInfo
) -> list[PairRow]:
    """Return the columns of two segments, those that lie furthest apart first.

    The distance is that of the medians as a share of the table's usual range, of categories that of
    the shares of the levels (half the sum of differences).
    """
    rows = []
    sides = [_entries(profile["number"], model) for profile in (first, second)]
    for column in model.schema.columns:
        one, other = (side.get(column.name, {}) for side in sides)
        values = [None if e.get("missing", 0.0) > MOSTLY else e.get("median") for e in (one, other)]
        typical = model.book.get(column.name, {}).get("median")
        statistic: Statistic = "mode" if column.kind == "category" else "median"
        row = PairRow(
            label=figure_label(column, statistic),
            first=shown(values[0], column),
            second=shown(values[1], column),
            book=shown(typical, column),
            overlap=_overlap(one, other, column),
        )
        rows.append((_apart(one, other, column, model), row))
    return [row for _, row in sorted(rows, key=lambda pair: -pair[0])]


def _apart(
    one: Mapping[str, Any], other: Mapping[str, Any], column: Column, model: ModelInfo
) -> float:
    if "shares" in one and "shares" in other:
        levels = {*one["shares"], *other["shares"]}
        gaps = (abs(one["shares"].get(n, 0.0) - other["shares"].get(n, 0.0)) for n in levels)
        return float(sum(gaps) / 2)
    medians = one.get("median"), other.get("median")
    width = _width(model.book.get(column.name, {}))
    if medians[0] is None or medians[1] is None or not width:
        return 0.0
    return float(abs(medians[0] - medians[1]) / width)


def _overlap(one: Mapping[str, Any], other: Mapping[str, Any], column: Column) -> str:
    """Return the share of the narrower middle half that lies within the other one."""
    ends = [side.get("quantiles", {}).get(q) for side in (one, other) for q in ("q25", "q75")]
    if column.categorical or column.binary or None in ends:
        return ""
    common = min(ends[1], ends[3]) - max(ends[0], ends[2])
    narrower = min(ends[1] - ends[0], ends[3] - ends[2])
    if narrower == 0:
        return percent(float(common >= 0))
    return percent(min(1.0, max(0.0, common / narrower)))


def pair_outcomes(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[PairOutcome]:
    """Return the outcomes of two segments side by side."""
    others = {outcome["title"]: outcome for outcome in second.get("outcomes", ())}
    return [
        PairOutcome(
            outcome["title"],
            outcome_text(outcome),
            outcome_text(others[outcome["title"]]),
            outcome["average"],
            _apart_in_words(outcome["segment"], others[outcome["title"]]["segment"]),
        )
        for outcome in first.get("outcomes", ())
        if outcome["title"] in others
    ]


def outcome_text(outcome: Mapping[str, Any]) -> str:
    """Return an outcome with interval and sample size: ``8% (6% to 10%), n = 512``."""
    if outcome["segment"]["value"] is None:
        return str(outcome["gap"])
    interval = f" ({outcome['interval']})" if outcome["interval"] else ""
    return f"{outcome['text']}{interval}, n = {outcome['segment']['n']:,}"


def _apart_in_words(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """Return whether two intervals have no value in common."""
    if None in (one["low"], other["low"]):
        return "–"
    if one["low"] > other["high"]:
        return "higher in the first"
    return "higher in the second" if other["low"] > one["high"] else "no clear difference"


def customer_map(model: ModelInfo, here: tuple[float, float, int] | None = None) -> CustomerMap:
    """Return the map in the picture's units; up is up."""
    points = [tuple(p) for p in model.map.get("points", ())]
    prototypes = [tuple(p) for p in model.map.get("prototypes", ())]
    every = [*points, *prototypes]
    if not every:
        return CustomerMap((), (), None)
    left, right = min(p[0] for p in every), max(p[0] for p in every)
    low, high = min(p[1] for p in every), max(p[1] for p in every)

    def spot(x: float, y: float, segment: int) -> Spot:
        across = (min(max(x, left), right) - left) / ((right - left) or 1.0)
        up = (min(max(y, low), high) - low) / ((high - low) or 1.0)
        return Spot(
            round(MAP_MARGIN + across * (MAP_WIDTH - 2 * MAP_MARGIN), 1),
            round(MAP_HEIGHT - MAP_MARGIN - up * (MAP_HEIGHT - 2 * MAP_MARGIN), 1),
            int(segment),
        )

    mixed = mixed_share(tuple(points))
    unclear = mixed > MOST_MIXED
    return CustomerMap(
        tuple(spot(*p) for p in points),
        tuple(spot(*p) for p in prototypes),
        spot(*here) if here else None,
        percent(mixed) if unclear else "",
        _pair_picture(model) if unclear else None,
    )


def _pair_picture(model: ModelInfo) -> PairPicture | None:
    """Return the two columns whose middle halves separate most segments, None without two."""
    entries = {profile["number"]: _entries(profile["number"], model) for profile in model.profiles}
    halves = {}
    for column in model.schema.columns:
        own = {number: _half(every.get(column.name, {})) for number, every in entries.items()}
        whole = {number: half for number, half in own.items() if half is not None}
        wide = not column.binary and _width(model.book.get(column.name, {}))
        if wide and len(whole) == len(entries):
            halves[column.name] = whole
    chosen = best_pair(halves)
    if chosen is None:
        return None
    columns = [model.schema.column(name) for name in chosen[:2]]
    boxes = tuple(_box(number, every, columns, model) for number, every in entries.items())
    ends = [_ends(column, model.book[column.name]) for column in columns]
    pairs = len(entries) * (len(entries) - 1) // 2
    first, second = columns
    return PairPicture(first.label, second.label, ends[0], ends[1], boxes, chosen[2], pairs)


def _half(entry: Mapping[str, Any]) -> tuple[float, float] | None:
    ends = [entry.get("quantiles", {}).get(name) for name in ("q25", "q75")]
    return None if None in (*ends, entry.get("median")) else (float(ends[0]), float(ends[1]))


def _box(number: int, entries: Mapping[str, Any], columns: list[Column], model: ModelInfo) -> Box:
    places, texts = [], []
    for column in columns:
        entry, book = entries[column.name], model.book[column.name]
        values = [entry["quantiles"]["q25"], entry["median"], entry["quantiles"]["q75"]]
        places.append([_on_bar(value, book["q05"], book["q95"]) / 100 for value in values])
        half = " to ".join(shown(value, column) for value in (values[0], values[2]))
        texts.append(f"{inside_sentence(column.label)} {half}")
    wide, high = MAP_WIDTH - 2 * MAP_MARGIN, MAP_HEIGHT - 2 * MAP_MARGIN
    (left, x, right), (low, y, top) = places
    return Box(
        number,
        round(MAP_MARGIN + left * wide, 1),
        round(MAP_HEIGHT - MAP_MARGIN - top * high, 1),
        round(max((right - left) * wide, 2.0), 1),
        round(max((top - low) * high, 2.0), 1),
        round(MAP_MARGIN + x * wide, 1),
        round(MAP_HEIGHT - MAP_MARGIN - y * high, 1),
        f"middle half {texts[0]}, {texts[1]}",
    )


def _traits(profile: Mapping[str, Any], model: ModelInfo) -> list[tuple[Column, Mapping[str, Any]]]:
    """Return the traits of the columns of the table, the strongest first."""
    names = set(model.schema.column_names)
    traits = profile.get("traits") or [
        _trait_of(model.schema.column(entry["column"]), entry)
        for entry in sorted(profile.get("columns", ()), key=lambda entry: -abs(entry["effect"]))
        if entry["column"] in names
    ]
    return [(model.schema.column(t["column"]), t) for t in traits if t["column"] in names]


def _trait_of(column: Column, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return a trait of a model that was saved before there were traits."""
    statistic: Statistic = "mode" if column.kind == "category" else "median"
    trait = {
        "column": column.name,
        "label": figure_label(column, statistic),
        "statistic": statistic,
        "value": entry["median"],
        "book": entry["book_median"],
        "effect": entry["effect"],
    }
    own, whole = _texts(column, trait)
    return {**trait, "differs": own != whole}


def _texts(column: Column, trait: Mapping[str, Any]) -> tuple[str, str]:
    if trait["statistic"] == "mode":
        return shown(trait["value"], column), shown(trait["book"], column)
    own, whole = (figure(trait[key], column, trait["statistic"]) for key in ("value", "book"))
    return own, whole


def _row(
    column: Column, trait: Mapping[str, Any], profile: Mapping[str, Any], model: ModelInfo
) -> Row:
    book = model.book.get(column.name, {})
    entries = profile.get("columns", ())
    entry: Mapping[str, Any] = next((e for e in entries if e["column"] == column.name), {})
    own, whole = _texts(column, trait)
    effect = 100 * trait["effect"]
    is_median = trait["statistic"] == "median"
    return Row(
        label=trait["label"],
        segment=own,
        book=whole,
        effect=round(effect, 1),
        directed=trait["statistic"] != "mode",
        difference=_difference(effect, trait["statistic"])
        if trait["differs"]
        else "about the same",
        own=_strip({**entry.get("quantiles", {}), "median": entry.get("median")}, book, column)
        if is_median
        else None,
        whole=_strip(book, book, column) if is_median else None,
        ends=_ends(column, book),
    )


def _difference(effect: float, statistic: Statistic) -> str:
    if abs(effect) < 10:
        return "about the same"
    much = "much " if abs(effect) >= 50 else "" if abs(effect) >= 25 else "a little "
    if statistic == "mode":
        return f"{much.replace('much', 'very')}different"
    return f"{much}{'higher' if effect > 0 else 'lower'}"


def _strip(values: Mapping[str, Any], book: Mapping[str, Any], column: Column) -> Strip | None:
    """Return positions between the table's 5th and 95th percentile."""
    low, high = book.get("q05"), book.get("q95")
    quantiles = [values.get(name) for name in ("q05", "q25", "median", "q75", "q95")]
    if low is None or high is None or high <= low or any(value is None for value in quantiles):
        return None
    written = [shown(value, column) for value in quantiles]
    text = f"half have {written[1]} to {written[3]}, nine of ten {written[0]} to {written[4]}"
    places = [_on_bar(value, low, high) for value in quantiles if value is not None]
    return Strip(text, *places)
