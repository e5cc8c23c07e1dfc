"""Every figure that people read is recomputed from the raw table, for random tables."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans

from experiments.registry.client import ModelInfo
from segmentation.interpretation.profiles import (
    book_summary,
    most_frequent_levels,
    profile_segments,
    with_categories,
)
from segmentation.interpretation.sensitive_audit import audit
from segmentation.preprocessing.categorical import prepare_table
from segmentation.schema import Column, TableSchema
from segmentation.schema.levels import encode
from segmentation.schema.table_schema import Kind
from segmentation.types import FloatArray, IntArray
from serve.web.scoring_client import Answer
from serve.web.views import answer_view, figures, portrait
from tests.tables.checker import Facts, Mask, same, shortened

SAVED = Path(__file__).parent / "segmentation" / "model" / "saved"
LEVELS = ("Red", "Two year", "DSL", "blue-ish", "7", "Gold", "Köln", "x9", "Pay later", "Tin")
LABELS = ("Alpha", "Beta score", "Gamma (k$)", "Delta", "Epsilon use", "Zeta", "Eta size", "Theta")


@dataclass(frozen=True)
class Raw:
    """A table as it was read, with segments from 0."""

    frame: pd.DataFrame  # numbers, and levels as texts; missing where there is no value
    segment: IntArray
    schema: TableSchema

    @cached_property
    def facts(self) -> Facts:
        """What can be recomputed of it, segments from 1."""
        return Facts(self.frame, pd.Series(self.segment + 1), self.schema)

    def rows(self, number: int) -> pd.DataFrame:
        """Return the customers of a segment, numbered from 1."""
        return self.frame[self.segment == number - 1]

    def others(self, number: int) -> pd.DataFrame:
        """Return all other customers."""
        return self.frame[self.segment != number - 1]

    def column(self, label: str) -> Column:
        """Return the column with a label, with or without its unit, in any case."""
        return next(
            c
            for c in self.schema.columns
            if label.casefold() in {c.label.casefold(), shortened(c.label).casefold()}
        )

    def numbers(self, number: int, column: Column) -> tuple[pd.Series, pd.Series]:
        """Return the values of a segment and of all others, levels as their places."""
        inside, outside = (
            rows[column.name].map(column.levels.index, na_action="ignore")
            if column.categorical
            else rows[column.name]
            for rows in (self.rows(number), self.others(number))
        )
        return inside.astype(float), outside.astype(float)


def cliffs_delta(inside: pd.Series, outside: pd.Series) -> float:
    """Return Cliff's delta by comparing every pair."""
    one, other = inside.dropna().to_numpy(float), outside.dropna().to_numpy(float)
    return float(np.sign(one[:, None] - other[None, :]).mean()) if len(one) * len(other) else 0.0


# Values of each kind for customers in hidden groups that differ by `shift`.
DRAWN: dict[str, Callable[[np.random.Generator, FloatArray], FloatArray]] = {
    "normal": lambda rng, shift: 50 + 10 * (rng.normal(size=len(shift)) + shift),
    "negative": lambda rng, shift: np.round(rng.normal(size=len(shift)) + shift, 3),
    "lognormal": lambda rng, shift: np.exp(rng.normal(3, 1, len(shift)) + shift),
    "zeros": lambda rng, shift: np.where(
        rng.random(len(shift)) + 0.2 * shift < 0.6, 0, np.exp(rng.normal(5, 1, len(shift)))
    ),
    "constant": lambda rng, shift: np.where(
        shift == shift[0], 7.0, np.round(rng.normal(7, 3, len(shift)), 1)
    ),
    "counts": lambda rng, shift: rng.poisson(np.exp(0.5 + 0.4 * np.clip(shift, -4, 4))) * 1.0,
    "frequency": lambda rng, shift: np.round(
        1 / (1 + np.exp(rng.normal(size=len(shift)) - shift)), 2
    ),
    "flag": lambda rng, shift: (rng.normal(size=len(shift)) + shift > rng.normal()) * 1.0,
    "yes": lambda rng, shift: (rng.normal(size=len(shift)) + shift > rng.normal()) * 1.0,
    "category": lambda rng, shift: np.clip(
        np.round(4 + rng.normal(0, 1.5, len(shift)) + shift), 0, 9
    ),
    "ordered": lambda rng, shift: np.clip(np.round(1 + rng.normal(0, 1, len(shift)) + shift), 0, 4),
}
KIND_OF: dict[str, Kind] = {
    **{"counts": "count", "flag": "count", "frequency": "frequency", "yes": "category"},
    **{"category": "category", "ordered": "ordered", "zeros": "money", "lognormal": "money"},
}


def draw_column(
    rng: np.random.Generator, name: str, label: str, groups: IntArray
) -> tuple[Column, pd.Series]:
    """Return a column of a random kind, with some or nearly all values missing."""
    kind = str(rng.choice(list(DRAWN)))
    shift = rng.choice([0.0, 1.0, 3.0]) * rng.normal(size=groups.max() + 1)[groups]
    values = DRAWN[kind](rng, shift)
    chance = np.where(rng.random(groups.max() + 1)[groups] > 0.4, 1.0, rng.integers(0, 2))
    values[rng.random(len(groups)) < rng.choice([0.0, 0.05, 0.4, 0.99]) * chance] = np.nan
    levels: tuple[str, ...] = ("No", "Yes") if kind == "yes" else ()
    if kind in {"category", "ordered"}:
        levels = LEVELS[: max(2, int(np.nanmax([1.0, *values])) + 1)]
    money = KIND_OF.get(kind) == "money"
    column = Column(
        name,
        label,
        KIND_OF.get(kind, "number"),
        "$" if money else "",
        plausible=(0, 1) if kind == "flag" else (0, 1e9) if money else None,
        nullable=True,
        levels=levels,
        sensitive=bool(rng.random() < 0.2),
    )
    if not levels:
        return column, pd.Series(values)
    return column, pd.Series(
        [None if np.isnan(v) else levels[int(v)] for v in values], dtype=object
    )


def draw_table(seed: int) -> Raw:
    """Return a random table with segments by chance, by k-means or as hidden in it."""
    rng = np.random.default_rng(seed)
    n, k = int(rng.integers(30, 240)), int(rng.integers(1, 6))
    groups = np.concatenate([np.arange(k), rng.integers(0, k, n - k)])
    labels = LABELS[: rng.integers(2, len(LABELS) + 1)]
    drawn = [draw_column(rng, f"c{i}", label, groups) for i, label in enumerate(labels)]
    columns = [column for column, _ in drawn]
    columns[0] = replace(columns[0], sensitive=False)
    frame = pd.DataFrame({column.name: values for column, values in drawn})
    schema = TableSchema("random", "Random", tuple(columns))
    segment = groups if rng.random() < 0.4 else rng.permutation(groups)
    if rng.random() < 0.4:
        numbers = encode(frame, schema).fillna(0).to_numpy(float)
        numbers = (numbers - numbers.mean(axis=0)) / (numbers.std(axis=0) + 1e-9)
        most = min(k, len(np.unique(numbers, axis=0)))
        clusters = KMeans(most, n_init=1, random_state=0).fit_predict(numbers)
        segment = np.unique(clusters, return_inverse=True)[1]
    return Raw(frame, segment.astype(np.int64), schema)


def model_of(raw: Raw) -> ModelInfo:
    """Return what a registry would know of the segments."""
    prepared = prepare_table(encode(raw.frame, raw.schema), raw.schema)
    profiles = [
        with_categories(profile.to_dict(), prepared.table, prepared.schema)
        for profile in profile_segments(prepared.customers, raw.segment, prepared.schema)
    ]
    book = book_summary(prepared.customers, prepared.schema)
    return ModelInfo(
        name="m",
        version="1",
        run_id="r",
        experiment_id="1",
        created=datetime(2026, 1, 1, tzinfo=UTC),
        schema=prepared.table,
        profiles=profiles,
        book={**book, **most_frequent_levels(profiles[0], prepared.table)},
        evaluation={},
        map={},
    )


def check_figure(raw: Raw, number: int, label: str, segment: str, book: str) -> float:
    """Assert that a figure of a segment and of the table is right; return its effect."""
    what = label.removeprefix("Share with ").casefold()
    measure, members = raw.facts.measures[what], raw.facts.members(number)
    assert same(segment, measure(members)), (label, segment, measure(members))
    assert same(book, measure(raw.facts.everyone)), (label, book)
    if label.startswith("Share with "):
        shares = measure(members), measure(~members) if not members.all() else measure(members)
        for text, share in ((segment, shares[0]), (book, measure(raw.facts.everyone))):
            assert (text == "0%") == (share == 0)
            assert (text == "100%") == (share == 1)
        return float(shares[0]) - float(shares[1])
    assert label.startswith(("Median ", "Mean "))
    column = raw.column(label.partition(" ")[2])
    assert raw.rows(number)[column.name].isna().mean() <= 0.5, "a median over few values"
    return cliffs_delta(*raw.numbers(number, column))


def is_true(raw: Raw, number: int, part: str) -> bool:
    """Return whether one part of a name is true of a segment."""
    end = re.fullmatch(r"(low|high|lower|higher|lowest|highest) (.+)", part)
    if not end:
        return raw.facts.true_name(part, number)
    column, sign = raw.column(end[2]), -1 if end[1].startswith("low") else 1
    own, others = raw.numbers(number, column)
    delta, middle = sign * cliffs_delta(own, others), own.median()
    if column.categorical:
        middle = round(middle)  # a level, as it is shown
    if end[1] in {"low", "high"}:
        table = pd.concat([own, others]).dropna()
        beyond = table < middle if end[1] == "low" else table > middle
        return delta >= 0.33 and beyond.mean() < 0.35
    if end[1].endswith("est"):
        count = int(raw.segment.max()) + 1
        medians = [raw.numbers(i + 1, column)[0].median() for i in range(count)]
        return bool(sign * middle == max(sign * median for median in medians))
    return delta > 0.14


def check_name(raw: Raw, number: int, name: str) -> None:
    """Assert that each part of a name is true and no column speaks twice."""
    assert len(name) <= 60
    parts = re.sub(r" \(alike, [A-Z]+\)$", "", name[:1].lower() + name[1:]).split(", ")
    for part in parts:
        assert part == "typical customers" or is_true(raw, number, part), (name, part)
    for column in raw.schema.columns:
        label = re.escape(shortened(column.label).casefold())
        assert sum(bool(re.search(rf"\b{label}\b", part.casefold())) for part in parts) <= 1


def check_answer(raw: Raw, model: ModelInfo, own: int, rival: int, place: int) -> None:
    """Assert that reasons and comparisons of one customer's answer are right."""
    customer = encode(raw.frame.iloc[[place]], model.schema)
    names = model.schema.column_names
    answer = Answer(own, "", 0.9, rival, "", False, 0.0, 0.0, names, "1")
    view = answer_view(answer, customer, model)
    members, everyone = raw.facts.members(own), raw.facts.everyone
    for reason in view.reasons:
        assert reason.segment != reason.runner_up
        for text, rows in ((reason.segment, members), (reason.runner_up, raw.facts.members(rival))):
            check_typical(raw, rows, reason.label, reason.typical, text)
    for row in view.comparisons:
        nominal = raw.column(row.label).kind == "category"
        for text, rows in ((row.segment, members), (row.book, everyone)):
            if text != "unknown":
                check_typical(
                    raw, rows, row.label, "commonest level" if nominal else "median", text
                )


def check_typical(raw: Raw, rows: Mask, label: str, typical: str, text: str) -> None:
    """Assert that a text is what is typical of some customers."""
    column, level = raw.column(label), typical.removeprefix("share with ")
    values = raw.frame.loc[rows, column.name]
    if typical == "share without a value":
        assert same(text, float(values.isna().mean()))
    elif level != typical:
        assert same(text, float((values == level).mean()))
    elif typical == "commonest level":
        assert text == "unknown" or text in raw.facts.mode(column)(rows)
    else:
        code = {"No": "0", "Yes": "1"}.get(text, text) if column.kind == "count" else text
        assert same(code, raw.facts.median(column)(rows))


def check_audit(raw: Raw) -> None:
    """Assert that what is typical of each segment in a sensitive column is right."""
    for trace in audit(encode(raw.frame, raw.schema), raw.segment, raw.schema, ()).traces:
        column = raw.column(trace.label)
        for number, text in enumerate(trace.by_segment, start=1):
            rows = raw.facts.members(number)
            values = raw.frame.loc[rows, column.name]
            if text == "missing for all":
                assert values.isna().all()
                continue
            for item in text.split(", "):
                words, _, figure = item.rpartition(" ")
                if words == "median":
                    assert same(figure, raw.facts.median(column)(rows))
                else:
                    flag = values.isna() if words == "missing" else values == words
                    assert same(figure, float(flag.mean()))


def check_portrait(raw: Raw, profile: Mapping[str, Any], model: ModelInfo) -> None:
    """Assert that every row of a segment's page is right, and says the right direction."""
    for row in portrait(profile, model):
        effect = check_figure(raw, profile["number"], row.label, row.segment, row.book)
        assert row.effect == pytest.approx(100 * effect, abs=0.06)
        if row.difference != "about the same":
            assert row.difference.endswith("higher" if effect > 0 else "lower")


def check(seed: int) -> None:
    """Assert that every figure and word about a random table's segments is true."""
    raw = draw_table(seed)
    model = model_of(raw)
    names = [profile["name"] for profile in model.profiles]
    assert len(set(names)) == len(names)
    for profile in model.profiles:
        number = profile["number"]
        assert profile["size"] == len(raw.rows(number))
        assert profile["share"] == pytest.approx(len(raw.rows(number)) / len(raw.frame))
        check_name(raw, number, profile["name"])
        assert not raw.facts.wrong_sentence(profile["sentence"], number)
        for rule in profile["rules"]:
            assert not raw.facts.wrong_rule(rule, number)
        cards = figures(profile, model)
        effects = [abs(check_figure(raw, number, f.label, f.segment, f.book)) for f in cards]
        # Of a column of which half have 0, a card tells how many have more.
        labels = {trait["label"] for trait in profile["traits"]}
        own = [effect for effect, card in zip(effects, cards, strict=True) if card.label in labels]
        assert own == sorted(own, reverse=True)
        assert all(f.segment != f.book for f in cards)
        clauses = profile["sentence"].split("; ")
        # Two columns with the same share are the same customers, and are told once.
        facts = {
            t["column"]
            if t["statistic"] in {"median", "mean"}
            else (round(t["value"] * profile["size"]), round(t["book"] * len(raw.frame)))
            for t in profile["traits"]
            if t["differs"]
        }
        assert len(clauses) == max(1, min(2, len(facts)))
        # A card shows medians of 0 as shares, and of equal shares one: then they may differ.
        first = [t["label"] for t in profile["traits"] if t["differs"]][: len(cards)]
        alike = [card.label for card in cards] == first
        for card, clause in zip(cards, clauses if alike else (), strict=False):
            in_clause = f" {card.segment} against {card.book}" in clause
            assert in_clause or card.label not in labels
        check_portrait(raw, profile, model)
        check_answer(raw, model, number, number % len(names) + 1, seed % len(raw.frame))
    check_audit(raw)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**32 - 1))
@example(6_008)  # nothing is known of the only column that forms segments
@example(5_064)  # half of a segment are on either side of a border of two levels
@example(2_156_024_645)  # two columns with the same share
def test_every_figure_is_true_of_the_raw_table(seed: int) -> None:
    """Names, sentences, cards, pages, rules, reasons and the audit agree with pandas."""
    check(seed)


@pytest.mark.parametrize("name", ["one_hot", "gaussian"])
def test_a_model_saved_before_has_figures_that_differ_too(name: str) -> None:
    """Descriptions without traits are shown by medians and commonest levels, none reading alike."""
    text = (SAVED / name / "description.json").read_text(encoding="utf-8")
    raw = json.loads(text)
    assert "traits" not in raw["profiles"][0]
    model = ModelInfo(
        name="m",
        version="1",
        run_id="r",
        experiment_id="1",
        created=datetime(2026, 1, 1, tzinfo=UTC),
        schema=TableSchema.from_dict(raw["schema"]),
        profiles=raw["profiles"],
        book=raw["book"],
        evaluation={},
        map={},
    )
    for profile in model.profiles:
        cards = figures(profile, model)
        assert cards
        assert all(card.segment != card.book for card in cards)
        assert all(card.label.startswith(("Median ", "Commonest ")) for card in cards)
        assert len(portrait(profile, model)) == len(model.schema.columns)
