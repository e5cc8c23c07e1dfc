"""The probability of every segment, from how far a customer is from its borders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from segmentation.clustering.assignment_rules import Rule
from segmentation.clustering.microaggregation import evenly_spaced
from segmentation.clustering.segmenter import Customers, Segmenter
from segmentation.model.month import after_a_month
from segmentation.model.segment_matching import best_partner, contingency
from segmentation.model.serialization import Arrays
from segmentation.preprocessing.cache import apply_pipeline, canonical_order
from segmentation.preprocessing.columns import customer_matrix
from segmentation.preprocessing.rowwise import row_sums
from segmentation.types import Assignment, FloatArray, IntArray, second_choice

N_REFITS = 8
MAX_ROWS = 3_000
# Of expectation maximisation: more of them let two halves of one cloud run into each other.
STEPS = 3
# A spread below this share of the distance between two segments counts as this share.
LEAST_SPREAD = 0.05
# Segments with fewer customers are softened as the table as a whole.
LEAST_CUSTOMERS = 50
SOFTNESS_BOUNDS = ((1e-3, 1.0), (1e-4, 0.5))
STARTS = ((0.9, 0.01), (0.1, 0.05))
BANDS = 10


@dataclass(frozen=True)
class Softness:
    """How unsure refits and a month's changes leave the customers of each segment; shape (k,).

    Attributes
    ----------
    slope
        In (0, 1]: what log odds are multiplied by.
    lapse
        In [0, 0.5]: share of customers who may be anywhere, however far from a border.
    """

    slope: FloatArray
    lapse: FloatArray

    def apply(self, odds: FloatArray, segment: IntArray) -> FloatArray:
        """Return memberships for the log odds of the assigned segment against each, (n, k)."""
        weight = np.exp(-self.slope[segment][:, None] * odds)
        weight /= row_sums(weight)[:, None]
        lapse = self.lapse[segment][:, None]
        return np.asarray((1.0 - lapse) * weight + lapse / odds.shape[1])


@dataclass(frozen=True)
class Calibration:
    """Turns the margins of an assignment into memberships: a probability for every segment.

    The log odds of the assigned segment against another are its margin times a slope, which is
    that of two normal groups with a common spread across their border (linear discriminant
    analysis in one direction). On the border both are equally probable, and the assigned segment
    is never less probable than another. They are then softened, segment by segment, until they
    predict which customers keep their segment when the model is refitted on a bootstrap and a
    month has changed the customer: so membership is no surer than the overlap of the segments, and
    no surer than refits and a month's changes.

    Parameters
    ----------
    slopes
        Shape (k, k), symmetric: log odds for a unit of margin.
    softness
        Fitted by log loss (temperature and lapse; Guo et al. 2017, ICML; Wichmann and Hill 2001).
    reliability
        Shape (m, 3), for bands of customers from least to most sure: mean stated confidence, share
        that preserved the segment in refits that the softness was not fitted on, number of answers.
    """

    # Both answers take the features because a calibration of an earlier format needs them.
    slopes: FloatArray
    softness: Softness
    reliability: FloatArray

    @classmethod
    def learn(cls, segmenter: Segmenter, customers: Customers, seed: int) -> Self:
        """Refit on bootstraps, and see which customers keep their segment after a month.

        Parameters
        ----------
        segmenter
            Fitted.
        customers
            Its training customers, or more of their kind; at most 3,000 are used.
        seed
            Seeds bootstraps and changes.
        """
        matrix = customer_matrix(customers, segmenter.schema_.column_names)
        ordered = matrix[canonical_order(matrix, seed)]
        sample = ordered[evenly_spaced(len(ordered), _max_rows(segmenter))]
        assignment = segmenter.assign_features(apply_pipeline(segmenter.pipeline_, sample))
        slopes = slopes_of(segmenter.rule_, assignment)
        odds = slopes[assignment.segment] * assignment.margins
        keeps = np.stack(
            [keeps_segment(segmenter, sample, [seed, number]) for number in range(N_REFITS)]
        )
        softness = _softness(odds, assignment.segment, keeps)
        return cls(slopes, softness, _reliability(odds, assignment.segment, keeps))

    def memberships(self, assignment: Assignment, features: FloatArray) -> FloatArray:  # noqa: ARG002
        """Return the probability of every segment, shape (n, k); rows sum to 1."""
        odds = self.slopes[assignment.segment] * assignment.margins
        return self.softness.apply(odds, assignment.segment)

    def runner_up(self, assignment: Assignment, features: FloatArray) -> IntArray:  # noqa: ARG002
        """Return the most probable other segment, shape (n,), also where that is nearly 0."""
        odds = self.slopes[assignment.segment] * assignment.margins
        return second_choice(-odds, assignment.segment)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything as arrays."""
        return {
            "slopes": self.slopes,
            "softness": self.softness.slope,
            "lapse": self.softness.lapse,
            "reliability": self.reliability,
        }

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Rebuild from :meth:`to_arrays`."""
        softness = Softness(arrays["softness"], arrays["lapse"])
        return cls(arrays["slopes"], softness, arrays["reliability"])


def keeps_segment(
    segmenter: Segmenter,
    customers: Customers,
    seed: int | list[int],
    *,
    changed: bool = True,
) -> NDArray[np.bool_]:
    """Refit on a bootstrap of the customers; return who keeps the segment, shape (n,).

    Segments of the refit are matched with those of `segmenter` one to one, by as many customers
    as possible. With `changed` the refit assigns the customers as they may be a month later.
    """
    matrix = customer_matrix(customers, segmenter.schema_.column_names)
    random = np.random.default_rng(seed)
    drawn = matrix[random.integers(0, len(matrix), len(matrix))]
    refit = Segmenter(segmenter.spec_, segmenter.schema_).fit(drawn)
    ours, theirs = (one.assign(matrix).segment for one in (segmenter, refit))
    partner = best_partner(contingency(ours, theirs, (segmenter.n_segments_, refit.n_segments_)))
    if changed:
        theirs = refit.assign(after_a_month(matrix, segmenter.schema_, random)).segment
    return np.asarray(partner[theirs] == ours)


def slopes_of(rule: Rule, assignment: Assignment) -> FloatArray:
    """Return log odds for a unit of margin for every pair of clusters, shape (k, k), symmetric.

    Of two normal groups with a common spread: the distance of their means over the variance, in
    the direction of the margin, estimated with a few steps of expectation maximisation from the
    assigned customers, whose own spread is too small where groups overlap.
    """
    k = rule.n_segments
    slopes = np.ones((k, k))
    if rule.log_odds:
        return slopes
    for one in range(k):
        for other in range(one):
            ours = assignment.margins[assignment.segment == one, other]
            theirs = assignment.margins[assignment.segment == other, one]
            slopes[one, other] = slopes[other, one] = _slope(ours, theirs)
    return np.where(np.isfinite(slopes), slopes, np.nanmean(slopes))


def _slope(ours: FloatArray, theirs: FloatArray) -> float:
    """Return the slope of one pair from the margins of both; NaN where one has no customer."""
    if not (len(ours) and len(theirs)):
        return float("nan")
    place = np.concatenate([ours, -theirs])
    share = np.repeat([1.0, 0.0], [len(ours), len(theirs)])
    slope = 0.0
    for _ in range(STEPS + 1):
        weight = np.stack([share, 1.0 - share])
        totals = weight.sum(axis=1)
        if not totals.all():
            break
        mean = weight @ place / totals
        gap = mean[0] - mean[1]
        if gap <= 0.0:
            return float("nan")
        squares = (weight * (place - mean[:, None]) ** 2).sum() / len(place)
        slope = gap / max(squares, (LEAST_SPREAD * gap) ** 2)
        odds = slope * (place - mean.mean()) + np.log(totals[0] / totals[1])
        share = 1.0 / (1.0 + np.exp(-np.clip(odds, -500.0, 500.0)))
    return float(slope)


def _softness(odds: FloatArray, segment: IntArray, keeps: NDArray[np.bool_]) -> Softness:
    """Fit slope and lapse of every segment to the share of refits that keep a customer there.

    The share is lowered by its standard error: a few refits may miss the one in which a whole
    segment is lost.
    """
    k = odds.shape[1]
    preserved = np.clip(keeps.mean(axis=0) - _errors(segment, keeps, k)[segment], 0.0, 1.0)
    whole = _fitted(odds, segment, preserved)
    slope, lapse = np.full(k, whole[0]), np.full(k, whole[1])
    for i in range(k):
        own = segment == i
        if own.sum() >= LEAST_CUSTOMERS:
            slope[i], lapse[i] = _fitted(odds[own], segment[own], preserved[own])
    return Softness(slope, lapse)


def _errors(segment: IntArray, keeps: NDArray[np.bool_], k: int) -> FloatArray:
    """Return the standard error, between refits, of the share of each segment that stays, (k,)."""
    size = np.maximum(np.bincount(segment, minlength=k), 1)
    shares = np.stack([np.bincount(segment, weights=one, minlength=k) / size for one in keeps])
    return np.asarray(shares.std(axis=0, ddof=1) / np.sqrt(len(keeps)))


def _fitted(odds: FloatArray, segment: IntArray, preserved: FloatArray) -> tuple[float, float]:
    rows = np.arange(len(odds))
    k = odds.shape[1]
    if k == 1:
        return 1.0, 0.0

    def loss(values: FloatArray) -> float:
        stated = Softness(np.full(k, values[0]), np.full(k, values[1])).apply(odds, segment)
        confidence = np.clip(stated[rows, segment], 1e-9, 1.0 - 1e-9)
        return float(
            -(preserved * np.log(confidence) + (1 - preserved) * np.log1p(-confidence)).mean()
        )

    results = [minimize(loss, start, method="L-BFGS-B", bounds=SOFTNESS_BOUNDS) for start in STARTS]
    slope, lapse = min(results, key=lambda result: float(result.fun)).x
    return float(slope), float(lapse)


def _reliability(odds: FloatArray, segment: IntArray, keeps: NDArray[np.bool_]) -> FloatArray:
    """Fit on half of the refits and look at the others, and the other way round."""
    stated, preserved = [], []
    halves = keeps[::2], keeps[1::2]
    for fitted, seen in (halves, halves[::-1]):
        memberships = _softness(odds, segment, fitted).apply(odds, segment)
        stated.append(memberships[np.arange(len(segment)), segment])
        preserved.append(seen.mean(axis=0))
    return bands(np.concatenate(stated), np.concatenate(preserved))


def bands(confidence: FloatArray, preserved: FloatArray) -> FloatArray:
    """Return mean confidence, mean of `preserved` and size of ten equal groups, least sure first.

    Both have shape (n,).
    """
    groups = np.array_split(np.argsort(confidence, kind="stable"), min(BANDS, len(confidence)))
    return np.array([(confidence[g].mean(), preserved[g].mean(), len(g)) for g in groups])


def _max_rows(segmenter: Segmenter) -> int:
    """Return how many customers may be drawn without exceeding the clusterer's limit."""
    limit = segmenter.clusterer.max_rows
    return MAX_ROWS if limit is None else min(MAX_ROWS, limit)
