"""Turn a rule's raw confidence into how often such customers keep their segment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.isotonic import IsotonicRegression

from segmentation.clustering.assignment_rules import Arrays
from segmentation.clustering.microaggregation import evenly_spaced
from segmentation.clustering.segmenter import Customers, Segmenter
from segmentation.preprocessing.cache import canonical_order
from segmentation.preprocessing.columns import customer_matrix
from segmentation.types import FloatArray, IntArray

SPLITS = 4
MOST_ROWS = 20_000
GROUPS = 50


@dataclass(frozen=True)
class Calibration:
    """A rising step-free curve from raw confidence to the share that keeps its segment.

    Parameters
    ----------
    raw, kept
        Shape (m,), both rising, in [0, 1]: the curve's corners; flat beyond both ends.
    """

    raw: FloatArray
    kept: FloatArray

    @classmethod
    def learn(cls, segmenter: Segmenter, customers: Customers, seed: int) -> Self:
        """Refit on random halves and see which of the other customers keep their segment.

        Parameters
        ----------
        segmenter
            Fitted.
        customers
            Its training customers, or more of their kind; at most 20,000 are used.
        seed
            Seeds the splits.
        """
        matrix = customer_matrix(customers, segmenter.schema_.column_names)
        ordered = matrix[canonical_order(matrix, seed)]
        sample = ordered[evenly_spaced(len(ordered), _affordable(segmenter))]
        results = [kept_segment(segmenter, sample, seed + i) for i in range(SPLITS)]
        raw = np.concatenate([raw for raw, _ in results])
        kept = np.concatenate([kept for _, kept in results]).astype(np.float64)
        return cls(*_rising(raw, kept))

    def apply(self, raw: FloatArray) -> FloatArray:
        """Return calibrated confidence in [0, 1] for raw confidence, shape (n,)."""
        return np.interp(raw, self.raw, self.kept)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the curve."""
        return {"raw": self.raw, "kept": self.kept}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Rebuild from :meth:`to_arrays`."""
        return cls(arrays["raw"], arrays["kept"])


def kept_segment(
    segmenter: Segmenter, customers: Customers, seed: int
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Refit on both halves of a random split; compare each refit on the half it did not see.

    Returns
    -------
    raw, kept
        Shape (n,): raw confidence of `segmenter`, and whether the refit that did not see the
        customer assigns the same segment.
    """
    matrix = customer_matrix(customers, segmenter.schema_.column_names)
    first, second = np.array_split(np.random.default_rng(seed).permutation(len(matrix)), 2)
    raw, kept = np.empty(len(matrix)), np.empty(len(matrix), dtype=bool)
    for seen, unseen in ((first, second), (second, first)):
        refit = Segmenter(segmenter.spec_, segmenter.schema_).fit(matrix[seen])
        ours, theirs = segmenter.assign(matrix[unseen]), refit.assign(matrix[unseen])
        raw[unseen] = ours.confidence
        kept[unseen] = matched(ours.segment, theirs.segment) == ours.segment
    return raw, kept


def matched(reference: IntArray, other: IntArray) -> IntArray:
    """Return `other` in the numbers of `reference` that agree with it best.

    One-to-one, by the Hungarian method on the table of co-occurrences; -1 for a segment left
    without a partner.

    Parameters
    ----------
    reference, other
        Shape (n,), segments from 0, of the same customers.
    """
    table = np.zeros((int(reference.max()) + 1, int(other.max()) + 1))
    np.add.at(table, (reference, other), 1.0)
    ours, theirs = linear_sum_assignment(table, maximize=True)
    name = np.full(table.shape[1], -1, dtype=np.int64)
    name[theirs] = ours
    return name[other]


def calibration_error(confidence: FloatArray, kept: NDArray[np.bool_], bins: int = 10) -> float:
    """Return the expected calibration error (Naeini et al. 2015, AAAI), in [0, 1].

    Parameters
    ----------
    confidence, kept
        Shape (n,): stated confidence and what happened.
    bins
        Groups of equal size, by confidence.
    """
    order = np.argsort(confidence, kind="stable")
    groups = [group for group in np.array_split(order, bins) if len(group)]
    gaps = [len(group) * abs(confidence[group].mean() - kept[group].mean()) for group in groups]
    return float(sum(gaps) / len(confidence))


def _affordable(segmenter: Segmenter) -> int:
    """Return how many customers may be halved without exceeding the clusterer's limit."""
    limit = segmenter.clusterer.max_rows
    return MOST_ROWS if limit is None else min(MOST_ROWS, 2 * limit)


def _rising(raw: FloatArray, kept: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the corners of an isotonic regression on means of groups of like confidence.

    Groups keep a single lucky customer from claiming that confidence 1 is always right.
    """
    groups = np.array_split(np.argsort(raw, kind="stable"), min(GROUPS, len(raw)))
    isotonic = IsotonicRegression(y_min=0.0, y_max=1.0)
    isotonic.fit(
        [raw[group].mean() for group in groups],
        [kept[group].mean() for group in groups],
        sample_weight=[float(len(group)) for group in groups],
    )
    return np.asarray(isotonic.X_thresholds_), np.asarray(isotonic.y_thresholds_)
