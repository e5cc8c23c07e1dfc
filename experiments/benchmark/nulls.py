"""How often tables without groups are called so, and tables with groups are not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd

from experiments.benchmark.segments import read_table
from segmentation.data.synthetic import generate
from segmentation.evaluation.clusterability import structure_of
from segmentation.schema import TableSchema
from segmentation.schema.inference import infer_schema

ROWS, COLUMNS = 2_000, 8
Make = Callable[[np.random.Generator, pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True)
class NullRow:
    """How many of several tables of one kind have structure."""

    kind: str
    groups_planted: bool
    tables: int
    structure_found: int


def _permuted(rng: np.random.Generator, customers: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(rng.permuted(customers.to_numpy(), axis=0), columns=customers.columns)


def _uniform(rng: np.random.Generator, customers: pd.DataFrame) -> pd.DataFrame:  # noqa: ARG001
    return pd.DataFrame(rng.uniform(size=(ROWS, COLUMNS))).rename(columns="x{}".format)


def _gaussian(rng: np.random.Generator, customers: pd.DataFrame) -> pd.DataFrame:  # noqa: ARG001
    mixing = rng.normal(size=(COLUMNS, COLUMNS))
    points = rng.normal(size=(ROWS, COLUMNS)) @ mixing
    return pd.DataFrame(points).rename(columns="x{}".format)


def _planted(difficulty: str) -> Make:
    def make(rng: np.random.Generator, customers: pd.DataFrame) -> pd.DataFrame:  # noqa: ARG001
        table = generate(ROWS, int(rng.integers(1_000_000)), difficulty)
        return table.drop(columns="CUST_ID")

    return make


KINDS: Mapping[str, tuple[bool, Make]] = MappingProxyType(
    {
        "uniform noise": (False, _uniform),
        "one Gaussian": (False, _gaussian),
        "columns permuted": (False, _permuted),
        "planted, easy": (True, _planted("easy")),
        "planted, medium": (True, _planted("medium")),
        "planted, hard": (True, _planted("hard")),
    }
)


def null_rows(path: Path, seeds: int) -> Iterator[NullRow]:
    """Ask of several tables of every kind whether they have structure.

    Parameters
    ----------
    path
        A table whose columns are permuted.
    seeds
        Tables of each kind.
    """
    customers, _ = read_table(path)
    for kind, (planted, make) in KINDS.items():
        structured = 0
        for seed in range(seeds):
            table = make(np.random.default_rng(seed), customers)
            structured += structure_of(table, _schema(table), seed).present
        yield NullRow(kind, planted, seeds, structured)


def _schema(table: pd.DataFrame) -> TableSchema:
    return infer_schema(table, "table")
