"""Tame outliers, skew and zero inflation, one column at a time."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import ndtri
from scipy.stats import skew

from segmentation.preprocessing.step import ArrayStep
from segmentation.types import FloatArray

SAMPLE = 2000
KNOTS = 501
LAMBDA_BOUNDS = (-4.0, 4.0)
SKEWED = 1.0
RARE, COMMON = 0.1, 0.9
LIGHT = 0.4
EQUAL = 1e-9


class Winsorise(ArrayStep):
    """Clip each column to its percentiles.

    Parameters
    ----------
    low, high
        Shares in [0, 1]; the 1st and 99th percentile by default.

    Attributes
    ----------
    low_, high_
        Shape (d,), the closed interval values are clipped to.
    """

    def __init__(self, low: float = 0.01, high: float = 0.99) -> None:
        self.low = low
        self.high = high

    def _learn(self, matrix: FloatArray) -> None:
        self.low_, self.high_ = np.quantile(matrix, [self.low, self.high], axis=0)

    def _apply(self, matrix: FloatArray) -> FloatArray:
        return np.clip(matrix, self.low_, self.high_)


class SignedLog(ArrayStep):
    """Replace x by ``sign(x) log(1 + |x|)``."""

    def _apply(self, matrix: FloatArray) -> FloatArray:
        return np.asarray(np.sign(matrix) * np.log1p(np.abs(matrix)))


class YeoJohnson(ArrayStep):
    """Make each skewed column as normal as a power can (Yeo and Johnson 2000, Biometrika 87).

    A column whose skewness lies in [-1, 1] stays as it is, because a power would bend the shapes
    it forms with other columns. The power maximises the profile likelihood over at most 2,000
    evenly spaced order statistics, within [-4, 4]: a nearly constant column would otherwise get
    powers that overflow.

    Attributes
    ----------
    lambdas_
        Shape (d,); 1 (no change) for a column that is constant or hardly skewed.
    """

    def _learn(self, matrix: FloatArray) -> None:
        self.lambdas_ = np.array([_best_power(column) for column in matrix.T])

    def _apply(self, matrix: FloatArray) -> FloatArray:
        return yeo_johnson(matrix, self.lambdas_)


def yeo_johnson(values: FloatArray, power: FloatArray | float) -> FloatArray:
    """Return the Yeo-Johnson transform of `values`.

    Both branches are ``sign(x) ((1 + |x|)^p - 1) / p`` with p = power where x is at least 0
    and p = 2 - power below; the limit at p = 0 is the signed logarithm.
    """
    upper = values >= 0
    # Without a lower branch a number for each column will do, and no sign: half the time.
    exponent = np.asarray(power) if upper.all() else np.where(upper, power, 2.0 - power)
    log_size = np.log1p(np.abs(values))
    flat = np.abs(exponent) < 1e-9
    raised = np.expm1(exponent * log_size) / np.where(flat, 1.0, exponent)
    if flat.any():
        raised = np.where(flat, log_size, raised)
    return np.asarray(raised if upper.all() else np.sign(values) * raised)


def _raised(log_size: FloatArray, exponent: float) -> FloatArray:
    """Return ``((1 + |x|)^p - 1) / p`` from the logarithm of ``1 + |x|``."""
    return log_size if abs(exponent) < 1e-9 else np.expm1(exponent * log_size) / exponent


def _best_power(column: FloatArray) -> float:
    sample = order_statistics(column)
    if sample[0] == sample[-1] or abs(skew(sample / np.abs(sample).max())) <= SKEWED:
        return 1.0
    # The sample is sorted: the lower branch of the transform first, then the upper one.
    log_size, negative = np.log1p(np.abs(sample)), int(np.sum(sample < 0))
    log_jacobian = np.mean(np.sign(sample) * log_size)
    lower, upper = log_size[:negative], log_size[negative:]

    def loss(power: float) -> float:
        bent = np.concatenate([-_raised(lower, 2.0 - power), _raised(upper, power)])
        spread = max(float(np.var(bent)), 1e-300)
        return float(0.5 * np.log(spread) - (power - 1) * log_jacobian)

    best = minimize_scalar(loss, bounds=LAMBDA_BOUNDS, method="bounded", options={"xatol": 1e-6})
    return float(best.x)


def order_statistics(column: FloatArray) -> FloatArray:
    """Return at most 2,000 evenly spaced values of the sorted column, both ends included."""
    ordered = np.sort(column)
    places = np.linspace(0, len(ordered) - 1, min(SAMPLE, len(ordered)))
    return ordered[places.astype(np.int64)]


class NormalScores(ArrayStep):
    """Replace each value by the normal quantile of its rank in the training data.

    A value shared by many customers gets the middle of their ranks; between quantiles
    the score is interpolated, beyond them it is that of the nearest.

    Attributes
    ----------
    knots_, scores_
        Shape (m,): 501 quantiles a column at most and their scores, all columns one after
        the other.
    starts_
        Shape (d + 1,): where each column begins in them.
    """

    def _learn(self, matrix: FloatArray) -> None:
        tables = [_rank_scores(column) for column in matrix.T]
        self.knots_ = np.concatenate([knots for knots, _ in tables])
        self.scores_ = np.concatenate([scores for _, scores in tables])
        self.starts_ = np.cumsum([0, *(len(knots) for knots, _ in tables)])

    def _apply(self, matrix: FloatArray) -> FloatArray:
        result = np.empty_like(matrix)
        for i, (start, end) in enumerate(zip(self.starts_[:-1], self.starts_[1:], strict=True)):
            result[:, i] = np.interp(matrix[:, i], self.knots_[start:end], self.scores_[start:end])
        return result


def _rank_scores(column: FloatArray) -> tuple[FloatArray, FloatArray]:
    ranks = (np.arange(KNOTS) + 0.5) / KNOTS
    # Interpolated between customers, so that the largest value of all customers is not saved.
    sample = np.quantile(column, ranks)
    knots, first, counts = np.unique(sample, return_index=True, return_counts=True)
    return knots, np.asarray(ndtri((first + 0.5 * counts) / KNOTS))


class _ZeroInflated(ArrayStep):
    """Learns which columns are one value for 10% to 90% of customers, and which value.

    Attributes
    ----------
    often_
        Shape (d,): whether a column is.
    value_
        Shape (d,): its commonest value.
    """

    def _learn(self, matrix: FloatArray) -> None:
        commonest = [_commonest(column) for column in matrix.T]
        self.value_ = np.array([value for value, _ in commonest])
        share = np.array([share for _, share in commonest])
        self.often_ = (share >= RARE) & (share <= COMMON)


class TwoPart(_ZeroInflated):
    """Separate the commonest value from the other values, in one column, after scaling.

    The other values are standardised among themselves; the commonest value is put one standard
    deviation before their mean. Then both count: whether a customer has a value, and how large.

    Attributes
    ----------
    centre_, spread_
        Shape (d,), of the other values.
    place_
        Shape (d,): -1 where the commonest value lies below the others' mean, else 1.
    """

    def _learn(self, matrix: FloatArray) -> None:
        super()._learn(matrix)
        others = [
            column[np.abs(column - value) > EQUAL] if often else column
            for column, value, often in zip(matrix.T, self.value_, self.often_, strict=True)
        ]
        self.centre_ = np.array([column.mean() for column in others])
        spread = np.array([column.std() for column in others])
        self.spread_ = np.where(spread > EQUAL, spread, 1.0)
        self.place_ = np.where(self.value_ <= self.centre_, -1.0, 1.0)

    def _apply(self, matrix: FloatArray) -> FloatArray:
        amount = (matrix - self.centre_) / self.spread_
        placed = np.where(np.abs(matrix - self.value_) <= EQUAL, self.place_, amount)
        return np.where(self.often_, placed, matrix)


class Lighten(_ZeroInflated):
    """Give columns that are often one value 0.4 times the weight of the others."""

    def _apply(self, matrix: FloatArray) -> FloatArray:
        return np.asarray(matrix * np.where(self.often_, LIGHT, 1.0))


def _commonest(column: FloatArray) -> tuple[float, float]:
    """Return a column's commonest value and its share of customers."""
    values, counts = np.unique(column, return_counts=True)
    most = int(counts.argmax())
    return float(values[most]), float(counts[most] / len(column))
