"""How well segments explain the customers as Gaussian groups, against no groups at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from scipy.special import ndtri

from segmentation.types import FloatArray, IntArray

RIDGE = 1e-3


def likelihood_gain(labels: IntArray, coordinates: FloatArray) -> float:
    """Return what a partition gains in classification likelihood over a single Gaussian.

    The gain uses the integrated completed likelihood in its BIC form (Biernacki, Celeux and
    Govaert 2000, IEEE PAMI 22), for hard labels: log-likelihood of every customer in the own
    segment's Gaussian and share, less half the parameters times ln n. Full, common and diagonal
    covariances are tried and the best counts, as in Banfield and Raftery (1993, Biometrics 49).

    Parameters
    ----------
    labels
        Shape (n,), integers in [0, k).
    coordinates
        Shape (n, d).

    Returns
    -------
    float
        Per customer; 0 for one segment, below 0 where the segments explain less than they cost.
    """
    _, gapless = np.unique(labels, return_inverse=True)
    one = np.zeros_like(gapless)
    return _completed(gapless, coordinates) - _completed(one, coordinates)


def without_ties(coordinates: FloatArray, columns: IntArray, seed: int) -> FloatArray:
    """Return coordinates in which columns that are often one value have no ties.

    A segment of customers who all never drew cash has no spread there, and a Gaussian without
    spread explains it without end: the likelihood would see nothing but zeros. Such columns
    become normal scores with ties broken at random.

    Parameters
    ----------
    coordinates
        Shape (n, d).
    columns
        Positions of such columns.
    seed
        Of the ties.
    """
    rng = np.random.default_rng(seed)
    smooth = coordinates.copy()
    for column in columns:
        ranks = np.empty(len(coordinates))
        ranks[np.lexsort((rng.random(len(coordinates)), coordinates[:, column]))] = np.arange(
            len(coordinates)
        )
        smooth[:, column] = ndtri((ranks + 0.5) / len(coordinates))
    return smooth


def _completed(labels: IntArray, coordinates: FloatArray) -> float:
    """Return the best over the kinds of covariance, per customer."""
    n, d = coordinates.shape
    sizes = np.bincount(labels)
    k = len(sizes)
    means = np.stack([coordinates[labels == i].mean(axis=0) for i in range(k)])
    offset = coordinates - means[labels]
    shares = float(sizes @ np.log(sizes / n)) - 0.5 * n * d * np.log(2 * np.pi)
    best = -np.inf
    for fit in COVARIANCES.values():
        likelihood, parameters = fit(offset, labels, k)
        penalty = 0.5 * (parameters + k * d + k - 1) * np.log(n)
        best = max(best, (likelihood + shares - penalty) / n)
    return float(best)


def _full(offset: FloatArray, labels: IntArray, k: int) -> tuple[float, float]:
    d = offset.shape[1]
    total = sum(_normal(offset[labels == i]) for i in range(k))
    return total, k * d * (d + 1) / 2


def _common(offset: FloatArray, labels: IntArray, k: int) -> tuple[float, float]:  # noqa: ARG001
    d = offset.shape[1]
    return _normal(offset), d * (d + 1) / 2


def _diagonal(offset: FloatArray, labels: IntArray, k: int) -> tuple[float, float]:
    total = 0.0
    for i in range(k):
        own = offset[labels == i]
        variance = np.mean(own**2, axis=0)
        spread = variance + RIDGE
        total -= 0.5 * len(own) * float(np.sum(np.log(spread) + variance / spread))
    return total, k * offset.shape[1]


def _normal(offset: FloatArray) -> float:
    """Return the log-likelihood of offsets under their own covariance, without the constant."""
    covariance = offset.T @ offset / len(offset)
    ridged = covariance + RIDGE * np.eye(len(covariance))
    log_det = np.linalg.slogdet(ridged)[1]
    return float(-0.5 * len(offset) * (log_det + np.trace(np.linalg.solve(ridged, covariance))))


Fit = Callable[[FloatArray, IntArray, int], tuple[float, float]]
COVARIANCES: Mapping[str, Fit] = MappingProxyType(
    {"full": _full, "common": _common, "diagonal": _diagonal}
)
