"""The table being explored: validated customers beside what its schema leaves out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from segmentation.data.validation import validate
from segmentation.disclosure import averaged, few_differ, minimum_group
from segmentation.errors import DataError, Problem
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

    Nothing that an exploration says of it is that of fewer than `group` customers: levels that
    fewer have are missing, and every value that is quoted or drawn comes from `published`.

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
    group
        The fewest customers that a published value stands for.
    """

    customers: pd.DataFrame
    schema: TableSchema
    source: str = "the table"
    warnings: tuple[Problem, ...] = ()
    seed: int = 0
    outcomes: pd.DataFrame | None = None
    remarks: tuple[str, ...] = ()
    group: int = 1

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
            When it breaks the schema, or nothing of it may be published.
        SpecError
            When the minimum group of the environment is none.
        """
        group = minimum_group()
        validated = validate(frame, schema, source, to_train=True)
        customers = validated.customers.reset_index(drop=True)
        columns, customers, withheld = _publishable(customers, schema.columns, group)
        if not columns:
            expected = f"columns in which at least {group} customers are alike or can be averaged"
            raise DataError([Problem(None, "too_few", expected, "Add customers.")], source)
        happened, outcomes = schema.outcomes, validated.outcomes
        if outcomes is not None:
            outcomes = outcomes.reset_index(drop=True)
            here = tuple(column for column in happened if column.name in outcomes)
            happened, outcomes, more = _publishable(outcomes, here, group)
            withheld |= more
        public = _without(schema, columns, happened, withheld)
        return cls(customers, public, source, validated.warnings, seed, outcomes, remarks, group)

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
    def published(self) -> pd.DataFrame:
        """Customers in whom every number is one that `group` of them have, or an average."""
        numbers = {
            name: averaged(self.customers[name].to_numpy(np.float64), self.group)
            for name in self.number_names
        }
        return self.customers.assign(**numbers) if self.group > 1 else self.customers

    @cached_property
    def prepared(self) -> PreparedTable:
        """Customers as numbers only, sensitive columns among them: categories as indicators."""
        return prepare_table(self.customers, self.schema, sensitive=True)

    @cached_property
    def forming(self) -> PreparedTable:
        """What a search forms segments of: no sensitive columns, unless there are no others."""
        if set(self.schema.sensitive_names) >= set(self.names):
            return self.prepared
        return prepare_table(self.customers, self.schema)

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


def _publishable(
    values: pd.DataFrame, columns: tuple[Column, ...], group: int
) -> tuple[tuple[Column, ...], pd.DataFrame, dict[str, str]]:
    """Return columns, their values and why others are withheld: nothing tells of too few.

    Of levels that fewer than `group` customers have, neither the name nor who has it stays; of
    numbers in which fewer than `group` customers differ from all others, those do not differ.
    """
    public, result, withheld = [], {}, {}
    for column in columns:
        own = values[column.name].to_numpy(np.float64)
        if column.categorical:
            column, own = _common_levels(column, own, group)  # noqa: PLW2901 - the same column
            empty = not column.levels
        else:
            own = averaged(own, group) if few_differ(own, group) else own
            empty = group > 1 and bool(np.isnan(own).all())
        if empty:
            withheld[column.name] = f"has no value that at least {group} customers share"
            continue
        public.append(column)
        result[column.name] = own
    return tuple(public), pd.DataFrame(result, index=values.index), withheld


def _common_levels(column: Column, codes: FloatArray, group: int) -> tuple[Column, FloatArray]:
    """Return a column without the levels that some but fewer than `group` customers have."""
    present = codes[~np.isnan(codes)].astype(np.int64)
    counts = np.bincount(present, minlength=len(column.levels))
    stays = (counts == 0) | (counts >= group)
    code = np.append(np.where(stays, np.cumsum(stays) - 1.0, np.nan), np.nan)
    places = np.where(np.isnan(codes), len(stays), codes).astype(np.int64)
    levels = [level for level, stay in zip(column.levels, stays, strict=True) if stay]
    return replace(column, levels=tuple(levels)), code[places]


def _without(
    schema: TableSchema,
    columns: tuple[Column, ...],
    outcomes: tuple[Column, ...],
    withheld: dict[str, str],
) -> TableSchema:
    """Return a schema with these columns and outcomes only."""
    names = {column.name for column in columns}
    return replace(
        schema,
        columns=columns,
        outcomes=outcomes,
        excluded={**schema.excluded, **withheld},
        ratios=tuple(r for r in schema.ratios if {r.numerator, r.denominator} <= names),
        identities=tuple(i for i in schema.identities if {i.total, *i.parts} <= names),
        examples=tuple(
            replace(e, values={k: v for k, v in e.values.items() if k in names})
            for e in schema.examples
        ),
    )
