"""Preprocessing, clusterer and assignment rule, fitted together from one spec."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline

from segmentation.clustering.assignment_rules import Rule, learn_rule
from segmentation.clustering.clusterers import CLUSTERERS, Clusterer
from segmentation.clustering.spec import SegmenterSpec
from segmentation.errors import DataError, Problem, SpecError
from segmentation.preprocessing.cache import (
    Prepared,
    apply_pipeline,
    canonical_order,
    one_thread,
    row_blocks,
)
from segmentation.preprocessing.columns import customer_matrix
from segmentation.schema import TableSchema
from segmentation.types import Assignment, FloatArray, IntArray

Customers = pd.DataFrame | FloatArray
EXPECTED_WARNINGS = (
    (ConvergenceWarning, ""),
    (UserWarning, "Graph is not fully connected"),
)


class Segmenter:
    """Assigns customers to segments, after :meth:`fit`, as its spec says.

    The result depends on the customers, never on the order of their rows: they are put in one
    canonical order before anything is learned. Clusters are numbered 0..k-1 by falling number
    of training customers, ties by the lower centre.

    Parameters
    ----------
    spec
        The recipe.
    schema
        The customers' table.

    Attributes
    ----------
    pipeline_
        From customers to features.
    rule_
        From features to segments.
    n_segments_
        Number of segments.
    noise_share_
        In [0, 1]: training customers the clusterer called noise; they are assigned by the rule.
    assignment_
        The training customers' own assignment, in their order.
    notes_
        What the clusterer warned of during the fit, for example that it did not converge.

    Raises
    ------
    SpecError
        When the clusterer is unknown, or a hyperparameter or the rule does not suit it.
    """

    pipeline_: Pipeline
    rule_: Rule
    n_segments_: int
    noise_share_: float
    assignment_: Assignment
    notes_: tuple[str, ...]

    def __init__(self, spec: SegmenterSpec, schema: TableSchema) -> None:
        self.spec = spec
        self.schema = schema
        self.clusterer = _clusterer(spec)
        self.clusterer.build(spec.hyperparameters, spec.seed)

    def fit(self, customers: Customers) -> Self:
        """Learn the segments of the customers.

        Parameters
        ----------
        customers
            Validated customers, shape (n, d); NaN for a missing value.

        Raises
        ------
        TooLargeError
            When the clusterer cannot take that many rows.
        DataError
            When there are fewer rows than clusters, or a column is missing.
        """
        matrix = customer_matrix(customers, self.schema.column_names)
        self._check_rows(len(matrix))
        return self.fit_prepared(Prepared.of(matrix, self.spec, self.schema))

    def fit_prepared(self, prepared: Prepared) -> Self:
        """Learn the segments of customers that went through the spec's preprocessing already.

        Parameters
        ----------
        prepared
            Of a spec with the same preprocessing and seed.

        Raises
        ------
        TooLargeError, DataError
            As :meth:`fit`.
        """
        self._check_rows(len(prepared.order))
        with one_thread():
            self._fit(prepared)
        return self

    def fit_within(self, customers: Customers, most: int | None = None) -> Self:
        """Learn from as many customers as the clusterer takes, and assign all of them.

        As :meth:`fit` where it takes them all. Else the segments are learned from a sample that
        depends on the customers and the seed only, and the rule assigns the others.

        Parameters
        ----------
        customers
            Validated customers, shape (n, d); NaN for a missing value.
        most
            Learn from no more than so many.
        """
        matrix = customer_matrix(customers, self.schema.column_names)
        limits = [limit for limit in (most, self.clusterer.max_rows) if limit is not None]
        most = min(limits, default=len(matrix))
        if len(matrix) <= most:
            return self.fit(matrix)
        self.fit(matrix[canonical_order(matrix, self.spec.seed)[:most]])
        self.assignment_ = self.assign(matrix)
        return self

    def features(self, customers: Customers) -> FloatArray:
        """Return the feature matrix of customers, shape (n, number of features).

        Raises
        ------
        DataError
            When a column is missing, or a value is infinite.
        """
        matrix = customer_matrix(customers, self.schema.column_names)
        if (infinite := np.isinf(matrix)).any():
            raise DataError(list(_infinite(infinite, self.schema)))
        return apply_pipeline(self.pipeline_, matrix)

    def assign(self, customers: Customers) -> Assignment:
        """Return the assignment of customers, seen before or not; see :meth:`features`."""
        matrix = customer_matrix(customers, self.schema.column_names)
        return _joined([self.rule_.assign(self.features(block)) for block in row_blocks(matrix)])

    def assign_features(self, features: FloatArray) -> Assignment:
        """Return the assignment of customers by their feature matrix."""
        return _joined([self.rule_.assign(block) for block in row_blocks(features)])

    def _fit(self, prepared: Prepared) -> None:
        self.pipeline_, features = prepared.pipeline, prepared.features
        rule, noise = self._learn(features[prepared.inliers])
        self.noise_share_ = float(noise / len(features))
        self.rule_, assignment = _by_size(rule, features)
        self.n_segments_ = self.rule_.n_segments
        self.assignment_ = _in_order(assignment, prepared.order)

    def _check_rows(self, rows: int) -> None:
        self.clusterer.check_rows(rows)
        least = 2
        if self.clusterer.takes_n_clusters:
            least = max(least, int(self.spec.hyperparameters.get("n_clusters", least)))
        if rows < least:
            raise DataError([_too_few(rows, least)])

    def _learn(self, features: FloatArray) -> tuple[Rule, int]:
        """Fit clusterer and rule; return the rule and the number of noise rows."""
        estimator = self.clusterer.build(self.spec.hyperparameters, self.spec.seed)
        labels, self.notes_ = _fit_predict(estimator, features)
        noise = labels < 0
        if noise.all():
            # Nothing but noise is one segment of all customers; the constraints judge that.
            return learn_rule("prototype", None, features, np.zeros_like(labels)), len(labels)
        _, gapless = np.unique(labels[~noise], return_inverse=True)
        rule = learn_rule(self.spec.rule, estimator, features[~noise], gapless.astype(np.int64))
        return rule, int(noise.sum())


def _clusterer(spec: SegmenterSpec) -> Clusterer:
    if spec.clusterer not in CLUSTERERS:
        raise SpecError(
            f"clusterer={spec.clusterer!r}: expected one of {', '.join(sorted(CLUSTERERS))}"
        )
    clusterer = CLUSTERERS[spec.clusterer]
    if spec.rule not in clusterer.rules:
        raise SpecError(
            f"rule={spec.rule!r} does not suit {spec.clusterer}: "
            f"expected one of {', '.join(clusterer.rules)}"
        )
    return clusterer


def _too_few(rows: int, least: int) -> Problem:
    return Problem(
        None,
        "too_few_rows",
        f"at least {least:,} customers for this clusterer, found {rows:,}",
        "Pass more customers or ask for fewer clusters.",
    )


def _infinite(infinite: NDArray[np.bool_], schema: TableSchema) -> Iterator[Problem]:
    for name, wrong in zip(schema.column_names, infinite.T, strict=True):
        if rows := tuple(np.flatnonzero(wrong).tolist()):
            remedy = "Correct these cells, or leave them empty."
            yield Problem(name, "infinite", "a finite number", remedy, len(rows), rows=rows)


def _fit_predict(estimator: Any, features: FloatArray) -> tuple[IntArray, tuple[str, ...]]:
    """Return labels and the expected warnings of a fit, once each; others pass through."""
    with warnings.catch_warnings(record=True) as caught:
        for category, message in EXPECTED_WARNINGS:
            warnings.filterwarnings("always", message=message, category=category)
        labels = np.asarray(estimator.fit_predict(features), dtype=np.int64)
    notes: dict[str, None] = {}
    for warning in caught:
        text = " ".join(str(warning.message).split())
        if any(_matches(warning, *expected) for expected in EXPECTED_WARNINGS):
            notes[text] = None
        else:
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )
    return labels, tuple(notes)


def _matches(warning: warnings.WarningMessage, category: type[Warning], start: str) -> bool:
    return issubclass(warning.category, category) and str(warning.message).startswith(start)


def _by_size(rule: Rule, features: FloatArray) -> tuple[Rule, Assignment]:
    """Return the rule renumbered by falling size, dropping those nobody is assigned to."""
    assignment = rule.assign(features)
    sizes = np.bincount(assignment.segment, minlength=rule.n_segments)
    centres = rule.centres()
    order = np.array(
        [i for i in np.lexsort([*centres.T[::-1], -sizes]) if sizes[i] > 0], dtype=np.int64
    )
    renumbered = rule.renumbered(order)
    if len(order) < rule.n_segments:
        return renumbered, renumbered.assign(features)
    new = np.argsort(order)
    segment, runner_up = new[assignment.segment], new[assignment.runner_up]
    return renumbered, Assignment(segment, runner_up, assignment.confidence)


def _joined(parts: Sequence[Assignment]) -> Assignment:
    if len(parts) == 1:
        return parts[0]
    return Assignment(
        np.concatenate([part.segment for part in parts]),
        np.concatenate([part.runner_up for part in parts]),
        np.concatenate([part.confidence for part in parts]),
    )


def _in_order(assignment: Assignment, order: IntArray) -> Assignment:
    """Undo a reordering: row i of `assignment` belongs at position ``order[i]``."""
    back = np.argsort(order)
    return Assignment(
        assignment.segment[back], assignment.runner_up[back], assignment.confidence[back]
    )
