"""Two models side by side on the same customers: who moves, where to, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

from segmentation.interpretation.formatting import inside_sentence
from segmentation.interpretation.profiles import rank_effects
from segmentation.model.segment_matching import contingency
from segmentation.model.segmentation_model import SegmentationModel
from segmentation.preprocessing.columns import customer_matrix
from segmentation.schema import TableSchema
from segmentation.schema.levels import encode
from segmentation.types import FloatArray, IntArray

MAX_REASONS = 3
# No reasons are given for fewer customers than these, or for smaller effects.
MIN_CUSTOMERS = 20
MIN_EFFECT = 0.15


@dataclass(frozen=True)
class Flow:
    """Customers who are in one segment before and in another one after."""

    before: int  # segment numbers
    after: int
    customers: int
    share: float  # of all customers, in [0, 1]
    reasons: tuple[str, ...]  # how they differ from those who stay; strongest first


@dataclass(frozen=True)
class Comparison:
    """What changes for the same customers."""

    rows: int
    adjusted_rand: float  # agreement of the two partitions: 1 is equal, 0 is chance
    adjusted_mutual_information: float  # likewise
    before: tuple[int, ...]  # segment numbers of the two models, in the order of the matrix
    after: tuple[int, ...]
    matrix: FloatArray  # customers in every pair, shape (len(before), len(after))
    flows: tuple[Flow, ...]  # of customers whose segment number changes, the largest first
    names: tuple[dict[int, str], dict[int, str]]  # of both models' segments, by number

    @property
    def moved_share(self) -> float:
        """Share of customers whose segment number changes, in [0, 1]."""
        return sum(flow.customers for flow in self.flows) / self.rows

    def metrics(self) -> dict[str, float]:
        """Return the deciding numbers for a run."""
        return {
            "rows": float(self.rows),
            "adjusted_rand": self.adjusted_rand,
            "adjusted_mutual_information": self.adjusted_mutual_information,
            "moved_share": self.moved_share,
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
    clusters = first.assign(customers).segment, second.assign(customers).segment
    before, after = first.numbering.numbers, second.numbering.numbers
    counts = contingency(*clusters, (len(before), len(after)))
    return Comparison(
        len(customers),
        float(adjusted_rand_score(*clusters)),
        float(adjusted_mutual_info_score(*clusters)),
        before,
        after,
        counts,
        _flows(first, customers, clusters, (before, after), counts),
        (first.numbering.name_of, second.numbering.name_of),
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
        before, after = numbers[0][i], numbers[1][j]
        if before == after:
            continue
        members = clusters[0] == i
        reasons = _reasons(matrix[members], clusters[1][members] == j, model.schema)
        moving = int(counts[i, j])
        flows.append(Flow(before, after, moving, moving / len(matrix), reasons))
    return tuple(sorted(flows, key=lambda flow: -flow.customers))


def _reasons(matrix: FloatArray, leaves: NDArray[np.bool_], schema: TableSchema) -> tuple[str, ...]:
    """Return how the customers who leave a segment differ from those who do not."""
    if min(leaves.sum(), (~leaves).sum()) < MIN_CUSTOMERS:
        return ()
    effects = rank_effects(matrix, leaves.astype(np.int64))[1]
    strongest = np.argsort(-np.abs(effects), kind="stable")[:MAX_REASONS]
    return tuple(
        f"{'higher' if effects[j] > 0 else 'lower'} {inside_sentence(schema.columns[j].label)}"
        for j in strongest
        if abs(effects[j]) > MIN_EFFECT
    )
