"""Customers after preprocessing: fitted once, for all recipes that share it."""

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
BLOCK = 8_192
# Trials that share a preprocessing follow one another; halves of 20,000 customers take 50 MB.
KEPT = 4
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
    """Training customers as a clusterer takes them.

    Parameters
    ----------
    order
        Shape (n,), positions of the customers in their canonical order.
    pipeline
        Fitted on them in that order.
    features
        Shape (n, number of features), in that order.
    kept
        Shape (n,), in that order: not set aside as outliers.
    """

    order: IntArray
    pipeline: Pipeline
    features: FloatArray
    kept: NDArray[np.bool_]

    @classmethod
    @one_thread()
    def of(cls, matrix: FloatArray, spec: SegmenterSpec, schema: TableSchema) -> Self:
        """Fit the preprocessing of a spec.

        Parameters
        ----------
        matrix
            Shape (n, d), customers in the schema's column order.
        spec
            Its preprocessing and its seed count.
        schema
            The customers' table.
        """
        order = canonical_order(matrix, spec.seed)
        pipeline = build_pipeline(spec.preprocessing, schema).fit(matrix[order])
        features = pipeline.transform(matrix[order])
        kept = np.ones(len(features), dtype=bool)
        if spec.preprocessing.outliers == "isolate":
            forest = IsolationForest(contamination=ISOLATED_SHARE, random_state=spec.seed)
            kept = forest.fit_predict(features) == 1
        return cls(order, pipeline, features, kept)


@dataclass(frozen=True)
class Half:
    """Half of the customers to learn from, and everybody to assign.

    Parameters
    ----------
    learned
        The half.
    everybody
        Shape (n, number of features), all customers through the half's pipeline, in their order.
    """

    learned: Prepared
    everybody: FloatArray


class Preparations:
    """What one table gives under the preprocessings asked for last.

    Fitting a preprocessing on a table and on its halves takes a third of the time of judging a
    recipe, and many recipes share one.

    Parameters
    ----------
    matrix
        Shape (n, d), customers in the schema's column order.
    schema
        Their table.
    halves
        Positions of the customers of each half.
    """

    def __init__(self, matrix: FloatArray, schema: TableSchema, halves: list[IntArray]) -> None:
        self._matrix, self._schema, self._halves = matrix, schema, halves
        self._wholes: OrderedDict[tuple[Preprocessing, int], Prepared] = OrderedDict()
        self._parts: OrderedDict[tuple[Preprocessing, int], list[Half]] = OrderedDict()

    def whole(self, spec: SegmenterSpec) -> Prepared:
        """Return all customers under the preprocessing of a spec."""
        return _remembered(
            self._wholes, spec, lambda: Prepared.of(self._matrix, spec, self._schema)
        )

    def halves(self, spec: SegmenterSpec) -> list[Half]:
        """Return every half under the preprocessing of a spec."""
        return _remembered(self._parts, spec, lambda: [self._half(h, spec) for h in self._halves])

    def _half(self, half: IntArray, spec: SegmenterSpec) -> Half:
        learned = Prepared.of(self._matrix[half], spec, self._schema)
        return Half(learned, through(learned.pipeline, self._matrix))


def canonical_order(matrix: FloatArray, seed: int) -> IntArray:
    """Return the positions that put rows in an order which depends on their values only.

    Rows are sorted, then shuffled with the seed: what follows sees neither the order of the
    file nor a sorted one, which would harm algorithms that read row after row.

    Parameters
    ----------
    matrix
        Shape (n, d); NaN sorts last.
    seed
        Of the shuffle.
    """
    ordered = np.lexsort(matrix.T[::-1])
    return np.asarray(ordered[np.random.default_rng(seed).permutation(len(matrix))])


def through(pipeline: Pipeline, matrix: FloatArray) -> FloatArray:
    """Return the features of customers, shape (n, number of features), from a fitted pipeline."""
    # Blocks that stay in the processor's cache take half the time of a whole table.
    parts = [_applied(pipeline, block) for block in blocks(matrix)]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def blocks(matrix: FloatArray) -> Iterator[FloatArray]:
    """Yield rows a block at a time; an empty table is one block."""
    for start in range(0, max(len(matrix), 1), BLOCK):
        yield matrix[start : start + BLOCK]


def _applied(pipeline: Pipeline, matrix: FloatArray) -> FloatArray:
    for _, step in pipeline.steps:
        matrix = step.apply(matrix)
    return matrix


def _remembered(
    store: OrderedDict[tuple[Preprocessing, int], T], spec: SegmenterSpec, make: Callable[[], T]
) -> T:
    """Return what is in the store, or make it and forget what was asked for longest ago."""
    key = (spec.preprocessing, spec.seed)
    if key in store:
        store.move_to_end(key)
        return store[key]
    store[key] = make()
    if len(store) > KEPT:
        store.popitem(last=False)
    return store[key]
