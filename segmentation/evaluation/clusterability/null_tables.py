"""Tables without groups, with the same values in every column and the same correlations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.linalg import solve_triangular

from segmentation.evaluation.clusterability.mixtures import normal_scores
from segmentation.types import FloatArray

TIED = 0.9
ROUNDS, SIMULATED = 4, 4_000
LARGEST_CORRELATION = 0.999
# Degrees of freedom of the cloud, from a Gaussian to tails as heavy as are tried.
FREEDOM = (np.inf, 40.0, 20.0, 12.0, 8.0, 6.0, 5.0, 4.0, 3.0)


@dataclass(frozen=True)
class Columns:
    """A table of finite numbers, n rows by d columns, some of which are names and not amounts."""

    values: FloatArray
    nominal: tuple[int, ...]  # positions; their values are codes

    @property
    def amounts(self) -> list[int]:
        """Positions of the other columns."""
        return [j for j in range(self.values.shape[1]) if j not in self.nominal]

    def in_order(self, rng: np.random.Generator) -> Columns:
        """Return the table with codes in the order in which they lie along its main axis.

        Names have no order of their own; in this one, levels that go with the same values of
        other columns are neighbours (as in correspondence analysis).
        """
        codes = {j: np.unique(self.values[:, j], return_inverse=True)[1] for j in self.nominal}
        several = [j for j in self.nominal if codes[j].max() > 1]
        if not several:
            return self
        parts = [normal_scores(self.values[:, self.amounts], rng)]
        for j in self.nominal:
            member = np.eye(codes[j].max() + 1)[codes[j]]
            share = member.mean(axis=0)
            parts.append(((member - share) / np.sqrt(share))[:, -1 if j not in several else 0 :])
        everything = np.hstack(parts)
        axis = everything @ np.linalg.eigh(everything.T @ everything)[1][:, -1]
        values = self.values.copy()
        for j in several:
            place = np.bincount(codes[j], axis) / np.bincount(codes[j])
            values[:, j] = np.argsort(np.argsort(place))[codes[j]]
        return Columns(values, self.nominal)


@dataclass(frozen=True)
class Cloud:
    """One cloud of customers, from which tables without groups are drawn."""

    ordered: FloatArray  # shape (n, d), the values of each column in ascending order
    nominal: tuple[int, ...]
    root: FloatArray  # of the correlations, shape (d, d), lower triangular
    freedom: float  # of the multivariate t distribution; infinite for a Gaussian

    @classmethod
    def of(cls, columns: Columns, rng: np.random.Generator) -> Self:
        """Return the cloud with the correlations and tails of a table whose codes are in order.

        A Gaussian copula (Nelsen 2006), or that of a multivariate t distribution where more
        customers lie far out in several columns at once than a Gaussian has. Its correlations
        are those for which drawn tables, ties in random order like the real ones, agree with the
        table. Nominal columns go together only as far as amounts explain: names that come in
        certain combinations are groups.
        """
        values = columns.values
        scores = [normal_scores(values, rng) for _ in range(3)]
        target = np.mean([_correlations(part) for part in scores], axis=0)
        ordered = np.sort(values, axis=0)
        rows = max(len(values), SIMULATED)
        spread = ordered[np.linspace(0, len(values) - 1, rows).astype(np.int64)]
        correlations = _possible(target)
        if any(len(np.unique(column)) < TIED * len(values) for column in values.T):
            points = rng.standard_normal(spread.shape)
            for _ in range(ROUNDS):
                table = _arranged(spread, points @ np.linalg.cholesky(correlations).T)
                difference = target - _correlations(normal_scores(table, rng))
                correlations = _possible(correlations + difference)
        correlations = _explained(correlations, columns)
        root = np.asarray(np.linalg.cholesky(correlations), dtype=np.float64)
        cloud = cls(spread, columns.nominal, root, np.inf)
        amounts = columns.amounts
        kurtosis = np.mean([_far_out(part[:, amounts]) for part in scores]) if amounts else 0.0
        freedom = cloud._freedom(float(kurtosis), amounts, rng) if len(amounts) > 1 else np.inf
        return cls(ordered, columns.nominal, root, freedom)

    def draw(self, rng: np.random.Generator) -> Columns:
        """Return a table without groups: every column's own values, dealt out anew."""
        points = rng.standard_normal(self.ordered.shape) @ self.root.T
        if np.isfinite(self.freedom):
            radius = np.sqrt(rng.chisquare(self.freedom, len(points)) / self.freedom)
            points[:, Columns(points, self.nominal).amounts] /= radius[:, None]
        return Columns(_arranged(self.ordered, points), self.nominal)

    def _freedom(self, kurtosis: float, amounts: list[int], rng: np.random.Generator) -> float:
        """Return the degrees of freedom that put as many customers far out as the table has."""
        misses = []
        for freedom in FREEDOM:
            table = Cloud(self.ordered, self.nominal, self.root, freedom).draw(rng).values
            misses.append(_far_out(normal_scores(table[:, amounts], rng)) - kurtosis)
            if misses[-1] >= 0:
                break
        return FREEDOM[int(np.abs(misses).argmin())]


def _arranged(ordered: FloatArray, points: FloatArray) -> FloatArray:
    """Return the values of each column in the order of the points."""
    ranks = np.argsort(np.argsort(points, axis=0), axis=0)
    return np.take_along_axis(ordered, ranks, axis=0)


def _correlations(scores: FloatArray) -> FloatArray:
    # Scores have mean 0 and variance 1.
    return np.asarray(scores.T @ scores / len(scores))


def _possible(correlations: FloatArray) -> FloatArray:
    """Return the nearest matrix that can be one of correlations."""
    clipped = np.clip(correlations, -LARGEST_CORRELATION, LARGEST_CORRELATION)
    np.fill_diagonal(clipped, 1.0)
    values, vectors = np.linalg.eigh(clipped)
    positive = (vectors * np.maximum(values, 1e-6)) @ vectors.T
    scale = np.sqrt(np.diag(positive))
    return np.asarray(positive / np.outer(scale, scale))


def _explained(correlations: FloatArray, columns: Columns) -> FloatArray:
    """Return correlations in which nominal columns go together only through amounts."""
    nominal, amounts = list(columns.nominal), columns.amounts
    if len(nominal) < 2:
        return correlations
    between = np.zeros((len(nominal), len(nominal)))
    if amounts:
        across = correlations[np.ix_(amounts, nominal)]
        between = across.T @ np.linalg.solve(correlations[np.ix_(amounts, amounts)], across)
    np.fill_diagonal(between, 1.0)
    result = correlations.copy()
    result[np.ix_(nominal, nominal)] = between
    return _possible(result)


def _far_out(scores: FloatArray) -> float:
    """Return the kurtosis of Mardia (1970, Biometrika 57) over that of a Gaussian."""
    width = scores.shape[1]
    root = np.linalg.cholesky(_possible(_correlations(scores)))
    distance = (solve_triangular(root, scores.T, lower=True) ** 2).sum(axis=0)
    return float((distance**2).mean() / (width * (width + 2)))
