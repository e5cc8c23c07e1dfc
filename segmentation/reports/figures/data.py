"""The numbers behind the pictures of one segmentation, computed apart from drawing."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import hypot

import numpy as np
from sklearn.metrics import silhouette_samples

from segmentation.evaluation.evaluator import EvaluatedSegmenter, Evaluator
from segmentation.interpretation.profiles import SegmentProfile, profile_segments
from segmentation.types import FloatArray, IntArray

SAMPLE = 2000
CLEARANCE = 0.06
MOST_COLUMNS = 20


@dataclass(frozen=True)
class FigureData:
    """What all pictures of one segmentation are drawn from.

    Parameters
    ----------
    coordinates
        Shape (n, d), the customers in the reference space.
    segment
        Shape (n,), integers in [0, k).
    columns
        Names of the d columns.
    labels
        What a person reads for them.
    profiles
        k profiles, cluster 0 first.
    seed
        Chooses the customers that are drawn where there are more than 2,000.
    """

    coordinates: FloatArray
    segment: IntArray
    columns: tuple[str, ...]
    labels: tuple[str, ...]
    profiles: tuple[SegmentProfile, ...]
    seed: int = 0

    @classmethod
    def of(cls, evaluator: Evaluator, evaluated: EvaluatedSegmenter) -> FigureData:
        """Collect the numbers of a judged candidate; this computes its profiles."""
        return cls(
            coordinates=evaluator.table.coordinates,
            segment=evaluated.segment,
            columns=evaluator.schema.column_names,
            labels=tuple(column.label for column in evaluator.schema.columns),
            profiles=profile_segments(
                evaluator.matrix, evaluated.segment, evaluator.schema, rules=False
            ),
            seed=evaluator.seed,
        )

    def sample(self) -> IntArray:
        """Return positions of the at most 2,000 customers that are drawn."""
        order = np.random.default_rng(self.seed).permutation(len(self.segment))
        return order[:SAMPLE]


@dataclass(frozen=True)
class SilhouetteProfile:
    """Silhouette widths of the drawn customers.

    Parameters
    ----------
    widths
        One array a segment, each in [-1, 1] and falling; empty where nobody was drawn.
    mean
        Mean width; NaN where undefined.
    misplaced
        Share of customers closer to another segment, in [0, 1].
    """

    widths: tuple[FloatArray, ...]
    mean: float
    misplaced: float


def silhouette_profile(data: FigureData) -> SilhouetteProfile:
    """Compute silhouette widths in the reference space (Rousseeuw 1987)."""
    rows = data.sample()
    labels = data.segment[rows]
    if not 1 < len(np.unique(labels)) < len(labels):
        return SilhouetteProfile(tuple(np.empty(0) for _ in data.profiles), np.nan, 0.0)
    widths = silhouette_samples(data.coordinates[rows], labels)
    by_segment = tuple(-np.sort(-widths[labels == k]) for k in range(len(data.profiles)))
    return SilhouetteProfile(by_segment, float(widths.mean()), float(np.mean(widths < 0)))


@dataclass(frozen=True)
class SegmentMap:
    """Customers on the two axes along which they differ most.

    Parameters
    ----------
    points
        Shape (m, 2), the drawn customers.
    segment
        Shape (m,).
    centres
        Shape (k, 2), median of each segment's points; NaN where nobody was drawn.
    explained
        Share of variance that each axis shows, in [0, 1].
    axes
        For each axis the positions of the two columns that weigh most.
    """

    points: FloatArray
    segment: IntArray
    centres: FloatArray
    explained: tuple[float, float]
    axes: tuple[tuple[int, ...], tuple[int, ...]]


def segment_map(data: FigureData) -> SegmentMap:
    """Project the reference space on its first two principal components.

    Each axis points to where its strongest column is high.
    """
    rows = data.sample()
    centred = data.coordinates[rows] - data.coordinates[rows].mean(axis=0)
    _, sizes, directions = np.linalg.svd(centred, full_matrices=False)
    # A table of one column or one row has no second axis: it is drawn on a line.
    axes = np.zeros((2, centred.shape[1]))
    axes[: len(directions[:2])] = directions[:2]
    strongest = np.argsort(-np.abs(axes), axis=1, kind="stable")[:, :2]
    axes *= np.where(np.take_along_axis(axes, strongest[:, :1], axis=1) < 0, -1.0, 1.0)
    points, labels = centred @ axes.T, data.segment[rows]
    total = max(float(np.sum(sizes**2)), np.finfo(float).tiny)
    shares = np.append(sizes**2 / total, 0.0)
    centres = np.full((len(data.profiles), 2), np.nan)
    for k in np.unique(labels):
        centres[k] = np.median(points[labels == k], axis=0)
    first, second = (tuple(int(j) for j in row) for row in strongest)
    return SegmentMap(
        points, labels, centres, (float(shares[0]), float(shares[1])), (first, second)
    )


def spread_apart(centres: FloatArray, points: FloatArray) -> FloatArray:
    """Move marks that would cover each other apart, each pair along its own line.

    Parameters
    ----------
    centres
        Shape (k, 2), NaN where there is nothing to mark.
    points
        Shape (m, 2), all that is drawn; two marks end at least 6 % of its extent apart.

    Returns
    -------
    FloatArray
        Shape (k, 2).
    """
    extent = np.maximum(np.ptp(points, axis=0), np.finfo(float).tiny)
    places = centres / extent
    marked = np.flatnonzero(~np.isnan(places[:, 0]))
    moved = True
    for _ in range(50):
        if not moved:
            break
        moved = False
        for i, j in combinations(marked, 2):
            gap = places[j] - places[i]
            distance = hypot(*gap)
            if distance < CLEARANCE:
                moved = True
                line = gap / distance if distance else np.array([1.0, 0.0])
                push = line * (CLEARANCE - distance) / 2
                places[i] -= push
                places[j] += push
    return np.asarray(places * extent)


@dataclass(frozen=True)
class EffectTable:
    """How segments differ, column by column.

    Parameters
    ----------
    labels
        The columns shown, in the table's order.
    effects
        Shape (number of labels, k), in [-1, 1].
    strongest
        Label of the column with the largest mean size of effect over customers.
    left_out
        Number of weaker columns that are not shown.
    """

    labels: tuple[str, ...]
    effects: FloatArray
    strongest: str
    left_out: int


def effect_table(data: FigureData) -> EffectTable:
    """Collect the effects of the at most 20 columns that set segments most apart."""
    by_name = [{c.column: c.effect for c in profile.columns} for profile in data.profiles]
    effects = np.array([[own[name] for own in by_name] for name in data.columns])
    strength = np.abs(effects).max(axis=1)
    typical = np.abs(effects) @ np.array([profile.share for profile in data.profiles])
    shown = np.sort(np.argsort(-strength, kind="stable")[:MOST_COLUMNS])
    return EffectTable(
        labels=tuple(data.labels[j] for j in shown),
        effects=effects[shown],
        strongest=data.labels[int(np.argmax(typical))],
        left_out=len(data.columns) - len(shown),
    )
