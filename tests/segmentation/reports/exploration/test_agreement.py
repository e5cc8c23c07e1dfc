"""The report's numbers are those pandas finds in the raw files."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from segmentation.data.readers import read_table
from segmentation.reports.exploration.bivariate import associations, correlation_ratio, cramers_v
from segmentation.reports.exploration.descriptive import (
    QUANTILES,
    Descriptive,
    describe,
    distributions,
    level_counts,
)
from segmentation.reports.exploration.explored_table import Table
from segmentation.reports.exploration.missingness import missingness
from segmentation.reports.exploration.outliers import outliers
from segmentation.schema import load_schema

pytestmark = pytest.mark.data


@dataclass(frozen=True)
class PublicTable:
    """A public table: as pandas reads it, and as the exploration sees it."""

    raw: pd.DataFrame
    table: Table
    descriptive: Descriptive


@pytest.fixture(scope="module", params=["CC GENERAL", "BankChurners"])
def public(request: pytest.FixtureRequest, data_folder: Path) -> PublicTable:
    """Return one of the public tables."""
    file = data_folder / f"{request.param}.csv"
    name = {"CC GENERAL": "cc_general", "BankChurners": "bank_churners"}[request.param]
    raw = pd.read_csv(file)
    table = Table.of(read_table(str(file)).frame, load_schema(name), file.name)
    return PublicTable(raw, table, describe(table))


def numbers(public: PublicTable) -> list[str]:
    return public.table.number_names


def test_counts_moments_and_quantiles(public: PublicTable) -> None:
    """Count, missing, zeros, distinct, mean, deviation, quantiles, skew, kurtosis: as in pandas."""
    assert public.descriptive.rows == len(public.raw)
    checked = 0
    for summary in public.descriptive.columns:
        raw = public.raw[summary.name]
        if summary.name not in numbers(public):
            continue
        assert (summary.count, summary.missing) == (raw.count(), raw.isna().sum())
        assert (summary.zeros, summary.distinct) == ((raw == 0).sum(), raw.nunique())
        assert summary.mean == pytest.approx(raw.mean())
        assert summary.std == pytest.approx(raw.std())
        # Averages of five customers, where fewer share a value.
        assert raw.min() <= summary.minimum <= raw.nsmallest(9).max()
        assert raw.nlargest(9).min() <= summary.maximum <= raw.max()
        assert (summary.maximum == raw.max()) == ((raw == raw.max()).sum() >= 5)
        assert summary.skew == pytest.approx(raw.skew())
        assert summary.kurtosis == pytest.approx(raw.kurt())
        for name, share in QUANTILES.items():
            near = raw.quantile([share - 0.002, share + 0.002])
            assert near.iloc[0] <= getattr(summary, name) <= near.iloc[1], name
        checked += 1
    assert checked == len(numbers(public)) >= 14


def test_levels_count_unknown_as_missing(public: PublicTable) -> None:
    """Level counts are value counts; `Unknown` is a missing value, not a level."""
    for counts in level_counts(public.table):
        raw = public.raw[counts.column.name]
        expected = raw[raw != "Unknown"].value_counts().to_dict()
        assert dict(zip(counts.levels, counts.counts, strict=True)) == expected
        assert counts.missing == (raw == "Unknown").sum()


def test_duplicates_and_arithmetic(public: PublicTable) -> None:
    """Duplicated rows and broken sums are those a data frame shows."""
    features = public.raw[list(public.table.names)]
    assert public.descriptive.duplicated == features.duplicated().sum()
    (check,) = [check for check in public.descriptive.identities if check.declared]
    together = public.raw[list(check.parts)].sum(axis=1)
    gap = (public.raw[check.total] - together).abs()
    limit = (0.01 * public.raw[check.total].abs()).clip(lower=0.01)
    assert check.broken == (gap > limit).sum()
    assert check.rows == len(public.raw)


def test_correlations(public: PublicTable) -> None:
    """Pearson and Spearman, reordered, are those of pandas on all rows."""
    pairs = associations(public.table)
    names = list(pairs.names)
    assert sorted(names) == sorted(numbers(public))
    assert pairs.rows == len(public.raw)
    np.testing.assert_allclose(pairs.pearson, public.raw[names].corr(), atol=1e-12)
    np.testing.assert_allclose(pairs.spearman, public.raw[names].corr("spearman"), atol=1e-9)
    strongest = public.raw[names].corr("spearman").abs().where(~np.eye(len(names), dtype=bool))
    assert abs(pairs.pairs[0].value) == pytest.approx(strongest.max().max())


def test_missing_counts_and_patterns(public: PublicTable) -> None:
    """Missing counts, complete rows and the combinations are those of the raw file."""
    raw = public.raw[list(public.table.names)].replace("Unknown", np.nan).isna()
    missing = missingness(public.table)
    expected = raw.sum()[raw.sum() > 0].to_dict()
    assert {c.column.name: c.count for c in missing.columns} == expected
    assert missing.complete == (~raw.any(axis=1)).sum()
    first = missing.patterns[0]
    only = raw[list(first.columns)].all(axis=1) & (raw.sum(axis=1) == len(first.columns))
    assert first.count == only.sum()


def test_fences_and_clipping(public: PublicTable) -> None:
    """Values outside Tukey's fences, and those winsorising changes, are counted as by hand."""
    shapes = {shape.column.name: shape for shape in distributions(public.table)}
    for column in outliers(public.table).columns:
        raw = public.raw[column.column.name].dropna()
        q25, q75 = raw.quantile(0.25), raw.quantile(0.75)
        low, high = q25 - 1.5 * (q75 - q25), q75 + 1.5 * (q75 - q25)
        assert column.outside == ((raw < low) | (raw > high)).sum()
        assert column.clipped == (raw.clip(raw.quantile(0.01), raw.quantile(0.99)) != raw).sum()
        shape = shapes[column.column.name]
        assert sum(shape.counts) + shape.zeros == len(raw)


def test_missing_minimum_payments_depend_on_payments(data_folder: Path) -> None:
    """Who paid nothing has no minimum payment: the exploration finds that, with its direction."""
    file = data_folder / "CC GENERAL.csv"
    table = Table.of(read_table(str(file)).frame, load_schema("cc_general"))
    strongest = missingness(table).dependencies[0]
    assert (strongest.missing, strongest.other) == ("MINIMUM_PAYMENTS", "PAYMENTS")
    raw = pd.read_csv(file)
    gone = raw["MINIMUM_PAYMENTS"].isna()
    ranks = raw["PAYMENTS"].rank()
    expected = 2 * (ranks[gone].mean() - ranks[~gone].mean()) / len(raw)
    assert strongest.effect == pytest.approx(expected, abs=1e-6)


def test_association_of_categories(data_folder: Path) -> None:
    """Cramér's V of gender and income, and η of dependants by marital status, by their formulas."""
    raw = pd.read_csv(data_folder / "BankChurners.csv").replace("Unknown", np.nan)
    gender, income = (
        raw[c].astype("category").cat.codes.replace(-1, np.nan).to_numpy(float)
        for c in ("Gender", "Income_Category")
    )
    crossed = pd.crosstab(raw["Gender"], raw["Income_Category"])
    n, (r, k) = crossed.to_numpy().sum(), crossed.shape
    expected = np.outer(crossed.sum(axis=1), crossed.sum(axis=0)) / n
    phi2 = (((crossed - expected) ** 2) / expected).to_numpy().sum() / n
    corrected = phi2 - (k - 1) * (r - 1) / (n - 1)
    smaller = min(r - (r - 1) ** 2 / (n - 1), k - (k - 1) ** 2 / (n - 1))
    assert cramers_v(gender, income) == pytest.approx((corrected / (smaller - 1)) ** 0.5)
    complete = raw.dropna(subset="Marital_Status")
    groups = complete.groupby("Marital_Status")["Dependent_count"]
    mean = complete["Dependent_count"].mean()
    between = (groups.size() * (groups.mean() - mean) ** 2).sum()
    eta = (between / ((complete["Dependent_count"] - mean) ** 2).sum()) ** 0.5
    codes = complete["Marital_Status"].astype("category").cat.codes.to_numpy(float)
    values = complete["Dependent_count"].to_numpy(float)
    assert correlation_ratio(codes, values) == pytest.approx(eta)
