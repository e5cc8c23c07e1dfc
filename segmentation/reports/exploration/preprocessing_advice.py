"""Which preprocessing the table asks for, tried with the steps the search itself uses."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from segmentation.interpretation.formatting import percent
from segmentation.preprocessing.pipeline import SKEW
from segmentation.preprocessing.scaling import Standardise, UnitFree
from segmentation.preprocessing.step import ArrayStep
from segmentation.reports.exploration.evidence import Evidence, Recommendation
from segmentation.reports.exploration.explored_table import MODEL_ROWS, Table
from segmentation.types import FloatArray, IntArray

SKEWED = 1.0
WELL = 0.1
BEYOND = 4.0
MANY_BEYOND = 0.005
NOTICED_NULLS = 0.001
BETTER = 0.9
INFORMS = 0.3
NEW = 0.9
FEW_AXES = 0.6
WELL_EXPLAINED = 0.9


def about_skew(table: Table) -> tuple[list[Recommendation], FloatArray]:
    """Return what to do about skew, and the columns of numbers after doing it."""
    sample = table.sample(MODEL_ROWS)[table.number_names].to_numpy()
    if not sample.shape[1]:
        return [], sample
    scaled = UnitFree().fit_transform(sample)
    before = _skews(scaled)
    skewed = np.flatnonzero(np.abs(before) > SKEWED)
    if not len(skewed):
        text = "Leave the distributions as they are: none is skewed."
        number = f"largest skew {np.abs(before).max():.1f}"
        return [Recommendation(text, number, {"skew": "none"})], scaled
    after = {name: _each(scaled, build()) for name, build in SKEW.items() if name != "quantile"}
    medians = {name: _median_skew(values, skewed) for name, values in after.items()}
    best = min(medians, key=lambda name: medians[name])
    if medians["log1p"] <= medians[best] + WELL:
        best = "log1p"
    money = [i for i in skewed if table.numbers[i].kind == "money"]
    which = "money columns" if len(money) > len(skewed) / 2 else f"{len(skewed)} skewed columns"
    rows = np.array(money) if which == "money columns" else skewed
    was = float(np.median(np.abs(before[rows])))
    verb = {"log1p": "Take log1p of the", "yeo_johnson": "Apply Yeo-Johnson to the"}[best]
    others = ", ".join(f"{n} would give {m:.1f}" for n, m in medians.items() if n != best)
    now = _median_skew(after[best], rows)
    number = f"median skew {was:.1f} → {now:.1f} ({others})"
    return [Recommendation(f"{verb} {which}.", number, {"skew": best})], after[best]


def _each(matrix: FloatArray, step: ArrayStep) -> FloatArray:
    """Return each column transformed on its known values; missing ones stay missing."""
    result = matrix.copy()
    for j in range(matrix.shape[1]):
        known = ~np.isnan(matrix[:, j])
        if known.any():
            result[known, j] = step.fit_transform(matrix[known, j][:, None])[:, 0]
    return result


def _skews(matrix: FloatArray) -> FloatArray:
    away = matrix - np.nanmean(matrix, axis=0)
    spread = np.nanstd(matrix, axis=0)
    spread[spread == 0] = np.inf
    return np.asarray(np.nanmean((away / spread) ** 3, axis=0))


def _median_skew(matrix: FloatArray, columns: IntArray) -> float:
    return float(np.median(np.abs(_skews(matrix)[columns])))


def about_tails(found: Evidence, tamed: FloatArray) -> Iterator[Recommendation]:
    """Yield what to do about outliers and scale, given the columns after the skew is dealt with."""
    if not tamed.shape[1]:
        return
    filled = np.where(np.isnan(tamed), np.nanmedian(tamed, axis=0), tamed)
    away = np.abs(Standardise().fit_transform(filled))
    share = float((away > BEYOND).any(axis=1).mean())
    together = found.outliers.both / max(found.outliers.rows, 1)
    most = f"largest coordinate {away.max():.1f} standard deviations"
    if share > MANY_BEYOND:
        yield Recommendation(
            "Clip each column to its 1st and 99th percentile: a few customers would pull the "
            "centres.",
            f"{percent(share)} of customers lie beyond 4 standard deviations after the "
            f"transformation; {most}",
            {"outliers": "winsorise"},
        )
    elif together > MANY_BEYOND:
        yield Recommendation(
            "Set multivariate outliers aside from the fit; they are assigned afterwards.",
            f"{percent(together)} of customers are far out by isolation forest and robust "
            "distance both",
            {"outliers": "isolate"},
        )
    else:
        yield Recommendation(
            "Keep every value as it is: what is left of the tails is harmless.",
            f"{percent(share)} of customers lie beyond 4 standard deviations after the "
            f"transformation; {most}",
            {"outliers": "none"},
        )
    robust = share > 5 * MANY_BEYOND
    yield Recommendation(
        "Scale by median and interquartile range." if robust else "Scale by mean and deviation.",
        f"{percent(share)} of customers beyond 4 standard deviations",
        {"scale": "robust" if robust else "standard"},
    )


def about_nulls(evidence: Evidence) -> Iterator[Recommendation]:
    """Yield how to fill missing values: by what finds hidden ones, or by marking them."""
    found, label = evidence.nulls, evidence.label
    if not found.columns:
        return
    most = found.columns[0]
    gone = f"{most.column.label} is missing for {percent(most.share)}"
    errors = [i.error for i in found.imputations if i.method == "iterative" and i.error > 0]
    ratio = float(np.median(errors)) if errors else float("nan")
    strong = max(found.dependencies, key=lambda d: abs(d.effect), default=None)
    if most.share < NOTICED_NULLS:
        text, number, method = "Fill missing values with the median.", gone, "median"
    elif strong is not None and abs(strong.effect) >= INFORMS:
        text = (
            "Fill with the median and mark what was missing: being missing says something "
            f"({label(strong.missing)} goes missing with {label(strong.other)})."
        )
        number = f"{gone}; effect {_signed(strong.effect)}, p {_p(strong.p)}"
        method = "indicator"
    elif ratio < BETTER:
        text = "Fill missing values by regression on the other columns."
        number = f"{gone}; error on hidden values {percent(ratio)} of the median's"
        method = "iterative"
    else:
        text = "Fill missing values with the median: regression finds hidden values no better."
        number = gone if np.isnan(ratio) else f"{gone}; error {percent(ratio)} of the median's"
        method = "median"
    yield Recommendation(text, number, {"nulls": method})


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def _p(value: float) -> str:
    return "below 0.001" if value < 0.001 else f"{value:.3f}"


def about_axes(found: Evidence) -> Iterator[Recommendation]:
    """Yield whether to reduce the columns to their main axes."""
    needed, width = found.components.needed(WELL_EXPLAINED), len(found.components.names)
    if width >= 4 and needed <= FEW_AXES * width:
        yield Recommendation(
            "Reduce the columns to main axes: many of them go together.",
            f"{needed} of {width} components explain {percent(WELL_EXPLAINED)} of the variance",
            {"variance": WELL_EXPLAINED},
        )


def about_ratios(table: Table) -> Iterator[Recommendation]:
    """Recommend the schema's ratios where most of them say what no column says."""
    if not table.schema.ratios:
        return
    numbers = table.sample(MODEL_ROWS)[table.number_names]
    new = []
    for ratio in table.schema.ratios:
        over = numbers[ratio.denominator].replace(0, np.nan)
        values = (numbers[ratio.numerator] / over).rank()
        nearest = numbers.rank().corrwith(values).abs().max()
        if nearest < NEW:
            new.append((ratio.label, float(nearest)))
    asked = len(table.schema.ratios)
    some = f", for example {new[0][0]} at {new[0][1]:.2f}" if new else ""
    number = f"{len(new)} of {asked} ratios correlate below {NEW} with every column{some}"
    if len(new) > asked / 2:
        yield Recommendation("Add the schema's ratios as features.", number, {"ratios": "add"})
    else:
        text = "Do without the schema's ratios: columns say the same already."
        yield Recommendation(text, number, {"ratios": "none"})
