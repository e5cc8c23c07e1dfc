"""Customers far from the others: in one column, or in all of them together."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2
from sklearn.covariance import MinCovDet
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from threadpoolctl import threadpool_limits

from segmentation.preprocessing.transforms import Winsorise
from segmentation.reports.exploration.descriptive import box_of, spread_of
from segmentation.reports.exploration.explored_table import Table
from segmentation.schema import Column
from segmentation.types import FloatArray

ISOLATED = 0.6
FAR_QUANTILE = 0.999
WORST = 10
DRIVERS = 3
DEGENERATE = 1e-4
FITTED, CORE, BLUR = 2_000, 0.75, 0.2


@dataclass(frozen=True)
class ColumnOutliers:
    """One column's outliers and what winsorising would change."""

    column: Column
    outside: int  # beyond Tukey's fences
    share: float  # the same among values that are present, in [0, 1]
    clipped: int  # values that clipping to the 1st and 99th percentile changes
    skew_before: float
    skew_after: float
    std_before: float
    std_after: float


@dataclass(frozen=True)
class Worst:
    """A customer far from all others."""

    row: int  # position in the table, from 0; never the identifier
    isolation: float
    distance: float
    drivers: tuple[tuple[str, float], ...]  # furthest dimensions, in standard deviations


@dataclass(frozen=True)
class Outliers:
    """Outliers of single columns, and of all columns together.

    ``scores`` are those of an isolation forest, in (0, 1); above 0.6 is isolated (Liu, Ting and
    Zhou 2008). ``distances`` are robust (minimum covariance determinant, Rousseeuw 1984); above
    1, the 99.9% quantile of normal data, is far. Both have shape (rows,).
    """

    columns: tuple[ColumnOutliers, ...]
    rows: int
    isolated: int
    far: int
    both: int
    scores: FloatArray
    distances: FloatArray
    worst: tuple[Worst, ...]  # by both measures, worst first


def outliers(table: Table) -> Outliers:
    """Return outliers: of single columns from all rows, of all together from a sample."""
    space = table.space
    with threadpool_limits(1):
        scores = _isolation(space.matrix, table.seed)
        distances = _robust_distance(space.matrix, table.seed)
    isolated, far = scores > ISOLATED, distances > 1
    return Outliers(
        columns=tuple(_columns(table)),
        rows=len(space.matrix),
        isolated=int(isolated.sum()),
        far=int(far.sum()),
        both=int((isolated & far).sum()),
        scores=scores,
        distances=distances,
        worst=tuple(_worst(table, scores, distances)),
    )


def _columns(table: Table) -> Iterator[ColumnOutliers]:
    for column in table.numbers:
        values = table.customers[column.name].dropna().to_numpy()
        if not len(values):
            continue
        box = box_of(values)
        clipped = Winsorise().fit_transform(values[:, None])[:, 0]
        (std_before, skew_before), (std_after, skew_after) = map(spread_of, (values, clipped))
        yield ColumnOutliers(
            column=column,
            outside=box.below + box.above,
            share=(box.below + box.above) / len(values),
            clipped=int((clipped != values).sum()),
            skew_before=skew_before,
            skew_after=skew_after,
            std_before=std_before,
            std_after=std_after,
        )


def _isolation(matrix: FloatArray, seed: int) -> FloatArray:
    if not matrix.shape[1] or len(matrix) < 2:
        return np.zeros(len(matrix))
    forest = IsolationForest(random_state=seed).fit(matrix)
    return np.asarray(-forest.score_samples(matrix), dtype=np.float64)


def _robust_distance(matrix: FloatArray, seed: int) -> FloatArray:
    """Return robust distances over main axes that vary, as multiples of the 99.9% quantile."""
    if len(matrix) < 5 or not matrix.shape[1]:
        return np.zeros(len(matrix))
    pca = PCA(svd_solver="full").fit(matrix)
    varying = pca.explained_variance_ > DEGENERATE * pca.explained_variance_[0]
    rotated = pca.transform(matrix)[:, varying]
    if len(matrix) < 3 * rotated.shape[1]:
        return np.zeros(len(matrix))
    centre, inverse = _robust_shape(rotated, seed)
    offset = rotated - centre
    squared = np.maximum(np.einsum("ij,jk,ik->i", offset, inverse, offset), 0)
    width, middle = rotated.shape[1], max(float(np.median(squared)), 1e-300)
    # Put on the scale of normal data by the median (Maronna and Zamar 2002, Technometrics 44).
    scale = chi2.ppf(0.5, width) / middle / chi2.ppf(FAR_QUANTILE, width)
    return np.asarray(np.sqrt(squared * scale))


def _robust_shape(matrix: FloatArray, seed: int) -> tuple[FloatArray, FloatArray]:
    """Return centre and inverse covariance of the most compact three quarters of 2,000 rows.

    Columns that are mostly one value make a flat core, whose distances mean nothing; a blur of a
    fifth of each axis' spread keeps it from being flat.
    """
    random = np.random.default_rng(seed)
    sample = matrix[:FITTED]
    blurred = sample + random.normal(0, BLUR, sample.shape) * sample.std(axis=0)
    with warnings.catch_warnings():
        # The search for the core may stop early; its result so far is used.
        warnings.filterwarnings("ignore", "Determinant has increased", RuntimeWarning)
        warnings.filterwarnings("ignore", ".*covariance matrix", UserWarning)
        core = MinCovDet(support_fraction=CORE, random_state=seed).fit(blurred)
    return np.asarray(core.location_), np.linalg.pinv(core.covariance_, hermitian=True)


def _worst(table: Table, scores: FloatArray, distances: FloatArray) -> Iterator[Worst]:
    space = table.space
    if not space.matrix.shape[1]:
        return
    rank = np.argsort(np.argsort(scores)) + np.argsort(np.argsort(distances))
    for i in np.argsort(-rank, kind="stable")[:WORST]:
        row = space.matrix[i]
        drivers = np.argsort(-np.abs(row), kind="stable")[:DRIVERS]
        yield Worst(
            row=int(space.rows[i]),
            isolation=float(scores[i]),
            distance=float(distances[i]),
            drivers=tuple((space.names[j], float(row[j])) for j in drivers),
        )
