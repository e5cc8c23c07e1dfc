"""What a segment is like: size, medians, what distinguishes it, a name and rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from math import isnan
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from segmentation.disclosure import averaged, minimum_group
from segmentation.interpretation.decision_rules import segment_rules
from segmentation.interpretation.formatting import RARE, RARE_SHARE, Statistic
from segmentation.interpretation.naming import Trait, segment_names, sentence, strongest_first
from segmentation.preprocessing.columns import customer_matrix
from segmentation.schema import Column, TableSchema
from segmentation.types import FloatArray, IntArray

SPREAD = {"q05": 0.05, "q25": 0.25, "q75": 0.75, "q95": 0.95}
QUANTILES = {"median": 0.5, **SPREAD}
SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")
# A column with more than this share missing in a segment is described as missing there.
MOSTLY = 0.5
# What a level less frequent than elsewhere counts against one that is more frequent.
LESS_TELLING = 0.75
# A rule that is right for fewer of whom it holds for is not shown: it would mislead.
LEAST_PRECISION = 2 / 3
FLAG_KINDS = {"number", "count"}
# Rank correlation from which two columns say the same of a segment.
ALIKE, ALIKE_ROWS = 0.95, 2_000


@dataclass(frozen=True)
class ColumnProfile:
    """One column in one segment; medians are over present values, NaN where there are none."""

    column: str
    label: str
    unit: str
    median: float  # of an indicator the share of all customers, those without a value included
    book_median: float  # of all customers
    effect: float  # in [-1, 1], see `rank_effects`
    quantiles: Mapping[str, float | None]  # of the segment, by the names in `SPREAD`
    missing: float = 0.0  # share of the segment's customers without a value, in [0, 1]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that is valid JSON: None stands for NaN."""
        return {
            key: None if isinstance(value, float) and isnan(value) else value
            for key, value in asdict(self).items()
        }


@dataclass(frozen=True)
class SegmentProfile:
    """One segment as its readers know it."""

    number: int  # from 1; 1 is the largest segment
    name: str  # a few words, unique in the model
    sentence: str  # the figures behind the name
    size: int  # customers
    share: float  # of customers, in [0, 1]
    columns: tuple[ColumnProfile, ...]  # the one that sets the segment most apart first
    traits: tuple[Trait, ...]  # one a column of the table, the one that sets it most apart first
    rules: tuple[str, ...]  # who belongs to it in plain words, at most two
    other_names: tuple[str, ...] = ()  # the next best, where the name is taken

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that is valid JSON."""
        return {
            "number": self.number,
            "name": self.name,
            "other_names": list(self.other_names),
            "sentence": self.sentence,
            "size": self.size,
            "share": self.share,
            "columns": [column.to_dict() for column in self.columns],
            "traits": [trait.to_dict() for trait in self.traits],
            "rules": list(self.rules),
        }


def profile_segments(
    customers: pd.DataFrame | FloatArray,
    segment: IntArray,
    schema: TableSchema,
    *,
    rules: bool = True,
) -> tuple[SegmentProfile, ...]:
    """Describe each segment against the whole table.

    Parameters
    ----------
    customers
        Validated customers, shape (n, d).
    segment
        Shape (n,), integers in [0, k), each occurring.
    schema
        Their table.
    rules
        Whether to find the rules too, which takes most of the time.

    Returns
    -------
    tuple
        k profiles; the first describes cluster 0.
    """
    matrix = customer_matrix(customers, schema.column_names)
    sizes = np.bincount(segment)
    effects = rank_effects(_without_gaps(matrix, schema), segment)
    book = _typical(matrix, schema)
    own = np.stack([_typical(matrix[segment == i], schema) for i in range(len(sizes))])
    traits = segment_traits(matrix, segment, schema, effects)
    alike = likeness(matrix, schema)
    names = segment_names(traits, alike)
    described = segment_rules(matrix, segment, schema.columns) if rules else ((),) * len(sizes)
    profiles = []
    for number, size in enumerate(sizes):
        rows = matrix[segment == number]
        profiles.append(
            SegmentProfile(
                number=number + 1,
                name=names[number][0],
                other_names=names[number][1:],
                sentence=sentence(traits[number], alike),
                size=int(size),
                share=float(size / len(matrix)),
                columns=_columns(rows, effects[number], own[number], book, schema),
                traits=traits[number],
                rules=tuple(
                    rule.in_words(schema)
                    for rule in described[number]
                    if rule.precision >= LEAST_PRECISION
                ),
            )
        )
    return tuple(profiles)


def _without_gaps(matrix: FloatArray, schema: TableSchema) -> FloatArray:
    """Return customers with a missing level counted as none of the levels."""
    indicators = [j for j, column in enumerate(schema.columns) if column.kind == "indicator"]
    filled = matrix.copy()
    filled[:, indicators] = np.nan_to_num(matrix[:, indicators])
    return filled


def segment_traits(
    matrix: FloatArray, segment: IntArray, schema: TableSchema, effects: FloatArray
) -> list[tuple[Trait, ...]]:
    """Return of each segment one trait a column of the table, the strongest first.

    All traits are measured by one scale, Cliff's delta: of a number the chance of a larger value
    than another customer's less that of a smaller one, of a level the difference of its shares.

    Parameters
    ----------
    matrix
        Shape (n, d), levels as codes or as indicators, NaN where missing.
    segment
        Shape (n,), integers in [0, k), each occurring.
    schema
        Of the d columns.
    effects
        Shape (k, d), see :func:`rank_effects`.
    """
    by_segment: list[list[Trait]] = [[] for _ in effects]
    for block in _blocks(schema).values():
        first = schema.columns[block[0]]
        base = _category(first, [schema.columns[j] for j in block]) if first.of else first
        values = matrix[:, block[0]]
        missing = _share_traits(base, "missing", np.isnan(values), segment)
        if base.kind == "category":
            options = _by_level(base, _level_flags(matrix, schema, block), segment)
        elif base.kind == "ordered":
            options = _by_rank(base, values, segment, effects[:, block[0]])
        else:
            options = _by_size(base, values, segment, effects[:, block[0]])
        for traits, own, gap in zip(by_segment, options, missing, strict=True):
            traits.append(_headline(own, gap))
    return [strongest_first(traits) for traits in by_segment]


def _blocks(schema: TableSchema) -> dict[str, list[int]]:
    """Return the places of a table's columns by name; several where one has indicators."""
    blocks: dict[str, list[int]] = {}
    for j, column in enumerate(schema.columns):
        blocks.setdefault(column.of or column.name, []).append(j)
    return blocks


def likeness(matrix: FloatArray, schema: TableSchema) -> Callable[[Trait, Trait], bool]:
    """Return what tells whether two traits say nearly the same of every customer.

    They do where the ranks of what they measure are correlated by at least :data:`ALIKE`, as
    minutes are with their charge, or a limit is with a rating.
    """
    blocks = _blocks(schema)
    sample = matrix[:: max(1, len(matrix) // ALIKE_ROWS)]

    @cache
    def ranks(name: str, statistic: Statistic, level: str) -> FloatArray:
        block = blocks[name]
        values = sample[:, block[0]]
        if statistic == "missing":
            measured = np.isnan(values).astype(float)
        elif statistic == "above zero":
            measured = (values > 0).astype(float)
        elif statistic == "share" and level:
            measured = _level_flags(sample, schema, block)[level].astype(float)
        else:
            present = values[~np.isnan(values)]
            middle = np.median(present) if len(present) else 0.0
            measured = np.where(np.isnan(values), middle, values)
        ranked: FloatArray = rankdata(measured) - (len(measured) + 1) / 2
        return ranked / (float(np.linalg.norm(ranked)) or 1.0)

    def alike(one: Trait, other: Trait) -> bool:
        own, beside = (ranks(t.column.name, t.statistic, t.level) for t in (one, other))
        return abs(float(own @ beside)) >= ALIKE

    return alike


def _headline(options: Sequence[Trait], gap: Trait) -> Trait:
    """Return the first option that differs; what is mostly missing is described as missing."""
    best = gap
    if options and gap.value <= MOSTLY:
        best = next((trait for trait in options if trait.differs), options[0])
        best = gap if gap.differs and not best.differs else best
    return replace(best, missing=gap.value, book_missing=gap.book)


def _share_traits(
    column: Column,
    statistic: Statistic,
    flag: NDArray[np.bool_],
    segment: IntArray,
    level: str = "",
) -> list[Trait]:
    """Return of each segment the share of its customers that a flag, shape (n,), is true of."""
    sizes, counts = np.bincount(segment), np.bincount(segment, weights=flag)
    own, book = counts / sizes, float(flag.mean())
    outside = (flag.sum() - counts) / np.maximum(1, len(flag) - sizes)
    effects = np.where(sizes < len(flag), own - outside, 0.0)
    return [
        Trait(column, statistic, float(value), book, float(effect), level)
        for value, effect in zip(own, effects, strict=True)
    ]


def _category(indicator: Column, block: Sequence[Column]) -> Column:
    """Return the category behind its indicators."""
    levels = [level for column in block for level in (*column.levels, *column.against)]
    label = indicator.label.removesuffix(indicator.name.removeprefix(f"{indicator.of}="))
    return replace(
        indicator,
        name=indicator.of,
        label=label.rstrip(),
        kind="category",
        levels=tuple(levels),
        against=(),
        of="",
        high="",
        low="",
    )


def _level_flags(
    matrix: FloatArray, schema: TableSchema, block: Sequence[int]
) -> dict[str, NDArray[np.bool_]]:
    """Return who has which level, shape (n,) each, rare levels taken together."""
    first, values = schema.columns[block[0]], matrix[:, block[0]]
    if not first.of:
        return {level: values == code for code, level in enumerate(first.levels)}
    flags = {}
    for j in block:
        column = schema.columns[j]
        flags[_level_name(column.levels)] = matrix[:, j] == 1
        if column.against:
            flags[_level_name(column.against)] = matrix[:, j] == 0
    return flags


def _level_name(levels: Sequence[str]) -> str:
    return levels[0] if len(levels) == 1 else RARE


def _by_level(
    column: Column, flags: Mapping[str, NDArray[np.bool_]], segment: IntArray
) -> list[list[Trait]]:
    """Return of each segment the share of every level, the one that stands out first.

    A level that is more frequent than elsewhere says more than one that is less frequent.
    """
    shares = [_share_traits(column, "share", flag, segment, level) for level, flag in flags.items()]
    return [
        sorted(own, key=lambda t: -(t.effect if t.effect > 0 else -LESS_TELLING * t.effect))
        for own in zip(*shares, strict=True)
    ]


def _by_rank(
    column: Column, codes: FloatArray, segment: IntArray, effects: FloatArray
) -> list[list[Trait]]:
    """Return of each segment an ordered column's median and the shares of its levels.

    The level that most of a segment have comes first, unless the median says more.
    """
    flags = {level: codes == code for code, level in enumerate(column.levels)}
    options = []
    medians = _median_traits(column, codes, segment, effects)
    for levels, median in zip(_by_level(column, flags, segment), medians, strict=True):
        most = [trait for trait in levels if trait.effect > 0 and trait.value > MOSTLY]
        telling = sorted([*most, *median], key=lambda trait: -abs(trait.effect))
        options.append([*telling, *(trait for trait in levels if trait not in most)])
    return options


def _by_size(
    column: Column, values: FloatArray, segment: IntArray, effects: FloatArray
) -> list[list[Trait]]:
    """Return of each segment a number's median, share above zero and mean, as far as they exist."""
    present = values[~np.isnan(values)]
    if column.kind in FLAG_KINDS and len(present) and set(np.unique(present)) == {0.0, 1.0}:
        return [[trait] for trait in _share_traits(column, "share", values == 1, segment)]
    options = _median_traits(column, values, segment, effects)
    if len(present) and present.min() == 0:
        positive = _share_traits(column, "above zero", values > 0, segment)
        options = [
            [*(replace(t, some=some.value, book_some=some.book) for t in own), some] if own else []
            for own, some in zip(options, positive, strict=True)
        ]
    for i, own in enumerate(options):
        if own:
            inside = values[segment == i]
            mean = float(inside[~np.isnan(inside)].mean())
            own.append(Trait(column, "mean", mean, float(present.mean()), float(effects[i])))
    return options


def _median_traits(
    column: Column, values: FloatArray, segment: IntArray, effects: FloatArray
) -> list[list[Trait]]:
    """Return of each segment its median as a trait, or nothing without a value."""
    present = np.sort(values[~np.isnan(values)])
    book = median(present, column)
    traits = []
    for i, effect in enumerate(effects):
        inside = values[segment == i]
        own = median(inside[~np.isnan(inside)], column)
        below, upto = (np.searchsorted(present, own, side) for side in SIDES)
        position = float((below + upto) / 2 / max(1, len(present)))
        trait = Trait(column, "median", own, book, float(effect), position=position)
        traits.append([] if isnan(own) else [trait])
    return traits


def median(present: FloatArray, column: Column) -> float:
    """Return the median of values that are all present; of levels the lower of two middle ones."""
    if not len(present):
        return float("nan")
    if column.categorical:
        return float(np.quantile(present, 0.5, method="inverted_cdf"))
    return float(np.median(present))


def rank_effects(matrix: FloatArray, segment: IntArray) -> FloatArray:
    """Return the rank-biserial correlation of each column with belonging to each segment.

    It equals Cliff's delta: the chance that a customer of the segment has a larger value than
    a customer outside it, minus the chance of a smaller one (Cureton 1956, Psychometrika 21;
    Cliff 1993, Psychol. Bull. 114). It needs no unit and no distribution; by mean ranks it
    costs one sort a column: ``2 (mean rank inside - mean rank outside) / n``.

    Parameters
    ----------
    matrix
        Shape (n, d); missing values are left out.
    segment
        Shape (n,), integers in [0, k).

    Returns
    -------
    FloatArray
        Shape (k, d), in [-1, 1]; 0 where a segment or its complement has no value.
    """
    clusters = int(segment.max()) + 1
    effects = np.zeros((clusters, matrix.shape[1]))
    for j, column in enumerate(matrix.T):
        present = ~np.isnan(column)
        ranks, labels = rankdata(column[present]), segment[present]
        inside = np.bincount(labels, minlength=clusters)
        outside = len(ranks) - inside
        total = np.bincount(labels, weights=ranks, minlength=clusters)
        both = (inside > 0) & (outside > 0)
        mean_inside = total[both] / inside[both]
        mean_outside = (ranks.sum() - total[both]) / outside[both]
        effects[both, j] = 2 * (mean_inside - mean_outside) / max(1, len(ranks))
    return effects


def quantiles(matrix: FloatArray, shares: list[float]) -> FloatArray:
    """Return quantiles of each column's present values, shape (len(shares), d)."""
    result = np.full((len(shares), matrix.shape[1]), np.nan)
    whole = ~np.isnan(matrix).any(axis=0)
    if len(matrix):
        # All columns at once take a fifth of the time.
        result[:, whole] = np.quantile(matrix[:, whole], shares, axis=0)
    for j in np.flatnonzero(~whole):
        present = matrix[~np.isnan(matrix[:, j]), j]
        if len(present):
            result[:, j] = np.quantile(present, shares)
    return result


def book_summary(
    customers: pd.DataFrame | FloatArray, schema: TableSchema
) -> dict[str, dict[str, float]]:
    """Return quantiles of the whole book by column: median, q05, q25, q75 and q95.

    A column without values is left out, and so are quantiles that would give a customer away.
    """
    matrix = customer_matrix(customers, schema.column_names)
    spread = quantiles(_averages(matrix, schema), list(SPREAD.values()))
    table = np.concatenate([quantiles(matrix, [0.5]), spread])
    for j, column in enumerate(schema.columns):
        if column.categorical:
            table[0, j] = median(matrix[~np.isnan(matrix[:, j]), j], column)
    return {
        name: {
            key: value
            for key, value in zip(QUANTILES, table[:, j].tolist(), strict=True)
            if not isnan(value)
        }
        for j, name in enumerate(schema.column_names)
        if not np.isnan(table[0, j])
    }


def with_categories(
    profile: Mapping[str, Any], schema: TableSchema, expanded: TableSchema
) -> dict[str, Any]:
    """Return a profile with an entry for each category beside those of its indicators.

    The entry's medians are codes: of the level with the largest share in the segment and in the
    table, None where more customers have no value. Its effect is that of the strongest indicator,
    its shares those of the levels that have an indicator, of all customers of the segment.
    `expanded` is the schema with indicators in place of categories.
    """
    entries = list(profile["columns"])
    by_name = {entry["column"]: entry for entry in entries}
    missing = {trait["column"]: trait["book_missing"] for trait in profile["traits"]}
    for column in schema.columns:
        own = [c for c in expanded.columns if c.of == column.name and c.name in by_name]
        if not own:
            continue
        effects = [by_name[c.name]["effect"] for c in own]
        gap = by_name[own[0].name]["missing"]
        shares = _shares(own, [by_name[c.name]["median"] for c in own], gap)
        book_gap = missing.get(column.name, 0.0)
        book = _shares(own, [by_name[c.name]["book_median"] for c in own], book_gap)
        entries.append(
            {
                "column": column.name,
                "label": column.label,
                "unit": column.unit,
                "median": _most_frequent(shares, gap, column, profile["share"]),
                "book_median": _most_frequent(book, book_gap, column, 1.0),
                "effect": max(effects, key=abs),
                "shares": shares,
                "missing": gap,
            }
        )
    return {**profile, "columns": entries}


def _shares(
    indicators: Sequence[Column], ones: Sequence[float | None], missing: float
) -> dict[str, float]:
    """Return the share of each level that has an indicator of its own."""
    shares = {}
    for column, share in zip(indicators, ones, strict=True):
        if share is None:
            continue
        for levels, value in ((column.levels, share), (column.against, 1 - missing - share)):
            if len(levels) == 1:
                shares[levels[0]] = max(0.0, value)
    return shares


def _most_frequent(
    shares: Mapping[str, float], missing: float, column: Column, group: float
) -> float | None:
    """Return the code of the most frequent level; None where a rare one may be more frequent.

    `group` is the share of all customers that the other shares are of.
    """
    level = max(shares, key=lambda name: shares[name], default=None)
    rare = min(1 - missing - sum(shares.values()), RARE_SHARE / group)
    if level is None or shares[level] < max(missing, rare):
        return None
    return float(column.levels.index(level))


def most_frequent_levels(
    profile: Mapping[str, Any], schema: TableSchema
) -> dict[str, dict[str, float]]:
    """Return the code of each nominal column's most frequent level in the book, as its median.

    The profile is one of :func:`with_categories`, of any segment.
    """
    nominal = {column.name for column in schema.columns if column.kind == "category"}
    return {
        entry["column"]: {"median": entry["book_median"]}
        for entry in profile["columns"]
        if entry["column"] in nominal and entry["book_median"] is not None
    }


def _columns(
    rows: FloatArray, effects: FloatArray, own: FloatArray, book: FloatArray, schema: TableSchema
) -> tuple[ColumnProfile, ...]:
    """Return the profile of each column of a segment, the strongest effect first."""
    spread = quantiles(_averages(rows, schema), list(SPREAD.values()))
    return tuple(
        ColumnProfile(
            column=schema.columns[j].name,
            label=schema.columns[j].label,
            unit=schema.columns[j].unit,
            median=float(own[j]),
            book_median=float(book[j]),
            effect=float(effects[j]),
            quantiles={
                name: None if isnan(value) else value
                for name, value in zip(SPREAD, spread[:, j].tolist(), strict=True)
            },
            missing=float(np.isnan(rows[:, j]).mean()),
        )
        for j in _strongest_first(effects)
    )


def _averages(matrix: FloatArray, schema: TableSchema) -> FloatArray:
    """Return numbers of which each is that of several customers, or their average.

    Levels and indicators stay.
    """
    group, result = minimum_group(), matrix.copy()
    for j, column in enumerate(schema.columns):
        if not column.categorical and column.kind != "indicator":
            result[:, j] = averaged(matrix[:, j], group)
    return result


def _typical(matrix: FloatArray, schema: TableSchema) -> FloatArray:
    """Return each column's median, of an indicator the share of all customers, shape (d,)."""
    result: FloatArray = quantiles(matrix, [0.5])[0]
    for j, column in enumerate(schema.columns):
        present = matrix[~np.isnan(matrix[:, j]), j]
        if column.kind == "indicator" and len(present):
            result[j] = present.sum() / len(matrix)
        elif column.categorical:
            result[j] = median(present, column)
    return result


def _strongest_first(effects: FloatArray) -> IntArray:
    """Return column positions by falling size of their effect, ties in the table's order."""
    return np.argsort(-np.abs(effects), kind="stable").astype(np.int64)
