"""The table being explored: validated customers beside what its schema leaves out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from segmentation.data.validation import validate
from segmentation.errors import Problem
from segmentation.evaluation.reference_space import ReferenceSpace
from segmentation.preprocessing.categorical import PreparedTable, prepare_table
from segmentation.schema import Column, TableSchema
from segmentation.types import FloatArray, IntArray

# Most rows each part looks at; above, an evenly random sample stands for the table.
PAIR_ROWS = 50_000
MODEL_ROWS = 10_000
MAP_ROWS = 2_000


@dataclass(frozen=True)
class Table:
    """Validated customers with their schema.

    Parameters
    ----------
    customers
        Shape (n, d), float64, the schema's columns in order; levels as codes, NaN for missing.
    schema
        Describes them.
    source
        Where they came from, for the heading.
    warnings
        What validation warned about.
    seed
        Of every sample.
    outcomes
        Shape (n, m), likewise; None where the table has none.
    remarks
        What reading the file says of its layout.
    """

    customers: pd.DataFrame
    schema: TableSchema
    source: str = "the table"
    warnings: tuple[Problem, ...] = ()
    seed: int = 0
    outcomes: pd.DataFrame | None = None
    remarks: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        frame: pd.DataFrame,
        schema: TableSchema,
        source: str = "the table",
        seed: int = 0,
        remarks: tuple[str, ...] = (),
    ) -> Table:
        """Validate a table as read, without its identifiers.

        Raises
        ------
        DataError
            When it breaks the schema.
        """
        validated = validate(frame, schema, source, to_train=True)
        customers = validated.customers.reset_index(drop=True)
        outcomes = validated.outcomes
        if outcomes is not None:
            outcomes = outcomes.reset_index(drop=True)
        return cls(customers, schema, source, validated.warnings, seed, outcomes, remarks)

    def __len__(self) -> int:
        return len(self.customers)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns, in order."""
        return self.schema.column_names

    @property
    def numbers(self) -> tuple[Column, ...]:
        """The numeric columns."""
        return tuple(column for column in self.schema.columns if not column.categorical)

    @property
    def number_names(self) -> list[str]:
        """Names of the numeric columns."""
        return [column.name for column in self.numbers]

    @property
    def categories(self) -> tuple[Column, ...]:
        """The columns that hold levels."""
        return tuple(column for column in self.schema.columns if column.categorical)

    @property
    def labels(self) -> dict[str, str]:
        """Labels by column name."""
        return {column.name: column.label for column in self.schema.columns}

    def sample(self, rows: int) -> pd.DataFrame:
        """Return at most `rows` random customers in the table's order; samples are nested."""
        if len(self) <= rows:
            return self.customers
        return self.customers.iloc[np.sort(self._shuffled[:rows])]

    @cached_property
    def prepared(self) -> PreparedTable:
        """Customers as numbers only, sensitive columns among them: categories as indicators."""
        return prepare_table(self.customers, self.schema, sensitive=True)

    @cached_property
    def space(self) -> Coordinates:
        """Coordinates of at most 10,000 customers in the space candidates are evaluated in."""
        rows = self._shuffled[:MODEL_ROWS]
        schema = self.prepared.schema
        matrix = ReferenceSpace(schema).fit_transform(self.prepared.customers.iloc[rows])
        varying = matrix.std(axis=0) > 0
        names = np.array([column.label for column in schema.columns], dtype=object)
        return Coordinates(rows, matrix[:, varying], tuple(names[varying]))

    @cached_property
    def _shuffled(self) -> IntArray:
        return np.random.default_rng(self.seed).permutation(len(self)).astype(np.int64)


@dataclass(frozen=True)
class Coordinates:
    """Customers in the reference space, in random order, so that the first few are a sample."""

    rows: IntArray  # shape (m,), positions in the table
    matrix: FloatArray  # shape (m, p), dimensions that vary only
    names: tuple[str, ...]  # labels of the dimensions
