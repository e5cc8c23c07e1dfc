"""How much better a few Gaussians describe a table than one does, whatever its columns hold."""

from __future__ import annotations

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import ndtri
from sklearn.covariance import ledoit_wolf

from segmentation.types import FloatArray, IntArray

MAIN_AXES = 4
ROWS_PER_COMPONENT = 10
STEPS, LLOYD_STEPS, ENOUGH = 15, 5, 1e-3
RIDGE = 0.02
Kinds = tuple[tuple[str, int], ...]
# Of a table of few columns; of all columns of a wider one; of its main axes.
FEW: Kinds = (
    *(("full", k) for k in (2, 3, 5)),
    *(("tied", k) for k in (2, 3, 5, 8, 12)),
    *(("diagonal", k) for k in (4, 8)),
)
MANY: Kinds = (("full", 2), ("full", 3), ("tied", 4), ("tied", 8), ("diagonal", 4))
AXES: Kinds = (
    *(("full", k) for k in (2, 4)),
    *(("tied", k) for k in (3, 6)),
    *(("diagonal", k) for k in (4, 8)),
)


def normal_scores(values: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return each column as normal scores of its ranks, ties in random order.

    Whatever the columns hold, money with zeros, counts or codes, the result has the same normal
    distribution in each: only how columns go together is left.

    Parameters
    ----------
    values
        Shape (n, d), finite.
    rng
        Of the order of ties.
    """
    rows, columns = values.shape
    scores = ndtri((np.arange(rows) + 0.5) / rows)
    scores /= scores.std()
    noise = rng.random((rows, columns))
    result = np.empty((rows, columns))
    for j in range(columns):
        result[np.lexsort((noise[:, j], values[:, j])), j] = scores
    return result


def mixture_gains(scores: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return by how much the log-likelihood of mixtures exceeds that of one Gaussian.

    Mixtures are fitted to the scores whitened by their shrunk covariance (Ledoit and Wolf 2004,
    J. Multivariate Analysis 88), and in more than four columns also to the four main axes. The
    gains of different mixtures are not comparable, as more components always fit better; those
    of one mixture on two tables of the same size are.

    Parameters
    ----------
    scores
        Shape (n, d), of :func:`normal_scores`.
    rng
        Of the starting points.

    Returns
    -------
    FloatArray
        Mean gain per customer of each mixture that n rows are enough for; the same mixtures
        for every table of this shape.
    """
    covariance = ledoit_wolf(scores)[0] + 1e-6 * np.eye(scores.shape[1])
    root = np.linalg.cholesky(covariance)
    whitened = solve_triangular(root, scores.T, lower=True).T
    if scores.shape[1] <= MAIN_AXES:
        return np.array(_gains(whitened, FEW, rng))
    axes = scores @ np.linalg.eigh(covariance)[1][:, -MAIN_AXES:]
    return np.array([*_gains(whitened, MANY, rng), *_gains(axes / axes.std(axis=0), AXES, rng)])


def _gains(points: FloatArray, kinds: Kinds, rng: np.random.Generator) -> list[float]:
    rows = len(points)
    one = _log_likelihood(points, np.zeros(rows, dtype=np.int64), 1, "full")
    starts: dict[int, IntArray] = {}
    gains = []
    for kind, k in kinds:
        if rows >= ROWS_PER_COMPONENT * k:
            if k not in starts:
                starts[k] = _start(points, k, rng)
            gains.append(_log_likelihood(points, starts[k], k, kind) - one)
    return gains


def _start(points: FloatArray, k: int, rng: np.random.Generator) -> IntArray:
    """Return labels by k-means++ (Arthur and Vassilvitskii 2007) and a few steps of Lloyd's."""
    centres = points[[int(rng.integers(len(points)))]]
    nearest = _lengths(points - centres)
    while len(centres) < k:
        reach = np.cumsum(nearest)
        draws = np.searchsorted(reach, rng.random(3) * reach[-1]).clip(0, len(points) - 1)
        left = [np.minimum(nearest, _lengths(points - points[i])) for i in draws]
        best = int(np.argmin([distances.sum() for distances in left]))
        centres, nearest = np.vstack([centres, points[draws[best]]]), left[best]
    for _ in range(LLOYD_STEPS):
        labels = (_lengths(centres)[:, None] - 2 * centres @ points.T).argmin(axis=0)
        member = (labels == np.arange(k)[:, None]).astype(np.float64)
        sizes = member.sum(axis=1, keepdims=True)
        centres = np.where(sizes > 0, (member @ points) / np.maximum(sizes, 1), centres)
    return np.asarray(labels, dtype=np.int64)


def _log_likelihood(points: FloatArray, labels: IntArray, k: int, kind: str) -> float:
    """Return the mean log-likelihood of a mixture after a few steps of EM from labels."""
    rows = len(points)
    member = (labels == np.arange(k)[:, None]).astype(np.float64)
    reached = -np.inf
    for _ in range(STEPS):
        sizes = member.sum(axis=1) + 1e-9
        means = (member @ points) / sizes[:, None]
        spread = _spread(points, member, sizes, means, kind)
        joint = _densities(points, means, spread, kind) + np.log(sizes / rows)[:, None]
        top = joint.max(axis=0)
        member = np.exp(joint - top)
        total = member.sum(axis=0)
        before, reached = reached, float((top + np.log(total)).mean())
        if k == 1 or reached - before < ENOUGH:
            break
        member /= total
    return reached


def _spread(
    points: FloatArray, member: FloatArray, sizes: FloatArray, means: FloatArray, kind: str
) -> FloatArray:
    """Return variances, shape (k, d), or covariances, shape (k, d, d); one for all if tied."""
    if kind == "diagonal":
        second = (member @ points**2) / sizes[:, None]
        return np.asarray(np.maximum(second - means**2, 0.0) + RIDGE)
    ridge = RIDGE * np.eye(points.shape[1])
    if kind == "tied":
        within = points.T @ points / len(points) - (means.T * (sizes / sizes.sum())) @ means
        return np.asarray((within + ridge)[None])
    return np.stack(
        [
            (points.T * weight) @ points / size - np.outer(mean, mean) + ridge
            for weight, size, mean in zip(member, sizes, means, strict=True)
        ]
    )


def _densities(points: FloatArray, means: FloatArray, spread: FloatArray, kind: str) -> FloatArray:
    """Return the log-density of each point in each component, shape (k, n)."""
    constant = points.shape[1] * np.log(2 * np.pi)
    if kind == "diagonal":
        precision = 1 / spread
        distance = precision @ (points**2).T - 2 * (means * precision) @ points.T
        distance += ((means**2 * precision).sum(axis=1) + np.log(spread).sum(axis=1))[:, None]
        return np.asarray(-0.5 * (distance + constant))
    roots = np.linalg.cholesky(spread)
    whitening = np.linalg.inv(roots).transpose(0, 2, 1)
    log_det = 2 * np.log(np.diagonal(roots, axis1=1, axis2=2)).sum(axis=1)[:, None]
    if kind == "tied":
        white, centres = points @ whitening[0], means @ whitening[0]
        distance = _lengths(white) - 2 * centres @ white.T + _lengths(centres)[:, None]
    else:
        pairs = zip(means, whitening, strict=True)
        distance = np.stack([_lengths((points - mean) @ white) for mean, white in pairs])
    return np.asarray(-0.5 * (distance + log_det + constant))


def _lengths(points: FloatArray) -> FloatArray:
    """Return squared lengths, shape (n,)."""
    return np.asarray(np.einsum("ij,ij->i", points, points))
