"""Turn a rule's raw confidence into how often such customers keep their segment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from segmentation.clustering.microaggregation import evenly_spaced
from segmentation.clustering.segmenter import Customers, Segmenter
from segmentation.model.segment_matching import align
from segmentation.model.serialization import Arrays
from segmentation.preprocessing.cache import canonical_order
from segmentation.preprocessing.columns import customer_matrix
from segmentation.types import FloatArray

N_SPLITS = 4
MAX_ROWS = 20_000
MAX_GROUPS = 50


@dataclass(frozen=True)
class Calibration:
    """A rising curve from raw confidence to the share of customers that keep their segment."""

    # The curve's corners, shape (m,), both rising and in [0, 1]; it is flat beyond both ends.
    raw: FloatArray
    calibrated: FloatArray

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
        sample = ordered[evenly_spaced(len(ordered), _max_rows(segmenter))]
        splits = [keeps_segment(segmenter, sample, seed + i) for i in range(N_SPLITS)]
        raw, keeps = (np.concatenate(parts) for parts in zip(*splits, strict=True))
        return cls(*_rising_curve(raw, keeps))

    def apply(self, raw: FloatArray) -> FloatArray:
        """Return calibrated confidence in [0, 1] for raw confidence, shape (n,)."""
        return np.interp(raw, self.raw, self.calibrated)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the curve."""
        return {"raw": self.raw, "kept": self.calibrated}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Rebuild from :meth:`to_arrays`."""
        return cls(arrays["raw"], arrays["kept"])


def keeps_segment(
    segmenter: Segmenter, customers: Customers, seed: int
) -> tuple[FloatArray, FloatArray]:
    """Refit on both halves of a random split; compare each refit on the half it did not see.

    Returns
    -------
    raw, keeps
        Shape (n,): raw confidence of `segmenter`, and 1 where the refit that did not see the
        customer assigns the same segment, else 0.
    """
    matrix = customer_matrix(customers, segmenter.schema_.column_names)
    first, second = np.array_split(np.random.default_rng(seed).permutation(len(matrix)), 2)
    raw, keeps = np.empty(len(matrix)), np.empty(len(matrix))
    for seen, unseen in ((first, second), (second, first)):
        refit = Segmenter(segmenter.spec_, segmenter.schema_).fit(matrix[seen])
        ours, theirs = segmenter.assign(matrix[unseen]), refit.assign(matrix[unseen])
        raw[unseen] = ours.confidence
        keeps[unseen] = align(ours.segment, theirs.segment) == ours.segment
    return raw, keeps


def _max_rows(segmenter: Segmenter) -> int:
    """Return how many customers may be halved without exceeding the clusterer's limit."""
    limit = segmenter.clusterer.max_rows
    return MAX_ROWS if limit is None else min(MAX_ROWS, 2 * limit)


def _rising_curve(raw: FloatArray, keeps: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the corners of an isotonic regression on means of groups of similar confidence.

    Without groups, one customer of the highest confidence would decide the end of the curve.
    """
    groups = np.array_split(np.argsort(raw, kind="stable"), min(MAX_GROUPS, len(raw)))
    isotonic = IsotonicRegression(y_min=0.0, y_max=1.0)
    isotonic.fit(
        [raw[group].mean() for group in groups],
        [keeps[group].mean() for group in groups],
        sample_weight=[float(len(group)) for group in groups],
    )
    return np.asarray(isotonic.X_thresholds_), np.asarray(isotonic.y_thresholds_)
