"""What to do before a search: in words, with the number behind it and the search's switch."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from segmentation.interpretation.formatting import listed, percent
from segmentation.preprocessing.pipeline import SKEW
from segmentation.preprocessing.scaling import Standardise, UnitFree
from segmentation.preprocessing.step import ArrayStep
from segmentation.reports.exploration.explored_table import MODEL_ROWS, Table
from segmentation.types import FloatArray, IntArray

if TYPE_CHECKING:
    from segmentation.reports.exploration.analysis import Exploration

SKEWED = 1.0
# log1p is preferred unless another transformation is better by more than this.
LOG_MARGIN = 0.1
BEYOND, MANY_BEYOND = 4.0, 0.005
NOTICEABLY_MISSING = 0.001
BETTER_ERROR = 0.9
STRONG_EFFECT = 0.3
NEW_RATIO = 0.9
LEAST_FOR_AXES = 4  # columns that are left
FEW_AXES, WELL_EXPLAINED = 0.6, 0.9
ZERO_INFLATED = 0.4


@dataclass(frozen=True)
class Recommendation:
    """One thing to do, and the number that speaks for it, both in words.

    ``switch`` holds keys of :class:`segmentation.clustering.spec.Preprocessing` or ``excluded``
    (the search's ``fix``), parameters of the search (``sensitive``, ``k_min``), or what the
    search cannot do (``stop``, ``identities``).
    """

    text: str
    number: str
    switch: Mapping[str, str | float] = field(default_factory=dict)

    @property
    def switches(self) -> str:
        """The switch as a command line takes it: ``skew=log1p``."""
        return ", ".join(f"{key}={value}" for key, value in self.switch.items())


def search_parameters(recommendations: Iterable[Recommendation]) -> str:
    """Return, as a command line takes them, the parameters of a search that follows all advice.

    What a search cannot do, to declare an identity for example, is left out.
    """
    fix: list[str] = []
    parameters: dict[str, str] = {}
    for key, value in (pair for item in recommendations for pair in item.switch.items()):
        if key in {"sensitive", "k_min"}:
            parameters[key] = str(value)
        elif key not in {"stop", "identities"}:
            fix.append(f"{key}={value}")
    if fix:
        parameters = {"fix": ",".join(fix), **parameters}
    return " ".join(f"-P {name}={shlex.quote(value)}" for name, value in parameters.items())


def recommendations(exploration: Exploration) -> tuple[Recommendation, ...]:
    """Return what to do, most important first."""
    skew, transformed = _skew(exploration.table)
    return (
        *_structure(exploration),
        *skew,
        *_tails(exploration, transformed),
        *_missing(exploration),
        *_repeated(exploration),
        *_axes(exploration),
        *_ratios(exploration.table),
        *_zeros(exploration),
        *_sensitive(exploration),
    )


def _structure(exploration: Exploration) -> Iterator[Recommendation]:
    structure = exploration.structure
    if structure.answer == "no":
        yield Recommendation(
            "Do not segment this table as it is: it has no cluster structure. Add columns that "
            f"distinguish {exploration.table.schema.customers}, or cut along one column on "
            "purpose.",
            structure.evidence,
            {"stop": "no cluster structure"},
        )


def _skew(table: Table) -> tuple[list[Recommendation], FloatArray]:
    """Return what to do about skew, and the columns of more than two values after doing it."""
    rows = table.sample(MODEL_ROWS)
    # No transformation changes the shape of two values.
    amounts = [column for column in table.numbers if rows[column.name].nunique() > 2]
    sample = rows[[column.name for column in amounts]].to_numpy(np.float64)
    if not sample.shape[1]:
        return [], sample
    scaled = UnitFree().fit_transform(sample)
    before = np.abs(_skews(scaled))
    skewed = np.flatnonzero(before > SKEWED)
    if not len(skewed):
        text = "Leave the distributions as they are: none is skewed."
        return [Recommendation(text, f"largest skew {before.max():.1f}", {"skew": "none"})], scaled
    after = {name: _each(scaled, build()) for name, build in SKEW.items() if name != "quantile"}
    medians = {name: _median_skew(values, skewed) for name, values in after.items()}
    best = min(medians, key=lambda name: medians[name])
    if medians["log1p"] <= medians[best] + LOG_MARGIN:
        best = "log1p"
    money = np.array([i for i in skewed if amounts[i].kind == "money"], dtype=np.int64)
    mostly_money = len(money) > len(skewed) / 2
    columns = money if mostly_money else skewed
    s = "" if len(columns) == 1 else "s"
    count = "" if len(columns) == 1 else f"{len(columns)} "
    which = f"money column{s}" if mostly_money else f"{count}skewed column{s}"
    verb = {"log1p": "Take log1p of the", "yeo_johnson": "Apply Yeo-Johnson to the"}[best]
    others = ", ".join(f"{n} would give {m:.1f}" for n, m in medians.items() if n != best)
    old, new = float(np.median(before[columns])), _median_skew(after[best], columns)
    number = f"median skew {old:.1f} → {new:.1f} ({others})"
    return [Recommendation(f"{verb} {which}.", number, {"skew": best})], after[best]


def _each(matrix: FloatArray, step: ArrayStep) -> FloatArray:
    """Return each column transformed; missing values stay missing."""
    result = matrix.copy()
    for j in range(matrix.shape[1]):
        present = ~np.isnan(matrix[:, j])
        if present.any():
            result[present, j] = step.fit_transform(matrix[present, j][:, None])[:, 0]
    return result


def _skews(matrix: FloatArray) -> FloatArray:
    spread = np.nanstd(matrix, axis=0)
    spread[spread == 0] = np.inf
    return np.asarray(np.nanmean(((matrix - np.nanmean(matrix, axis=0)) / spread) ** 3, axis=0))


def _median_skew(matrix: FloatArray, columns: IntArray) -> float:
    return float(np.median(np.abs(_skews(matrix)[columns])))


def _tails(exploration: Exploration, transformed: FloatArray) -> Iterator[Recommendation]:
    """Yield what to do about outliers and scale, given the columns after the skew is dealt with."""
    if not transformed.shape[1]:
        return
    medians = np.nanmedian(transformed, axis=0)
    imputed = np.where(np.isnan(transformed), medians, transformed)
    distances = np.abs(Standardise().fit_transform(imputed))
    share = float((distances > BEYOND).any(axis=1).mean())
    outliers = exploration.outliers
    together = outliers.both / max(outliers.rows, 1)
    customers = exploration.table.schema.customers
    beyond = f"{percent(share)} of {customers} lie beyond 4 standard deviations"
    number = (
        f"{beyond} after the transformation; largest coordinate {distances.max():.1f} "
        "standard deviations"
    )
    if share > MANY_BEYOND:
        text = (
            f"Clip each column to its 1st and 99th percentile: a few {customers} would pull the "
            "centres."
        )
        yield Recommendation(text, number, {"outliers": "winsorise"})
    elif together > MANY_BEYOND and len(exploration.table.names) > 1:
        yield Recommendation(
            "Set multivariate outliers aside from the fit; they are assigned afterwards.",
            f"{percent(together)} of {customers} are far out by both isolation forest and robust "
            "distance",
            {"outliers": "isolate"},
        )
    else:
        text = "Keep every value as it is: the remaining tails are harmless."
        yield Recommendation(text, number, {"outliers": "none"})
    robust = share > 5 * MANY_BEYOND
    text = "Scale by median and interquartile range." if robust else "Scale by mean and deviation."
    yield Recommendation(text, beyond, {"scale": "robust" if robust else "standard"})


def _missing(exploration: Exploration) -> Iterator[Recommendation]:
    """Yield how to impute: by the method that restores hidden values, or by marking gaps."""
    missing, labels = exploration.missingness, exploration.table.labels
    if not missing.columns:
        return
    most = missing.columns[0]
    number = f"{most.column.label} is missing for {percent(most.share)}"
    errors = [i.error for i in missing.imputations if i.method == "iterative" and i.error > 0]
    ratio = float(np.median(errors)) if errors else float("nan")
    strong = max(missing.dependencies, key=lambda d: abs(d.effect), default=None)
    method = "median"
    if most.share < NOTICEABLY_MISSING:
        text = "Impute missing values with the median."
    elif strong is not None and abs(strong.effect) >= STRONG_EFFECT:
        text = (
            "Impute the median and mark what was missing: missingness is informative "
            f"({labels[strong.missing]} goes missing with {labels[strong.other]})."
        )
        effect = f"{strong.effect:+.2f}".replace("-", "−")
        p = "below 0.001" if strong.p < 0.001 else f"{strong.p:.3f}"
        number, method = f"{number}; effect {effect}, p {p}", "indicator"
    elif ratio < BETTER_ERROR:
        text = "Impute missing values by regression on the other columns."
        number = f"{number}; error on hidden values {percent(ratio)} of the median's"
        method = "iterative"
    else:
        text = "Impute missing values with the median: regression restores hidden values no better."
        if not np.isnan(ratio):
            number = f"{number}; error {percent(ratio)} of the median's"
    yield Recommendation(text, number, {"nulls": method})


def _repeated(exploration: Exploration) -> Iterator[Recommendation]:
    """Yield columns to leave out, and sums to declare."""
    labels, customers = exploration.table.labels, exploration.table.schema.customers
    for column, repetition, value in _repetitions(exploration):
        text = f"Leave out {labels[repetition]}: it repeats {labels[column]}."
        yield Recommendation(text, f"correlation {value:.2f}", {"excluded": repetition})
    for check in exploration.descriptive.identities:
        if not check.declared:
            share = percent(1 - check.broken / max(check.rows, 1))
            yield Recommendation(
                f"Declare {labels[check.total]} as the sum of "
                f"{listed([labels[part] for part in check.parts])} in the schema.",
                f"holds in {share} of {check.rows:,} rows",
                {"identities": check.total},
            )
    for name in exploration.descriptive.constants:
        text = f"Leave out {labels[name]}: it is the same for all {customers}."
        yield Recommendation(text, "1 distinct value", {"excluded": name})


def _repetitions(exploration: Exploration) -> list[tuple[str, str, float]]:
    """Return columns and what repeats them, of those that form segments."""
    sensitive = set(exploration.table.schema.sensitive_names)
    return [pair for pair in exploration.associations.redundant if not sensitive & {*pair[:2]}]


def _axes(exploration: Exploration) -> Iterator[Recommendation]:
    """Recommend main axes where columns are correlated beyond those that are left out anyway."""
    components = exploration.components
    needed, width = components.needed(WELL_EXPLAINED), len(components.names)
    left = width - len(_repetitions(exploration))
    if left >= LEAST_FOR_AXES and needed <= FEW_AXES * left:
        yield Recommendation(
            "Reduce the columns to main axes: many of them are correlated.",
            f"{needed} of {width} components explain {percent(WELL_EXPLAINED)} of the variance",
            {"variance": WELL_EXPLAINED},
        )


def _ratios(table: Table) -> Iterator[Recommendation]:
    """Recommend the schema's ratios where most of them add what no column holds."""
    ratios = table.schema.ratios
    if not ratios:
        return
    numbers = table.sample(MODEL_ROWS)[table.number_names]
    ranks = numbers.rank()
    new = {}
    for ratio in ratios:
        values = numbers[ratio.numerator] / numbers[ratio.denominator].replace(0, np.nan)
        closest = float(ranks.corrwith(values.rank()).abs().max())
        if closest < NEW_RATIO:
            new[ratio.label] = closest
    example = next((f", for example {label} at {value:.2f}" for label, value in new.items()), "")
    number = f"{len(new)} of {len(ratios)} ratios correlate below {NEW_RATIO} with every column"
    add = len(new) > len(ratios) / 2
    text = (
        "Add the schema's ratios as features."
        if add
        else "Do without the schema's ratios: the columns already hold their information."
    )
    yield Recommendation(text, number + example, {"ratios": "add" if add else "none"})


def _zeros(exploration: Exploration) -> Iterator[Recommendation]:
    many = [
        column
        for column in exploration.descriptive.columns
        if column.zero_share >= ZERO_INFLATED and column.kind in {"money", "count"}
    ]
    if many:
        most = max(many, key=lambda column: column.zero_share)
        columns = "1 column is" if len(many) == 1 else f"{len(many)} columns are"
        yield Recommendation(
            f"Beware of trivial segments: {columns} 0 for many "
            f"{exploration.table.schema.customers}, so a split into users and non-users is clean "
            "and uninformative. Use four segments or more, and read the restatement of each "
            "candidate in the search.",
            f"{most.label} is 0 for {percent(most.zero_share)}",
            {"k_min": 4},
        )


def _sensitive(exploration: Exploration) -> Iterator[Recommendation]:
    names = exploration.table.schema.sensitive_names
    if not names:
        return
    labels = exploration.table.labels
    strength, order = exploration.associations.strength, exploration.associations.all_names
    place = {name: i for i, name in enumerate(order)}
    others = [name for name in order if name not in names]
    pairs = ((float(strength[place[s], place[o]]), s, o) for s in names for o in others)
    number = f"{len(names)} of {len(order)} columns"
    if closest := max(pairs, default=None):
        value, sensitive, other = closest
        number += f"; {labels[sensitive]} is associated with {labels[other]} at {value:.2f}"
    yield Recommendation(
        f"Let {', '.join(labels[name] for name in names)} describe segments, not form them.",
        number,
        {"sensitive": "false"},
    )
