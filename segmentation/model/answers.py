"""What a model answers for customers: arrays, and the forms in which they are handed out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segmentation.types import FloatArray, IntArray


@dataclass(frozen=True)
class BasicAnswers:
    """The segments of n customers, by a model of k segments.

    Attributes
    ----------
    numbers, names
        Shape (k,): lasting number and name of each segment, by cluster.
    cluster
        Shape (n,), in [0, k).
    memberships
        Shape (n, k), the probability of every cluster; rows sum to 1.
    """

    numbers: IntArray
    names: NDArray[Any]
    cluster: IntArray
    memberships: FloatArray

    def __len__(self) -> int:
        return len(self.cluster)

    def part(self, rows: slice) -> Self:
        """Return the answers for some of the customers."""
        return replace(self, **{name: getattr(self, name)[rows] for name in self._of_each()})

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Return the answers of one model for the customers of several tables."""
        first, *others = parts
        if not others:
            return first
        rows = {
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in first._of_each()
        }
        return replace(first, **rows)

    def _of_each(self) -> list[str]:
        """Return the names of the fields with a row for each customer."""
        return [f.name for f in fields(self) if f.name not in {"numbers", "names", "reason_names"}]

    @property
    def confidence(self) -> FloatArray:
        """The probability of the segment, shape (n,)."""
        return np.asarray(self.memberships[np.arange(len(self)), self.cluster])

    def columns(self) -> dict[str, Any]:
        """Return the values of each column: an array, or a list where they are lists or maps."""
        return {
            "segment": self.numbers[self.cluster],
            "segment_name": self.names[self.cluster],
            "confidence": self.confidence,
        }


@dataclass(frozen=True)
class Answers(BasicAnswers):
    """All that a model answers, see :meth:`SegmentationModel.score`.

    Attributes
    ----------
    runner_up
        Shape (n,), in [0, k).
    unlike
        Shape (n,): whether the customer is unlike the training data.
    place
        Shape (n, 2): where the customer lies on the map.
    reason_names, reasons
        Names of the table's columns, and positions among them, shape (n, m): what decided for the
        cluster over the runner-up, most important first, -1 for none.
    """

    runner_up: IntArray
    unlike: NDArray[np.bool_]
    place: FloatArray
    reason_names: Sequence[str]
    reasons: IntArray

    def columns(self) -> dict[str, Any]:
        """Return the values of each column: an array, or a list where they are lists or maps."""
        return {
            **super().columns(),
            "memberships": self._by_number(),
            "runner_up": self.numbers[self.runner_up],
            "runner_up_name": self.names[self.runner_up],
            "unlike_training": self.unlike,
            "map_x": self.place[:, 0],
            "map_y": self.place[:, 1],
            "reasons": self._named_reasons(),
        }

    def frame(self, index: pd.Index[Any]) -> pd.DataFrame:
        """Return a row per customer."""
        return pd.DataFrame(
            {
                name: values
                if isinstance(values, np.ndarray) and values.dtype != object
                else pd.Series(values, index=index, dtype=object)
                for name, values in self.columns().items()
            },
            index=index,
        )

    def _by_number(self) -> list[dict[str, float]]:
        keys = [str(number) for number in self.numbers]
        return [dict(zip(keys, row, strict=True)) for row in self.memberships.tolist()]

    def _named_reasons(self) -> list[list[str]]:
        # The last name stands for none.
        names = np.array([*self.reason_names, None], dtype=object)[self.reasons].tolist()
        return [[name for name in row if name is not None] for row in names]
