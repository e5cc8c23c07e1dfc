"""Categories as numbers that a distance can use: one 0/1 column for each level that is not rare.

Ordered levels stay one column of codes. A nominal column becomes indicators, so every later step
takes numbers only. The weight of indicators against numbers is set where distances are computed:
in :class:`BalanceBlocks` and in the reference space.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from segmentation.interpretation.formatting import RARE_SHARE, inside_sentence
from segmentation.preprocessing.columns import customer_matrix
from segmentation.preprocessing.step import ArrayStep
from segmentation.schema import Column, TableSchema
from segmentation.schema.levels import encode
from segmentation.types import FloatArray, IntArray

OTHER, RARE_LEVELS = "other", "any rare one"


@dataclass(frozen=True)
class PreparedTable:
    """A validated table, once as segments are formed from it and once as they are described."""

    customers: pd.DataFrame  # numbers only, in the order of `schema`
    schema: TableSchema  # nominal columns replaced by indicators
    table: TableSchema  # the columns of the file that form segments
    people: pd.DataFrame  # every column, sensitive ones included; levels as codes
    described: TableSchema  # of `people`
    outcomes: pd.DataFrame | None = None  # levels as codes; None where the table has none


def prepare_table(
    customers: pd.DataFrame,
    schema: TableSchema,
    *,
    sensitive: bool = False,
    excluded: tuple[str, ...] = (),
    outcomes: pd.DataFrame | None = None,
) -> PreparedTable:
    """Return what forms segments: without sensitive columns, categories as indicators.

    Parameters
    ----------
    customers, schema
        Validated customers, levels as codes.
    sensitive
        Whether sensitive columns form segments too.
    excluded
        Other columns that only describe segments.
    outcomes
        What happened to the customers, handed on as it is.
    """
    table = schema.forming(sensitive=sensitive, excluded=excluded)
    forming = customers[list(table.column_names)]
    expanded = expanded_schema(forming, table)
    numbers = expand(forming, table, expanded)
    return PreparedTable(numbers, expanded, table, customers, schema, outcomes)


def expanded_schema(customers: pd.DataFrame, table: TableSchema) -> TableSchema:
    """Return a schema in which indicators stand for nominal columns.

    Levels that less than 2% of customers have are merged into one; a column of two levels
    becomes a single indicator. A schema without nominal columns is returned unchanged.
    """
    if not any(column.kind == "category" for column in table.columns):
        return table
    columns: list[Column] = []
    for column in table.columns:
        if column.kind == "category":
            columns += _indicators(column, customers[column.name].to_numpy(np.float64))
        else:
            columns.append(column)
    return replace(table, columns=tuple(columns), examples=())


def expand(
    customers: pd.DataFrame | FloatArray, table: TableSchema, expanded: TableSchema
) -> pd.DataFrame:
    """Return customers in the columns of an expanded schema.

    Levels come as codes or texts. A missing value, or a level the schema does not list, is
    missing in every indicator of its column. Raises DataError when a column is missing or a
    number holds text.
    """
    index = customers.index if isinstance(customers, pd.DataFrame) else None
    if isinstance(customers, pd.DataFrame):
        customers = encode(customers, table)
    matrix = customer_matrix(customers, table.column_names)
    position = {name: j for j, name in enumerate(table.column_names)}
    result = np.empty((len(matrix), len(expanded.columns)))
    for j, column in enumerate(expanded.columns):
        values = matrix[:, position[column.of or column.name]]
        if column.of:
            levels = table.column(column.of).levels
            codes = [levels.index(level) for level in column.levels]
            values = np.where(np.isnan(values), np.nan, np.isin(values, codes))
        result[:, j] = values
    return pd.DataFrame(result, columns=list(expanded.column_names), index=index)


def base_columns(positions: IntArray, expanded: TableSchema) -> tuple[tuple[str, ...], IntArray]:
    """Lead positions of columns of an expanded schema back to the table's own columns.

    Parameters
    ----------
    positions
        Shape (n, m), columns of `expanded`, -1 for none.
    expanded
        The schema with indicators.

    Returns
    -------
    names
        The table's columns.
    positions
        Shape (n, m), positions among the names, each once a row in order, -1 for none.
    """
    of = [column.of or column.name for column in expanded.columns]
    names = tuple(dict.fromkeys(of))
    if len(names) == len(of):
        return names, positions
    # The last entry stands for none.
    base = np.array([*(names.index(name) for name in of), -1])[positions]
    for place in range(1, base.shape[1]):
        again = (base[:, :place] == base[:, place, None]).any(axis=1)
        base[again, place] = -1
    return names, base


def _indicators(column: Column, codes: FloatArray) -> Iterator[Column]:
    present = codes[~np.isnan(codes)].astype(np.int64)
    shares = np.bincount(present, minlength=len(column.levels)) / max(len(present), 1)
    common = [
        (level,) for level, share in zip(column.levels, shares, strict=True) if share >= RARE_SHARE
    ]
    rare = tuple(level for level in column.levels if (level,) not in common)
    groups = [*common, rare] if rare and shares.sum() else common
    if len(groups) == 2:
        yield _indicator(column, groups[1], against=groups[0])
        return
    for group in groups:
        yield _indicator(column, group)


def _group_name(column: Column, levels: tuple[str, ...]) -> str:
    """Return a level, or a word for several rare ones that is no level itself."""
    if len(levels) == 1:
        return levels[0]
    return OTHER if OTHER not in map(str.casefold, column.levels) else RARE_LEVELS


def _indicator(column: Column, levels: tuple[str, ...], against: tuple[str, ...] = ()) -> Column:
    name, label = _group_name(column, levels), inside_sentence(column.label)
    return replace(
        column,
        name=f"{column.name}={name}",
        label=f"{column.label} {name}",
        kind="indicator",
        levels=levels,
        of=column.name,
        against=against,
        high=f"{label} {name}",
        low=f"{label} {_group_name(column, against)}" if against else f"{label} not {name}",
    )


def blocks_of(schema: TableSchema) -> tuple[tuple[int, ...], ...]:
    """Return the positions of the indicators of each nominal column."""
    blocks: dict[str, list[int]] = {}
    for position, column in enumerate(schema.columns):
        if column.of:
            blocks.setdefault(column.of, []).append(position)
    return tuple(tuple(block) for block in blocks.values())


class BalanceBlocks(ArrayStep):
    """Give the indicators of each category a stated weight against one standardised number.

    Parameters
    ----------
    blocks
        Positions of the indicators of each category.
    weight
        Standard deviation of a block in all; a standardised number has 1.
    famd
        Whether indicators are weighed as in factor analysis of mixed data (Pagès 2004, Revue
        de statistique appliquée 52): divided by the root of their share, so that rare levels
        stand out and a block weighs its number of levels less one. For use before a PCA.

    Attributes
    ----------
    factor_
        Shape (d,), 1 for numbers.
    """

    def __init__(
        self, blocks: Sequence[Sequence[int]] = (), weight: float = 1.0, famd: bool = False
    ) -> None:
        self.blocks = blocks
        self.weight = weight
        self.famd = famd

    def _learn(self, matrix: FloatArray) -> None:
        self.factor_ = np.ones(matrix.shape[1])
        for block in self.blocks:
            own = matrix[:, list(block)]
            low, spread = own.min(axis=0), np.ptp(own, axis=0)
            spread[spread == 0] = 1.0
            if self.famd:
                share = np.maximum(((own - low) / spread).mean(axis=0), 1e-6)
                factor = self.weight / (spread * np.sqrt(share))
            else:
                total = own.var(axis=0).sum()
                factor = np.full(len(block), self.weight / np.sqrt(total) if total > 0 else 0.0)
            self.factor_[list(block)] = factor

    def _apply(self, matrix: FloatArray) -> FloatArray:
        return np.asarray(matrix * self.factor_)
