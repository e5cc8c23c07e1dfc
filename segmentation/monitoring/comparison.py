"""Two models side by side on the same customers: who moves, where to, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

from segmentation.interpretation.profiles import rank_effects
from segmentation.model.segment_matching import crossing
from segmentation.model.segmentation_model import SegmentationModel
from segmentation.preprocessing.columns import customer_matrix
from segmentation.schema import TableSchema
from segmentation.schema.levels import encode
from segmentation.types import FloatArray, IntArray

WHY = 3
FEWEST = 20
NOTICEABLE = 0.15


@dataclass(frozen=True)
class Flow:
    """Customers who are in one segment before and in another one after.

    Parameters
    ----------
    before, after
        Segment numbers.
    customers
        How many.
    share
        Of all customers, in [0, 1].
    why
        What sets them apart from those who stayed behind, the strongest first; empty for few.
    """

    before: int
    after: int
    customers: int
    share: float
    why: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """What changes for the same customers.

    Parameters
    ----------
    rows
        Customers.
    rand, information
        Adjusted Rand index and adjusted mutual information of the two partitions; 1 is equal,
        0 is chance.
    before, after
        Segment numbers of the two models, in the order of the matrix.
    matrix
        Customers in every pair, shape (len(before), len(after)).
    flows
        Those whose number changes, the largest first.
    names
        Of the segments, by number, of the first and of the second model.
    """

    rows: int
    rand: float
    information: float
    before: tuple[int, ...]
    after: tuple[int, ...]
    matrix: FloatArray
    flows: tuple[Flow, ...]
    names: tuple[dict[int, str], dict[int, str]]

    @property
    def moved(self) -> float:
        """Share of customers whose segment number changes, in [0, 1]."""
        return sum(flow.customers for flow in self.flows) / self.rows

    def metrics(self) -> dict[str, float]:
        """Return the deciding numbers for a run."""
        return {
            "rows": float(self.rows),
            "adjusted_rand": self.rand,
            "adjusted_mutual_information": self.information,
            "moved_share": self.moved,
        }

    def to_dict(self) -> dict[str, Any]:
        """Return the migration matrix as plain data."""
        return {
            "before": list(self.before),
            "after": list(self.after),
            "customers": self.matrix.astype(int).tolist(),
        }


def compare_models(
    first: SegmentationModel, second: SegmentationModel, customers: pd.DataFrame
) -> Comparison:
    """Let two models assign the same customers.

    Parameters
    ----------
    first, second
        With lasting segment numbers.
    customers
        Validated, with the columns of both, shape (n, d), n at least 1.

    Raises
    ------
    DataError
        When a column of one of them is missing.
    """
    old, new = first.assign(customers).segment, second.assign(customers).segment
    before, after = first.identity.numbers, second.identity.numbers
    counts = crossing(old, new, len(before), len(after))
    flows = _flows(first, customers, (old, new), (before, after), counts)
    names = tuple(
        dict(zip(m.identity.numbers, m.identity.names, strict=True)) for m in (first, second)
    )
    return Comparison(
        len(customers),
        float(adjusted_rand_score(old, new)),
        float(adjusted_mutual_info_score(old, new)),
        before,
        after,
        counts,
        flows,
        (names[0], names[1]),
    )


def _flows(
    model: SegmentationModel,
    customers: pd.DataFrame,
    clusters: tuple[IntArray, IntArray],
    numbers: tuple[tuple[int, ...], tuple[int, ...]],
    counts: FloatArray,
) -> tuple[Flow, ...]:
    matrix = customer_matrix(encode(customers, model.schema), model.schema.column_names)
    flows = []
    for i, j in zip(*np.nonzero(counts), strict=True):
        if numbers[0][i] == numbers[1][j]:
            continue
        members = clusters[0] == i
        went = clusters[1][members] == j
        why = _why(matrix[members], went, model.schema)
        number = int(counts[i, j])
        flows.append(Flow(numbers[0][i], numbers[1][j], number, number / len(matrix), why))
    return tuple(sorted(flows, key=lambda flow: -flow.customers))


def _why(matrix: FloatArray, went: np.ndarray[Any, Any], schema: TableSchema) -> tuple[str, ...]:
    """Return in what those who went differ from the others of their segment."""
    if min(went.sum(), (~went).sum()) < FEWEST:
        return ()
    effects = rank_effects(matrix, went.astype(np.int64))[1]
    order = [j for j in np.argsort(-np.abs(effects), kind="stable") if abs(effects[j]) > NOTICEABLE]
    return tuple(
        f"{'higher' if effects[j] > 0 else 'lower'} {schema.columns[j].label}" for j in order[:WHY]
    )
