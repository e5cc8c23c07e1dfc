"""What every assignment rule can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from segmentation.types import Assignment, FloatArray, IntArray

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Rule(ABC):
    """Assigns feature rows to clusters 0..k-1; every field of a subclass is an array."""

    name: ClassVar[str]
    # Whether margins are log odds already, or in a unit of the rule's own.
    log_odds: ClassVar[bool] = False

    @property
    @abstractmethod
    def n_segments(self) -> int:
        """Number of clusters a row can be assigned to, at least 1."""

    @classmethod
    @abstractmethod
    def learn(cls, estimator: Any, features: FloatArray, labels: IntArray) -> Self:
        """Return the rule of a fitted clusterer.

        `features`, shape (n, d), is what it was fitted on, without noise; `labels`, shape (n,),
        are integers 0..k-1, each occurring.
        """

    @abstractmethod
    def assign(self, features: FloatArray) -> Assignment:
        """Return the cluster of each row of a (n, d) matrix, and its margins."""

    def segments(self, features: FloatArray) -> IntArray:
        """Return the cluster of each row, shape (n,): :meth:`assign` without the margins."""
        return self.assign(features).segment

    @abstractmethod
    def renumbered(self, order: IntArray) -> Self:
        """Return the rule whose cluster i is this one's ``order[i]``; others are dropped."""

    @abstractmethod
    def centres(self) -> FloatArray:
        """Return one typical point per cluster, shape (k, d)."""

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the whole rule as named arrays."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Rebuild the rule from :meth:`to_arrays`; KeyError where an array is missing."""
        return cls(*(arrays[field.name] for field in fields(cls)))


def assigned_to_best(scores: FloatArray) -> Assignment:
    """Assign each row to the column of its largest score, ties to the lower one.

    `scores` has shape (n, k), at most one of a row infinite; the margins are differences of scores.
    """
    segment = np.argmax(scores, axis=1).astype(np.int64)
    return Assignment(segment, scores[np.arange(len(scores)), segment][:, None] - scores)


def cluster_means(features: FloatArray, labels: IntArray) -> FloatArray:
    """Return the mean row of each label 0..k-1, shape (k, d)."""
    return np.stack([features[labels == i].mean(axis=0) for i in range(int(labels.max()) + 1)])
