"""Preprocessing, clusterer and assignment rule, fitted together: a scikit-learn clusterer."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted, validate_data

from segmentation.clustering.assignment_rules import Rule, learn_rule
from segmentation.clustering.clusterers import DEFAULT_CLUSTERS, Clusterer, clusterer_named
from segmentation.clustering.spec import Preprocessing, SegmenterSpec
from segmentation.errors import DataError, Problem, SpecError
from segmentation.preprocessing.cache import (
    Prepared,
    apply_pipeline,
    canonical_order,
    one_thread,
    row_blocks,
)
from segmentation.preprocessing.categorical import expand, expanded_schema
from segmentation.preprocessing.columns import customer_matrix
from segmentation.schema import Column, TableSchema
from segmentation.schema.inference import infer_schema
from segmentation.schema.levels import encode
from segmentation.types import Assignment, FloatArray, IntArray

Customers = pd.DataFrame | FloatArray
NUMBERS = {"dtype": np.float64, "ensure_all_finite": "allow-nan"}
EXPECTED_WARNINGS = (
    (ConvergenceWarning, ""),
    (UserWarning, "Graph is not fully connected"),
)


class Segmenter(ClusterMixin, BaseEstimator):  # type: ignore[misc]
    """Assigns customers to segments: preprocessing, a clusterer and an assignment rule.

    The result depends on the customers, never on the order of their rows: they are put in one
    canonical order before anything is learned. Segments are numbered 0..k-1 by falling number
    of training customers, ties by the lower centre.

    Parameters
    ----------
    spec
        The full recipe. None for the default preprocessing, and the three choices below.
    schema
        Describes the customers' table; all its columns form segments, they are taken by name
        and further columns are ignored. None infers one from a DataFrame (identifiers, dates,
        free texts and sensitive columns such as age are left out, see `notes_`), and takes
        every column of an array as a number.
    n_segments
        Number of segments, 4 by default; only without a `spec`.
    algorithm
        Name of the clusterer, a key of :data:`segmentation.clustering.clusterers.CLUSTERERS`,
        ``"k_means"`` by default; only without a `spec`.
    random_state
        Seed, 0 by default; only without a `spec`.

    Attributes
    ----------
    labels_
        Shape (n,), the segment of each training customer, integers in [0, k).
    n_segments_
        Number of segments k.
    assignment_
        The training customers' segments and margins, in their order.
    spec_, schema_
        The spec that was fitted; the columns its pipeline takes, with indicators in the place
        of nominal columns.
    table_
        Schema of the customers as passed to `fit`.
    pipeline_, rule_
        From customers to features, and from features to segments.
    noise_share_
        In [0, 1]: training customers the clusterer called noise; they are assigned by the rule.
    notes_
        Columns left out, and what the clusterer warned of, for example that it did not converge.
    n_features_in_, feature_names_in_
        Number of columns passed to `fit`, and their names where they have some.

    Examples
    --------
    >>> import numpy as np
    >>> from segmentation import Segmenter
    >>> spend = np.array([[20.0], [25.0], [22.0], [900.0], [950.0], [880.0]])
    >>> Segmenter(n_segments=2).fit_predict(spend).tolist()
    [0, 0, 0, 1, 1, 1]
    """

    pipeline_: Pipeline
    rule_: Rule
    n_segments_: int
    noise_share_: float
    assignment_: Assignment
    notes_: tuple[str, ...]
    spec_: SegmenterSpec
    schema_: TableSchema
    table_: TableSchema

    def __init__(
        self,
        spec: SegmenterSpec | None = None,
        schema: TableSchema | None = None,
        *,
        n_segments: int | None = None,
        algorithm: str | None = None,
        random_state: int | None = None,
    ) -> None:
        self.spec = spec
        self.schema = schema
        self.n_segments = n_segments
        self.algorithm = algorithm
        self.random_state = random_state

    @property
    def labels_(self) -> IntArray:
        """Segment of each training customer, shape (n,)."""
        return self.assignment_.segment

    @property
    def clusterer(self) -> Clusterer:
        """The fitted spec's clusterer."""
        return clusterer_named(self.spec_.clusterer)

    def fit(self, X: Any, y: None = None) -> Self:  # noqa: ARG002
        """Learn the segments of customers.

        Parameters
        ----------
        X
            Customers, shape (n, d): a DataFrame, or an array in the schema's column order; NaN
            for a missing value.
        y
            Ignored.

        Raises
        ------
        SpecError
            When the clusterer is unknown, or a hyperparameter or the rule does not suit it.
        TooLargeError
            When the clusterer cannot take that many rows.
        DataError, ValueError
            When there are fewer rows than clusters, a column is missing, or a value is no number.
        """
        return self._fit_matrix(self._start(X))

    def fit_prepared(self, prepared: Prepared) -> Self:
        """Learn the segments of customers that went through the spec's preprocessing already.

        Needs `spec` and `schema`; `prepared` belongs to a spec with the same preprocessing and
        seed. Raises as :meth:`fit`.
        """
        self._start_prepared(prepared)
        with one_thread():
            self._fit(prepared)
        return self

    def fit_rule(self, prepared: Prepared) -> Self:
        """Learn as :meth:`fit_prepared`, all but `assignment_`, whose margins take a while."""
        self._start_prepared(prepared)
        with one_thread():
            rule = self._learn(prepared)
            self.rule_ = rule.renumbered(_by_size(rule, rule.segments(prepared.features)))
        self.n_segments_ = self.rule_.n_segments
        return self

    def fit_within(self, X: Any, most: int | None = None) -> Self:
        """Learn from as many customers as the clusterer takes, and assign all of them.

        As :meth:`fit` where it takes them all. Else the segments are learned from a sample that
        depends on the customers and the seed only, and the rule assigns the others.

        Parameters
        ----------
        X
            Customers, see :meth:`fit`.
        most
            Largest number of customers to learn from.
        """
        matrix = self._start(X)
        limits = [limit for limit in (most, self.clusterer.max_rows) if limit is not None]
        most = min(limits, default=len(matrix))
        if len(matrix) <= most:
            return self._fit_matrix(matrix)
        self._fit_matrix(matrix[canonical_order(matrix, self.spec_.seed)[:most]])
        self.assignment_ = self.assign_features(apply_pipeline(self.pipeline_, matrix))
        return self

    def predict(self, X: Any) -> IntArray:
        """Return the segment of each customer, shape (n,); raises as :meth:`features`."""
        return self.segments(self.features(X))

    def assign(self, X: Any) -> Assignment:
        """Return the segments of customers and their margins; raises as :meth:`features`."""
        return self.assign_features(self.features(X))

    def matrix(self, X: Any) -> FloatArray:
        """Return customers in the columns of `schema_`, NaN for missing; raises as `features`."""
        check_is_fitted(self, "rule_")
        matrix = self._table_matrix(X)
        if (infinite := np.isinf(matrix)).any():
            raise DataError(list(_infinite(infinite, self.table_)))
        return self._expanded(matrix)

    def features(self, X: Any) -> FloatArray:
        """Return the feature matrix of customers, shape (n, number of features).

        Raises
        ------
        DataError, ValueError
            When a column is missing or named otherwise, or a value is no finite number.
        sklearn.exceptions.NotFittedError
            Before :meth:`fit`.
        """
        matrix = self.matrix(X)
        return apply_pipeline(self.pipeline_, matrix)

    def assign_features(self, features: FloatArray) -> Assignment:
        """Return the assignment of customers by their feature matrix."""
        return _joined([self.rule_.assign(block) for block in row_blocks(features)])

    def segments(self, features: FloatArray) -> IntArray:
        """Return the segment of each customer by their feature matrix, shape (n,)."""
        return np.concatenate([self.rule_.segments(block) for block in row_blocks(features)])

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        if self.spec is None and self.schema is None:
            return str(super().__repr__(N_CHAR_MAX))
        parameters = {n: repr(v) for n, v in self.get_params(deep=False).items() if v is not None}
        if self.spec is not None:
            chosen = [f"{name}={value!r}" for name, value in self.spec.hyperparameters.items()]
            parameters["spec"] = f"<{', '.join([self.spec.clusterer, *chosen])}>"
        if self.schema is not None:
            parameters["schema"] = f"<{self.schema.name}, {len(self.schema.columns)} columns>"
        return f"Segmenter({', '.join(f'{name}={text}' for name, text in parameters.items())})"

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _start(self, X: Any) -> FloatArray:
        """Settle spec and schema, and return the customers in the columns of ``schema_``."""
        if self.schema is not None:
            self._settle(self.schema)
        elif isinstance(X, pd.DataFrame):
            X = _text_names(X)
            validate_data(self, X, skip_check_array=True)
            self._settle(infer_schema(X).forming())
        else:
            X = validate_data(self, X, **NUMBERS, ensure_min_samples=2)
            self._settle(_numeric_schema(X.shape[1]))
        matrix = self._table_matrix(X)
        frame = pd.DataFrame(matrix, columns=list(self.table_.column_names))
        self.schema_ = expanded_schema(frame, self.table_)
        return self._expanded(matrix)

    def _settle(self, schema: TableSchema) -> None:
        spec = self._default_spec(schema) if self.spec is None else self.spec
        plain = ("n_segments", "algorithm", "random_state")
        if self.spec and (both := [name for name in plain if getattr(self, name) is not None]):
            raise SpecError(f"{', '.join(both)}: the spec says this already; pass one or the other")
        clusterer = clusterer_named(spec.clusterer)
        if spec.rule not in clusterer.rules:
            raise SpecError(
                f"rule={spec.rule!r} does not suit {spec.clusterer}: "
                f"expected one of {', '.join(clusterer.rules)}"
            )
        clusterer.build(spec.hyperparameters, spec.seed)
        self.spec_, self.table_ = spec, schema
        if self.schema is not None:
            self.n_features_in_ = len(schema.columns)
            self.feature_names_in_ = np.array(schema.column_names, dtype=object)

    def _default_spec(self, schema: TableSchema) -> SegmenterSpec:
        clusterer = clusterer_named(self.algorithm or "k_means")
        number = self.n_segments
        if number is None and clusterer.takes_n_clusters:
            number = DEFAULT_CLUSTERS
        number = int(number) if isinstance(number, np.integer) else number
        hyperparameters = {} if number is None else {"n_clusters": number}
        rule, seed = clusterer.rules[0], int(self.random_state or 0)
        return SegmenterSpec(
            schema.name, Preprocessing(), clusterer.name, hyperparameters, rule, seed
        )

    def _table_matrix(self, X: Any) -> FloatArray:
        """Return customers in the columns of ``table_``, categories as codes."""
        names = self.table_.column_names
        if self.schema is not None:
            codes = encode(X, self.table_) if isinstance(X, pd.DataFrame) else X
            return customer_matrix(codes, names)
        if not hasattr(self, "feature_names_in_"):
            return np.asarray(validate_data(self, X, reset=False, **NUMBERS))
        if isinstance(X, pd.DataFrame):
            X = _text_names(X)
        validate_data(self, X, reset=False, skip_check_array=True)
        if not isinstance(X, pd.DataFrame):
            X = pd.DataFrame(X, columns=self.feature_names_in_)
        from segmentation.data.validation import validate  # noqa: PLC0415 - imports pandera

        return validate(X, self.table_).customers.to_numpy()

    def _expanded(self, matrix: FloatArray) -> FloatArray:
        """Replace nominal columns by their indicators."""
        if self.schema_ is self.table_:
            return matrix
        return expand(matrix, self.table_, self.schema_).to_numpy()

    def _fit_matrix(self, matrix: FloatArray) -> Self:
        self._check_rows(len(matrix))
        prepared = Prepared.of(matrix, self.spec_, self.schema_)
        with one_thread():
            self._fit(prepared)
        return self

    def _start_prepared(self, prepared: Prepared) -> None:
        if self.schema is None:
            raise SpecError("schema=None: expected the schema the customers were prepared with")
        self._settle(self.schema)
        self.schema_ = self.schema
        self._check_rows(len(prepared.order))

    def _fit(self, prepared: Prepared) -> None:
        rule, features = self._learn(prepared), prepared.features
        assignment = rule.assign(features)
        order = _by_size(rule, assignment.segment)
        self.rule_ = rule.renumbered(order)
        if len(order) < rule.n_segments:
            assignment = self.rule_.assign(features)
        else:
            new = np.argsort(order)
            assignment = Assignment(new[assignment.segment], assignment.margins[:, order])
        self.n_segments_ = self.rule_.n_segments
        self.assignment_ = _in_order(assignment, prepared.order)

    def _check_rows(self, rows: int) -> None:
        self.clusterer.check_rows(rows)
        least = 2
        if self.clusterer.takes_n_clusters:
            least = max(least, int(self.spec_.hyperparameters.get("n_clusters", least)))
        if rows < least:
            raise DataError([_too_few(rows, least)])

    def _learn(self, prepared: Prepared) -> Rule:
        """Fit the clusterer, and return the rule of what it learned, clusters in its own order."""
        self.pipeline_, features = prepared.pipeline, prepared.features[prepared.inliers]
        estimator = self.clusterer.build(self.spec_.hyperparameters, self.spec_.seed)
        labels, warned = _fit_predict(estimator, features)
        self.notes_ = (*self._left_out(), *warned)
        noise = labels < 0
        self.noise_share_ = float(noise.sum() / len(prepared.features))
        if noise.all():
            # All noise is one segment of all customers; the constraints judge what it is worth.
            return learn_rule("prototype", None, features, np.zeros_like(labels))
        _, gapless = np.unique(labels[~noise], return_inverse=True)
        return learn_rule(self.spec_.rule, estimator, features[~noise], gapless.astype(np.int64))

    def _left_out(self) -> Iterator[str]:
        """Yield a note for each column an inferred schema leaves out."""
        if self.schema is None:
            for name, reason in self.table_.excluded.items():
                yield f"Column {name} was left out: {reason}."
            for name in self.table_.outcome_names:
                yield f"Column {name} was left out: an outcome describes segments."


def _text_names(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.set_axis([str(name) for name in frame.columns], axis=1)


def _numeric_schema(columns: int) -> TableSchema:
    """Return the schema of an array: plain numbers ``x0``, ``x1`` and so on."""
    names = [f"x{position}" for position in range(columns)]
    return TableSchema("array", "Columns of an array", tuple(Column(n, n) for n in names))


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
    """Return labels and the expected warnings of a fit, once each; re-issue others."""
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


def _by_size(rule: Rule, segment: IntArray) -> IntArray:
    """Return the rule's clusters by falling size, equal ones by their centres; no empty ones."""
    sizes = np.bincount(segment, minlength=rule.n_segments)
    order = np.lexsort([*rule.centres().T[::-1], -sizes])
    return np.asarray(order[sizes[order] > 0], dtype=np.int64)


def _joined(parts: Sequence[Assignment]) -> Assignment:
    if len(parts) == 1:
        return parts[0]
    return Assignment(
        np.concatenate([part.segment for part in parts]),
        np.concatenate([part.margins for part in parts]),
    )


def _in_order(assignment: Assignment, order: IntArray) -> Assignment:
    """Undo a reordering: row i of `assignment` belongs at position ``order[i]``."""
    back = np.argsort(order)
    return Assignment(assignment.segment[back], assignment.margins[back])
