"""Evaluate candidates: fit a spec, measure its partition, check it against the constraints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, fields, replace
from math import sqrt
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import pairwise_distances

from segmentation.clustering.segmenter import Segmenter
from segmentation.clustering.spec import SegmenterSpec
from segmentation.disclosure import minimum_group
from segmentation.evaluation.constraints import Constraints, Measured, excess, reasons
from segmentation.evaluation.metrics import (
    METRICS,
    SILHOUETTE_ROWS,
    EvaluationTable,
    main_axes,
    score,
    without_ties,
)
from segmentation.evaluation.reference_space import NeighbourGraph, ReferenceSpace
from segmentation.evaluation.result import Evaluation
from segmentation.evaluation.separation import CompactCuts
from segmentation.evaluation.stability import random_halves, refits, stability
from segmentation.evaluation.triviality import (
    DRIVES,
    RESTATES,
    RESTATES_CATEGORY,
    ColumnCodes,
    Flags,
    column_flags,
    column_ranges,
    column_ranks,
    leading_category,
    one_column,
    restatement,
)
from segmentation.interpretation.formatting import inside_sentence, percent
from segmentation.preprocessing.cache import Preparations, canonical_order
from segmentation.preprocessing.columns import customer_matrix
from segmentation.schema import TableSchema
from segmentation.types import FloatArray, IntArray

TRIVIAL_TREE = 0.98
SLIVER = 0.03
# Fewer customers do not tell a group's departure from a Gaussian from chance.
FEW_ROWS = 800
OWN_FIELDS = frozenset(f.name for f in fields(Evaluation))


@dataclass(frozen=True)
class EvaluatedSegmenter:
    """A candidate fitted on all customers, and its evaluation."""

    segmenter: Segmenter
    evaluation: Evaluation

    @property
    def segment(self) -> IntArray:
        """Segment of each customer, shape (n,), integers in [0, k)."""
        return self.segmenter.assignment_.segment


class Evaluator:
    """Evaluates specs on one set of customers, all in the same reference space.

    An evaluation depends on the customers and the seed, not on the order of the rows or the
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
        Of the splits of the stability and of the sample of the silhouette.
    n_splits
        Random splits for the stability; each costs two fits on half of the customers.
    reference
        A fitted reference space, for example the study's; by default one is fitted on
        `customers`.

    Attributes
    ----------
    matrix
        Shape (n, d), the customers as floats in the schema's column order.
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
        chosen = constraints or Constraints()
        # A segment of fewer would describe single customers.
        least = minimum_group() / max(len(customers), 1)
        self.constraints = replace(chosen, smallest_share=max(chosen.smallest_share, least))
        self.seed = seed
        self.n_splits = n_splits
        self.matrix = customer_matrix(customers, schema.column_names)
        self.reference = reference or ReferenceSpace(schema).fit(self.matrix)
        self._order = canonical_order(self.matrix, seed)
        coordinates = self.reference.transform(self.matrix)
        flags, ranks = column_flags(self.matrix), column_ranks(self.matrix)
        ranges = column_ranges(ranks)
        sample = self._order[:SILHOUETTE_ROWS]
        self.table = EvaluationTable(
            coordinates=coordinates,
            axes=self._axes(coordinates, flags),
            few=self._few,
            graph=NeighbourGraph.of(coordinates),
            ranks=ranks,
            ranges=ranges,
            flags=flags,
            columns=ColumnCodes.of(ranks, ranges, schema),
            cuts=CompactCuts(coordinates[self._order], seed),
            sample=sample,
            distances=pairwise_distances(coordinates[sample]),
        )
        halves = random_halves(self._order, n_splits, seed)
        self._preparations = Preparations(self.matrix, schema, halves)

    @property
    def _few(self) -> bool:
        return len(self.matrix) < FEW_ROWS

    def _axes(self, coordinates: FloatArray, flags: Flags) -> FloatArray:
        """Break ties and find main axes in an order that depends on the customers only."""
        ordered = without_ties(coordinates[self._order], flags.columns, self.seed)
        if self._few:
            ordered = main_axes(ordered, self.seed)
        axes = np.empty_like(ordered)
        axes[self._order] = ordered
        return axes

    def evaluate(self, spec: SegmenterSpec) -> EvaluatedSegmenter:
        """Fit a spec on the customers and evaluate it.

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
        spec, labels = segmenter.spec_, segmenter.assignment_.segment
        with _timed(seconds, "metrics"):
            values = {name: metric(labels, self.table) for name, metric in METRICS.items()}
        own: dict[str, Any] = {name: v for name, v in values.items() if name in OWN_FIELDS}
        sizes = np.bincount(labels, minlength=segmenter.n_segments_)
        measured = Measured(
            n_segments=segmenter.n_segments_,
            smallest_share=float(sizes.min() / len(labels)),
            largest_share=float(sizes.max() / len(labels)),
            noise_share=segmenter.noise_share_,
        )
        mean = spread = 0.0
        if not reasons(measured, self.constraints):
            with _timed(seconds, "stability"):
                halves = self._preparations.halves(spec)
                mean, spread = stability(labels, refits(spec, self.schema, halves))
            measured = replace(measured, stability=mean)
        return Evaluation(
            **{**vars(measured), "stability": mean},
            score=score(mean, values["separation"], measured.n_segments),
            stability_spread=spread,
            score_error=spread / sqrt(self.n_splits),
            rows=len(labels),
            infeasible=reasons(measured, self.constraints),
            notes=(*segmenter.notes_, *self._notes(labels, measured, values)),
            firm=mean >= self.constraints.firm,
            excess=excess(measured, self.constraints),
            further={name: v for name, v in values.items() if name not in OWN_FIELDS},
            seconds=seconds,
            **own,
        )

    def _notes(
        self, labels: IntArray, measured: Measured, values: Mapping[str, float]
    ) -> Iterator[str]:
        """Yield what a reader should know of a partition before using it."""
        labels_of = [column.label for column in self.schema.columns]
        if measured.stability is None:
            yield "Stability was not computed: the segments violate another constraint already."
        elif measured.stability < self.constraints.firm:
            yield (
                f"Stability is {measured.stability:.2f}: fitted on other customers, the segments "
                "would be noticeably different."
            )
        if measured.smallest_share < SLIVER:
            yield (
                f"The smallest segment holds {percent(measured.smallest_share)} of customers: "
                "check whether they are a group or outliers."
            )
        if values["restatement"] >= RESTATES:
            share, columns = restatement(labels, self.table.flags)
            facts = " and ".join(inside_sentence(labels_of[column]) for column in columns)
            yield (
                f"Two yes/no facts explain {percent(share)} of these segments: whether {facts} "
                "have their most frequent value or another. The segments say little more."
            )
            return
        if values["one_category"] >= RESTATES_CATEGORY:
            share, position = leading_category(labels, self.table.columns)
            category = self.schema.columns[position]
            label = category.of or category.label
            yield (
                f"One category, {inside_sentence(label)}, explains {percent(share)} of these "
                "segments, and no other column nearly as much. The segments say little more."
            )
            return
        if measured.n_segments == 1:
            return
        if values["one_column"] >= DRIVES:
            share, column = one_column(labels, self.table.ranges)
            label = inside_sentence(labels_of[column])
            yield f"One column, {label}, explains {percent(share)} of these segments."
        if values["tree_accuracy"] >= TRIVIAL_TREE:
            yield (
                f"A tree of seven questions names the segment of "
                f"{percent(values['tree_accuracy'])} of customers: check whether the segments "
                "say more than it does."
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
    matrix, weights = segmenter.matrix(customers), segmenter.spec_.preprocessing.weights
    evaluator = Evaluator(
        *(matrix, segmenter.schema_),
        constraints=constraints,
        seed=seed,
        n_splits=n_splits,
        reference=ReferenceSpace(segmenter.schema_, weights).fit(matrix),
    )
    assigned = copy(segmenter)
    assigned.assignment_ = segmenter.assign(customers)
    return evaluator.evaluate_fitted(assigned, {})


@contextmanager
def _timed(seconds: dict[str, float], step: str) -> Iterator[None]:
    start = perf_counter()
    yield
    seconds[step] = perf_counter() - start
