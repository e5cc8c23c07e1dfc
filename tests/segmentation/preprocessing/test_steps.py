"""Preprocessing: scikit-learn's own checks on every step, then what each step promises."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.stats import skew as skewness
from sklearn.decomposition import PCA
from sklearn.utils.estimator_checks import check_estimator

from segmentation.clustering.spec import CHOICES, Preprocessing
from segmentation.errors import DataError
from segmentation.preprocessing.columns import ColumnMatrix, RatioAdder, customer_matrix
from segmentation.preprocessing.imputation import MedianFill, RegressionFill
from segmentation.preprocessing.pipeline import build_pipeline
from segmentation.preprocessing.scaling import PrincipalComponents, Standardise, UnitFree, Weigh
from segmentation.preprocessing.transforms import (
    Lighten,
    NormalScores,
    SignedLog,
    TwoPart,
    Winsorise,
    YeoJohnson,
    yeo_johnson,
)
from segmentation.schema import Column, Ratio, TableSchema
from tests.segmentation.planted import SCHEMA, planted

STEPS = [
    ColumnMatrix(),
    RatioAdder(),
    RatioAdder(((0, 0),)),
    UnitFree(),
    Weigh((2.0,)),
    MedianFill(),
    MedianFill(indicator=True),
    RegressionFill(),
    Winsorise(),
    SignedLog(),
    YeoJohnson(),
    NormalScores(),
    Standardise(),
    Standardise(robust=True),
    TwoPart(),
    Lighten(),
    PrincipalComponents(),
]
CARD = TableSchema(
    "card",
    "Card holders",
    (Column("BALANCE", "Balance"), Column("LIMIT", "Limit"), Column("TENURE", "Tenure")),
    ratios=(Ratio("UTILISATION", "Utilisation", "BALANCE", "LIMIT"),),
)


def card_holders(rows: int = 300, seed: int = 0) -> pd.DataFrame:
    """Return heavy-tailed, zero-inflated customers with missing limits."""
    rng = np.random.default_rng(seed)
    balance = np.where(rng.random(rows) < 0.6, 0.0, rng.lognormal(6, 1.5, rows))
    limit = np.where(rng.random(rows) < 0.1, np.nan, rng.lognormal(8, 0.5, rows))
    return pd.DataFrame({"BALANCE": balance, "LIMIT": limit, "TENURE": 12.0})


# The array API check needs an environment variable set before scipy is imported; it concerns
# arrays of other libraries, which no step claims to take.
@pytest.mark.parametrize("step", STEPS, ids=repr)
def test_step_is_a_proper_estimator(step) -> None:
    """Every step passes every one of scikit-learn's estimator checks."""
    results = check_estimator(step, on_fail=None, on_skip=None)
    bad = {r["check_name"]: r["exception"] for r in results if r["status"] != "passed"}
    assert len(results) > 40
    assert set(bad) <= {"check_array_api_input"}, bad


@pytest.mark.parametrize("nulls", CHOICES["nulls"])
@pytest.mark.parametrize("skew", CHOICES["skew"])
def test_every_combination_gives_finite_features_with_names(nulls: str, skew: str) -> None:
    """All choices fit quietly, name their columns and give one row what a batch gives it."""
    customers = card_holders()
    # Categories make no difference to a table without them: one treatment stands for all.
    fixed = {"nulls": (nulls,), "skew": (skew,), "categories": ("one_hot",)}
    for choice in itertools.product(*({**CHOICES, **fixed}).values(), (None, 0.9)):
        preprocessing = Preprocessing(*choice)
        pipeline = build_pipeline(preprocessing, CARD).fit(customers)
        features = pipeline.transform(customers)
        assert np.isfinite(features).all(), preprocessing
        assert features.shape == (300, len(pipeline.get_feature_names_out())), preprocessing
        alone = np.vstack([pipeline.transform(customers.iloc[[i]]) for i in (0, 7, 299)])
        assert np.array_equal(alone, features[[0, 7, 299]]), preprocessing


@pytest.mark.parametrize(
    "column",
    [
        np.zeros(50),
        np.full(50, 12.0),
        np.full(50, np.nan),
        np.r_[np.zeros(49), 1.0],
        np.r_[np.full(49, 12.0), 6.0],
        np.geomspace(1e-9, 1e9, 50),
        -np.geomspace(1e-300, 1e300, 50),
        np.r_[np.nan, np.arange(49.0) * 1e9],
    ],
    ids=["zeros", "constant", "empty", "one_nonzero", "one_lower", "wide", "extreme", "billions"],
)
def test_awkward_columns_stay_finite_and_bounded(column) -> None:
    """Constant, empty, spiked and astronomically wide columns warn of nothing, explode nowhere."""
    customers = card_holders(50).assign(TENURE=column)
    names = ("nulls", "skew", "scale")
    for choice in itertools.product(*(CHOICES[name] for name in names)):
        preprocessing = Preprocessing(**dict(zip(names, choice, strict=True)))
        pipeline = build_pipeline(preprocessing, CARD)
        features = pipeline.fit(customers).transform(customers)
        assert np.isfinite(features).all(), preprocessing
        absurd = pipeline.transform(customers.assign(BALANCE=1e300, LIMIT=-1e300))
        assert np.isfinite(absurd).all(), preprocessing


def test_missing_columns_are_all_named() -> None:
    """A table that lacks columns is refused with every one of them."""
    with pytest.raises(DataError, match=r"2 problems(.|\n)*LIMIT(.|\n)*TENURE"):
        customer_matrix(pd.DataFrame({"BALANCE": [1.0]}), CARD.column_names)


def test_matrix_of_wrong_width_is_refused() -> None:
    """A bare matrix must have the schema's number of columns."""
    with pytest.raises(DataError, match="matrix of 3 columns"):
        customer_matrix(np.ones((4, 2)), CARD.column_names)


def test_column_order_and_integer_types_do_not_matter() -> None:
    """Columns are taken by name, and integers with missing values are numbers."""
    frame = pd.DataFrame(
        {"TENURE": [12, 6], "LIMIT": pd.array([None, 3], dtype="Int64"), "BALANCE": [1, 2]}
    )
    matrix = customer_matrix(frame, CARD.column_names)
    assert np.array_equal(matrix, [[1, np.nan, 12], [2, 3, 6]], equal_nan=True)


@pytest.mark.parametrize(
    ("numerator", "denominator", "expected"),
    [
        (50.0, 200.0, 0.25),
        (0.0, 200.0, 0.0),
        (0.0, 0.0, 0.0),
        (0.0, np.nan, 0.0),
        (50.0, 0.0, np.nan),
        (np.nan, 200.0, np.nan),
        (1e300, 1e-300, np.nan),
    ],
)
def test_ratio_of_nothing_is_nothing_and_of_unknown_is_missing(
    numerator, denominator, expected
) -> None:
    """0 over anything is 0; what cannot be computed is missing, never infinite."""
    rows = np.array([[numerator, denominator]])
    ratio = RatioAdder(((0, 1),)).fit(rows).transform(rows)[0, 2]
    assert np.array_equal(ratio, expected, equal_nan=True)


def test_unit_of_a_column_drops_out() -> None:
    """Cents and dollars give the same features whatever follows."""
    customers = card_holders()
    cents = customers.assign(BALANCE=customers["BALANCE"] * 100)
    for skew in CHOICES["skew"]:
        pipeline = build_pipeline(Preprocessing(skew=skew, ratios="add"), CARD)
        dollars = pipeline.fit(customers).transform(customers)
        assert np.allclose(pipeline.fit(cents).transform(cents), dollars, atol=1e-6)


def test_indicator_marks_the_columns_that_had_nulls() -> None:
    """Only LIMIT had missing values, so only it gets an indicator, 1 where it was missing."""
    customers = card_holders()
    pipeline = build_pipeline(Preprocessing(nulls="indicator", skew="none"), CARD)
    pipeline.fit(customers)
    assert list(pipeline.get_feature_names_out()) == [*CARD.column_names, "LIMIT_missing"]
    marks = pipeline.transform(customers)[:, 3] > 0
    assert np.array_equal(marks, customers["LIMIT"].isna())


def test_regression_recovers_what_the_other_columns_say() -> None:
    """A column that is a sum of two others is filled in far better than by its median."""
    rng = np.random.default_rng(1)
    parts = rng.normal(10, 3, (400, 2))
    whole = np.column_stack([parts, parts.sum(axis=1)])
    holed = whole.copy()
    gone = rng.random(400) < 0.2
    holed[gone, 2] = np.nan
    filled = RegressionFill().fit(holed).transform(holed)
    error = np.abs(filled - whole)[gone, 2].mean()
    median_error = np.abs(np.nanmedian(holed[:, 2]) - whole[gone, 2]).mean()
    assert error < 0.05 * median_error
    assert np.array_equal(filled[~gone], whole[~gone])


def test_yeo_johnson_agrees_with_scipy() -> None:
    """Our one-line form equals scipy's, on both sides of zero and at both limits."""
    from scipy.stats import yeojohnson

    values = np.linspace(-5, 20, 101)
    for power in (-1.3, 0.0, 0.7, 1.0, 2.0, 2.9):
        assert np.allclose(yeo_johnson(values, power), yeojohnson(values, lmbda=power))


def test_yeo_johnson_finds_the_power_scikit_learn_finds() -> None:
    """On a skewed column the power agrees with PowerTransformer's to two digits."""
    from sklearn.preprocessing import PowerTransformer

    column = np.random.default_rng(2).gamma(0.8, 2.0, (1500, 1))
    ours = YeoJohnson().fit(column).lambdas_[0]
    assert ours == pytest.approx(PowerTransformer().fit(column).lambdas_[0], abs=0.01)


def test_winsorise_clips_to_the_percentiles() -> None:
    """Nothing lies beyond the training data's 1st and 99th percentile."""
    column = np.arange(1001.0)[:, None]
    clipped = Winsorise().fit(column).transform(np.array([[-5.0], [500.0], [9e9]]))
    assert clipped.ravel().tolist() == [10.0, 500.0, 990.0]


def test_normal_scores_are_normal_and_share_ties() -> None:
    """Scores have spread 1, and the zeros of a zero-inflated column share one middle score."""
    rng = np.random.default_rng(3)
    smooth = NormalScores().fit_transform(rng.lognormal(0, 2, (5000, 1)))
    assert smooth.std() == pytest.approx(1.0, abs=0.02)
    half_zero = np.r_[np.zeros(1000), rng.lognormal(0, 1, 1000)][:, None]
    scores = NormalScores().fit_transform(half_zero)
    assert scores[0, 0] == pytest.approx(-0.674, abs=0.01)


def test_robust_scale_survives_a_column_that_is_mostly_zero() -> None:
    """With an interquartile range of zero the standard deviation takes over."""
    column = np.r_[np.zeros(90), np.arange(10.0)][:, None]
    scaled = Standardise(robust=True).fit_transform(column)
    assert np.abs(scaled).max() < 10


@pytest.mark.parametrize("robust", [False, True])
def test_rare_flag_is_no_further_out_than_a_fair_coin(robust) -> None:
    """A flag of one customer in fifty spans two spreads, like any other flag."""
    column = np.r_[np.zeros(98), 1.0, 1.0][:, None]
    scaled = Standardise(robust=robust).fit_transform(column)
    assert np.ptp(scaled) == 2.0


def test_components_keep_the_share_of_variance_asked_for() -> None:
    """The remaining components explain at least the share, and one fewer would not."""
    rng = np.random.default_rng(4)
    matrix = rng.normal(size=(500, 6)) * [5, 4, 3, 2, 1, 0.1]
    reduced = PrincipalComponents(0.9).fit_transform(matrix)
    shares = np.cumsum(reduced.var(axis=0)) / matrix.var(axis=0).sum()
    assert shares[-1] >= 0.9 > shares[-2]


def test_a_hardly_skewed_column_keeps_its_shape() -> None:
    """A power is for skewed columns only: a uniform one, or two groups, stay as they are."""
    rng = np.random.default_rng(5)
    two = np.r_[rng.normal(2, 0.3, 500), rng.normal(9, 0.3, 500)]
    matrix = np.column_stack([rng.uniform(1, 9, 1000), two, rng.lognormal(0, 1, 1000)])
    assert (YeoJohnson().fit(matrix).lambdas_ == 1.0).tolist() == [True, True, False]


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_power_is_for_columns_with_a_skewness_beyond_one(sign: float) -> None:
    """276 ones in 1,000 rows have a skewness of 1.002, 277 one of 0.997: only 276 are bent."""
    columns = np.column_stack([np.r_[np.ones(n), np.zeros(1000 - n)] for n in (276, 277)]) * sign
    assert (np.abs(skewness(columns)) > 1).tolist() == [True, False]
    assert (YeoJohnson().fit(columns).lambdas_ == 1.0).tolist() == [False, True]


def test_two_parts_ask_whether_then_how_much() -> None:
    """Zeros stand one spread before the mean of the other values, which keep their spread."""
    rng = np.random.default_rng(6)
    cash = np.where(rng.random(2000) < 0.5, 0.0, rng.normal(50, 4, 2000))
    plain = rng.normal(size=2000)
    separated = TwoPart().fit_transform(np.column_stack([cash, plain]))
    others = separated[cash > 0, 0]
    assert (separated[cash == 0, 0] == -1.0).all()
    assert (others.mean(), others.std()) == pytest.approx((0.0, 1.0))
    assert np.array_equal(separated[:, 1], plain)


def test_columns_that_are_often_zero_can_weigh_less() -> None:
    """Only they shrink."""
    rng = np.random.default_rng(7)
    matrix = rng.normal(size=(500, 2))
    matrix[:200, 1] = 0.0
    assert np.allclose(Lighten().fit_transform(matrix), matrix * [1.0, 0.4])


@pytest.mark.parametrize("variance", [None, 0.9])
@pytest.mark.parametrize("zeros", ["plain", "two_part"])
def test_a_weight_multiplies_a_columns_distances(zeros: str, variance: float | None) -> None:
    """By exactly its size, before the main axes; ratios and flags that are appended weigh 1."""
    customers, _ = planted(300)
    choices = {"nulls": "indicator", "ratios": "add", "zeros": zeros}
    plain = build_pipeline(Preprocessing(**choices), SCHEMA).fit_transform(customers)  # type: ignore[arg-type]
    weighted = Preprocessing(**choices, variance=variance, weights=(("PURCHASES", 3.0),))  # type: ignore[arg-type]
    features = build_pipeline(weighted, SCHEMA).fit_transform(customers)
    plain[:, SCHEMA.column_names.index("PURCHASES")] *= 3
    if variance is None:
        assert np.allclose(features, plain)
    else:
        spread = PCA(variance).fit(plain).explained_variance_
        assert np.allclose(features.var(axis=0, ddof=1), spread)
