"""The whole search on labelled problems whose labels it never sees."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import click
import numpy as np
import optuna
import pandas as pd

from experiments.benchmark.baseline import kmeans_silhouette
from experiments.benchmark.one import search_table
from experiments.benchmark.report import QualityRow, render
from experiments.benchmark.suite import LabelledProblem, agreement
from segmentation.clustering.segmenter import Segmenter
from segmentation.data.validation import validate
from segmentation.evaluation.constraints import Constraints
from segmentation.preprocessing.categorical import prepare_table
from segmentation.preprocessing.columns import customer_matrix
from segmentation.preprocessing.imputation import MedianFill
from segmentation.schema.inference import infer_schema
from segmentation.types import IntArray

K_MIN, K_MAX = 2, 12
# Labelled suites hold small clusters and pairs, and groups of a few dozen points that refits on
# halves cannot find again; a card business would want neither.
CONSTRAINTS = Constraints(
    K_MIN, K_MAX, smallest_share=0.02, largest_share=0.95, stability=0.5, firm=0.5
)


@dataclass(frozen=True)
class Choice:
    """What the search made of one table, before any label is read.

    Parameters
    ----------
    partition
        Shape (n,), the winner's segments of all rows; one segment where nothing was feasible.
    algorithm
        Of the winner.
    candidates
        The rows each trial was judged on, and its partition of them.
    baseline
        Shape (n,), k-means with the best silhouette.
    seconds
        Of the search alone.
    """

    partition: IntArray
    algorithm: str
    candidates: tuple[tuple[IntArray, IntArray], ...]
    baseline: IntArray
    seconds: float


def choose(
    table: pd.DataFrame, trials: int, seed: int, *, name: str = "suite", track: bool = False
) -> Choice:
    """Run the search, and the baseline, on a table without labels.

    Parameters
    ----------
    table
        Shape (n, d), numbers and categories.
    trials
        Trials of the search.
    seed
        Of everything.
    name
        Of the problem, where the search is tracked.
    track
        Whether every trial becomes an MLflow run.
    """
    start = time.perf_counter()
    inferred = infer_schema(table, "suite")
    prepared = prepare_table(validate(table, inferred).customers, inferred)
    frame, schema = prepared.customers, prepared.schema
    result, samples = search_table(
        frame, schema, CONSTRAINTS, name=name, trials=trials, seed=seed, track=track
    )
    # A suite wants an answer even where nothing is stable: the best of what there is.
    best = result.ranking.pick()
    partition = np.zeros(len(frame), dtype=np.int64)
    if best:
        partition = Segmenter(best.candidate.spec, schema).fit_within(frame).assignment_.segment
    seconds = time.perf_counter() - start
    matrix = MedianFill().fit_transform(customer_matrix(frame, schema.column_names))
    return Choice(
        partition=partition,
        algorithm=best.candidate.spec.clusterer if best else "none",
        candidates=tuple(
            (samples.positions(candidate.fidelity), candidate.labels)
            for candidate in result.candidates
            if candidate.partition
        ),
        baseline=kmeans_silhouette(matrix, K_MIN, K_MAX, seed),
        seconds=seconds,
    )


def scored(table: LabelledProblem, trials: int, seed: int, *, track: bool = False) -> QualityRow:
    """Choose, then read the labels and score the choice."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    frame = table.frame()
    choice = choose(frame, trials, seed, name=table.name, track=track)
    labellings = table.labellings()
    ours = agreement(choice.partition, labellings)
    return QualityRow(
        dataset=table.name,
        n=len(frame),
        d=frame.shape[1],
        k_chosen=int(choice.partition.max()) + 1,
        k_reference=ours.k_reference,
        algorithm=choice.algorithm,
        ari=ours.ari,
        ami=ours.ami,
        ari_best_candidate=max(
            (
                agreement(labels, [labelling[rows] for labelling in labellings]).ari
                for rows, labels in choice.candidates
            ),
            default=0.0,
        ),
        ari_kmeans_silhouette=agreement(choice.baseline, labellings).ari,
        seconds=choice.seconds,
    )


def run_suite(
    problems: Iterable[LabelledProblem], trials: int, seed: int, jobs: int, *, track: bool = False
) -> Iterator[QualityRow]:
    """Yield the result on every problem, in their order."""
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(partial(scored, trials=trials, seed=seed, track=track), problems)


def report(rows: Sequence[QualityRow], out: Path) -> None:
    """Write the rows as JSON and print the tables."""
    out.write_text(json.dumps([asdict(row) for row in rows], indent=1), encoding="utf-8")
    click.echo(render(rows))
