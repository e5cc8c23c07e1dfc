"""What may be published of customers: what at least a minimum group of them shares, or averages."""

from __future__ import annotations

import os

import numpy as np

from segmentation.errors import SpecError
from segmentation.types import FloatArray

SETTING = "SEGMENTATION_MINIMUM_GROUP"
GROUP_SIZE = 5


def minimum_group() -> int:
    """Return how many customers a published value, level or average stands for at least.

    Five, unless the environment variable says otherwise; 1 publishes everything.

    Raises
    ------
    SpecError
        When the variable is no whole number above 0.
    """
    text = os.environ.get(SETTING) or str(GROUP_SIZE)
    if not (text.isascii() and text.isdecimal() and int(text) > 0):
        raise SpecError(f"{SETTING}={text!r}: expected a whole number above 0, for example 5")
    return int(text)


def average_size() -> int:
    """Return of how many customers an average in a model is: the minimum group, five at least."""
    return max(GROUP_SIZE, minimum_group())


def averaged(values: FloatArray, group: int) -> FloatArray:
    """Return values of which each is that of at least `group` customers, or an average of so many.

    In the manner of microaggregation (Domingo-Ferrer and Mateo-Sanz 2002, IEEE TKDE 14): values
    that fewer share are sorted and averaged in groups, which do not overlap. The mean stays. Whole
    numbers stay whole. Where fewer than `group` customers differ from values that are shared, an
    average would give them away: they get the nearest shared value, or NaN where there is none.

    Parameters
    ----------
    values
        Shape (n,), NaN where missing.
    group
        At least 1.
    """
    result = values.copy()
    present = np.flatnonzero(~np.isnan(values))
    distinct, place, counts = np.unique(values[present], return_inverse=True, return_counts=True)
    few = counts[place] < group
    alone = present[few][np.argsort(values[present[few]], kind="stable")]
    if not len(alone):
        return result
    if len(alone) < group:
        result[alone] = _nearest(distinct[counts >= group], values[alone])
        return result
    starts = np.arange(0, len(alone) - group + 1, group)
    sizes = np.diff([*starts, len(alone)])
    means = np.add.reduceat(values[alone], starts) / sizes
    if (distinct == np.round(distinct)).all():
        means = np.round(means)
    result[alone] = np.repeat(means, sizes)
    return result


def few_differ(values: FloatArray, group: int) -> bool:
    """Return whether between 1 and `group` - 1 customers differ from values that `group` share."""
    _, counts = np.unique(values[~np.isnan(values)], return_counts=True)
    return 0 < int(counts[counts < group].sum()) < group


def _nearest(shared: FloatArray, values: FloatArray) -> FloatArray:
    if not len(shared):
        return np.full(len(values), np.nan)
    result: FloatArray = shared[np.abs(values[:, None] - shared).argmin(axis=1)]
    return result
