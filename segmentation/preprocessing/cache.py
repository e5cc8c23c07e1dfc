"""Customers after preprocessing: fitted once, for all specs that share it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest
from sklearn.pipeline import Pipeline
from threadpoolctl import ThreadpoolController

from segmentation.clustering.spec import Preprocessing, SegmenterSpec
from segmentation.preprocessing.pipeline import build_pipeline
from segmentation.schema import TableSchema
from segmentation.types import FloatArray, IntArray

ISOLATED_SHARE = 0.02
BLOCK_ROWS = 8_192
# Trials that share a preprocessing follow one another; halves of 20,000 customers take 50 MB.
CACHE_SIZE = 4
T = TypeVar("T")


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep linear algebra to one thread.

    Threads add up in the order they finish: with one, a spec gives the same bits anywhere.
    """
    with _thread_pools().limit(limits=1):
        yield


@lru_cache(1)
def _thread_pools() -> ThreadpoolController:
    """Return the thread pools of linear algebra; looking for them takes 6 ms, so once is enough."""
    return ThreadpoolController()


@dataclass(frozen=True)
class Prepared:
    """Training customers as a clusterer takes them: n rows, in their canonical order."""

    order: IntArray  # position of each row in the table
    pipeline: Pipeline  # fitted on them
    features: FloatArray
    inliers: NDArray[np.bool_]  # rows the clusterer is fitted on

    @classmethod
    @one_thread()
    def of(cls, matrix: FloatArray, spec: SegmenterSpec, schema: TableSchema) -> Self:
        """Fit the preprocessing of a spec to customers in the schema's column order."""
        order = canonical_order(matrix, spec.seed)
        pipeline = build_pipeline(spec.preprocessing, schema).fit(matrix[order])
        features = pipeline.transform(matrix[order])
        inliers = np.ones(len(features), dtype=bool)
        if spec.preprocessing.outliers == "isolate":
            forest = IsolationForest(contamination=ISOLATED_SHARE, random_state=spec.seed)
            inliers = forest.fit_predict(features) == 1
        return cls(order, pipeline, features, inliers)


@dataclass(frozen=True)
class Half:
    """Half of the customers, prepared, and the features of all customers by its pipeline."""

    prepared: Prepared
    features: FloatArray


class Preparations:
    """The most recently used preprocessings of one table and of its halves, fitted.

    Fitting a preprocessing on a table and on its halves takes a third of the time of evaluating
    a spec, and many specs share one.

    Parameters
    ----------
    matrix
        Shape (n, d), customers in the schema's column order.
    schema
        Of the table.
    halves
        Positions of the customers of each half.
    """

    def __init__(self, matrix: FloatArray, schema: TableSchema, halves: list[IntArray]) -> None:
        self._matrix, self._schema, self._halves = matrix, schema, halves
        self._whole_tables: OrderedDict[tuple[Preprocessing, int], Prepared] = OrderedDict()
        self._half_tables: OrderedDict[tuple[Preprocessing, int], list[Half]] = OrderedDict()

    def whole(self, spec: SegmenterSpec) -> Prepared:
        """Return all customers under the preprocessing of a spec."""
        return _cached(
            self._whole_tables, spec, lambda: Prepared.of(self._matrix, spec, self._schema)
        )

    def halves(self, spec: SegmenterSpec) -> list[Half]:
        """Return every half under the preprocessing of a spec."""
        return _cached(
            self._half_tables, spec, lambda: [self._half(half, spec) for half in self._halves]
        )

    def _half(self, half: IntArray, spec: SegmenterSpec) -> Half:
        prepared = Prepared.of(self._matrix[half], spec, self._schema)
        return Half(prepared, apply_pipeline(prepared.pipeline, self._matrix))


def canonical_order(matrix: FloatArray, seed: int) -> IntArray:
    """Return the positions that put rows in an order which depends on their values only.

    Rows are sorted (NaN last), then shuffled with the seed: what follows sees neither the order
    of the file nor a sorted one, which would harm algorithms that read row after row.
    """
    ordered = np.lexsort(matrix.T[::-1])
    return np.asarray(ordered[np.random.default_rng(seed).permutation(len(matrix))])


def apply_pipeline(pipeline: Pipeline, matrix: FloatArray) -> FloatArray:
    """Return the features of customers, shape (n, number of features), from a fitted pipeline."""
    # Blocks that stay in the processor's cache take half the time of a whole table.
    parts = []
    for features in row_blocks(matrix):
        for _, step in pipeline.steps:
            features = step.apply(features)  # noqa: PLW2901
        parts.append(features)
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def row_blocks(matrix: FloatArray) -> Iterator[FloatArray]:
    """Yield rows a block at a time; an empty table is one block."""
    for start in range(0, max(len(matrix), 1), BLOCK_ROWS):
        yield matrix[start : start + BLOCK_ROWS]


def _cached(
    store: OrderedDict[tuple[Preprocessing, int], T], spec: SegmenterSpec, make: Callable[[], T]
) -> T:
    """Return what is in the store, or make it and drop the entry unused for longest."""
    key = (spec.preprocessing, spec.seed)
    if key in store:
        store.move_to_end(key)
        return store[key]
    store[key] = make()
    if len(store) > CACHE_SIZE:
        store.popitem(last=False)
    return store[key]
