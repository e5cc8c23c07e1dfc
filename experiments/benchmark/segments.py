"""How well planted segments are found, and what is found in real tables."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_rand_score

from experiments.benchmark.baseline import kmeans_silhouette
from experiments.benchmark.one import search_table, shuffled
from experiments.search.ranking import reason
from experiments.search.runner import SearchResult
from segmentation.clustering.clusterers import CLUSTERERS
from segmentation.clustering.segmenter import Segmenter
from segmentation.data.readers import load_described
from segmentation.data.synthetic import generate, planted_segments
from segmentation.evaluation.clusterability import structure_of
from segmentation.evaluation.constraints import Constraints
from segmentation.preprocessing.categorical import prepare_table
from segmentation.preprocessing.columns import customer_matrix
from segmentation.preprocessing.imputation import MedianFill
from segmentation.schema import AUTO, TableSchema, load_schema
from segmentation.types import IntArray

DIFFICULTIES = ("easy", "medium", "hard")
CARDS = "cc_general"


@dataclass(frozen=True)
class PlantedRow:
    """The search on one generated table against k-means with the best silhouette."""

    difficulty: str
    seed: int
    k_chosen: int
    k_planted: int
    algorithm: str
    stability: float
    ari: float
    ari_kmeans_silhouette: float
    structure: bool
    seconds: float


def planted_rows(seeds: int, trials: int, rows: int, jobs: int) -> Iterator[PlantedRow]:
    """Search generated card holders of three difficulties, several seeds each."""
    schema = load_schema(CARDS)
    for difficulty in DIFFICULTIES:
        for seed in range(seeds):
            customers = generate(rows, seed, difficulty)
            truth = planted_segments(rows, seed, difficulty)
            start = time.perf_counter()
            result, partition = _segments(customers, schema, trials, seed, jobs)
            seconds = time.perf_counter() - start
            matrix = customer_matrix(customers, schema.column_names)
            usual = kmeans_silhouette(MedianFill().fit_transform(matrix), 3, 10, seed)
            pick = result.pick
            yield PlantedRow(
                difficulty=difficulty,
                seed=seed,
                k_chosen=int(partition.max()) + 1,
                k_planted=len(np.unique(truth)),
                algorithm=pick.candidate.spec.clusterer if pick else "none",
                stability=pick.candidate.evaluation.stability if pick else 0.0,
                ari=float(adjusted_rand_score(truth, partition)),
                ari_kmeans_silhouette=float(adjusted_rand_score(truth, usual)),
                structure=structure_of(customers, schema, seed).present,
                seconds=seconds,
            )


def alternatives_of(path: Path, trials: int, seed: int, jobs: int) -> str:
    """Search a table on disk; return its alternatives and pick as text."""
    customers, schema = read_table(path)
    start = time.perf_counter()
    result, _ = search_table(
        customers, schema, Constraints(), name=path.stem, trials=trials, seed=seed, jobs=jobs
    )
    seconds = time.perf_counter() - start
    rows = [
        {
            "segments": standing.k,
            "algorithm": CLUSTERERS[standing.candidate.spec.clusterer].title,
            "score": standing.score,
            "vote": standing.vote,
            "stability": standing.candidate.evaluation.stability,
            "separation": standing.candidate.evaluation.separation,
            "smallest": standing.candidate.evaluation.smallest_share,
            "tree": standing.candidate.evaluation.tree_accuracy,
            "restatement": standing.candidate.evaluation.further["restatement"],
        }
        for standing in result.ranking.alternatives()
    ]
    table = pd.DataFrame(rows).to_string(index=False, float_format="{:.3f}".format)
    pick = reason(result.ranking, result.pick) if result.pick else "nothing feasible"
    return f"{path.stem}, {len(customers):,} customers, {seconds:.0f} s\n{table}\n{pick}"


@dataclass(frozen=True)
class RepeatRow:
    """The search on a changed copy of a table against the search on the table."""

    change: str
    seed: int
    k_chosen: int
    k_first: int
    ari: float


def repeat_rows(path: Path, repeats: int, trials: int, jobs: int) -> Iterator[RepeatRow]:
    """Search a table with its rows shuffled, its columns rescaled, and with other seeds."""
    customers, schema = read_table(path)
    _, first = _segments(customers, schema, trials, 0, jobs)
    for seed in range(1, repeats + 1):
        for change, changed, own in (
            ("rows shuffled", shuffled(customers, seed), 0),
            ("columns rescaled", _rescaled(customers, schema, seed), 0),
            ("another seed", customers, seed),
        ):
            _, partition = _segments(changed, schema, trials, own, jobs)
            again = pd.Series(partition, index=changed.index).loc[customers.index]
            yield RepeatRow(
                change=change,
                seed=seed,
                k_chosen=int(partition.max()) + 1,
                k_first=int(first.max()) + 1,
                ari=float(adjusted_rand_score(first, again)),
            )


def read_table(path: Path) -> tuple[pd.DataFrame, TableSchema]:
    """Read customers as a search does, with the shipped schema that fits or a draft."""
    validated, table = load_described(str(path), AUTO)
    prepared = prepare_table(validated.customers, table)
    return prepared.customers, prepared.schema


def summary(rows: Sequence[PlantedRow] | Sequence[RepeatRow], by: str) -> str:
    """Return the means of numeric columns by one column, as text."""
    table = pd.DataFrame([vars(row) for row in rows])
    numbers = table.select_dtypes(["number", "bool"]).columns
    means = table.groupby(by, sort=False)[list(numbers)].mean()
    return means.to_string(float_format="{:.3f}".format)


def _segments(
    customers: pd.DataFrame, schema: TableSchema, trials: int, seed: int, jobs: int
) -> tuple[SearchResult, IntArray]:
    result, _ = search_table(
        customers, schema, Constraints(), name="segments", trials=trials, seed=seed, jobs=jobs
    )
    if result.pick is None:
        return result, np.zeros(len(customers), dtype=np.int64)
    segmenter = Segmenter(result.pick.candidate.spec, schema).fit_within(customers)
    return result, segmenter.assignment_.segment


def _rescaled(customers: pd.DataFrame, schema: TableSchema, seed: int) -> pd.DataFrame:
    factors = 10 ** np.random.default_rng(seed).uniform(-3, 3, len(schema.column_names))
    changed = customers.copy()
    for name, factor in zip(schema.column_names, factors, strict=True):
        changed[name] = changed[name] * factor
    return changed
