"""Whether a table has groups at all: one verdict, asked before the segments are believed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isnan, nan

import numpy as np
import pandas as pd
from scipy.linalg import solve_triangular
from scipy.stats import norm
from sklearn.covariance import ledoit_wolf
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from segmentation.clustering.spec import HyperParameter, Preprocessing, SegmenterSpec
from segmentation.evaluation.constraints import Constraints
from segmentation.evaluation.evaluator import Evaluator
from segmentation.evaluation.metrics import without_ties
from segmentation.evaluation.reference_space import ReferenceSpace
from segmentation.preprocessing.cache import canonical_order
from segmentation.preprocessing.columns import customer_matrix
from segmentation.preprocessing.imputation import MedianFill
from segmentation.schema import TableSchema
from segmentation.types import FloatArray, IntArray

ROWS = 2_000
MIXTURES = tuple((kind, k) for kind in ("full", "tied", "diag") for k in (2, 4, 8))
FOLDS = 5
ROWS_PER_COMPONENT = 10
ROWS_PER_SEGMENT = 20
LEVELS = 40
REPEATS = 0.05
OFTEN = 0.10
# Reached by none of 20 uniform, 20 Gaussian and 20 column-permuted tables.
MIXTURE_Z, TWO_MODES, GAP, GAP_OVER_NULL = 4.0, 0.75, 0.55, 0.2
LOOSE = Constraints(2, 12, smallest_share=0.02, largest_share=0.95, noise_share=1.0, stability=0.0)
PROBES: tuple[tuple[str, str, Mapping[str, HyperParameter]], ...] = (
    *(("k_means", "prototype", {"n_clusters": k}) for k in (2, 3, 4, 5, 8)),
    *(("gaussian_full", "gaussian", {"n_clusters": k}) for k in (2, 3, 4)),
    *(("genie", "neighbours", {"n_clusters": k}) for k in (2, 3, 4)),
    ("hdbscan", "neighbours", {"smallest_share": 0.05}),
)


@dataclass(frozen=True)
class Structure:
    """What speaks for groups in a table, and the verdict."""

    # By how many standard errors a mixture of Gaussians predicts held-out customers better than
    # one Gaussian.
    mixture_z: float
    two_modes: float  # largest √n times dip over the columns
    # In [0, 1]: how stable and separate the best of a few partitions is; NaN where it was not
    # needed, or says nothing because columns are often one value.
    gap: float
    null_gap: float  # the same on tables without groups; NaN where it was not needed
    present: bool

    @property
    def sentence(self) -> str:
        """The verdict in words, with the numbers behind it."""
        numbers = (
            f"a mixture of Gaussians predicts held-out customers {self.mixture_z:+.1f} standard "
            f"errors better than a single one, from {MIXTURE_Z:+.0f} on counts; the clearest two "
            f"modes of a column score {self.two_modes:.2f}, from {TWO_MODES} on counts"
        )
        if not isnan(self.gap):
            numbers += f"; the best partition is set apart by {self.gap:.2f} of 1"
        if not isnan(self.null_gap):
            numbers += f", and by {self.null_gap:.2f} in tables like this one without groups"
        if self.present:
            return f"There is structure: {numbers}."
        return (
            f"No structure: these data look like one cloud without groups ({numbers}). Segments "
            "found in them cut a continuum; other cuts would do as well."
        )

    def metrics(self) -> dict[str, float]:
        """Return the numbers by name, NaN where not needed."""
        return {
            "structure_mixture_z": self.mixture_z,
            "structure_two_modes": self.two_modes,
            "structure_gap": self.gap,
            "structure_null_gap": self.null_gap,
        }


def structure_of(
    customers: pd.DataFrame | FloatArray, schema: TableSchema, seed: int = 0
) -> Structure:
    """Return whether customers form groups, from at most 2,000 of them.

    There is structure where a mixture of Gaussians predicts customers it has not seen better
    than one Gaussian does, beyond doubt; or where a column has two modes; or, in a table without
    columns that are often one value, where a partition is both stable and separate, in itself
    or against tables without groups.

    Parameters
    ----------
    customers
        Validated customers, shape (n, d); NaN for a missing value.
    schema
        Their table.
    seed
        Of everything random. The order of the rows does not matter.
    """
    matrix = customer_matrix(customers, schema.column_names)
    sample = matrix[canonical_order(matrix, seed)[:ROWS]]
    coordinates = ReferenceSpace(schema).fit_transform(sample)
    z = mixture_z(coordinates, seed)
    # Modes are looked for in the raw columns: a power that sets zeros apart would make some.
    modes = two_modes(MedianFill().fit_transform(sample))
    present = z >= MIXTURE_Z or modes >= TWO_MODES
    gap = null_gap = nan
    if not present and all(_most_frequent_share(column) < OFTEN for column in coordinates.T):
        gap = _gap(coordinates, schema, seed)
        present = gap >= GAP
        if not present:
            null_gap = max(_gap(t, schema, seed) for t in structureless(coordinates, seed))
            present = gap - null_gap >= GAP_OVER_NULL
    return Structure(z, modes, gap, null_gap, present)


def mixture_z(coordinates: FloatArray, seed: int = 0) -> float:
    """Return how much better a mixture predicts held-out customers than one Gaussian.

    Asked twice, and the less convinced answer counts: of normal scores, in which evenly spread
    columns are no mixture, and of the coordinates themselves, in which strongly correlated
    normal columns are none. In both, ties of columns that are often one value are broken at
    random, so that such a column does not make groups by itself. Five folds, each whitened by
    the others' shrunk covariance (Ledoit and Wolf 2004, J. Multivariate Analysis 88); the
    held-out log-likelihood of nine mixtures is compared with that of the best single Gaussian,
    customer by customer.

    Parameters
    ----------
    coordinates
        Shape (n, d); at most 2,000 rows are used.
    seed
        Of the sample, of ties and of the folds.

    Returns
    -------
    float
        Mean difference over its standard error, the largest of nine mixtures; -inf for a table
        too small to split.
    """
    rng = np.random.default_rng(seed)
    sample = coordinates[rng.permutation(len(coordinates))[:ROWS]]
    if len(sample) < FOLDS * 2:
        return -np.inf
    fold_of = rng.permutation(len(sample)) % FOLDS
    z = _gain_z(without_ties(sample, np.arange(sample.shape[1]), seed), fold_of, seed)
    if z < MIXTURE_Z:
        return z
    often = [_most_frequent_share(column) >= OFTEN for column in sample.T]
    return min(z, _gain_z(without_ties(sample, np.flatnonzero(often), seed), fold_of, seed))


def two_modes(matrix: FloatArray) -> float:
    """Return the largest √m · dip over columns that hardly repeat a value, at least 0.

    The dip (Hartigan and Hartigan 1985, Annals of Statistics 13) as half the excess mass of two
    intervals over one (Müller and Sawitzki 1991, J. Am. Stat. Assoc. 86), on m distinct values.
    A column of the matrix, shape (n, d), with more than 5% repeated values is left out: the gaps
    between whole numbers are no modes.
    """
    best = 0.0
    for column in matrix.T:
        distinct = np.unique(column)
        if len(distinct) >= (1 - REPEATS) * len(column) and len(distinct) > 2:
            best = max(best, float(np.sqrt(len(distinct)) * _dip(distinct)))
    return best


def structureless(coordinates: FloatArray, seed: int) -> Iterator[FloatArray]:
    """Yield three tables like this one, shape (n, d), but without groups.

    Two with the columns permuted, which keeps each column and breaks what ties them, and one
    Gaussian with the same covariance.
    """
    rng = np.random.default_rng(seed)
    for _ in range(2):
        yield rng.permuted(coordinates, axis=0)
    covariance = np.cov(coordinates.T).reshape(2 * coordinates.shape[1:])
    centre = coordinates.mean(axis=0)
    yield rng.multivariate_normal(centre, covariance, len(coordinates), method="eigh")


@dataclass(frozen=True)
class _Fold:
    """Customers to learn from and customers to predict, both whitened by the former."""

    training: FloatArray
    unseen: FloatArray
    log_det: float

    @classmethod
    def of(cls, training: FloatArray, unseen: FloatArray) -> _Fold:
        covariance = ledoit_wolf(training)[0] + 1e-6 * np.eye(training.shape[1])
        root = np.linalg.cholesky(covariance)
        one, other = (solve_triangular(root, part.T, lower=True).T for part in (training, unseen))
        return cls(one, other, float(np.log(np.diag(root)).sum()))

    def whitening(self) -> FloatArray:
        """Return the log-likelihood of the unseen under the shrunk covariance alone."""
        return np.asarray(norm.logpdf(self.unseen).sum(axis=1) - self.log_det)

    def mixture(self, kind: str, k: int, seed: int) -> FloatArray:
        """Return the log-likelihood of the unseen under a mixture of k Gaussians."""
        mixture = GaussianMixture(
            k, covariance_type=kind, reg_covar=1e-3, random_state=seed, max_iter=60
        )
        with warnings.catch_warnings():
            # A fit that was stopped early predicts worse at most: that errs on the safe side.
            warnings.simplefilter("ignore", ConvergenceWarning)
            return np.asarray(mixture.fit(self.training).score_samples(self.unseen) - self.log_det)


def _gain_z(points: FloatArray, fold_of: IntArray, seed: int) -> float:
    """Return the z of the best mixture over the best single Gaussian."""
    folds = [_Fold.of(points[fold_of != i], points[fold_of == i]) for i in range(FOLDS)]
    shrunk = np.concatenate([fold.whitening() for fold in folds])
    fitted = (
        np.concatenate([fold.mixture(kind, 1, seed) for fold in folds]) for kind in ("diag", "full")
    )
    single = max((shrunk, *fitted), key=np.mean)
    best = -np.inf
    for kind, k in MIXTURES:
        if len(points) >= ROWS_PER_COMPONENT * k:
            gain = np.concatenate([fold.mixture(kind, k, seed) for fold in folds]) - single
            best = max(best, float(gain.mean() / (gain.std() / np.sqrt(len(gain)) + 1e-12)))
    return best


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


def _gap(coordinates: FloatArray, schema: TableSchema, seed: int) -> float:
    """Return the largest min(stability, separation) of a dozen plain partitions, in [0, 1]."""
    evaluator = Evaluator(coordinates, schema, constraints=LOOSE, seed=seed)
    best = 0.0
    for clusterer, rule, parameters in PROBES:
        if len(coordinates) < ROWS_PER_SEGMENT * int(parameters.get("n_clusters", 2)):
            continue
        spec = SegmenterSpec(schema.name, Preprocessing(), clusterer, parameters, rule, seed)
        evaluation = evaluator.evaluate(spec).evaluation
        best = max(best, min(evaluation.stability, evaluation.separation))
    return best


def _most_frequent_share(column: FloatArray) -> float:
    return float(np.unique(column, return_counts=True)[1].max() / len(column))
