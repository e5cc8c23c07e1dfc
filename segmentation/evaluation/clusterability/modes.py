"""Whether a single column has two peaks with a valley between them."""

from __future__ import annotations

import numpy as np

from segmentation.preprocessing.scaling import UnitFree
from segmentation.preprocessing.transforms import YeoJohnson
from segmentation.types import FloatArray

OFTEN = 0.05
LEAST_ROWS, LEAST_SHARE, LEAST_VALUES = 50, 0.6, 20
DEEP = 0.065
# Mean and standard deviation of √n · dip of n evenly spread values: the clearest two peaks that
# a column with one peak is likely to show. From 200 columns each of 100, 200, 500 and 2,000.
MEAN, DEVIATION = 0.37, 0.08
LEVELS = 40


def two_peaks(column: FloatArray, rng: np.random.Generator) -> float:
    """Return how many standard deviations two peaks stand out of a column with one peak.

    The dip (Hartigan and Hartigan 1985, Annals of Statistics 13), as half the excess mass of two
    intervals over one (Müller and Sawitzki 1991, J. Am. Stat. Assoc. 86), of the column made as
    normal as a power can, against evenly spread values. A value that 5% of customers share is
    left out: zeros and round numbers are no peaks.

    Parameters
    ----------
    column
        Shape (n,), finite.
    rng
        Spreads repeated values up to half the way to their neighbours.

    Returns
    -------
    float
        -inf where too few customers or values are left, or where moving 6.5% of the customers
        would leave one peak.
    """
    values, counts = np.unique(column, return_counts=True)
    rare = counts < OFTEN * len(column)
    rest = column[np.isin(column, values[rare])]
    if len(rest) < max(LEAST_ROWS, LEAST_SHARE * len(column)) or rare.sum() < LEAST_VALUES:
        return -np.inf
    normal = YeoJohnson().fit_transform(UnitFree().fit_transform(rest[:, None]))[:, 0]
    distinct, place, times = np.unique(normal, return_inverse=True, return_counts=True)
    middle = (distinct[1:] + distinct[:-1]) / 2
    low, high = np.r_[distinct[0], middle][place], np.r_[middle, distinct[-1]][place]
    spread = np.where(times[place] > 1, low + (high - low) * rng.random(len(normal)), normal)
    ordered = np.unique(spread)
    dip = _dip(ordered)
    return float((np.sqrt(len(ordered)) * dip - MEAN) / DEVIATION) if dip >= DEEP else -np.inf


def _dip(ordered: FloatArray) -> float:
    """Return half the largest excess mass of two intervals over one, of distinct values."""
    n = len(ordered)
    place = (ordered - ordered[0]) / (ordered[-1] - ordered[0])
    reach = max(2, int(np.sqrt(n) / 2))
    density = (reach / n) / np.maximum(place[reach:] - place[:-reach], 1e-12)
    best = 0.0
    for level in np.quantile(density, np.linspace(0.02, 0.98, LEVELS)):
        excess = np.arange(1, n + 1) / n - level * place
        ending = excess - np.minimum.accumulate(excess) + 1 / n
        starting = np.maximum.accumulate(excess[::-1])[::-1] - excess + 1 / n
        before = np.maximum.accumulate(ending)
        after = np.maximum.accumulate(starting[::-1])[::-1]
        best = max(best, float((before[:-1] + after[1:]).max() - before[-1]))
    return best / 2
