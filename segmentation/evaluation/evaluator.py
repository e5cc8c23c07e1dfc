"""Evaluate candidates: fit a spec, measure its partition, check it against the constraints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, fields
from math import sqrt
from time import perf_counter

import numpy as np
import pandas as pd
from sklearn.metrics import pairwise_distances

from segmentation.clustering.segmenter import Segmenter
from segmentation.clustering.spec import SegmenterSpec
from segmentation.evaluation.constraints import Constraints, Measured, excess, reasons
from segmentation.evaluation.likelihood import without_ties
from segmentation.evaluation.metrics import (
    METRICS,
    SILHOUETTE_ROWS,
    EvaluationTable,
    random_halves,
    score,
    stability,
)
from segmentation.evaluation.reference_space import NeighbourGraph, ReferenceSpace
from segmentation.evaluation.result import Evaluation
from segmentation.evaluation.separation import CompactCuts
from segmentation.evaluation.surrogate import column_ranks
from segmentation.evaluation.triviality import (
    DRIVES,
    RESTATES,
    Flags,
    column_flags,
    telling_column,
    telling_flags,
)
from segmentation.preprocessing.cache import Half, Preparations, canonical_order
from segmentation.preprocessing.columns import customer_matrix
from segmentation.schema import TableSchema
from segmentation.types import FloatArray, IntArray

TRIVIAL_TREE = 0.98
SLIVER = 0.03
OWN_FIELDS = frozenset(f.name for f in fields(Evaluation))


@dataclass(frozen=True)
class EvaluatedSegmenter:
    """A fitted candidate and what was found.

    Parameters
    ----------
    segmenter
        Fitted on all judged customers.
    evaluation
        The evaluation.
    """

    segmenter: Segmenter
    evaluation: Evaluation

    @property
    def segment(self) -> IntArray:
        """Segment of each judged customer, shape (n,), integers in [0, k)."""
        return self.segmenter.assignment_.segment


class Evaluator:
    """Judges specs on one set of customers, all in the same reference space.

    The evaluation depends on the customers and the seed, not on the order of the rows or the
    units of the columns.

    Parameters
    ----------
    customers
        Validated customers, shape (n, d).
    schema
        Their table.
    constraints
        What makes a candidate infeasible.
    seed
        Seeds the splits of the stability and the sample of the silhouette.
    n_splits
        Random splits for the stability; each costs two fits on half of the customers.
    reference
        A fitted reference space to judge in, for example the study's; by default one is fitted
        on `customers`.

    Attributes
    ----------
    matrix
        Shape (n, d), the customers as floats in the schema's column order.
    reference
        The fitted reference space.
    table
        Coordinates, neighbours and ranks of the customers.
    """

    def __init__(
        self,
        customers: pd.DataFrame | FloatArray,
        schema: TableSchema,
        *,
        constraints: Constraints | None = None,
        seed: int = 0,
        n_splits: int = 2,
        reference: ReferenceSpace | None = None,
    ) -> None:
        self.schema = schema
        self.constraints = constraints or Constraints()
        self.seed = seed
        self.n_splits = n_splits
        self.matrix = customer_matrix(customers, schema.column_names)
        self.reference = reference or ReferenceSpace(schema).fit(self.matrix)
        self._order = canonical_order(self.matrix, seed)
        coordinates = self.reference.transform(self.matrix)
        flags = column_flags(self.matrix)
        sample = self._order[:SILHOUETTE_ROWS]
        self.table = EvaluationTable(
            coordinates=coordinates,
            without_ties=self._without_ties(coordinates, flags),
            graph=NeighbourGraph.of(coordinates),
            ranks=column_ranks(self.matrix),
            flags=flags,
            cuts=CompactCuts(coordinates[self._order], seed),
            sample=sample,
            distances=pairwise_distances(coordinates[sample]),
        )
        halves = random_halves(self._order, n_splits, seed)
        self._preparations = Preparations(self.matrix, schema, halves)

    def _without_ties(self, coordinates: FloatArray, flags: Flags) -> FloatArray:
        """Break ties in an order that depends on the customers, not on their rows."""
        smooth = np.empty_like(coordinates)
        smooth[self._order] = without_ties(coordinates[self._order], flags.columns, self.seed)
        return smooth

    def evaluate(self, spec: SegmenterSpec) -> EvaluatedSegmenter:
        """Fit a spec on the customers and judge it.

        The stability costs several fits; it is computed only for a partition that meets all
        other constraints, and counts as 0 otherwise: such a candidate scores below every feasible
        one, and its excesses still tell an optimiser how far it was off.

        Raises
        ------
        SpecError
            When the spec names what does not exist.
        TooLargeError
            When the clusterer cannot take that many customers.
        DataError
            When there are fewer customers than clusters, also in half of the table.
        """
        seconds: dict[str, float] = {}
        with _timed(seconds, "fit"):
            segmenter = Segmenter(spec, self.schema).fit_prepared(self._preparations.whole(spec))
        return EvaluatedSegmenter(segmenter, self.evaluate_fitted(segmenter, seconds))

    def evaluate_fitted(self, segmenter: Segmenter, seconds: dict[str, float]) -> Evaluation:
        """Evaluate a segmenter whose assignment is that of these customers."""
        labels = segmenter.assignment_.segment
        with _timed(seconds, "metrics"):
            values = {name: c.compute(labels, self.table) for name, c in METRICS.items()}
        measured = self._measured(segmenter, None)
        spread = 0.0
        if not reasons(measured, self.constraints):
            with _timed(seconds, "stability"):
                stable, spread = self._stability(segmenter.spec_, labels)
            measured = self._measured(segmenter, stable)
        return self._evaluation(segmenter, measured, spread, values, seconds)

    def _stability(self, spec: SegmenterSpec, labels: IntArray) -> tuple[float, float]:
        def refit(half: Half) -> IntArray:
            segmenter = Segmenter(spec, self.schema).fit_prepared(half.prepared)
            return segmenter.assign_features(half.features).segment

        return stability(labels, map(refit, self._preparations.halves(spec)))

    def _measured(self, segmenter: Segmenter, stable: float | None) -> Measured:
        sizes = np.bincount(segmenter.assignment_.segment, minlength=segmenter.n_segments_)
        return Measured(
            n_segments=segmenter.n_segments_,
            smallest_share=float(sizes.min() / len(self.matrix)),
            largest_share=float(sizes.max() / len(self.matrix)),
            noise_share=segmenter.noise_share_,
            stability=stable,
        )

    def _evaluation(
        self,
        segmenter: Segmenter,
        measured: Measured,
        spread: float,
        values: dict[str, float],
        seconds: dict[str, float],
    ) -> Evaluation:
        stable, labels = measured.stability or 0.0, segmenter.assignment_.segment
        return Evaluation(
            score=score(stable, values["separation"], measured.n_segments),
            stability=stable,
            stability_spread=spread,
            score_error=spread / sqrt(self.n_splits),
            n_segments=measured.n_segments,
            smallest_share=measured.smallest_share,
            largest_share=measured.largest_share,
            noise_share=measured.noise_share,
            rows=len(self.matrix),
            infeasible=reasons(measured, self.constraints),
            notes=(*segmenter.notes_, *self._notes(labels, measured, values)),
            firm=stable >= self.constraints.firm,
            excess=excess(measured, self.constraints),
            further={name: v for name, v in values.items() if name not in OWN_FIELDS},
            seconds=seconds,
            **{name: v for name, v in values.items() if name in OWN_FIELDS},
        )

    def _notes(
        self, labels: IntArray, measured: Measured, values: Mapping[str, float]
    ) -> Iterator[str]:
        """Yield what a reader should know of a partition before using it."""
        names = self.schema.column_names
        if measured.stability is None:
            yield "Stability was not computed: the partition violates another constraint already."
        elif measured.stability < self.constraints.firm:
            yield (
                f"Stability is {measured.stability:.2f}: fitted on other customers, the segments "
                "would be drawn noticeably otherwise."
            )
        if measured.smallest_share < SLIVER:
            yield (
                f"The smallest segment holds {measured.smallest_share:.1%} of customers: look "
                "whether they are a group or outliers."
            )
        if values["restatement"] >= RESTATES:
            said, columns = telling_flags(labels, self.table.flags)
            facts = " and ".join(names[column] for column in columns)
            yield (
                f"Two yes/no facts ({facts}: commonest value or not) say {said:.0%} of this "
                "partition: the segments are little more than flags of who ever did what."
            )
            return
        if values["one_column"] >= DRIVES and measured.n_segments > 1:
            said, column = telling_column(labels, self.table.ranks)
            yield f"One column, {names[column]}, says {said:.0%} of this partition."
        if values["tree_accuracy"] >= TRIVIAL_TREE and measured.n_segments > 1:
            yield (
                f"A tree of seven questions names the segment of {values['tree_accuracy']:.1%} "
                "of customers: look whether the segments say more than it does."
            )


def evaluate(
    segmenter: Segmenter,
    customers: pd.DataFrame | FloatArray,
    *,
    constraints: Constraints | None = None,
    seed: int = 0,
    n_splits: int = 2,
) -> Evaluation:
    """Evaluate a fitted segmenter on customers, those it was fitted on or others.

    Parameters
    ----------
    segmenter
        Fitted; its spec is fitted again on halves of the customers for the stability.
    customers
        Shape (n, d), as its :meth:`~segmentation.Segmenter.predict` takes them.
    constraints, seed, n_splits
        See :class:`Evaluator`.
    """
    matrix = segmenter.matrix(customers)
    evaluator = Evaluator(
        matrix, segmenter.schema_, constraints=constraints, seed=seed, n_splits=n_splits
    )
    assigned = copy(segmenter)
    assigned.assignment_ = segmenter.assign(customers)
    return evaluator.evaluate_fitted(assigned, {})


@contextmanager
def _timed(seconds: dict[str, float], step: str) -> Iterator[None]:
    start = perf_counter()
    yield
    seconds[step] = perf_counter() - start
